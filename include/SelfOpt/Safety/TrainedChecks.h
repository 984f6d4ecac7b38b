//===- TrainedChecks.h - What a policy requires of trained weights -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `robust` is proved, for these weights, by bound propagation. `class_accuracy` and `calibration_error` are measured:
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

/// A requirement `@model on SPLIT` of `selfopt.train @program`, whose model it must be of and whose data and weights
/// count.
ProofResult checkTrained(mlir::ModuleOp spec, llvm::StringRef program, safety::RequireOp require,
                         const TrainedWeights &weights);

} // namespace selfopt
#endif // SELFOPT_SAFETY_TRAINEDCHECKS_H
