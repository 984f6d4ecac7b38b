//===- Study.cpp - selfopt-run study, explain ----------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Report/Study.h"
#include "Commands.h"
#include "Options.h"
#include "SelfOpt/Report/Explain.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include <unistd.h>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::run;
namespace cl = llvm::cl;

namespace selfopt::run {
cl::SubCommand studyCommand("study", "compares a spec's search with random search, over several search seeds");
cl::SubCommand explainCommand("explain", "says what each mutation of a winner is worth, and simplifies it");
// Constructed after reportCommand, whose file comes first.
cl::opt<std::string> sourceSpec("spec", cl::desc("the spec of the search, where its data is not found otherwise"),
                                cl::value_desc("SPEC"), cl::sub(explainCommand), cl::sub(reportCommand));
} // namespace selfopt::run

static cl::opt<std::string>
    outDir("out", cl::desc("where the searches, their specs, study.json and the page go; goes on with what is there"),
           cl::value_desc("DIR"), cl::init("selfopt-study"), cl::sub(studyCommand));
static cl::opt<unsigned> searchSeeds("seeds", cl::desc("searches of each arm, from the spec's seed on (default: 5)"),
                                     cl::init(5), cl::sub(studyCommand));
static cl::opt<int64_t> candidates("candidates", cl::desc("how many in each search, instead of the spec's budget"),
                                   cl::init(0), cl::sub(studyCommand));
static cl::opt<std::string> against("against",
                                    cl::desc("the strategy to compare with, at equal budget (default: random)"),
                                    cl::value_desc("STRATEGY"), cl::init("random"), cl::sub(studyCommand));
static cl::opt<bool> loops("loops", cl::desc("also each loop alone: architecture, pipeline, objective"),
                           cl::sub(studyCommand));
static cl::list<std::string> compare("compare", cl::desc("a spec to train beside the winners, as a static baseline"),
                                     cl::value_desc("SPEC"), cl::sub(studyCommand));
static cl::opt<unsigned> finalSeeds("final-seeds", cl::desc("fresh training seeds of each winner (default: 5)"),
                                    cl::init(5), cl::sub(studyCommand));
static cl::opt<unsigned> workers("workers", cl::desc("worker processes (default: one per core)"), cl::init(0),
                                 cl::sub(studyCommand), cl::sub(explainCommand));

static cl::opt<std::string> explainDir(cl::Positional, cl::desc("DIR"), cl::Required, cl::sub(explainCommand));
static cl::opt<unsigned> explainSeeds("seeds", cl::desc("fresh training seeds of each variant (default: 5)"),
                                      cl::init(5), cl::sub(explainCommand));
static cl::opt<unsigned> trials("trials", cl::desc("train at most so many variants to simplify (default: 400)"),
                                cl::init(400), cl::sub(explainCommand));

static int fail(llvm::Error error) {
  llvm::errs() << "error: " << llvm::toString(std::move(error)) << "\n";
  return refused;
}

static int expectAtLeastOne(StringRef option) {
  llvm::errs() << "error: " << option << " expects at least 1, found 0\n";
  return usage;
}

//===----------------------------------------------------------------------===//
// study
//===----------------------------------------------------------------------===//

