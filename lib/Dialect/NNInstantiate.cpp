//===- NNInstantiate.cpp - Layers over a batch, in upstream ops ----------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/RandomBuilder.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Dialect/TensorBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::nn;

using Results = FailureOr<SmallVector<Value>>;

static RankedTensorType typeOf(Value v) { return cast<RankedTensorType>(v.getType()); }

Results DenseOp::instantiate(OpBuilder &b, int64_t batch, ValueRange operands, ValueRange parameters) {
  TensorBuilder t(b, getLoc());
  Value product = t.matmul(operands[0], parameters[0]);
  Value sum = t.elementwise(typeOf(product), {product, parameters[1]}, {t.identity(2), t.dims(2, {1})},
                            [](OpBuilder &b, Location loc, ValueRange e) -> Value {
                              return arith::AddFOp::create(b, loc, e[0], e[1]);
                            });
  return SmallVector<Value>{sum};
}

Results ActivationOp::instantiate(OpBuilder &b, int64_t batch, ValueRange operands, ValueRange) {
  Location loc = getLoc();
  TensorBuilder t(b, loc);
  Value x = operands[0];
  auto constant = [&](double c) { return t.constant(x.getType(), c); };
  switch (getKind()) {
  case Activation::Relu: {
    Value zero = constant(0);
    return SmallVector<Value>{arith::MaximumFOp::create(b, loc, x, zero)};
  }
  case Activation::Tanh:
    return SmallVector<Value>{math::TanhOp::create(b, loc, x)};
  case Activation::Gelu: {
    // 0.5 x (1 + erf(x / sqrt 2))
    Value scaled = arith::MulFOp::create(b, loc, x, constant(M_SQRT1_2));
    Value erf = math::ErfOp::create(b, loc, scaled);
    Value shifted = arith::AddFOp::create(b, loc, erf, constant(1));
    Value half = arith::MulFOp::create(b, loc, x, constant(0.5));
    return SmallVector<Value>{arith::MulFOp::create(b, loc, half, shifted)};
  }
  case Activation::Sigmoid: {
    Value negated = arith::NegFOp::create(b, loc, x);
    Value e = math::ExpOp::create(b, loc, negated);
    Value one = constant(1);
    Value denominator = arith::AddFOp::create(b, loc, e, one);
    return SmallVector<Value>{arith::DivFOp::create(b, loc, one, denominator)};
  }
  }
  return emitOpError("has an unknown kind");
}

namespace {
/// The parts that softmax and log-softmax share: x - max(x) and sum(exp(x - max(x))) of each row.
struct ShiftedRows {
  Value shifted, exponentials, sum;
};
} // namespace

static Value binary(TensorBuilder &t, Value full, Value row, Value (*body)(OpBuilder &, Location, Value, Value)) {
  return t.elementwise(typeOf(full), {full, row}, {t.identity(2), t.dims(2, {0})},
                       [&](OpBuilder &b, Location loc, ValueRange e) { return body(b, loc, e[0], e[1]); });
}

template <typename OpT> static Value combine(OpBuilder &b, Location loc, Value x, Value y) {
  return OpT::create(b, loc, x, y);
}

static Value rowSum(TensorBuilder &t, Value x) {
  return t.reduceLast(typeOf(x).getShape(), typeOf(x).getElementType(), 0, x, t.identity(2),
                      [](OpBuilder &b, Location loc, ValueRange e) -> Value {
                        return arith::AddFOp::create(b, loc, e[1], e[0]);
                      });
}

template <typename OpT> static Value rowMax(TensorBuilder &t, Value x) {
  return t.reduceLast(typeOf(x).getShape(), typeOf(x).getElementType(), -INFINITY, x, t.identity(2),
                      [](OpBuilder &b, Location loc, ValueRange e) -> Value {
                        return OpT::create(b, loc, e[1], e[0]);
                      });
}

static ShiftedRows shiftRows(OpBuilder &b, TensorBuilder &t, Location loc, Value x) {
  // The shift cancels out of the result, so no gradient flows through it.
  Value max = rowMax<arith::MaximumFOp>(t, x);
  max = StopGradientOp::create(b, loc, max.getType(), max);
  ShiftedRows rows;
  rows.shifted = binary(t, x, max, combine<arith::SubFOp>);
  rows.exponentials = math::ExpOp::create(b, loc, rows.shifted);
  rows.sum = rowSum(t, rows.exponentials);
  return rows;
}

