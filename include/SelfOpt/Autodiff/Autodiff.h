//===- Autodiff.h - Reverse mode over straight-line functions - -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_AUTODIFF_AUTODIFF_H
#define SELFOPT_AUTODIFF_AUTODIFF_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectRegistry.h"

namespace selfopt {

/// Makes `NAME.gradient` behind `function`: its results, then the cotangents of its first `count` operands for a
/// cotangent of 1 of the first result, which must be a float scalar or a float tensor of rank 0. The function must be
/// one block of ops that implement PullbackOpInterface wherever a cotangent reaches them. Errors are on the op at fault.
llvm::FailureOr<mlir::func::FuncOp> buildGradientFunction(mlir::func::FuncOp function, unsigned count);

/// Runs the ops before `block`'s terminator in reverse, through PullbackOpInterface: `cotangents` maps a value to its
/// cotangent, is seeded by the caller and filled for everything that the seeds depend on among `active` values.
class CotangentMap {
public:
  mlir::Value lookup(mlir::Value v) const { return map.lookup(v); }
  /// Adds to what a value has already.
  void accumulate(mlir::OpBuilder &b, mlir::Value v, mlir::Value cotangent);

private:
  llvm::DenseMap<mlir::Value, mlir::Value> map;
};
/// `ops` in program order; new ops are created at the builder's insertion point.
llvm::LogicalResult pullBlock(mlir::OpBuilder &b, llvm::ArrayRef<mlir::Operation *> ops, CotangentMap &cotangents,
                              llvm::function_ref<bool(mlir::Value)> isActive);

/// Puts the bodies of called functions in place of the calls, inside bodies of structured ops too. Callees have one block.
llvm::LogicalResult inlineCalls(mlir::func::FuncOp function);

/// A constant of a float type or a splat of a tensor of floats.
mlir::Value constantLike(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type, double value);

/// External models of PullbackOpInterface, one file per dialect; elementwise rules come from Pullbacks.td.
void registerArithPullbacks(mlir::DialectRegistry &registry);
void registerMathPullbacks(mlir::DialectRegistry &registry);
void registerLinalgPullbacks(mlir::DialectRegistry &registry);
void registerTensorPullbacks(mlir::DialectRegistry &registry);

} // namespace selfopt
#endif // SELFOPT_AUTODIFF_AUTODIFF_H
