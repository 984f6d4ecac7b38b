//===- Markdown.cpp - The report as a summary ----------------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Html.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace selfopt;
using namespace selfopt::report;
using llvm::StringRef;

/// Text inside a table's cell or a line: what Markdown reads as markup is escaped.
static std::string plain(StringRef text) {
  std::string out;
  for (char c : text) {
    if (StringRef("\\`*_[]<>|#").contains(c))
      out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

/// Code inside a table's cell, where a bar would end it.
static std::string code(StringRef text) {
  std::string out;
  for (char c : text)
    out += c == '|' ? "\\|" : std::string(1, c == '`' ? '\'' : c == '\n' ? ' ' : c);
  return "`" + out + "`";
}

std::string report::renderMarkdown(const ReportData &data) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "# " << plain(data.title.empty() ? llvm::sys::path::filename(data.directory) : StringRef(data.title)) << "\n\n";
  if (data.study)
    os << "Study of " << data.study->arms.size() << " arms; looked at closely is `" << data.shownRun << "`.\n\n";
  os << llvm::formatv(
      "{0} candidates ({1}, seed {2}): {3} trained, {4} known already, {5} refused, {6} failed. {7} of CPU, {8} "
      "train FLOPs; the start alone {9} and {10}.\n\n",
      data.candidates, data.strategy, data.seed, data.evaluated, data.reused, data.rejected, data.failed,
      seconds(data.cpuSeconds), scaled(data.trainFlops), seconds(data.startCpuSeconds), scaled(data.startTrainFlops));
  if (data.finals) {
    os << "| | test " << plain(data.metric) << " | validation | parameters | FLOPs/example |\n|---|---|---|---|---|\n";
    auto row = [&](StringRef name, const ProgramScores &p) {
      os << "| " << plain(name) << " | " << withInterval(bootstrapMean(p.tests())) << " | "
         << withInterval(bootstrapMean(p.validations())) << " | " << p.parameters << " | " << p.flopsPerExample
         << " |\n";
    };
    row("as written", data.finals->start);
    row("best found", data.finals->best);
    for (const ProgramScores &p : data.finals->baselines)
      row(llvm::sys::path::stem(p.name), p);
    os << "\n";
  } else {
    const CandidatePoint &best = data.points[data.bestId];
    os << "The search has not finished. Best so far: validation "
       << (best.validation ? decimal(*best.validation) : std::string("none")) << " with " << best.parameters
       << " parameters.\n\n";
  }
  if (data.study) {
    os << "## Against the alternatives\n\n| arm | test " << plain(data.metric)
       << " | validation | parameters | CPU seconds |\n|---|---|---|---|---|\n";
    for (const StudyArm &arm : data.study->arms) {
      std::vector<double> test, validation, parameters, cpu;
      for (const StudyRun &run : arm.runs) {
        test.push_back(run.test);
        validation.push_back(run.validation);
        parameters.push_back(double(run.parameters));
        cpu.push_back(run.cpuSeconds);
      }
      os << "| " << plain(arm.name) << " | " << withInterval(bootstrapMean(test)) << " | "
         << withInterval(bootstrapMean(validation)) << " | " << decimal(meanOf(parameters), 0) << " | "
         << decimal(meanOf(cpu), 1) << " |\n";
    }
    os << "\n";
    for (const StudyDifference &d : data.study->differences)
      os << "- " << plain(d.sentence) << "\n";
    os << "\n";
  }
  if (data.ownObjectives && !data.front.empty()) {
    std::string header, rule;
    for (StringRef quantity : data.minimized) {
      header += " " + quantityName(quantity).str() + " |";
      rule += "---|";
    }
    os << "## Pareto front\n\n| candidate | validation " << plain(data.metric) << " |" << header << "\n|---|---|"
       << rule << "\n";
    for (size_t i : llvm::ArrayRef(data.front).take_front(20)) {
      os << "| " << data.points[i].id << " | " << decimal(*data.points[i].validation) << " |";
      for (int64_t value : data.points[i].minimized)
        os << " " << value << " |";
      os << "\n";
    }
    if (data.front.size() > 20)
      os << "\nThese are the 20 of best validation, of " << data.front.size() << ".\n";
    os << "\n";
  }
  os << "## Genealogy\n\n| candidate | mutations | validation | parameters |\n|---|---|---|---|\n";
  for (const GenealogyStep &step : data.genealogy) {
    std::string mutations = step.mutations.empty() ? "the start" : "";
    for (const std::string &m : step.mutations)
      mutations += (mutations.empty() ? "" : "; ") + code(m);
    std::string with = step.donor < 0 ? "" : ", with " + std::to_string(step.donor);
    os << "| " << step.id << with << " | " << mutations << " | "
       << (step.validation ? decimal(*step.validation) : "none") << " | " << step.parameters << " |\n";
  }
  if (data.explanation) {
    const Explanation &e = *data.explanation;
    os << "\n## What each mutation is worth\n\n| mutation | worth | without it |\n|---|---|---|\n";
    for (const MutationWorth &w : e.mutations)
      os << "| " << code(w.mutation) << " | "
         << (w.noEffect  ? std::string("no effect")
             : w.trained ? withInterval(w.worth)
                         : "can't run without it")
         << " | " << (w.trained ? decimal(w.without) : "") << " |\n";
    os << llvm::formatv(
        "\nSimplified by {0} edits: validation {1} instead of {2}, {3} ops instead of {4}, {5} parameters instead "
        "of {6}.\n",
        e.steps.size(), withInterval(e.simplified), withInterval(e.winner), e.simplifiedSize.ops, e.winnerSize.ops,
        e.simplifiedSize.parameters, e.winnerSize.parameters);
  }
  os << "\n## Which mutations paid\n\n| kind | loop | tried | accepted | improved | median gain | mean gain "
        "|\n|---|---|---|---|---|---|---|\n";
  for (const KindStatistics &k : data.kinds)
    os << "| " << code(k.name) << " | " << k.loop << " | " << k.tries << " | " << k.scored << " | " << k.improved
       << " | " << (k.scored ? withSign(data.maximize ? k.medianGain : -k.medianGain) : std::string("none")) << " | "
       << (k.scored ? withSign(data.maximize ? k.meanGain : -k.meanGain) : std::string("none")) << " |\n";
  if (!data.reasons.empty()) {
    os << "\n## Refused and failed\n\n";
    for (const ReasonCount &r : data.reasons)
      os << "- " << r.count << ": " << plain(r.reason) << "\n";
  }
  os << "\n" << plain(bootstrapNote()) << "\n";
  return text;
}
