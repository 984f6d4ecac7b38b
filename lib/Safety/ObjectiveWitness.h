//===- ObjectiveWitness.h - Points that refute a goal ----- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_OBJECTIVEWITNESS_H
#define SELFOPT_LIB_SAFETY_OBJECTIVEWITNESS_H

#include "SelfOpt/Safety/ElementAnalysis.h"
#include "SelfOpt/Safety/Verdict.h"
#include <optional>

namespace selfopt {

using GoalTest = llvm::function_ref<bool(const ElementAnalysis &)>;

/// One thing to be shown over a box, and how a point refutes it.
struct Goal {
  ElementCase assumed;
  /// Holds on the whole box; a reason where it does not.
  GoalTest holds;
  /// Certainly fails on the whole box, which is a point; null where only a value that is no number refutes it.
  GoalTest fails;
  std::string what;           ///< Of which label or element: "label 3", "the derivative by element 2".
  bool alike = false;         ///< Whether all scores but the label's play one part.
  bool labelled = false;      ///< Whether argument 1 is a label.
};

/// Points of the box: its middle, its corners in the ways that matter to a loss, and draws of several sizes; until `visit`
/// says true. Most goals that fail do so at one of the first `fewPoints`.
constexpr unsigned fewPoints = 9, allPoints = 48;
void forEachPoint(const Goal &goal, llvm::function_ref<bool(const ElementCase &)> visit, unsigned from = 0,
                  unsigned to = allPoints);

/// Where witnesses come from, among points from..to; null in a program that only needs to tell what holds. `slope`: what is
/// to be shown is of the derivative, not of the value.
using GoalWitnessSearch = std::optional<ProofResult>(mlir::Operation *program, const Goal &goal, bool slope, unsigned from,
                                                     unsigned to);
extern GoalWitnessSearch *goalWitnessSearch;
GoalWitnessSearch findGoalWitness;

} // namespace selfopt
#endif // SELFOPT_LIB_SAFETY_OBJECTIVEWITNESS_H
