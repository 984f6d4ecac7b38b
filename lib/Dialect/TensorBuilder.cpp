//===- TensorBuilder.cpp - Short forms for linalg on tensors ---------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/TensorBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <numeric>

using namespace mlir;
using namespace selfopt;

RankedTensorType selfopt::batchedType(Type type, int64_t batch) {
  SmallVector<int64_t> shape{batch};
  Type element = type;
  if (auto tensor = dyn_cast<RankedTensorType>(type)) {
    llvm::append_range(shape, tensor.getShape());
    element = tensor.getElementType();
  }
  return RankedTensorType::get(shape, element);
}

static TypedAttr scalarAttr(OpBuilder &b, Type type, double value) {
  if (isa<FloatType>(type))
    return b.getFloatAttr(type, value);
  return b.getIntegerAttr(type, int64_t(value));
}

Value TensorBuilder::constant(Type type, double value) {
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(tensor, scalarAttr(b, tensor.getElementType(), value)));
  return arith::ConstantOp::create(b, loc, scalarAttr(b, type, value));
}

Value TensorBuilder::fill(RankedTensorType type, double value) {
  Value scalar = constant(type.getElementType(), value);
  Value empty = tensor::EmptyOp::create(b, loc, type.getShape(), type.getElementType());
  return linalg::FillOp::create(b, loc, ValueRange{scalar}, ValueRange{empty}).getResult(0);
}

AffineMap TensorBuilder::dims(unsigned rank, ArrayRef<unsigned> results) {
  SmallVector<AffineExpr> exprs;
  for (unsigned d : results)
    exprs.push_back(b.getAffineDimExpr(d));
  return AffineMap::get(rank, 0, exprs, b.getContext());
}

static Value generic(OpBuilder &b, Location loc, Value out, ValueRange ins, ArrayRef<AffineMap> maps, AffineMap outMap,
                     ArrayRef<utils::IteratorType> iterators, TensorBuilder::Body body) {
  SmallVector<AffineMap> all(maps);
  all.push_back(outMap);
  auto op = linalg::GenericOp::create(b, loc, TypeRange{out.getType()}, ins, ValueRange{out}, all, iterators,
                                      [&](OpBuilder &inner, Location l, ValueRange elements) {
                                        Value result = body(inner, l, elements);
                                        linalg::YieldOp::create(inner, l, result);
                                      });
  return op.getResult(0);
}

Value TensorBuilder::elementwise(RankedTensorType result, ValueRange ins, ArrayRef<AffineMap> maps, Body body) {
  Value empty = tensor::EmptyOp::create(b, loc, result.getShape(), result.getElementType());
  SmallVector<utils::IteratorType> iterators(result.getRank(), utils::IteratorType::parallel);
  return generic(b, loc, empty, ins, maps, identity(result.getRank()), iterators, body);
}

Value TensorBuilder::reduceLast(ArrayRef<int64_t> shape, Type elementType, double init, ValueRange ins,
                                ArrayRef<AffineMap> maps, Body body) {
  unsigned rank = shape.size();
  Value out = fill(RankedTensorType::get(shape.drop_back(), elementType), init);
  SmallVector<unsigned> kept(rank - 1);
  std::iota(kept.begin(), kept.end(), 0u);
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  iterators.back() = utils::IteratorType::reduction;
  return generic(b, loc, out, ins, maps, dims(rank, kept), iterators, body);
}

Value TensorBuilder::matmul(Value lhs, Value rhs) {
  auto l = cast<RankedTensorType>(lhs.getType()), r = cast<RankedTensorType>(rhs.getType());
  Value zero = fill(RankedTensorType::get({l.getDimSize(0), r.getDimSize(1)}, l.getElementType()), 0);
  return linalg::MatmulOp::create(b, loc, ValueRange{lhs, rhs}, ValueRange{zero}).getResult(0);
}