static void printStudy(const report::Study &study) {
  llvm::outs() << llvm::formatv("\n{0,-14} {1,8} {2,18} {3,26} {4,12} {5,12} {6,12}\n", "", "searches", "validation",
                                "test " + study.metric, "parameters", "candidates", "CPU seconds");
  auto line = [](StringRef name, unsigned searches, report::Estimate validation, report::Estimate test,
                 double parameters, std::string candidates, std::string cpu) {
    llvm::outs() << llvm::formatv(
        "{0,-14} {1,8} {2,18:f4} {3,26} {4,12:f0} {5,12} {6,12}\n", name, searches, validation.mean,
        llvm::formatv("{0:f4} [{1:f4}, {2:f4}]", test.mean, test.low, test.high).str(), parameters, candidates, cpu);
  };
  for (const report::StudyArm &arm : study.arms) {
    std::vector<double> validation, test, parameters, count, cpu;
    for (const report::StudyRun &run : arm.runs) {
      validation.push_back(run.validation);
      test.push_back(run.test);
      parameters.push_back(double(run.parameters));
      count.push_back(double(run.candidates));
      cpu.push_back(run.cpuSeconds);
    }
    line(arm.name, arm.runs.size(), report::bootstrapMean(validation), report::bootstrapMean(test),
         report::meanOf(parameters), llvm::formatv("{0:f0}", report::meanOf(count)),
         llvm::formatv("{0:f1}", report::meanOf(cpu)));
  }
  auto fixed = [&](StringRef name, const report::ProgramScores &p) {
    line(name, 0, report::bootstrapMean(p.validations()), report::bootstrapMean(p.tests()), double(p.parameters), "",
         "");
  };
  fixed("as written", study.start);
  for (const report::ProgramScores &p : study.baselines)
    fixed(llvm::sys::path::stem(p.name), p);
  llvm::outs() << "(means over search seeds of the winner, which is itself a mean over " << study.finalSeeds
               << " fresh training seeds;\nrows with 0 searches: over training seeds)\n\n";
  for (const report::StudyDifference &d : study.differences)
    llvm::outs() << d.sentence << "\n  " << report::equalTimeSentence(d, study.metric) << "\n";
  llvm::outs() << report::bootstrapNote() << "\n";
}

int run::studyMain() {
  if (searchSeeds < 1)
    return expectAtLeastOne("--seeds");
  if (finalSeeds < 1)
    return expectAtLeastOne("--final-seeds");
  if (candidates.getNumOccurrences() && candidates < 1)
    return expectAtLeastOne("--candidates");
  auto spec = loadSpec(specFile);
  if (!spec)
    return refused;
  report::StudyOptions options;
  options.directory = outDir;
  options.seeds = searchSeeds;
  options.finalSeeds = finalSeeds;
  options.against = against;
  options.loops = loops;
  options.workers = workers;
  if (candidates.getNumOccurrences())
    options.candidates = candidates;
  std::vector<LoadedSpec> others;
  for (const std::string &file : compare) {
    auto other = loadSpec(file);
    if (!other)
      return refused;
    options.baselines.push_back({file, *other->module});
    others.push_back(std::move(*other));
  }
  bool terminal = !json && isatty(STDERR_FILENO);
  unsigned ended = 0; // the last run whose end was said
  auto progress = [&](const report::StudyProgress &p) {
    const SearchProgress &s = p.search;
    bool begins = s.total == 0, ends = s.total > 0 && s.done == s.total;
    if (ends && std::exchange(ended, p.run) == p.run)
      return;
    if (json) {
      printJson(llvm::json::Object{{"event", p.skipped ? "skipped"
                                             : begins  ? "begin"
                                                       : "progress"},
                                   {"arm", p.arm},
                                   {"seed", int64_t(p.seed)},
                                   {"run", int64_t(p.run)},
                                   {"runs", int64_t(p.runs)},
                                   {"candidates", s.done},
                                   {"total", s.total},
                                   {"best", s.best}});
      return;
    }
    if (p.skipped)
      llvm::errs() << llvm::formatv("[{0}/{1}] {2}-{3}: finished already\n", p.run, p.runs, p.arm, p.seed);
    else if (!begins && (terminal || ends))
      llvm::errs() << (terminal ? "\r\033[K" : "")
                   << llvm::formatv("[{0}/{1}] {2}-{3}: {4}/{5}  best {6:f4} ({7} parameters)", p.run, p.runs, p.arm,
                                    p.seed, s.done, s.total, s.best, s.bestParameters)
                   << (ends ? "\n" : "");
  };
  auto study = report::runStudy(*spec->module, specFile, options, progress);
  if (!study)
    return fail(study.takeError());
  if (json) {
    llvm::json::Array sentences;
    for (const report::StudyDifference &d : study->differences)
      sentences.push_back(d.sentence);
    for (const report::StudyArm &arm : study->arms) {
      std::vector<double> validation, test;
      for (const report::StudyRun &run : arm.runs) {
        validation.push_back(run.validation);
        test.push_back(run.test);
      }
      printJson(llvm::json::Object{{"event", "arm"},
                                   {"arm", arm.name},
                                   {"searches", int64_t(arm.runs.size())},
                                   {"validation", report::toJson(report::bootstrapMean(validation))},
                                   {"test", report::toJson(report::bootstrapMean(test))}});
    }
    for (const report::StudyDifference &d : study->differences)
      printJson(llvm::json::Object{{"event", "difference"},
                                   {"arm", d.arm},
                                   {"against", d.against},
                                   {"validation", report::toJson(d.validation)},
                                   {"test", report::toJson(d.test)},
                                   {"equal_time", report::toJson(d.equalTime)},
                                   {"cpu_ratio", d.cpuRatio},
                                   {"sentence", d.sentence}});
    printJson(llvm::json::Object{{"event", "done"},
                                 {"arms", int64_t(study->arms.size())},
                                 {"seeds", int64_t(searchSeeds)},
                                 {"candidates", study->candidates},
                                 {"sentences", std::move(sentences)}});
    writeReport(outDir, specFile, finalSeeds);
    return done;
  }
  printStudy(*study);
  if (writeReport(outDir, specFile, finalSeeds))
    llvm::outs() << "\nthe page: " << outDir << "/report.html\n";
  return done;
}

