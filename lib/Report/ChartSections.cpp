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
  double low, high;
  std::tie(low, high) = metricRange(data);
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
  // The first of what is minimised is the axis; a front over more than two objectives is no line in this picture.
  StringRef across = quantityName(data.minimized.front());
  auto x = [](const CandidatePoint &p) { return double(p.minimized.front()); };
  double low, high;
  std::tie(low, high) = metricRange(data);
  double least = HUGE_VAL, most = -HUGE_VAL;
  for (const CandidatePoint &p : data.points)
    if (p.validation) {
      least = std::min(least, x(p));
      most = std::max(most, x(p));
    }
  if (!(most >= least))
    return "<p>No candidate has a score.</p>\n";
  bool wide = least > 0 && most / least > 4;
  // The front belongs into the picture, but not where a hopeless small one would flatten all the rest.
  double span = high - low, last = *data.points[data.front.back()].validation;
  if (data.maximize)
    low = std::min(low, std::max(last - 0.05 * span, low - span));
  else
    high = std::max(high, std::min(last + 0.05 * span, high + span));
  Chart chart(llvm::formatv("Validation {0} against {1}; {2} candidates are on the front", data.metric, across,
                            data.front.size()),
              {across.str(), wide ? least * 0.9 : 0, most * (wide ? 1.1 : 1.05), wide},
              {"validation " + data.metric, low, high});
  auto tip = [&](const CandidatePoint &p) {
    std::string text = llvm::formatv("candidate {0}: {1}", p.id, decimal(*p.validation));
    for (auto [quantity, value] : llvm::zip(data.minimized, p.minimized))
      text += ", " + grouped(value) + " " + quantityName(quantity).str();
    return text;
  };
  for (const CandidatePoint &p : data.points)
    if (p.validation)
      chart.point({x(p), *p.validation}, "any", 2, data.points.size() > 3000 ? std::string() : tip(p));
  if (data.minimized.size() == 1) {
    std::vector<Point> front;
    for (size_t i : llvm::reverse(data.front))
      front.push_back({x(data.points[i]), *data.points[i].validation});
    chart.steps(front, "front");
  }
  for (size_t i : data.front)
    chart.point({x(data.points[i]), *data.points[i].validation}, "front", 3, tip(data.points[i]));
  for (auto [id, style] : {std::pair(int64_t(0), "start"), std::pair(data.bestId, "best")})
    if (data.points[id].validation)
      chart.point({x(data.points[id]), *data.points[id].validation}, style, 5.5, tip(data.points[id]));
  std::string rows, header, others;
  for (StringRef quantity : data.minimized)
    header += "<th scope=\"col\">" + quantityName(quantity).str() + "</th>";
  for (size_t i : data.front) {
    const CandidatePoint &p = data.points[i];
    rows += "<tr><td>" + std::to_string(p.id) + "</td><td>" + decimal(*p.validation) + "</td>";
    for (int64_t value : p.minimized)
      rows += "<td>" + grouped(value) + "</td>";
    rows += "</tr>\n";
  }
  for (StringRef quantity : llvm::ArrayRef(data.minimized).drop_front())
    others += (others.empty() ? "" : ", ") + quantityName(quantity).str();
  std::string table =
      "<div class=\"wide\"><table><caption>The front: no candidate is better than one of these in a column without "
      "being worse in another</caption><thead><tr><th scope=\"col\">candidate</th><th scope=\"col\">validation</th>" +
      header + "</tr></thead><tbody>\n" + rows + "</tbody></table></div>";
  if (data.front.size() > 20)
    table = "<details><summary>The " + grouped(data.front.size()) + " candidates of the front</summary>" + table +
            "</details>";
  return legend({{"start", "the start"},
                 {"best", data.finished ? "the winner" : "the best so far"},
                 {"front", "the front"},
                 {"any", "a candidate"}}) +
         "<div class=\"pair\">\n" +
         figure("All candidates", chart.svg(),
                "Validation as the search saw it, on the seeds that it selects with." +
                    (data.finished
                         ? std::string(" The winner was chosen on fresh seeds, so it may lie beside the front.")
                         : std::string()) +
                    (others.empty() ? std::string()
                                    : " Not in the picture: " + others +
                                          "; a low value there puts a candidate on the front wherever it lies here.")) +
         table + "</div>\n";
}
