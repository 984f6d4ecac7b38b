//===- Strategies.h - The strategies that a search may name ----- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table that the parser, the printer, the verifier and the search read: which strategies there are, which whole
// numbers they take, what each one means, and within which bounds. A new strategy is a row here and a class in
// lib/Search; the assembly
//
//   strategy(NAME parameter(N) ... axis("quantity" in [LOW, HIGH] cells(N) log) ...)
//
// follows from the row. A parameter that bears the strategy's own name stands right behind it: islands(4).
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_DIALECT_EVOLVE_STRATEGIES_H
#define SELFOPT_DIALECT_EVOLVE_STRATEGIES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace selfopt::evolve {

struct StrategyParameter {
  llvm::StringLiteral name;
  int64_t initial, low, high; ///< What it is where it is left out, and its bounds, which it may reach.
  llvm::StringLiteral meaning;
  /// It is among a search's settings only where it is not at its default: for parameters that came later, so that the
  /// specs of before keep their text and their digest.
  bool optional = false;
};

struct StrategyKind {
  llvm::StringLiteral name;
  llvm::ArrayRef<StrategyParameter> parameters;
  unsigned maxAxes; ///< It takes from 1 axis up to this many; 0: none.
  bool pauses;      ///< Trainings pause and go on.
  llvm::StringLiteral summary;
};

llvm::ArrayRef<StrategyKind> getStrategies();
/// Null where there is none.
const StrategyKind *findStrategy(llvm::StringRef name);

/// What may be minimised beside the metric.
llvm::ArrayRef<llvm::StringLiteral> getCostQuantities();

} // namespace selfopt::evolve
#endif // SELFOPT_DIALECT_EVOLVE_STRATEGIES_H
