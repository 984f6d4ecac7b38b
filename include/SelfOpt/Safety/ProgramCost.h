//===- ProgramCost.h - What a training program costs ----------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_PROGRAMCOST_H
#define SELFOPT_SAFETY_PROGRAMCOST_H

#include "mlir/IR/BuiltinOps.h"
#include <cstdint>
#include <optional>

namespace selfopt {

/// Exact integers, from the IR alone.
struct ProgramCost {
  int64_t parameters = 0;      ///< Trained scalars.
  int64_t flopsPerExample = 0; ///< FLOPs of the model for one example.
  int64_t trainFlops = 0;      ///< epochs * steps * batch * 3 * flopsPerExample: forward, and backward's two products.
  int64_t depth = 0;           ///< The most trained layers that stand one behind another on the way to the prediction.
  int64_t steps = 0;           ///< Updates of the parameters in a whole training.
  int64_t stateBytes = 0;      ///< What a training keeps from step to step, as docs/Language.md lists it.
};

/// The cost of `selfopt.train @program` with `trainRows` examples to train on; nullopt when an op has no known cost or a
/// sum leaves 64 bits.
std::optional<ProgramCost> programCost(mlir::ModuleOp spec, llvm::StringRef program, int64_t trainRows);

} // namespace selfopt
#endif // SELFOPT_SAFETY_PROGRAMCOST_H
