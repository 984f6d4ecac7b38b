//===- Page.cpp - The report as one HTML page --------------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Html.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace selfopt;
using namespace selfopt::report;
using llvm::StringRef;

static std::string card(StringRef what, const std::string &value, const std::string &beside) {
  return "<li><div class=\"what\">" + what.str() + "</div><div class=\"value\">" + value +
         "</div><div class=\"beside\">" + beside + "</div></li>\n";
}

static std::string headline(const ReportData &data) {
  std::string out;
  auto was = [](const std::string &text) { return "<span class=\"was\">" + text + "</span>"; };
  std::string compute = llvm::formatv("the start alone: {0} FLOPs, {1} of CPU", was(scaled(data.startTrainFlops)),
                                      was(seconds(data.startCpuSeconds)));
  if (!data.finals) {
    out += "<p class=\"lead\">This search has not finished: what follows is the state after " +
           grouped(data.candidates) +
           " candidates, by validation on the seeds that it selects with. Test was not looked at.</p>\n<ul "
           "class=\"cards\">\n";
    const CandidatePoint &best = data.points[data.bestId], &start = data.points.front();
    if (best.validation)
      out += card("best validation " + escape(data.metric), decimal(*best.validation),
                  "as written " + was(start.validation ? decimal(*start.validation) : "no score"));
    out += card("parameters", grouped(best.parameters), "as written " + was(grouped(start.parameters)));
    out += card("compute spent", seconds(data.cpuSeconds) + " of CPU", compute);
    return out + "</ul>\n";
  }
  const FinalScores &f = *data.finals;
  Estimate start = bootstrapMean(f.start.tests()), best = bootstrapMean(f.best.tests());
  // Pairs of seeds that neither program failed on.
  std::vector<double> a, b;
  for (auto [x, y] : llvm::zip(f.best.seeds, f.start.seeds))
    if (!x.failed && !y.failed) {
      a.push_back(x.test);
      b.push_back(y.test);
    }
  Estimate change = pairedDifference(a, b);
  int64_t failed = llvm::count_if(f.best.seeds, [](const SeedScore &s) { return s.failed; });
  bool better = data.maximize ? change.mean > 0 : change.mean < 0;
  std::string verdict = change.count < 2         ? "on one seed, which says nothing of chance"
                        : !change.excludesZero() ? "an interval that includes zero"
                        : better                 ? "better beyond the chance of a training seed"
                                                 : "worse beyond the chance of a training seed";
  if (data.study)
    for (const StudyDifference &d : data.study->differences)
      if (d.against == data.study->arms[1].name)
        out += "<p class=\"lead\"><strong>" + escape(d.sentence) + ".</strong></p>\n";
  if (change.count)
    out += "<p class=\"lead\">" +
           escape(llvm::formatv(
                      "On test, which no choice has seen, {0} went from {1} as written to {2}: {3}{4}, {5}.",
                      data.metric, decimal(start.mean), decimal(best.mean), withSign(change.mean),
                      change.count < 2 ? "" : " [" + withSign(change.low) + ", " + withSign(change.high) + "]", verdict)
                      .str()) +
           "<sup>1</sup></p>\n";
  else
    out += "<p class=\"lead\">On no fresh seed did both the start and the winner train to an end.</p>\n";
  auto range = [](const Estimate &e) {
    return e.count < 2 ? std::string() : "[" + decimal(e.low) + ", " + decimal(e.high) + "]";
  };
  out += "<ul class=\"cards\">\n";
  out += card("test " + escape(data.metric) + "<sup>1</sup>", best.count ? decimal(best.mean) : "none",
              range(best) + (best.count < 2 ? "" : ", ") + "as written " +
                  was(start.count ? decimal(start.mean) : "none") + " " + range(start) +
                  (failed ? "; " + std::to_string(failed) + " seeds diverged" : std::string()));
  out += card("parameters", grouped(f.best.parameters), "as written " + was(grouped(f.start.parameters)));
  out +=
      card("FLOPs per example", grouped(f.best.flopsPerExample), "as written " + was(grouped(f.start.flopsPerExample)));
  out += card("compute spent", scaled(data.trainFlops) + " FLOPs",
              seconds(data.cpuSeconds) + " of CPU for " + grouped(data.candidates) + " candidates; " + compute);
  out += "</ul>\n";
  // The table, with what is not searched at all.
  out +=
      "<div class=\"wide\"><table><thead><tr><th scope=\"col\"></th><th scope=\"col\">test " + escape(data.metric) +
      "<sup>1</sup></th><th scope=\"col\">validation</th><th scope=\"col\">parameters</th><th scope=\"col\">FLOPs per "
      "example</th><th scope=\"col\">one training</th></tr></thead><tbody>\n";
  auto row = [&](const ProgramScores &p, StringRef name, StringRef style) {
    out += "<tr><th scope=\"row\">" +
           (style.empty() ? std::string() : "<span class=\"key " + style.str() + "\" aria-hidden=\"true\"></span>") +
           escape(name) + "</th><td>" + withInterval(bootstrapMean(p.tests())) + "</td><td>" +
           withInterval(bootstrapMean(p.validations())) + "</td><td>" + grouped(p.parameters) + "</td><td>" +
           grouped(p.flopsPerExample) + "</td><td>" + scaled(double(p.trainFlops)) + " FLOPs, " +
           seconds(p.trainSeconds) + "</td></tr>\n";
  };
  row(f.start, "as written", "start");
  row(f.best, "best found", "best");
  for (const ProgramScores &p : f.baselines)
    row(p, llvm::sys::path::stem(p.name), "");
  return out + "</tbody></table></div>\n";
}

