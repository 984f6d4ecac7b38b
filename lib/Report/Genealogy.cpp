//===- Genealogy.cpp - What was changed, what it was worth, what was refused ------------------- -===//
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

static std::string diffTable(const std::vector<DiffLine> &lines) {
  std::string out = "<pre class=\"diff\">";
  for (const DiffLine &line : lines) {
    switch (line.kind) {
    case DiffLine::Kind::Gap:
      out += "<span class=\"gap\">\xe2\x8b\xae</span>\n";
      break;
    case DiffLine::Kind::Same:
      out += "  " + escape(line.text) + "\n";
      break;
    case DiffLine::Kind::Removed:
      out += "<del>- " + escape(line.text) + "</del>\n";
      break;
    case DiffLine::Kind::Added:
      out += "<ins>+ " + escape(line.text) + "</ins>\n";
      break;
    }
  }
  return out + "</pre>";
}

static std::string codes(const std::vector<std::string> &mutations) {
  std::string out;
  for (const std::string &m : mutations)
    out += "<code>" + escape(m) + "</code> ";
  return out;
}

std::string report::genealogySection(const ReportData &data) {
  std::string out =
      "<p>" +
      llvm::formatv("{0} candidates lead from the start to the {1}. Numbers are the search's own, on the seeds "
                    "that it selects with.",
                    data.genealogy.size() - 1, data.finished ? "winner" : "best so far")
          .str() +
      " <button type=\"button\" class=\"toggle\" data-toggle=\"genealogy\" hidden=\"hidden\">open "
      "all</button></p>\n<ol "
      "class=\"genealogy\" id=\"genealogy\">\n";
  for (const GenealogyStep &step : data.genealogy) {
    std::string score = step.validation ? decimal(*step.validation) : "no score";
    if (step.mutations.empty()) {
      out += "<li><div class=\"step\"><span class=\"id\">candidate " + std::to_string(step.id) +
             "</span> the start <span class=\"score\">" + score + "</span> <span class=\"size\">" +
             grouped(step.parameters) + " parameters</span></div></li>\n";
      continue;
    }
    StringRef style = step.gain > 0 ? "up" : step.gain < 0 ? "down" : "level";
    out += "<li><details><summary><span class=\"id\">candidate " + std::to_string(step.id) +
           (step.donor < 0 ? "" : ", with candidate " + std::to_string(step.donor)) + "</span> " +
           codes(step.mutations) + "<span class=\"score\">" + score + "</span> <span class=\"" + style.str() + "\">" +
           withSign(data.maximize ? step.gain : -step.gain) + "</span> <span class=\"size\">" +
           grouped(step.parameters) + " parameters</span></summary>" +
           (step.diff.empty() ? "<p>Nothing in the text of the spec.</p>" : diffTable(step.diff)) + "</details></li>\n";
  }
  out += "</ol>\n<details><summary>The start as it was searched from</summary><pre class=\"diff\">" +
         escape(data.startText) + "</pre></details>\n<details><summary>All changes from the start to the " +
         std::string(data.finished ? "winner" : "best so far") + "</summary>" +
         diffTable(shorten(diffSpecs(data.startText, data.bestText), 2)) + "</details>\n";
  return out;
}

