//===- TrainingSection.cpp - How trainings went, in charts ------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Html.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cmath>

using namespace selfopt;
using namespace selfopt::report;
using llvm::StringRef;
using Point = Chart::Point;

/// Draws what of a curve lies inside: one that runs out of the picture is not drawn along its edge.
static void drawInside(Chart &chart, llvm::ArrayRef<std::pair<int64_t, double>> curve, double low, double high,
                       StringRef style, StringRef tip) {
  // A point has a mark at the edge.
  if (curve.size() == 1)
    return chart.point({double(curve.front().first), curve.front().second}, style, 2, tip);
  std::vector<Point> piece;
  auto flush = [&] {
    if (piece.size() == 1)
      chart.point(piece.front(), style, 2, tip);
    else
      chart.line(piece, style, tip);
    piece.clear();
  };
  for (auto [epoch, value] : curve)
    if (value >= low && value <= high)
      piece.push_back({double(epoch), value});
    else
      flush();
  flush();
}

using CurveValues = std::vector<std::pair<int64_t, double>> TrainingCurve::*;

/// All curves of the search over epochs, start and winner on top. Empty where neither has one. Of the other curves'
/// least values the low quantile is still inside, of the largest the high one: the few that go astray shall not
/// flatten the rest.
static std::string drawCurves(const ReportData &data, CurveValues values, StringRef name, bool logarithmic,
                              double lowQuantile, double highQuantile) {
  double low = HUGE_VAL, high = -HUGE_VAL, end = 1;
  std::vector<double> highest, lowest;
  auto reach = [&](const TrainingCurve &curve) {
    for (auto [epoch, value] : curve.*values) {
      low = std::min(low, value);
      high = std::max(high, value);
      end = std::max(end, double(epoch));
    }
  };
  reach(data.startCurve);
  reach(data.bestCurve);
  if (!(high >= low))
    return "";
  for (const TrainingCurve &curve : data.otherCurves) {
    if ((curve.*values).empty())
      continue;
    auto [least, most] = std::minmax_element((curve.*values).begin(), (curve.*values).end(),
                                             [](auto &a, auto &b) { return a.second < b.second; });
    lowest.push_back(least->second);
    highest.push_back(most->second);
    end = std::max(end, double((curve.*values).back().first));
  }
  if (!lowest.empty()) {
    std::sort(lowest.begin(), lowest.end());
    std::sort(highest.begin(), highest.end());
    low = std::min(low, quantile(lowest, lowQuantile));
    high = std::max(high, quantile(highest, highQuantile));
  }
  logarithmic = logarithmic && low > 0 && high / low > 20;
  if (!logarithmic) {
    double pad = (high - low) * 0.04;
    low -= pad;
    high += pad;
  }
  auto last = [&](const TrainingCurve &curve) {
    return (curve.*values).empty() ? std::string("nothing") : decimal((curve.*values).back().second);
  };
  Chart chart(llvm::formatv("{0} over epochs of the start, ending at {1}, of the {2}, ending at {3}, and of {4} other "
                            "candidates",
                            name, last(data.startCurve), data.finished ? "winner" : "best so far", last(data.bestCurve),
                            lowest.size()),
              {"epochs", 0, end}, {name.str(), low, high, logarithmic});
  auto draw = [&](const TrainingCurve &curve, StringRef style) {
    if (!(curve.*values).empty())
      drawInside(
          chart, curve.*values, low, high, style,
          llvm::formatv("candidate {0}: {1} after {2} epochs", curve.id, last(curve), (curve.*values).back().first)
              .str());
  };
  for (const TrainingCurve &curve : data.otherCurves)
    draw(curve, "any");
  draw(data.startCurve, "start");
  draw(data.bestCurve, "best");
  return chart.svg();
}

