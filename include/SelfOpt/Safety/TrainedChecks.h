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

/// A requirement `@model on SPLIT` of `selfopt.train @program`, whose model it must be of and whose weights count, and
/// its data where no other dataset is named. `engine` runs what bounds are computed by.
ProofResult checkTrained(mlir::ModuleOp spec, llvm::StringRef program, safety::RequireOp require,
                         const TrainedWeights &weights, const BoundEngine &engine = interpretBounds);

} // namespace selfopt
#endif // SELFOPT_SAFETY_TRAINEDCHECKS_H
