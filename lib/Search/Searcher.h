//===- Searcher.h - The state of one search --------------------- -*- C++ -*- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SEARCH_SEARCHER_H
#define SELFOPT_LIB_SEARCH_SEARCHER_H

#include "Candidate.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Search/Search.h"
#include "SelfOpt/Search/Strategy.h"
#include "StateStore.h"
#include "Workbench.h"
#include <deque>
#include <set>

namespace selfopt {

inline llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(std::make_error_code(std::errc::invalid_argument), message);
}

/// Nothing here grows with the number of candidates but what the strategy remembers: texts and results are in the
/// archive and read back when they are asked for.
class Searcher {
public:
  Searcher(mlir::ModuleOp spec, const SearchOptions &options, llvm::function_ref<void(const SearchProgress &)> report)
      : spec(spec), options(options), report(report), context(*spec.getContext()), states(options.directory) {}

  llvm::Expected<SearchOutcome> run();

private:
  /// A candidate that was proposed and is not in the archive yet.
  struct Pending {
    CandidateRow row;
    std::string key, request;
    bool settled = false;
  };
  /// What identifies a training.
  static std::string keyOf(const CandidateRow &row);

  // Search.cpp
  llvm::Error setUp();
  llvm::Error openArchive();
  llvm::Error restore();
  llvm::Error loop(SearchOutcome &outcome);
  llvm::Expected<std::pair<std::string, std::string>> programOf(int64_t id);
  llvm::Error propose(int64_t id);
  Proposal ask(int64_t id, Philox &random);
  void tellUpTo(int64_t last);
  llvm::Error settle();
  llvm::Error collect(double timeout);
  void count(const CandidateRow &row);
  Fitness fitnessOf(const CandidateRow &row);
  std::optional<TrialResult> resultOf(const CandidateRow &row); ///< Nothing where it has no score.

  // The states of paused trainings (States.cpp).
  void hold(int64_t id, const std::string &key);
  void keepState(const CandidateRow &row);
  void release(int64_t id, int64_t toldId);
  void removeReleased();
  llvm::Error sweepStates();

  // Finish.cpp
  llvm::Error finish(SearchOutcome &outcome);
  llvm::Expected<std::vector<int64_t>> findFinalists();
  llvm::Error findFront(SearchOutcome &outcome);
  llvm::Error writeBest(const FinalScore &winner);
  llvm::Error keepWeights(SearchOutcome &outcome);
  bool keepsPolicy(mlir::ModuleOp module);

  mlir::ModuleOp spec;
  const SearchOptions &options;
  llvm::function_ref<void(const SearchProgress &)> report;
  mlir::MLIRContext &context;
  evolve::SearchOp search;
  std::string program, metric, startDigest, startText, source;
  uint64_t seed = 0;
  int64_t total = 0, trainRows = 0, inFlight = 1;
  std::optional<Policy> policy;
  std::unique_ptr<Strategy> strategy;
  std::unique_ptr<Workbench> workbench;
  std::unique_ptr<Archive> archive;
  std::unique_ptr<WorkerPool> pool;
  std::unique_ptr<CandidateEvaluator> evaluator;

  std::map<int64_t, Pending> pending;
  std::map<std::string, int64_t> pendingKeys;           ///< Of those that are being trained.
  std::map<int64_t, std::optional<TrialResult>> untold; ///< In the archive, not told yet.
  int64_t proposed = 0, stored = 0, told = 0;

  struct Held {
    std::string key, state;
  };
  StateStore states;
  std::map<int64_t, Held> held;                         ///< Candidates that may be continued, from their proposal on.
  std::map<std::string, int64_t> liveKeys;              ///< How many of them are the same training,
  std::map<std::string, int64_t> holders;               ///< and how many in the archive have the same state.
  std::deque<std::pair<int64_t, std::string>> released; ///< A state, and how many rows must be stored before it may go.
  std::string bestState;                                ///< Stays, whoever may continue from it.

  double begin = 0, lastReport = 0;
  Fitness bestFitness;
  SearchProgress progress;
};

} // namespace selfopt
#endif // SELFOPT_LIB_SEARCH_SEARCHER_H
