//===- Lanes.h - One program, many inputs ------------------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_REFERENCE_LANES_H
#define SELFOPT_REFERENCE_LANES_H

#include "SelfOpt/Reference/Tensor.h"
#include "mlir/IR/Block.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace selfopt::reference {

/// Whether a program is one of scalars, whose ops are elementwise.
bool hasLanes(mlir::Block &program);

/// Runs a program on many inputs. A program of scalars is run on all of them at once: its ops are elementwise, so a
/// copy that has vectors of `lanes` elements for scalars computes in each lane what the program does.
class LaneRunner {
public:
  LaneRunner(mlir::Block &program, int64_t lanes);

  /// The results of each input, of which there are at most `lanes`. Fails with an error on the op at fault; of scalars
  /// all inputs fail together.
  llvm::LogicalResult run(llvm::ArrayRef<llvm::SmallVector<Tensor>> inputs,
                          llvm::SmallVectorImpl<llvm::SmallVector<Tensor>> &results) const;
  /// The same of a program that has lanes, with a column of `lanes` elements for each argument and each result.
  llvm::LogicalResult runColumns(llvm::ArrayRef<Tensor> columns, llvm::SmallVectorImpl<Tensor> &results) const;

private:
  void widen();

  mlir::Block &program;
  int64_t lanes;
  mlir::OwningOpRef<mlir::ModuleOp> owner;
  mlir::ModuleOp wide; ///< Null where each input is run by itself.
};

} // namespace selfopt::reference
#endif // SELFOPT_REFERENCE_LANES_H
