//===- TrainedChecks.h - What a policy requires of trained weights -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `robust` is proved, for these weights, by bound propagation. The others are measured, on what the reference interpreter
// predicts: so that whoever checks needs no compiler, and finds the same.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_TRAINEDCHECKS_H
#define SELFOPT_SAFETY_TRAINEDCHECKS_H

#include "SelfOpt/Dialect/Safety/Safety.h"
#include "SelfOpt/Safety/BoundPropagation.h"
#include "SelfOpt/Safety/Verdict.h"
#include "mlir/IR/BuiltinOps.h"

namespace selfopt {

/// What a trained model says of some examples.
struct Predictions {
  int64_t classes = 0;        ///< Scores of a row; of a regression, what it predicts.
  std::vector<double> scores; ///< count x classes, numbers of f32.

  double score(int64_t row, int64_t k) const { return scores[row * classes + k]; }
  /// The class that a row's scores say, the first of equals, and its softmax; -1 where a score is not finite.
  std::pair<int64_t, double> answer(int64_t row) const;
};
/// By the reference interpreter. An error names the op that can't be run, or the weights that are of another model.
llvm::Expected<Predictions> predict(ModelOp model, const TrainedWeights &weights, llvm::ArrayRef<float> features,
                                    int64_t count);

/// A requirement `@model on SPLIT` of `selfopt.train @program`, whose model it must be of and whose weights count, and
/// its data where no other dataset is named. `engine` runs what bounds are computed by.
ProofResult checkTrained(mlir::ModuleOp spec, llvm::StringRef program, safety::RequireOp require,
                         const TrainedWeights &weights, const BoundEngine &engine = interpretBounds);

} // namespace selfopt
#endif // SELFOPT_SAFETY_TRAINEDCHECKS_H