Results SoftmaxOp::instantiate(OpBuilder &b, int64_t batch, ValueRange operands, ValueRange) {
  TensorBuilder t(b, getLoc());
  ShiftedRows rows = shiftRows(b, t, getLoc(), operands[0]);
  return SmallVector<Value>{binary(t, rows.exponentials, rows.sum, combine<arith::DivFOp>)};
}

Results LogSoftmaxOp::instantiate(OpBuilder &b, int64_t batch, ValueRange operands, ValueRange) {
  TensorBuilder t(b, getLoc());
  ShiftedRows rows = shiftRows(b, t, getLoc(), operands[0]);
  Value log = math::LogOp::create(b, getLoc(), rows.sum);
  return SmallVector<Value>{binary(t, rows.shifted, log, combine<arith::SubFOp>)};
}

/// The mean of each row.
static Value rowMean(OpBuilder &b, TensorBuilder &t, Location loc, Value x) {
  Value sum = rowSum(t, x);
  Value scale = t.constant(sum.getType(), 1.0 / double(typeOf(x).getDimSize(1)));
  return arith::MulFOp::create(b, loc, sum, scale);
}

/// x / sqrt(mean(x^2) + 1e-5), row by row.
static Value scaleRows(OpBuilder &b, TensorBuilder &t, Location loc, Value x) {
  Value squares = arith::MulFOp::create(b, loc, x, x);
  Value mean = rowMean(b, t, loc, squares);
  Value epsilon = t.constant(mean.getType(), normEpsilon);
  Value positive = arith::AddFOp::create(b, loc, mean, epsilon);
  Value root = math::SqrtOp::create(b, loc, positive);
  return binary(t, x, root, combine<arith::DivFOp>);
}

/// `body` of a batch of vectors and one vector for all of them.
static Value withVector(TensorBuilder &t, Value full, Value vector, Value (*body)(OpBuilder &, Location, Value, Value)) {
  return t.elementwise(typeOf(full), {full, vector}, {t.identity(2), t.dims(2, {1})},
                       [&](OpBuilder &b, Location loc, ValueRange e) { return body(b, loc, e[0], e[1]); });
}

Results LayerNormOp::instantiate(OpBuilder &b, int64_t, ValueRange operands, ValueRange parameters) {
  TensorBuilder t(b, getLoc());
  Value mean = rowMean(b, t, getLoc(), operands[0]);
  Value centered = binary(t, operands[0], mean, combine<arith::SubFOp>);
  Value unit = scaleRows(b, t, getLoc(), centered);
  Value scaled = withVector(t, unit, parameters[0], combine<arith::MulFOp>);
  return SmallVector<Value>{withVector(t, scaled, parameters[1], combine<arith::AddFOp>)};
}

Results RmsNormOp::instantiate(OpBuilder &b, int64_t, ValueRange operands, ValueRange parameters) {
  TensorBuilder t(b, getLoc());
  Value unit = scaleRows(b, t, getLoc(), operands[0]);
  return SmallVector<Value>{withVector(t, unit, parameters[0], combine<arith::MulFOp>)};
}

Results ConcatOp::instantiate(OpBuilder &b, int64_t, ValueRange operands, ValueRange) {
  if (operands.size() == 1)
    return SmallVector<Value>{operands[0]};
  return SmallVector<Value>{tensor::ConcatOp::create(b, getLoc(), /*dim=*/1, operands)};
}

/// 1 where the position along `dim` is the index, as an i1 element.
static Value atIndex(OpBuilder &b, Location loc, unsigned dim, Value index) {
  Value position = linalg::IndexOp::create(b, loc, dim);
  Value cast = arith::IndexCastOp::create(b, loc, index.getType(), position);
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, cast, index);
}

static Value scalarF32(OpBuilder &b, Location loc, double x) {
  return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(x));
}

Results PickOp::instantiate(OpBuilder &b, int64_t batch, ValueRange operands, ValueRange) {
  TensorBuilder t(b, getLoc());
  Value x = operands[0];
  return SmallVector<Value>{t.reduceLast(
      typeOf(x).getShape(), b.getF32Type(), 0, operands, {t.identity(2), t.dims(2, {0})},
      [](OpBuilder &b, Location loc, ValueRange e) -> Value {
        Value here = atIndex(b, loc, 1, e[1]);
        Value zero = scalarF32(b, loc, 0);
        Value kept = arith::SelectOp::create(b, loc, here, e[0], zero);
        return arith::AddFOp::create(b, loc, e[2], kept);
      })};
}

