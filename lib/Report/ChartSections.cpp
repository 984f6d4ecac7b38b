//===- ChartSections.cpp - How the search went, in charts -------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Html.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include <algorithm>
#include <cmath>

using namespace selfopt;
using namespace selfopt::report;
using llvm::StringRef;
using Point = Chart::Point;

static std::string legend(llvm::ArrayRef<std::pair<StringRef, std::string>> entries) {
  std::string out = "<ul class=\"legend\">";
  for (auto &[style, text] : entries)
    out += "<li><span class=\"key " + style.str() + "\" aria-hidden=\"true\"></span>" + escape(text) + "</li>";
  return out + "</ul>\n";
}

static std::string figure(const std::string &title, const std::string &chart, const std::string &caption) {
  return "<figure><h3>" + escape(title) + "</h3>\n" + chart + "<figcaption>" + caption + "</figcaption></figure>\n";
}

/// The range of the metric that is worth looking at: what is far worse than the start is drawn at the edge.
static std::pair<double, double> metricRange(const ReportData &data) {
  std::vector<double> values;
  for (const CandidatePoint &p : data.points)
    if (p.validation)
      values.push_back(*p.validation);
  std::sort(values.begin(), values.end());
  if (values.empty())
    return {0, 1};
  double low = values.front(), high = values.back();
  double start = data.points.front().validation.value_or(data.maximize ? low : high);
  if (data.maximize) {
    double typical = std::min(quantile(values, 0.4), start);
    low = std::max(low, typical - 0.3 * (high - typical));
  } else {
    double typical = std::max(quantile(values, 0.6), start);
    high = std::min(high, typical + 0.3 * (typical - low));
  }
  double pad = (high - low) * 0.05;
  return {low - pad, high + pad};
}

/// The class of an arm's colour: the spec's own and what it is held against have theirs wherever they show up.
static std::string styleOf(const Study &study, size_t arm) {
  if (study.arms[arm].role == StudyArm::Role::Spec)
    return "best";
  if (study.arms[arm].role == StudyArm::Role::Against)
    return "against";
  return study.arms[arm].name == "architecture" ? "loop1" : study.arms[arm].name == "pipeline" ? "loop2" : "loop3";
}

static void drawArm(Chart &chart, const StudyArm &arm, const std::string &style, double end, bool time, bool band) {
  std::vector<Point> mean, low, high;
  const unsigned grid = 160;
  for (unsigned k = 0; k <= grid; ++k) {
    double now = time ? end * k / grid : std::max(1.0, std::round(end * k / grid));
    double sum = 0, least = 0, most = 0;
    unsigned count = 0;
    for (const StudyRun &run : arm.runs) {
      std::optional<double> best;
      if (time) {
        best = bestAtTime(run, now);
      } else {
        for (const CurvePoint &p : run.curve)
          if (double(p.candidates) <= now)
            best = p.best;
      }
      if (!best)
        continue;
      least = count ? std::min(least, *best) : *best;
      most = count ? std::max(most, *best) : *best;
      sum += *best;
      ++count;
    }
    // A mean over some of the seeds would jump when another one sets in.
    if (count != arm.runs.size())
      continue;
    mean.push_back({now, sum / count});
    low.push_back({now, least});
    high.push_back({now, most});
  }
  if (band)
    chart.band(low, high, style);
  chart.line(mean, style);
}

std::string report::progressSection(const ReportData &data) {
  auto [low, high] = metricRange(data);
  std::string metric = "validation " + data.metric, out;
  int64_t below = 0;
  for (const CandidatePoint &p : data.points)
    below += p.validation && (*p.validation < low || *p.validation > high);
  auto draw = [&](bool time) {
    double end = time ? std::max(1e-3, data.points.back().cpu) : double(data.points.size());
    Chart chart(llvm::formatv("{0} of every candidate and of the best so far over {1}; the best is {2}", metric,
                              time ? "CPU time" : "candidates",
                              data.curve.empty() ? "none" : decimal(data.curve.back().best)),
                {time ? "CPU seconds spent" : "candidates", 0, end}, {metric, low, high});
    for (const CandidatePoint &p : data.points) {
      if (!p.validation)
        continue;
      // A tip for each of thousands would make the page heavy.
      std::string tip = data.points.size() > 3000
                            ? std::string()
                            : llvm::formatv("candidate {0}: {1}, {2} parameters{3}{4}", p.id, decimal(*p.validation),
                                            grouped(p.parameters), p.mutation.empty() ? "" : "\n", p.mutation)
                                  .str();
      chart.point({time ? p.cpu : double(p.id + 1), *p.validation}, "any", 2, tip);
    }
    std::vector<Point> best;
    for (const CurvePoint &p : data.curve)
      best.push_back({time ? p.cpu : double(p.candidates), p.best});
    if (data.points.front().validation)
      chart.level(*data.points.front().validation, "start");
    chart.steps(best, "best");
    return chart.svg();
  };
  out += legend({{"start", "the start"}, {"best", "best so far"}, {"any", "a candidate"}});
  out += "<div class=\"pair\">\n";
  std::string edge = below ? llvm::formatv(" Outside, and drawn as strokes at the edge: {0}.", below).str() : "";
  out += figure("Over candidates", draw(false), "In the order of proposals." + edge);
  out += figure("Over time", draw(true), "CPU seconds of all workers together.");
  out += "</div>\n";
  return out;
}