std::string report::architectureSection(const ReportData &data) {
  auto side = [&](const ModelGraph &graph, StringRef title, StringRef style) {
    std::string about = llvm::formatv("{0}: {1} ops, {2} parameters", title,
                                      graph.nodes.size() >= 2 ? graph.nodes.size() - 2 : 0, grouped(graph.parameters));
    return "<figure class=\"" + style.str() + "\"><h3>" + escape(title) +
           "</h3>\n<div class=\"drawing\" tabindex=\"0\">" + drawGraph(graph, about) + "</div><figcaption>" +
           escape(about) + "</figcaption></figure>\n";
  };
  return "<div class=\"pair\">\n" + side(data.startGraph, "As written", "was-drawn") +
         side(data.bestGraph, data.finished ? "The winner" : "The best so far", "is-drawn") + "</div>\n";
}

std::string report::renderHtml(const ReportData &data) {
  std::string title = data.title.empty() ? llvm::sys::path::filename(data.directory).str() : data.title;
  struct Section {
    StringRef id, name;
    std::string body;
  };
  std::vector<Section> sections;
  if (data.study)
    sections.push_back({"study", "Against the alternatives", studySection(data)});
  sections.push_back({"progress", "The search", progressSection(data)});
  sections.push_back({"front", data.ownObjectives ? "Pareto front" : "Metric and size", frontSection(data)});
  sections.push_back({"architecture", "Architecture", architectureSection(data)});
  sections.push_back({"genealogy-of", "Genealogy of the winner", genealogySection(data)});
  sections.push_back({"worth", "What each mutation is worth", worthSection(data)});
  sections.push_back({"kinds", "Which mutations paid", kindsSection(data)});
  sections.push_back({"reasons", "Refused and failed", reasonsSection(data)});
  sections.push_back({"training", "Training", trainingSection(data)});

  std::string out =
      "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>" +
      escape(title) + " \xc2\xb7 SelfOpt</title>\n<style>" + pageStyle().str() +
      "</style>\n</head>\n<body>\n<header>\n<h1>" + escape(title) + "</h1>\n";
  std::string about = llvm::formatv(
      "strategy {0}, seed {1}, {2} candidates: {3} trained{4}, {5} known already, {6} refused, {7} failed",
      data.strategy, data.seed, grouped(data.candidates), grouped(data.evaluated),
      data.repeats > 1 ? llvm::formatv(" on {0} seeds each", data.repeats).str() : std::string(), grouped(data.reused),
      grouped(data.rejected), grouped(data.failed));
  if (data.study)
    about = "Study of " + std::to_string(data.study->arms.size()) + " arms. Looked at closely is the search " +
            data.shownRun + ", the one of the spec's own that validation prefers: " + about;
  out += "<p class=\"about\">" + escape(about) + "</p>\n<nav aria-label=\"Sections\"><ul>";
  for (const Section &s : sections)
    out += "<li><a href=\"#" + s.id.str() + "\">" + escape(s.name) + "</a></li>";
  out += "</ul></nav>\n</header>\n<main>\n<section id=\"headline\" aria-label=\"Headline\">\n" + headline(data) +
         "</section>\n";
  for (const Section &s : sections)
    out += "<section id=\"" + s.id.str() + "\">\n<h2>" + escape(s.name) + "</h2>\n" + s.body + "</section>\n";
  out +=
      "</main>\n<footer>\n<h2>How the numbers are made</h2>\n<ol class=\"footnotes\">\n<li>" + escape(bootstrapNote()) +
      " Test is looked at for the start and the winner alone, after the winner was chosen on validation.</li>\n<li>A "
      "gain is "
      "the candidate's validation metric minus its parent's, over the candidates that both have a score; a candidate "
      "with several mutations counts for each of their kinds. Accepted are those that kept the policy and trained, or "
      "led "
      "to a program known already.</li>\n<li>Train FLOPs count the model forward and its two products backward, from "
      "the program "
      "alone: epochs \xc3\x97 steps \xc3\x97 batch \xc3\x97 3 \xc3\x97 FLOPs per example, over all seeds that a "
      "candidate trains on. "
      "CPU seconds are what the workers spent, compiling included; choosing among the finalists is not in "
      "it.</li>\n" +
      std::string(data.study ? "<li>The best so far of both searches of a pair, by their own validation, at the moment the "
                               "quicker one was done. CPU seconds are the machine's, so this number is not the same "
                               "twice.</li>\n"
                             : "") +
      "</ol>\n<p class=\"about\">The same again: <code>selfopt-run report " +
      escape(data.study ? llvm::sys::path::parent_path(data.directory) : StringRef(data.directory)) +
      "</code>; the winner from the start and its mutations: <code>selfopt-run replay " + escape(data.directory) +
      "</code>.</p>\n</footer>\n<script>" + pageScript().str() + "</script>\n</body>\n</html>\n";
  return out;
}
