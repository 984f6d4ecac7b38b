//===- ObjectiveSearch.h - Evidence for goals, and what refutes them -- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_OBJECTIVESEARCH_H
#define SELFOPT_LIB_SAFETY_OBJECTIVESEARCH_H

#include "ObjectiveGoal.h"

namespace selfopt {
extern const GoalSearch searchGoals;
std::optional<std::string> findImproperWitness(mlir::Block &loss, int classes);
} // namespace selfopt
#endif // SELFOPT_LIB_SAFETY_OBJECTIVESEARCH_H
