//===- TensorBuilder.h - Short forms for linalg on tensors ---- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_DIALECT_TENSORBUILDER_H
#define SELFOPT_DIALECT_TENSORBUILDER_H

#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace selfopt {

/// The type of `batch` examples of a scalar or tensor type: one leading dimension more.
mlir::RankedTensorType batchedType(mlir::Type type, int64_t batch);

/// Creates upstream ops on statically shaped tensors at one location.
class TensorBuilder {
public:
  TensorBuilder(mlir::OpBuilder &b, mlir::Location loc) : b(b), loc(loc) {}

  using Body = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;

  /// A scalar constant, or a splat when `type` is a tensor. Integer types take the value truncated.
  mlir::Value constant(mlir::Type type, double value);
  /// A new tensor whose elements are all `value`.
  mlir::Value fill(mlir::RankedTensorType type, double value);
  /// One all-parallel linalg.generic over the result's shape; `maps[i]` reads `ins[i]`. The body gets the elements.
  mlir::Value elementwise(mlir::RankedTensorType result, mlir::ValueRange ins, llvm::ArrayRef<mlir::AffineMap> maps,
                          Body body);
  /// Folds the last dimension of `shape` into a tensor without it that starts at `init`. The body gets the elements of
  /// `ins` and, last, the accumulator.
  mlir::Value reduceLast(llvm::ArrayRef<int64_t> shape, mlir::Type elementType, double init, mlir::ValueRange ins,
                         llvm::ArrayRef<mlir::AffineMap> maps, Body body);
  /// linalg.matmul into zeros: [m, k] x [k, n] -> [m, n].
  mlir::Value matmul(mlir::Value lhs, mlir::Value rhs);

  /// (d0, ..., d(rank-1)) -> (the given dims)
  mlir::AffineMap dims(unsigned rank, llvm::ArrayRef<unsigned> results);
  mlir::AffineMap identity(unsigned rank) { return mlir::AffineMap::getMultiDimIdentityMap(rank, b.getContext()); }

private:
  mlir::OpBuilder &b;
  mlir::Location loc;
};

} // namespace selfopt
#endif // SELFOPT_DIALECT_TENSORBUILDER_H