std::string report::worthSection(const ReportData &data) {
  if (!data.explanation)
    return "<p>Not asked yet: <code>selfopt-run explain " + escape(data.directory) +
           "</code> retrains the winner without each of its mutations, and simplifies it.</p>\n";
  const Explanation &e = *data.explanation;
  double reach = 0;
  for (const MutationWorth &w : e.mutations)
    if (w.trained)
      reach = std::max({reach, std::fabs(w.worth.low), std::fabs(w.worth.high)});
  std::string out =
      "<div class=\"wide\"><table><caption>" +
      escape(llvm::formatv("Validation {0} of the winner minus that of the winner without the mutation, over {1} "
                           "fresh seeds; right of the line the mutation helps",
                           e.metric, e.seeds)
                 .str()) +
      "</caption><thead><tr><th scope=\"col\">mutation</th><th scope=\"col\">worth<sup>1</sup></th><th "
      "scope=\"col\"></th><th scope=\"col\">without it</th><th scope=\"col\">parameters "
      "without</th></tr></thead><tbody>\n";
  for (const MutationWorth &w : e.mutations) {
    out += "<tr><th scope=\"row\"><code>" + escape(w.mutation) + "</code>";
    for (const std::string &lost : w.lost)
      out += "<br/><span class=\"note\">with it goes <code>" + escape(lost) + "</code></span>";
    for (const std::string &shifted : w.shifted)
      out += "<br/><span class=\"note\">without it lands elsewhere: <code>" + escape(shifted) + "</code></span>";
    out += "</th>";
    if (w.noEffect)
      out += "<td>no effect</td><td></td><td>the same program</td><td>" + grouped(w.parameters) + "</td></tr>\n";
    else if (w.trained)
      out += "<td>" + withInterval(w.worth) + "</td><td>" + forest(w.worth, reach, "best") + "</td><td>" +
             decimal(w.without) + "</td><td>" + grouped(w.parameters) + "</td></tr>\n";
    else
      out += "<td colspan=\"3\">can't run without it: " + escape(w.reason) + "</td><td></td></tr>\n";
  }
  out += "</tbody></table></div>\n<h3>Simplified</h3>\n<p>" +
         escape(llvm::formatv(
                    "{0} edits later validation is {1}, where the winner has {2}: {3} ops instead of {4}, {5} "
                    "parameters instead of {6}. Every edit keeps the mean no worse than the bad end of the "
                    "winner's interval, and no difference to the winner, paired by seed, excludes zero. Test was not "
                    "looked at.",
                    e.steps.size(), withInterval(e.simplified), withInterval(e.winner), e.simplifiedSize.ops,
                    e.winnerSize.ops, grouped(e.simplifiedSize.parameters), grouped(e.winnerSize.parameters))
                    .str()) +
         (e.limited ? " It ended at its limit of trials; more may go." : "") +
         " The spec is <code>simplified.mlir</code>.</p>\n";
  if (!e.steps.empty()) {
    out += "<details><summary>The edits</summary><div class=\"wide\"><table><thead><tr><th scope=\"col\">edit</th><th "
           "scope=\"col\">validation after it</th><th scope=\"col\">ops</th><th "
           "scope=\"col\">parameters</th></tr></thead><tbody>\n";
    for (const SimplifyStep &s : e.steps)
      out += "<tr><th scope=\"row\"><code>" + escape(s.edit) + "</code></th><td>" + withInterval(s.validation) +
             "</td><td>" + grouped(s.size.ops) + "</td><td>" + grouped(s.size.parameters) + "</td></tr>\n";
    out += "</tbody></table></div></details>\n";
  }
  return out;
}

std::string report::kindsSection(const ReportData &data) {
  int64_t most = 0;
  for (const KindStatistics &k : data.kinds)
    most = std::max(most, k.improved);
  std::string out =
      "<div class=\"wide\"><table><thead><tr><th scope=\"col\">kind</th><th scope=\"col\">loop</th><th "
      "scope=\"col\">tried</th><th scope=\"col\">accepted</th><th scope=\"col\">refused</th><th "
      "scope=\"col\">failed</th><th scope=\"col\">improved</th><th scope=\"col\"></th><th scope=\"col\">median "
      "gain<sup>2</sup></th><th scope=\"col\">mean gain</th></tr></thead><tbody>\n";
  for (const KindStatistics &k : data.kinds)
    out += "<tr><th scope=\"row\"><code>" + escape(k.name) + "</code></th><td>" + escape(k.loop) + "</td><td>" +
           grouped(k.tries) + "</td><td>" + grouped(k.scored) + "</td><td>" + grouped(k.rejected) + "</td><td>" +
           grouped(k.failed) + "</td><td>" + grouped(k.improved) +
           (k.scored ? " (" + decimal(100.0 * double(k.improved) / double(k.scored), 0) + " %)" : "") + "</td><td>" +
           bar(double(k.improved), double(most), "best") + "</td><td>" +
           (k.scored ? withSign(data.maximize ? k.medianGain : -k.medianGain) : std::string("none")) + "</td><td>" +
           (k.scored ? withSign(data.maximize ? k.meanGain : -k.meanGain) : std::string("none")) + "</td></tr>\n";
  return out + "</tbody></table></div>\n";
}

std::string report::reasonsSection(const ReportData &data) {
  if (data.reasons.empty())
    return "<p>Nothing was refused and nothing failed.</p>\n";
  int64_t most = 0;
  for (const ReasonCount &r : data.reasons)
    most = std::max(most, r.count);
  std::string out = "<div class=\"wide\"><table><thead><tr><th scope=\"col\">reason</th><th scope=\"col\">what</th><th "
                    "scope=\"col\">candidates</th><th scope=\"col\"></th></tr></thead><tbody>\n";
  for (const ReasonCount &r : data.reasons)
    out += "<tr><th scope=\"row\">" + escape(r.reason) + "</th><td>" + (r.status == "rejected" ? "refused" : "failed") +
           "</td><td>" + grouped(r.count) + "</td><td>" + bar(double(r.count), double(most), "against") +
           "</td></tr>\n";
  return out + "</tbody></table></div>\n";
}
