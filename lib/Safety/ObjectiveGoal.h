//===- ObjectiveGoal.h - What is to be shown of a program --- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_OBJECTIVEGOAL_H
#define SELFOPT_LIB_SAFETY_OBJECTIVEGOAL_H

#include "SelfOpt/Safety/ElementAnalysis.h"
#include "SelfOpt/Safety/Objective.h"
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
  std::string what;      ///< Of which label or element: "label 3", "the derivative by element 2".
  bool alike = false;    ///< Whether all scores but the label's play one part.
  bool labelled = false; ///< Whether argument 1 is a label.
};

/// Where evidence and witnesses come from.
struct GoalSearch {
  /// Writes a tree of boxes, each of which holds. Else why there is none: unknown, or violated by a point. `slope`:
  /// what is to be shown is of the derivative, not of the value. `many` elements have a budget of their own, of which
  /// `looked` boxes are gone.
  std::optional<ProofResult> (*findTree)(mlir::Operation *program, Goal &goal, bool slope, bool many, unsigned looked,
                                         const ProofOptions &options, std::string &tree);
  /// A point of the box at which a test holds, as numbers for each argument; null where none was found.
  llvm::json::Value (*findPoint)(mlir::Block &block, const Goal &goal, GoalTest test);
  /// What shows that a loss of so many classes is no proper scoring rule.
  std::optional<std::string> (*findImproper)(mlir::Block &loss, int classes);
};
/// Null in a program that only verifies.
extern const GoalSearch *goalSearch;

} // namespace selfopt
#endif // SELFOPT_LIB_SAFETY_OBJECTIVEGOAL_H
