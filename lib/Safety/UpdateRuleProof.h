//===- UpdateRuleProof.h - What proofs about update rules go by --- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Evidence is JSON, as certificates have it:
//
//   invariant   a box for each state
//   energy      the state v with v1 = A v + B g^2 by whose root values are bounded, if one is
//   templates   other states m, each with a K for which m^2 <= K v is kept
//   pieces      the last step of each part that the steps are split into
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_UPDATERULEPROOF_H
#define SELFOPT_LIB_SAFETY_UPDATERULEPROOF_H

#include "UpdateRuleDomain.h"

namespace selfopt::updaterule {

std::string nameOf(mlir::Operation *op);

class RuleProof {
public:
  RuleProof(OptimizerOp optimizer, double gradient, const UpdateRuleOptions &options)
      : optimizer(optimizer), gradient(gradient), options(options), domain(optimizer, gradient, options),
        allSteps(Interval::of(1, options.steps)) {}

  //===--- Evidence; what is wrong with it, or nothing ------------------------===//

  std::string readBoxes(const llvm::json::Object &claimed);
  std::string readEnergy(const llvm::json::Object &claimed, std::optional<Energy> &energy, llvm::json::Array &shown);
  /// Whether every step keeps the boxes, with what is known by an energy, and no value may be infinite or NaN. Says
  /// which of them grow.
  std::string checkBoxes(const Energy *energy);
  /// Asks Z3 whether m^2 <= K v is kept.
  std::string addTemplate(Energy &energy, unsigned state, const smt::Decimal &K, llvm::json::Array &shown);

  //===--- Of the forms in the domain -----------------------------------------===//

  /// |x1| <= a |x| + b for state k.
  bool linearGrowth(unsigned k, double &a, double &b);
  /// What a state with that growth may reach, and whether its box is no smaller where it leaves it.
  double growthLimit(unsigned k, double a, double b);
  bool staysBelow(unsigned k, double limit);
  /// Where state k can be one.
  std::optional<Energy> energyOf(unsigned k);
  /// |m1| <= a |m| + b |g|, where a state has that form.
  std::optional<std::pair<double, double>> linearForm(unsigned state);
  std::string query(const Energy &energy, std::pair<double, double> form, const smt::Decimal &K);

  /// The largest move over the learning rate in some steps, by intervals (null) or by an energy.
  std::optional<double> measure(double first, double last, const Energy *energy, mlir::Operation *&failed);
  llvm::json::Object describe();

  OptimizerOp optimizer;
  double gradient;
  const UpdateRuleOptions &options;
  RuleDomain domain;
  Interval allSteps;
  std::vector<Interval> boxes;
  std::vector<bool> grows; ///< By what the steps add up to, so for `options.steps` steps only.
};

/// finite_state where no multiple is given, else bounded_step: holds if the evidence shows it, else unknown.
ProofResult verify(RuleProof &proof, std::optional<double> atMost, const llvm::json::Value &claimed);

/// Where evidence and witnesses come from; null in a program that only verifies.
using RuleSearch = ProofResult(RuleProof &proof, std::optional<double> atMost);
extern RuleSearch *ruleSearch;

} // namespace selfopt::updaterule
#endif // SELFOPT_LIB_SAFETY_UPDATERULEPROOF_H
