//===- VectorMath.h - Small pieces of vector code ----------------*- C++ -*-===//
#ifndef SELFOPT_LIB_CODEGEN_VECTORMATH_H
#define SELFOPT_LIB_CODEGEN_VECTORMATH_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Builders.h"
#include <optional>

namespace selfopt::codegen {

/// `scalar` itself for one lane, else its vector type.
mlir::Type widen(mlir::Type scalar, unsigned lanes);
/// All lanes equal to `v`; `v` itself if it is a vector already or lanes is 1. Constants become dense constants.
mlir::Value splat(mlir::OpBuilder &b, mlir::Value v, unsigned lanes);
mlir::Value indexConstant(mlir::OpBuilder &b, mlir::Location loc, int64_t value);
mlir::Value zeroOf(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type);
mlir::Value addIndex(mlir::OpBuilder &b, mlir::Value x, mlir::Value y);
mlir::Value subIndex(mlir::OpBuilder &b, mlir::Value x, mlir::Value y);
mlir::Value mulIndex(mlir::OpBuilder &b, mlir::Value x, mlir::Value y);
mlir::Value minIndex(mlir::OpBuilder &b, mlir::Value x, mlir::Value y);
/// The mask of the lanes below `count`.
mlir::Value maskBelow(mlir::OpBuilder &b, mlir::Value count, unsigned lanes);

/// Transposes the square matrix whose rows are `rows` (as many as each has lanes).
void transposeSquare(mlir::OpBuilder &b, llvm::MutableArrayRef<mlir::Value> rows);

/// maximumf and minimumf by compare and select: one vmaxps plus, unless an operand is a constant other than NaN, the
/// NaN fix-up. `like` tells which of the two.
mlir::Value emitMinMax(mlir::OpBuilder &b, mlir::Operation *like, mlir::Value x, mlir::Value y);

/// The combiner of reduction output `number`, if its yield is op(output, expr) for an associative op with a neutral
/// element and nothing else reads the output.
struct Combiner {
  mlir::Operation *op;
  mlir::Value expr;
  mlir::TypedAttr neutral;
  mlir::Value combine(mlir::OpBuilder &b, mlir::Value x, mlir::Value y) const;
  /// Lanes of `x` to one scalar, by halves: ((0+8)+(4+12))+... in an order that depends on the lane count alone.
  mlir::Value horizontal(mlir::OpBuilder &b, mlir::Value x) const;
  mlir::Value neutralValue(mlir::OpBuilder &b, unsigned lanes) const;
};
std::optional<Combiner> matchCombiner(mlir::linalg::GenericOp op, unsigned number);

} // namespace selfopt::codegen

#endif // SELFOPT_LIB_CODEGEN_VECTORMATH_H
