//===- RewardSearch.h - Potentials of rewards, and what refutes them -- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_REWARDSEARCH_H
#define SELFOPT_LIB_SAFETY_REWARDSEARCH_H

#include "SelfOpt/Safety/RewardShaping.h"

namespace selfopt {
ShapingSearch searchPotential;
} // namespace selfopt
#endif // SELFOPT_LIB_SAFETY_REWARDSEARCH_H
