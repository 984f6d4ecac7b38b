//===- Elementwise.h - Values of elementwise ops, from values of elements -*- C++ -* -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An op's value is one C++ function of elements: `Rules::value(op, a, b)`, an overload per op. The templates here make
// external models of it, which serve scalars and ranked tensors alike.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_REFERENCE_ELEMENTWISE_H
#define SELFOPT_LIB_REFERENCE_ELEMENTWISE_H

#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "mlir/IR/TypeUtilities.h"

namespace selfopt::reference {

inline mlir::Type elementType(mlir::Value v) { return mlir::getElementTypeOrSelf(v.getType()); }

/// Bits of an integer type; an index has 64.
inline unsigned widthOf(mlir::Type type) { return type.isIndex() ? 64 : type.getIntOrFloatBitWidth(); }

/// To the form in which the interpreter keeps integers: sign-extended, i1 as 0 or 1.
inline int64_t wrap(uint64_t x, unsigned width) {
  if (width == 1)
    return x & 1;
  return width >= 64 ? int64_t(x) : int64_t(x << (64 - width)) >> (64 - width);
}
/// The kept form as a number without and with sign.
inline uint64_t asUnsigned(int64_t x, unsigned width) {
  return width >= 64 ? uint64_t(x) : uint64_t(x) & ((uint64_t(1) << width) - 1);
}
inline int64_t asSigned(int64_t x, unsigned width) { return width == 1 ? -x : x; }

/// The interpreter keeps integers in 64 bits.
inline llvm::LogicalResult checkWidths(mlir::Operation *op) {
  auto fits = [](mlir::Type type) {
    type = mlir::getElementTypeOrSelf(type);
    return !type.isInteger() || type.getIntOrFloatBitWidth() <= 64;
  };
  if (llvm::all_of(op->getOperandTypes(), fits) && llvm::all_of(op->getResultTypes(), fits))
    return llvm::success();
  return op->emitOpError("has integers of more than 64 bits, which the reference interpreter can't keep");
}

/// A tensor of the shape of another, of floats or integers.
inline Tensor shapedLike(const Tensor &x, bool isFloat) { return Tensor::zeros(x.shape, isFloat); }

/// Floats to a float, rounded to the result's type.
template <typename OpT, typename Rules>
struct FloatModel : EvaluableOpInterface::ExternalModel<FloatModel<OpT, Rules>, OpT> {
  llvm::LogicalResult evaluate(mlir::Operation *operation, Interpreter &interpreter, llvm::ArrayRef<Tensor> x,
                               llvm::SmallVectorImpl<Tensor> &results) const {
    auto op = llvm::cast<OpT>(operation);
    mlir::Type type = elementType(operation->getResult(0));
    Tensor y = shapedLike(x[0], true);
    for (size_t i = 0, n = y.floats.size(); i < n; ++i) {
      double value;
      if constexpr (OpT::template hasTrait<mlir::OpTrait::OneOperand>())
        value = Rules::value(op, x[0].floats[i]);
      else
        value = Rules::value(op, x[0].floats[i], x[1].floats[i]);
      y.floats[i] = interpreter.round(value, type);
    }
    results.push_back(std::move(y));
    return llvm::success();
  }
};

/// Floats to a truth value.
template <typename OpT, typename Rules>
struct FloatTestModel : EvaluableOpInterface::ExternalModel<FloatTestModel<OpT, Rules>, OpT> {
  llvm::LogicalResult evaluate(mlir::Operation *operation, Interpreter &, llvm::ArrayRef<Tensor> x,
                               llvm::SmallVectorImpl<Tensor> &results) const {
    auto op = llvm::cast<OpT>(operation);
    Tensor y = shapedLike(x[0], false);
    for (size_t i = 0, n = y.integers.size(); i < n; ++i) {
      if constexpr (OpT::template hasTrait<mlir::OpTrait::OneOperand>())
        y.integers[i] = Rules::value(op, x[0].floats[i]);
      else
        y.integers[i] = Rules::value(op, x[0].floats[i], x[1].floats[i]);
    }
    results.push_back(std::move(y));
    return llvm::success();
  }
};

/// Integers of one width to an integer: `Rules::value(op, a, b, width)`, wrapped to the result's width.
template <typename OpT, typename Rules>
struct IntegerModel : EvaluableOpInterface::ExternalModel<IntegerModel<OpT, Rules>, OpT> {
  llvm::LogicalResult evaluate(mlir::Operation *operation, Interpreter &, llvm::ArrayRef<Tensor> x,
                               llvm::SmallVectorImpl<Tensor> &results) const {
    if (failed(checkWidths(operation)))
      return llvm::failure();
    auto op = llvm::cast<OpT>(operation);
    unsigned width = widthOf(elementType(operation->getOperand(0)));
    unsigned resultWidth = widthOf(elementType(operation->getResult(0)));
    Tensor y = shapedLike(x[0], false);
    for (size_t i = 0, n = y.integers.size(); i < n; ++i) {
      uint64_t value;
      if constexpr (OpT::template hasTrait<mlir::OpTrait::OneOperand>())
        value = Rules::value(op, x[0].integers[i], width);
      else
        value = Rules::value(op, x[0].integers[i], x[1].integers[i], width);
      y.integers[i] = wrap(value, resultWidth);
    }
    results.push_back(std::move(y));
    return llvm::success();
  }
};

} // namespace selfopt::reference
#endif // SELFOPT_LIB_REFERENCE_ELEMENTWISE_H
