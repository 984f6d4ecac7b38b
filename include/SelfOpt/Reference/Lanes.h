//===- Lanes.h - One program, many inputs ------------------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_REFERENCE_LANES_H
#define SELFOPT_REFERENCE_LANES_H

#include "SelfOpt/Reference/Interpreter.h"
#include "mlir/IR/Block.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace selfopt::reference {

/// Whether all inputs of a program can be run at once: it is one of scalars, its ops are elementwise, and it uses nothing
/// from outside.
bool hasLanes(mlir::Block &program);

/// One element of a column, as a scalar.
Tensor laneOf(const Tensor &column, int64_t lane);

/// Runs a program that has lanes on many inputs at once: a copy that has vectors of `lanes` elements for scalars computes in
/// each lane what the program does.
class LaneRunner {
public:
  LaneRunner(mlir::Block &program, int64_t lanes);

  /// A column of `lanes` elements for each argument; appends one for each result. Fails with an error on the op at fault,
  /// for all inputs together.
  llvm::LogicalResult run(llvm::ArrayRef<Tensor> columns, llvm::SmallVectorImpl<Tensor> &results,
                          Precision precision = Precision::AsTyped) const;

private:
  mlir::OwningOpRef<mlir::ModuleOp> wide; ///< Its body is the copy.
};

} // namespace selfopt::reference
#endif // SELFOPT_REFERENCE_LANES_H