//===----------------------------------------------------------------------===//
// explain
//===----------------------------------------------------------------------===//

static void printExplanation(const report::Explanation &e) {
  llvm::outs() << llvm::formatv("validation {0} of the winner: {1:f4} [{2:f4}, {3:f4}] over {4} fresh seeds\n\n",
                                e.metric, e.winner.mean, e.winner.low, e.winner.high, e.seeds);
  llvm::outs() << llvm::formatv("{0,-28} {1,12}  {2}\n", "worth [95 %]", "without it", "mutation");
  for (const report::MutationWorth &w : e.mutations) {
    std::string worth = w.noEffect ? "no effect"
                        : w.trained
                            ? llvm::formatv("{0:f4} [{1:f4}, {2:f4}]", w.worth.mean, w.worth.low, w.worth.high).str()
                            : "can't run without it";
    llvm::outs() << llvm::formatv("{0,-28} {1,12}  {2}\n", worth,
                                  w.trained ? llvm::formatv("{0:f4}", w.without).str() : "", w.mutation);
    if (!w.trained)
      llvm::outs() << "      " << w.reason << "\n";
    for (const std::string &lost : w.lost)
      llvm::outs() << "      with it goes " << lost << "\n";
    for (const std::string &shifted : w.shifted)
      llvm::outs() << "      without it lands elsewhere: " << shifted << "\n";
  }
  llvm::outs() << llvm::formatv("\nsimplified by {0} edits: validation {1:f4} [{2:f4}, {3:f4}]\n", e.steps.size(),
                                e.simplified.mean, e.simplified.low, e.simplified.high);
  for (const report::SimplifyStep &s : e.steps)
    llvm::outs() << llvm::formatv("  {0:f4}  {1}\n", s.validation.mean, s.edit);
  auto size = [](StringRef name, const report::ProgramSize &s) {
    llvm::outs() << llvm::formatv("{0,-11} {1,8} parameters {2,6} ops {3,6} mutations\n", name, s.parameters, s.ops,
                                  s.mutations);
  };
  size("winner", e.winnerSize);
  size("simplified", e.simplifiedSize);
  if (e.limited)
    llvm::outs() << "(ended at the limit of " << trials << " trials; more may go)\n";
  llvm::outs() << "(validation only: test was not looked at. " << report::bootstrapNote()
               << ")\n\nthe simplified spec: " << explainDir << "/simplified.mlir\n";
}

int run::explainMain() {
  if (explainSeeds < 1)
    return expectAtLeastOne("--seeds");
  auto context = makeContext();
  report::ExplainOptions options;
  options.seeds = explainSeeds;
  options.workers = workers;
  options.trials = trials;
  options.source = sourceSpec;
  auto progress = [&](StringRef line) {
    if (json)
      printJson(llvm::json::Object{{"event", "progress"}, {"message", line}});
    else
      llvm::errs() << line << "\n";
  };
  auto explanation = report::explainWinner(explainDir, *context, options, progress);
  if (!explanation)
    return fail(explanation.takeError());
  if (json) {
    llvm::json::Object line = report::toJson(*explanation);
    line["event"] = "done";
    printJson(std::move(line));
  } else {
    printExplanation(*explanation);
  }
  writeReport(explainDir, sourceSpec, 0);
  return done;
}
