//===- TrainedChecks.h - What a policy requires of trained weights -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `robust` is proved, for these weights, by bound propagation. The others are measured:
// on the scores in the middle of the bounds at radius 0, so that whoever checks needs no compiler.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_TRAINEDCHECKS_H
#define SELFOPT_SAFETY_TRAINEDCHECKS_H

#include "SelfOpt/Dialect/Safety/Safety.h"
#include "SelfOpt/Safety/BoundPropagation.h"
#include "SelfOpt/Safety/Verdict.h"
#include "mlir/IR/BuiltinOps.h"

namespace selfopt {

/// The class that a row's scores say, the first of equals, and its softmax; -1 where a score is not finite.
std::pair<int64_t, double> predictionOf(const ScoreBounds &points, int64_t row);

/// A requirement `@model on SPLIT` of `selfopt.train @program`, whose model it must be of and whose weights count, and
/// its data where no other dataset is named.
ProofResult checkTrained(mlir::ModuleOp spec, llvm::StringRef program, safety::RequireOp require,
                         const TrainedWeights &weights);

} // namespace selfopt
#endif // SELFOPT_SAFETY_TRAINEDCHECKS_H