std::string report::studySection(const ReportData &data) {
  const Study &study = *data.study;
  std::string out;
  size_t seeds = study.arms.front().runs.size();
  out += "<ul>\n";
  for (const StudyDifference &d : study.differences)
    out += "<li>" + escape(d.sentence) + ".</li>\n";
  out += "</ul>\n";
  std::vector<std::pair<StringRef, std::string>> entries;
  std::vector<std::string> styles;
  for (size_t i = 0; i < study.arms.size(); ++i)
    styles.push_back(styleOf(study, i));
  for (auto [arm, style] : llvm::zip(study.arms, styles))
    entries.push_back({style, arm.role == StudyArm::Role::Loop ? arm.name + " alone" : arm.name});
  // All that the curves reach, and nothing else.
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (const StudyArm &arm : study.arms)
    for (const StudyRun &run : arm.runs)
      for (const CurvePoint &p : run.curve) {
        low = std::min(low, p.best);
        high = std::max(high, p.best);
      }
  if (!(high >= low))
    return out + "<p>No search has a score.</p>\n";
  double pad = (high - low) * 0.05;
  low -= pad;
  high += pad;
  double end = double(study.candidates), cpu = HUGE_VAL;
  for (const StudyArm &arm : study.arms)
    for (const StudyRun &run : arm.runs)
      if (!run.curve.empty())
        cpu = std::min(cpu, run.curve.back().cpu);
  auto draw = [&](bool time) {
    Chart chart(llvm::formatv("Best validation {0} so far over {1}, mean over {2} search seeds, of {3} arms",
                              study.metric, time ? "CPU time" : "candidates", seeds, study.arms.size()),
                {time ? "CPU seconds spent" : "candidates", 0, time ? cpu : end},
                {"best validation " + study.metric, low, high});
    for (size_t i = study.arms.size(); i-- > 0;)
      drawArm(chart, study.arms[i], styles[i], time ? cpu : end, time, study.arms[i].role != StudyArm::Role::Loop);
    return chart.svg();
  };
  out += legend(entries);
  out += "<div class=\"pair\">\n";
  out += figure("Over candidates", draw(false),
                llvm::formatv("Mean over {0} search seeds; shaded from the worst to the best seed.", seeds));
  if (std::isfinite(cpu) && cpu > 0)
    out += figure("Over time", draw(true), "Up to the CPU time of the search that was done first.");
  out += "</div>\n";
  // The winners.
  out += "<div class=\"wide\"><table><caption>What the winners score</caption><thead><tr><th scope=\"col\">arm</th>"
         "<th scope=\"col\">searches</th><th scope=\"col\">validation</th><th scope=\"col\">test " +
         escape(study.metric) +
         "<sup>1</sup></th><th scope=\"col\">parameters</th><th scope=\"col\">candidates</th>"
         "<th scope=\"col\">CPU seconds</th></tr></thead><tbody>\n";
  for (auto [arm, style] : llvm::zip(study.arms, styles)) {
    std::vector<double> validation, test, parameters, cpus, candidates;
    for (const StudyRun &run : arm.runs) {
      validation.push_back(run.validation);
      test.push_back(run.test);
      parameters.push_back(double(run.parameters));
      cpus.push_back(run.cpuSeconds);
      candidates.push_back(double(run.candidates));
    }
    out += "<tr><th scope=\"row\"><span class=\"key " + style + "\" aria-hidden=\"true\"></span>" + escape(arm.name) +
           (arm.role == StudyArm::Role::Loop ? " alone" : "") + "</th><td>" + std::to_string(arm.runs.size()) +
           "</td><td>" + withInterval(bootstrapMean(validation)) + "</td><td>" + withInterval(bootstrapMean(test)) +
           "</td><td>" + grouped(std::llround(meanOf(parameters))) + "</td><td>" +
           grouped(std::llround(meanOf(candidates))) + "</td><td>" + decimal(meanOf(cpus), 1) + "</td></tr>\n";
  }
  out += "</tbody></table></div>\n";
  double reach = 0;
  for (const StudyDifference &d : study.differences)
    reach = std::max({reach, std::fabs(d.test.low), std::fabs(d.test.high), std::fabs(d.validation.low),
                      std::fabs(d.validation.high)});
  out += "<div class=\"wide\"><table><caption>" + escape(study.arms.front().name) +
         " minus the others, paired by search seed; right of the line is better for " +
         escape(study.arms.front().name) +
         "</caption><thead><tr><th scope=\"col\">against</th><th scope=\"col\">test difference<sup>1</sup></th><th "
         "scope=\"col\"></th><th scope=\"col\">validation difference</th><th scope=\"col\">best at equal CPU "
         "time<sup>4</sup></th><th scope=\"col\">CPU time</th></tr></thead><tbody>\n";
  for (auto [i, d] : llvm::enumerate(study.differences))
    out += "<tr><th scope=\"row\"><span class=\"key " + styles[i + 1] + "\" aria-hidden=\"true\"></span>" +
           escape(d.against) + (study.arms[i + 1].role == StudyArm::Role::Loop ? " alone" : "") + "</th><td>" +
           withInterval(d.test) + "</td><td>" + forest(d.test, reach, styles[i + 1]) + "</td><td>" +
           withInterval(d.validation) + "</td><td>" + withInterval(d.equalTime) + "</td><td>" + decimal(d.cpuRatio, 2) +
           " \xc3\x97</td></tr>\n";
  out += "</tbody></table></div>\n";
  return out;
}