/// The trainings that the search itself ran and kept in its archive.
static std::string whileSearching(const ReportData &data) {
  std::string loss = drawCurves(data, &TrainingCurve::loss, "training loss", true, 0.1, 0.9);
  if (loss.empty())
    return "";
  std::string out = "<h3>While searching</h3>\n" + legend({{"start", "the start"},
                                                           {"best", data.finished ? "the winner" : "the best so far"},
                                                           {"any", "another candidate"}});
  out +=
      "<div class=\"pair\">\n" +
      figure("Training loss of candidates", loss,
             llvm::formatv("Mean of each epoch, on the first seed that the search selects with, of the start, the {0} "
                           "and {1} others, spread over the search. What runs out of the picture is cut off.",
                           data.finished ? "winner" : "best so far", data.otherCurves.size()));
  // A score in the middle of a training is there only where the strategy pauses it.
  auto paused = [](const TrainingCurve &curve) { return curve.validation.size() > 1; };
  if (paused(data.startCurve) || paused(data.bestCurve) || llvm::any_of(data.otherCurves, paused)) {
    std::string name = "validation " + data.metric;
    std::string chart =
        drawCurves(data, &TrainingCurve::validation, name, false, data.maximize ? 0.4 : 0, data.maximize ? 1 : 0.6);
    if (!chart.empty())
      out +=
          figure("Validation while training", chart, "The same trainings, scored wherever the strategy paused them.");
  }
  return out + "</div>\n";
}

/// Start and winner on the fresh seeds.
static std::string onFreshSeeds(const ReportData &data) {
  struct Curve {
    const ProgramScores *program;
    std::string style;
    std::vector<Point> mean, low, high;
  };
  std::vector<Curve> curves{{&data.finals->start, "start", {}, {}, {}}, {&data.finals->best, "best", {}, {}, {}}};
  double least = HUGE_VAL, most = -HUGE_VAL, end = 1;
  for (Curve &c : curves) {
    for (auto [k, epoch] : llvm::enumerate(c.program->lossEpochs)) {
      double sum = 0, low = HUGE_VAL, high = -HUGE_VAL;
      unsigned count = 0;
      for (const std::vector<double> &losses : c.program->losses)
        if (k < losses.size() && std::isfinite(losses[k])) {
          sum += losses[k];
          low = std::min(low, losses[k]);
          high = std::max(high, losses[k]);
          ++count;
        }
      if (!count)
        continue;
      c.mean.push_back({double(epoch), sum / count});
      c.low.push_back({double(epoch), low});
      c.high.push_back({double(epoch), high});
      least = std::min(least, low);
      most = std::max(most, high);
      end = std::max(end, double(epoch));
    }
  }
  if (!(most >= least))
    return "<p>No training has a finite loss.</p>\n";
  bool logarithmic = least > 0 && most / least > 20;
  Chart chart(llvm::formatv("Training loss over epochs of the start, ending at {0}, and of the winner, ending at {1}",
                            curves[0].mean.empty() ? "none" : decimal(curves[0].mean.back().second),
                            curves[1].mean.empty() ? "none" : decimal(curves[1].mean.back().second)),
              {"epochs", 0, end}, {"training loss", logarithmic ? least : std::min(0.0, least), most, logarithmic});
  for (Curve &c : curves) {
    chart.band(c.low, c.high, c.style);
    chart.line(c.mean, c.style);
  }
  std::string out = legend({{"start", "the start"}, {"best", "the winner"}});
  out += "<div class=\"pair\">\n";
  out += figure(
      "Training loss", chart.svg(),
      llvm::formatv("Mean of each epoch over {0} fresh seeds; shaded from the lowest to the highest seed. Each by its "
                    "own loss: where the search rewrote the objective, the two heights don't compare.",
                    data.finals->seeds));
  out +=
      "<div class=\"wide\"><table><caption>Each fresh training seed</caption><thead><tr><th "
      "scope=\"col\"></th><th scope=\"colgroup\" colspan=\"2\">the start</th><th scope=\"colgroup\" colspan=\"2\">the "
      "winner</th></tr><tr><th scope=\"col\">seed</th><th scope=\"col\">validation</th><th scope=\"col\">test</th><th "
      "scope=\"col\">validation</th><th scope=\"col\">test</th></tr></thead><tbody>\n";
  for (auto [s, b] : llvm::zip(data.finals->start.seeds, data.finals->best.seeds)) {
    out += "<tr><th scope=\"row\">" + std::to_string(s.seed) + "</th>";
    for (const SeedScore *score : {&s, &b})
      out += score->failed ? "<td colspan=\"2\">diverged</td>"
                           : "<td>" + decimal(score->validation) + "</td><td>" + decimal(score->test) + "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table></div></div>\n";
}

std::string report::trainingSection(const ReportData &data) {
  std::string out = (data.finals ? onFreshSeeds(data) : "") + whileSearching(data);
  return out.empty() ? "<p>No training has a finite loss.</p>\n" : out;
}
