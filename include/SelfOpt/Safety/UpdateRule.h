//===- UpdateRule.h - Proofs about update rules -------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two properties of a selfopt.optimizer, for every sequence of gradients of a monitored domain:
//
//   finite_state   every value that the rule ever computes is finite;
//   bounded_step   the parameter moves by at most a multiple of the learning rate in any step.
//
// Both are for all steps 1 to `steps`, from the declared initial state, for every |g| <= gradient, |w| <= maxWeight and
// learning rate in (0, 1]; w, g and lr may differ from step to step. They hold of what a machine computes in f32, with or
// without fused products and with or without flushing of subnormal numbers, not only of the reals.
//
// bounded_step speaks of the move that is added to the parameter, decoupled weight decay included: that sum's own
// rounding, at most an ulp of the weight for each operation on it, does not count, and a learning rate below
// minLearningRate is taken for zero. The multiple is compared up to `comparisonSlack`, since a rule whose bound is exactly
// the multiple over the reals may round past it.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_UPDATERULE_H
#define SELFOPT_SAFETY_UPDATERULE_H

#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Safety/Verdict.h"

namespace selfopt {

struct UpdateRuleOptions {
  double maxWeight = 1e6;          ///< Parameters that a monitor lets pass, in magnitude.
  double maxLearningRate = 1;      ///< That a monitor lets pass, where a schedule has a say.
  double minLearningRate = 1e-20;  ///< Smaller ones move nothing.
  double steps = 0x1p24;           ///< Whole numbers up to here are exact in f32, so `step` is.
  double comparisonSlack = 0x1p-20; ///< Relative; sixteen roundings of f32.
  unsigned pieces = 512;           ///< Parts that the steps are split into, at most.
  unsigned smtResources = 1000000; ///< Z3's rlimit for each query; Adam's take 1,300.
  unsigned witnessSteps = 1 << 17; ///< How long a constant gradient is tried as a counterexample.
};

/// By the evidence that is claimed, of which nothing is assumed, or else by what is found.
ProofResult proveFiniteState(OptimizerOp optimizer, double gradient, const UpdateRuleOptions &options = {},
                             const llvm::json::Value *claimed = nullptr);
ProofResult proveBoundedStep(OptimizerOp optimizer, double gradient, double atMost,
                             const UpdateRuleOptions &options = {}, const llvm::json::Value *claimed = nullptr);

} // namespace selfopt
#endif // SELFOPT_SAFETY_UPDATERULE_H
