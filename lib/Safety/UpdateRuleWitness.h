//===- UpdateRuleWitness.h - Gradients that break an update rule -- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_UPDATERULEWITNESS_H
#define SELFOPT_LIB_SAFETY_UPDATERULEWITNESS_H

#include "UpdateRuleProof.h"

namespace selfopt::updaterule {

/// Where a rule broke: run from its initial state in f32, subnormal numbers flushed, with the gradients that `gradients`
/// says.
struct Witness {
  std::string gradients;
  double step, rate, weight;
  mlir::Operation *notFinite = nullptr; ///< The first op whose result is not a finite number;
  double move = 0;                      ///< or how far the parameter moved, over the learning rate.
};

/// Runs the rule on simple sequences (constant, alternating, silence and then a spike, growth, nothing) and returns the
/// first on which a value is not finite, else the one on which the parameter moves furthest, if that is further than
/// `atMost` learning rates.
std::optional<Witness> findWitness(OptimizerOp optimizer, double gradient, std::optional<double> atMost,
                                   const UpdateRuleOptions &options);

/// Evidence that `verify` takes, or a witness.
RuleSearch searchRule;

} // namespace selfopt::updaterule
#endif // SELFOPT_LIB_SAFETY_UPDATERULEWITNESS_H
