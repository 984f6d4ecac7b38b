//===- Search.h - The search --------------------------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Drives propose -> check -> compile -> train -> score -> archive over worker processes. The parent mutates and archives;
// a worker plans, checks the policy, compiles and trains, so that a candidate which crashes a stage costs itself alone.
//
// Determinism: candidate i is drawn from Philox(seed, i) and the results of candidates up to i - in_flight; rows reach the
// archive in order. So 1 and N workers, and an interrupted and resumed run, leave the same content.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SEARCH_SEARCH_H
#define SELFOPT_SEARCH_SEARCH_H

#include "SelfOpt/Safety/Certificate.h"
#include "SelfOpt/Search/Archive.h"
#include "SelfOpt/Search/WorkerPool.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/JSON.h"
#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace selfopt {

struct SearchOptions {
  std::string directory;
  unsigned workers = 0;               ///< 0: one per core.
  std::optional<uint64_t> seed;       ///< Instead of the spec's.
  std::optional<int64_t> candidates;  ///< Instead of the spec's.
  double seconds = 0;                 ///< Stop proposing after this long; 0: never. Recorded in the archive.
  bool resume = false;
  WorkerLimits limits{uint64_t(4) << 30, 600, 600, 500};
  /// Called in the worker before it looks at a candidate: where a test makes one crash, hang or eat memory.
  std::function<void(int64_t id)> beforeCandidate;
  unsigned finalSeeds = 5;            ///< Fresh training seeds of the closing comparison.
  unsigned finalists = 24;            ///< Candidates that are retrained on them to choose the winner.
};

struct SearchProgress {
  int64_t done = 0, total = 0, evaluated = 0, reused = 0, rejected = 0, failed = 0;
  int64_t savedByDigest = 0; ///< Candidates whose result was known, by the canonical digest of their program,
  int64_t savedByProbe = 0;  ///< or by what their first steps compute, confirmed by their plan.
  double seconds = 0, perSecond = 0, secondsLeft = 0;
  double best = 0;                       ///< Validation metric of the best so far.
  int64_t bestId = -1, bestParameters = 0;
  std::map<std::string, int64_t> reasons; ///< Rejections by constraint, failures by reason.
};

/// What a closing training left.
struct FinalWeights {
  int64_t candidate = -1;
  uint64_t seed = 0;
  std::string digest; ///< Of the file DIR/weights/DIGEST.safetensors.
};

/// A program, retrained on fresh seeds.
struct FinalScore {
  std::string digest, text;
  int64_t id = -1, parameters = 0, flopsPerExample = 0, epochs = 0;
  double validation = 0, test = 0, testDeviation = 0; ///< Means over seeds, and the standard deviation.
  unsigned seeds = 0, failedSeeds = 0; ///< Of which the training diverged on some,
  bool asked = false;                  ///< Whether the policy requires anything of the weights:
  unsigned brokenSeeds = 0;            ///< on so many seeds they break it,
  std::string broken;                  ///< how, on the first of them.
  /// Seed and safetensors file of each training that has a score, where they were asked for; those that keep the policy
  /// first.
  std::vector<std::pair<uint64_t, std::string>> weights;
};

/// A candidate that no other one beats in every objective, by the scores that the search selects with.
struct FrontMember {
  int64_t id = -1;
  double validation = 0;
  std::vector<std::pair<std::string, int64_t>> minimized; ///< "parameters", ... as the search lists them.
};

llvm::json::Object toJson(const FrontMember &member);

struct SearchOutcome {
  SearchProgress progress;
  std::vector<FrontMember> front; ///< From the best validation on; empty for strategies that order the objectives.
  std::string metric;
  uint64_t seed = 0; ///< Of the search.
  FinalScore start, best;
  bool interrupted = false; ///< By the time limit.
};

/// Searches from `spec` as its evolve.search says. Leaves archive.sqlite, best.mlir, best.cert, best.safetensors and
/// weights/ in the directory. Errors of the spec are diagnostics; errors of the machine are llvm::Error.
llvm::Expected<SearchOutcome> runSearch(mlir::ModuleOp spec, const SearchOptions &options,
                                        llvm::function_ref<void(const SearchProgress &)> report);

/// The first of the fresh training seeds that close a search: far from the seeds that candidates are trained on.
inline uint64_t freshSeed(uint64_t searchSeed) { return (uint64_t(1) << 32) + searchSeed * 1000; }

/// Trains a program on `seeds` fresh seeds and scores validation. One that is `elite` is looked at on test too, and its
/// weights are handed back. Those of each seed are held to what the policy requires of weights, where it is given.
llvm::FailureOr<FinalScore> scoreFinally(mlir::ModuleOp spec, llvm::StringRef program, llvm::StringRef metric,
                                         unsigned seeds, uint64_t firstSeed, bool elite,
                                         const Policy *policy = nullptr);

/// What a finished search keeps of the start and of the winner: the start first, seed by seed. Empty before the end, and
/// for archives of releases that kept none.
llvm::Expected<std::vector<FinalWeights>> finalWeightsOf(Archive &archive);

/// An error where a file of these weights, or best.safetensors, is missing or is not what was archived.
llvm::Error verifyWeights(Archive &archive, llvm::StringRef directory);

/// The spec that candidate `id` of an archive is, made again from the start and the mutations of its ancestors.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> replayCandidate(Archive &archive, int64_t id,
                                                                 mlir::MLIRContext &context);

/// The certificate of a candidate whose lineage leads to it from `spec`: the lineage is applied again, the candidate is
/// planned, and its policy checked. An error where a constraint does not hold, or the lineage leads elsewhere. Both are of
/// one context.
/// What the policy requires of trained weights is checked for `weights`, and does not hold without any.
llvm::Expected<Certificate> certifyCandidate(mlir::ModuleOp spec, mlir::ModuleOp candidate,
                                             const TrainedWeights *weights = nullptr);

} // namespace selfopt
#endif // SELFOPT_SEARCH_SEARCH_H
