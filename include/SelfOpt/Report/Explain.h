//===- Explain.h - What a winner's mutations are worth --------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A winner carries what helped it, what did nothing, and what merely came along. Two questions tell them apart:
//
//  * Ablation. For each mutation of the lineage, the lineage is replayed without it, trained on the same fresh seeds,
//  and
//    compared on validation: winner minus variant, paired by seed. A later mutation may not apply without it; it is
//    left out too, and named. It may also land on another op, since places are counted in the program as it is; then it
//    is named as shifted, and the number is that of both changes.
//  * Simplification. What can go goes, one at a time: first mutations, the least worth first, then, by further
//  mutations,
//    hyperparameters and constants that differ from the start's, ops of expressions, layers. An edit stays when the
//    mean over seeds is no worse than the bad end of the winner's own 95 % interval, the difference to the winner,
//    paired by seed, has an interval that includes zero (always the winner's, so that many small losses can't add up),
//    and the parameters are no more. What comes out keeps the policy and has a lineage of its own.
//
// Training reads the train split and scores read validation. Test is never looked at: the simplified spec may be judged
// there afterwards, once. Both answers are chosen on validation and so flatter themselves a little.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_REPORT_EXPLAIN_H
#define SELFOPT_REPORT_EXPLAIN_H

#include "SelfOpt/Report/Statistics.h"
#include "SelfOpt/Search/Archive.h"
#include "mlir/IR/MLIRContext.h"

namespace selfopt::report {

struct ExplainOptions {
  unsigned seeds = 5;
  unsigned workers = 0;  ///< 0: one per core.
  unsigned trials = 400; ///< At most so many variants are trained for the simplification.
  std::string source;    ///< The spec's file, so that data is found beside it.
};

struct MutationWorth {
  std::string mutation;                   ///< The op, as text.
  bool trained = false;                   ///< Whether the variant without it could be scored.
  bool noEffect = false;                  ///< The program is the same without it.
  std::string reason;                     ///< Why it could not.
  std::vector<std::string> lost, shifted; ///< Later mutations that don't apply without it, or land elsewhere.
  Estimate worth;                         ///< Positive: the winner is better with it.
  double without = 0;                     ///< Mean validation without it.
  int64_t parameters = 0;                 ///< Without it.
};

struct ProgramSize {
  int64_t parameters = 0, flopsPerExample = 0, ops = 0, mutations = 0;
};

struct SimplifyStep {
  std::string edit; ///< "without evolve.widen ...", or the mutation that simplifies.
  Estimate validation;
  ProgramSize size;
};

struct Explanation {
  std::string metric, digest; ///< The winner's digest.
  bool maximize = true;
  int64_t winnerId = -1, seeds = 0, trials = 0;
  uint64_t firstSeed = 0;
  bool limited = false; ///< The simplification ended at its limit of trials.
  double cpuSeconds = 0;
  Estimate winner, simplified; ///< Validation.
  ProgramSize winnerSize, simplifiedSize;
  std::vector<MutationWorth> mutations;
  std::vector<SimplifyStep> steps;
};

/// Explains the winner of a finished search. Leaves explain.json and simplified.mlir in the directory.
llvm::Expected<Explanation> explainWinner(llvm::StringRef directory, mlir::MLIRContext &context,
                                          const ExplainOptions &options,
                                          llvm::function_ref<void(llvm::StringRef)> progress);

/// DIR/explain.json, if there is one about this winner.
std::optional<Explanation> loadExplanation(llvm::StringRef directory, llvm::StringRef winnerDigest);
llvm::json::Object toJson(const Explanation &explanation);

} // namespace selfopt::report
#endif // SELFOPT_REPORT_EXPLAIN_H