std::string report::frontSection(const ReportData &data) {
  auto [low, high] = metricRange(data);
  double least = 0, most = 0;
  for (const CandidatePoint &p : data.points)
    if (p.validation && p.parameters > 0) {
      least = least > 0 ? std::min(least, double(p.parameters)) : double(p.parameters);
      most = std::max(most, double(p.parameters));
    }
  if (least <= 0)
    return "<p>No candidate has a score.</p>\n";
  bool wide = most / least > 4;
  // The front belongs into the picture, but not where a hopeless small one would flatten all the rest.
  double span = high - low, first = *data.points[data.front.front()].validation;
  if (data.maximize)
    low = std::min(low, std::max(first - 0.05 * span, low - span));
  else
    high = std::max(high, std::min(first + 0.05 * span, high + span));
  Chart chart(llvm::formatv("Validation {0} against parameters; {1} candidates are on the front", data.metric,
                            data.front.size()),
              {"parameters", wide ? least * 0.9 : 0, most * (wide ? 1.1 : 1.05), wide},
              {"validation " + data.metric, low, high});
  auto tip = [](const CandidatePoint &p) {
    return llvm::formatv("candidate {0}: {1}, {2} parameters", p.id, decimal(*p.validation), grouped(p.parameters))
        .str();
  };
  for (const CandidatePoint &p : data.points)
    if (p.validation)
      chart.point({double(p.parameters), *p.validation}, "any", 2, data.points.size() > 3000 ? std::string() : tip(p));
  std::vector<Point> front;
  for (size_t i : data.front)
    front.push_back({double(data.points[i].parameters), *data.points[i].validation});
  chart.steps(front, "front");
  for (size_t i : data.front)
    chart.point({double(data.points[i].parameters), *data.points[i].validation}, "front", 3, tip(data.points[i]));
  for (auto [id, style] : {std::pair(int64_t(0), "start"), std::pair(data.bestId, "best")})
    if (data.points[id].validation)
      chart.point({double(data.points[id].parameters), *data.points[id].validation}, style, 5.5, tip(data.points[id]));
  std::string rows;
  for (size_t i : data.front)
    rows += "<tr><td>" + std::to_string(data.points[i].id) + "</td><td>" + decimal(*data.points[i].validation) +
            "</td><td>" + grouped(data.points[i].parameters) + "</td></tr>\n";
  return legend({{"start", "the start"},
                 {"best", data.finished ? "the winner" : "the best so far"},
                 {"front", "the front"},
                 {"any", "a candidate"}}) +
         "<div class=\"pair\">\n" +
         figure("All candidates", chart.svg(), "Validation as the search saw it, on the seeds that it selects with.") +
         "<div class=\"wide\"><table><caption>The front: no candidate is better with fewer "
         "parameters</caption><thead><tr><th "
         "scope=\"col\">candidate</th><th scope=\"col\">validation</th><th "
         "scope=\"col\">parameters</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div></div>\n";
}

std::string report::trainingSection(const ReportData &data) {
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
