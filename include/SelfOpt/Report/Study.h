//===- Study.h - A search against its alternatives ------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a single search found says little: another seed finds something else, and random search finds something too. A
// study runs the spec's own strategy and its alternatives on several search seeds, at one budget, and compares what
// they end with.
//
//   DIR/<arm>-<seed>.mlir   the spec of one search: the user's, with its evolve.search edited
//   DIR/<arm>-<seed>/       an ordinary search, which any other command reads
//   DIR/study.json          what the study says; tables, pages and tests come from it
//
// A search is the unit of the comparison: an interval is over search seeds, not over training seeds or examples. Each
// search's number is the mean of its winner over fresh training seeds.
//
// An arm with one loop (architecture alone, say) seals what the others would have mutated, since a policy knows nothing
// that is neither mutable nor sealed.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_REPORT_STUDY_H
#define SELFOPT_REPORT_STUDY_H

#include "SelfOpt/Report/FinalScores.h"
#include "SelfOpt/Search/Search.h"

namespace selfopt::report {

struct StudyOptions {
  std::string directory;
  unsigned seeds = 5;                                            ///< Searches of each arm.
  unsigned finalSeeds = 5;                                       ///< Fresh training seeds of each winner.
  std::optional<int64_t> candidates;                             ///< Instead of the spec's budget.
  std::string against = "random";                                ///< A strategy's name.
  bool loops = false;                                            ///< Also each loop alone.
  unsigned workers = 0;                                          ///< 0: one per core.
  std::vector<std::pair<std::string, mlir::ModuleOp>> baselines; ///< Named specs to train beside the winners.
};

/// How far a search had come: after `candidates`, for which `cpu` seconds were spent, the best was `best`.
struct CurvePoint {
  int64_t candidates = 0;
  double cpu = 0, best = 0;
};

/// One search.
struct StudyRun {
  uint64_t seed = 0;
  std::string directory; ///< Below the study's.
  int64_t candidates = 0, evaluated = 0, parameters = 0, flopsPerExample = 0;
  double cpuSeconds = 0, trainFlops = 0;
  double validation = 0, test = 0; ///< The winner's means over fresh training seeds.
  double startValidation = 0, startTest = 0;
  std::vector<CurvePoint> curve; ///< Where the best changed, and the end.
};

struct StudyArm {
  enum class Role { Spec, Against, Loop };
  std::string name, strategy;
  Role role = Role::Spec;
  std::vector<StudyRun> runs;
};

/// The spec's arm minus another, over search seeds; positive is better for the spec's, whichever way the metric goes.
struct StudyDifference {
  std::string arm, against;
  Estimate validation, test;
  /// The best of the searches so far, by their own validation, when the quicker one of a pair was done: equal CPU time
  /// where the rest is equal candidates. Its number depends on the machine.
  Estimate equalTime;
  double cpuRatio = 1;  ///< CPU seconds of the spec's arm over the other's.
  std::string sentence; ///< "aging beats random by 0.0123 [0.0050, 0.0190]"
};

struct Study {
  std::string spec, metric;
  bool maximize = true;
  int64_t candidates = 0, finalSeeds = 0;
  std::vector<StudyArm> arms; ///< The spec's own is the first.
  std::vector<StudyDifference> differences;
  ProgramScores start;
  std::vector<ProgramScores> baselines;
};

struct StudyProgress {
  std::string arm;
  uint64_t seed = 0;
  unsigned run = 0, runs = 0; ///< From 1.
  bool skipped = false;       ///< Was finished already.
  SearchProgress search;
};

/// The spec of one arm. `loop` is empty, or architecture, pipeline or objective; `strategy` is empty for the spec's
/// own.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> deriveSpec(mlir::ModuleOp spec, llvm::StringRef strategy,
                                                             llvm::StringRef loop, uint64_t seed,
                                                             std::optional<int64_t> candidates);

/// Runs what is missing of a study, and leaves study.json.
llvm::Expected<Study> runStudy(mlir::ModuleOp spec, llvm::StringRef source, const StudyOptions &options,
                               llvm::function_ref<void(const StudyProgress &)> progress);

/// The best of a run when `now` CPU seconds were spent; nothing before its first score.
std::optional<double> bestAtTime(const StudyRun &run, double now);
/// "at equal CPU time, ...": the comparison that equal candidates leave open.
std::string equalTimeSentence(const StudyDifference &difference, llvm::StringRef metric);

/// The best so far of an archive's rows; the last point is at its end.
std::vector<CurvePoint> bestSoFar(llvm::ArrayRef<CandidateRow> rows, bool maximize);

/// "A beats B by x [lo, hi]", "A loses to B by ...", "A does not beat B: x [lo, hi] includes zero".
std::string differenceSentence(llvm::StringRef arm, llvm::StringRef against, const Estimate &difference,
                               llvm::StringRef metric);

llvm::Error writeStudy(llvm::StringRef directory, const Study &study);
llvm::Expected<Study> loadStudy(llvm::StringRef directory);

} // namespace selfopt::report
#endif // SELFOPT_REPORT_STUDY_H