Results OneHotOp::instantiate(OpBuilder &b, int64_t batch, ValueRange operands, ValueRange) {
  TensorBuilder t(b, getLoc());
  return SmallVector<Value>{t.elementwise(batchedType(getType(), batch), operands, {t.dims(2, {0})},
                                          [](OpBuilder &b, Location loc, ValueRange e) -> Value {
                                            Value here = atIndex(b, loc, 1, e[0]);
                                            return arith::UIToFPOp::create(b, loc, b.getF32Type(), here);
                                          })};
}

Results ArgmaxOp::instantiate(OpBuilder &b, int64_t batch, ValueRange operands, ValueRange) {
  TensorBuilder t(b, getLoc());
  Value x = operands[0];
  int64_t none = std::numeric_limits<int32_t>::max();
  Value max = rowMax<arith::MaxNumFOp>(t, x);
  Value first = t.reduceLast(typeOf(x).getShape(), b.getI32Type(), double(none), {x, max},
                             {t.identity(2), t.dims(2, {0})}, [&](OpBuilder &b, Location loc, ValueRange e) -> Value {
                               Value here = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, e[0], e[1]);
                               Value position = linalg::IndexOp::create(b, loc, 1);
                               Value index = arith::IndexCastOp::create(b, loc, b.getI32Type(), position);
                               Value absent = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(none));
                               Value candidate = arith::SelectOp::create(b, loc, here, index, absent);
                               return arith::MinSIOp::create(b, loc, e[2], candidate);
                             });
  return SmallVector<Value>{t.elementwise(typeOf(first), first, t.identity(1),
                                          [&](OpBuilder &b, Location loc, ValueRange e) -> Value {
                                            Value absent = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(none));
                                            Value minus = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(-1));
                                            Value missing = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                                                                  e[0], absent);
                                            return arith::SelectOp::create(b, loc, missing, minus, e[0]);
                                          })};
}

Results ReduceOp::instantiate(OpBuilder &b, int64_t batch, ValueRange operands, ValueRange) {
  TensorBuilder t(b, getLoc());
  Value x = operands[0];
  switch (getKind()) {
  case Reduction::Sum:
    return SmallVector<Value>{rowSum(t, x)};
  case Reduction::Mean: {
    Value sum = rowSum(t, x);
    Value scale = t.constant(sum.getType(), 1.0 / typeOf(x).getDimSize(1));
    return SmallVector<Value>{arith::MulFOp::create(b, getLoc(), sum, scale)};
  }
  case Reduction::Max:
    return SmallVector<Value>{rowMax<arith::MaximumFOp>(t, x)};
  }
  return emitOpError("has an unknown kind");
}

//===----------------------------------------------------------------------===//
// Layers that draw random numbers
//===----------------------------------------------------------------------===//

Results NoiseOp::instantiate(OpBuilder &, int64_t, ValueRange operands, ValueRange) {
  return SmallVector<Value>{operands[0]};
}
Results DropoutOp::instantiate(OpBuilder &, int64_t, ValueRange operands, ValueRange) {
  return SmallVector<Value>{operands[0]};
}

Results NoiseOp::instantiateTraining(OpBuilder &b, int64_t, ValueRange operands, Value seed, Value number,
                                     int64_t stream) {
  Value x = operands[0];
  Value z = buildRandomTensor(b, getLoc(), typeOf(x), RandomKind::Normal, seed, number, stream);
  Value scale = TensorBuilder(b, getLoc()).constant(x.getType(), getScale().convertToDouble());
  Value scaled = arith::MulFOp::create(b, getLoc(), z, scale);
  return SmallVector<Value>{arith::AddFOp::create(b, getLoc(), x, scaled)};
}

Results DropoutOp::instantiateTraining(OpBuilder &b, int64_t, ValueRange operands, Value seed, Value number,
                                       int64_t stream) {
  Value x = operands[0];
  TensorBuilder t(b, getLoc());
  double rate = getRate().convertToDouble();
  Value u = buildRandomTensor(b, getLoc(), typeOf(x), RandomKind::Uniform, seed, number, stream);
  Value limit = t.constant(x.getType(), rate), kept = t.constant(x.getType(), 1 / (1 - rate));
  Value zero = t.constant(x.getType(), 0);
  Value keep = arith::CmpFOp::create(b, getLoc(), arith::CmpFPredicate::OGE, u, limit);
  Value factor = arith::SelectOp::create(b, getLoc(), keep, kept, zero);
  return SmallVector<Value>{arith::MulFOp::create(b, getLoc(), x, factor)};
}
