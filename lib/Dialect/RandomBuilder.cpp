//===- RandomBuilder.cpp - Random numbers as programs --------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/RandomBuilder.h"
#include "SelfOpt/Dialect/TensorBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;

Value ScalarBuilder::i32(uint32_t x) {
  return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(int32_t(x)));
}
Value ScalarBuilder::f32(double x) { return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(float(x))); }

std::array<Value, 2> ScalarBuilder::split(Value i64) {
  Value low = arith::TruncIOp::create(b, loc, b.getI32Type(), i64);
  Value thirtyTwo = arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(32));
  Value shifted = arith::ShRUIOp::create(b, loc, i64, thirtyTwo);
  Value high = arith::TruncIOp::create(b, loc, b.getI32Type(), shifted);
  return {low, high};
}

Value ScalarBuilder::flatPosition(ArrayRef<int64_t> shape) {
  Value index = i32(0);
  for (auto [d, size] : llvm::enumerate(shape)) {
    Value position = linalg::IndexOp::create(b, loc, d);
    Value p = arith::IndexCastOp::create(b, loc, b.getI32Type(), position);
    Value dim = i32(uint32_t(size));
    Value scaled = op<arith::MulIOp>(index, dim);
    index = op<arith::AddIOp>(scaled, p);
  }
  return index;
}

std::array<Value, 2> ScalarBuilder::philox(std::array<Value, 4> counter, std::array<Value, 2> key) {
  Value m0 = i32(0xD2511F53), m1 = i32(0xCD9E8D57), w0 = i32(0x9E3779B9), w1 = i32(0xBB67AE85);
  for (int round = 0; round < 10; ++round) {
    auto p0 = arith::MulUIExtendedOp::create(b, loc, m0, counter[0]);
    auto p1 = arith::MulUIExtendedOp::create(b, loc, m1, counter[2]);
    Value a = op<arith::XOrIOp>(p1.getHigh(), counter[1]);
    Value c = op<arith::XOrIOp>(p0.getHigh(), counter[3]);
    Value n0 = op<arith::XOrIOp>(a, key[0]), n2 = op<arith::XOrIOp>(c, key[1]);
    counter = {n0, p1.getLow(), n2, p0.getLow()};
    Value k0 = op<arith::AddIOp>(key[0], w0), k1 = op<arith::AddIOp>(key[1], w1);
    key = {k0, k1};
  }
  return {counter[0], counter[1]};
}

Value ScalarBuilder::mix(Value position, Value key0, Value key1) {
  auto finalise = [&](Value x) {
    auto fold = [&](Value x, uint32_t by) {
      Value shift = i32(by);
      Value high = op<arith::ShRUIOp>(x, shift);
      return op<arith::XOrIOp>(x, high);
    };
    x = fold(x, 16);
    Value m0 = i32(0x7feb352d);
    x = op<arith::MulIOp>(x, m0);
    x = fold(x, 15);
    Value m1 = i32(0x846ca68b);
    x = op<arith::MulIOp>(x, m1);
    return fold(x, 16);
  };
  Value first = finalise(op<arith::AddIOp>(position, key0));
  return finalise(op<arith::XOrIOp>(first, key1));
}

Value ScalarBuilder::uniform(Value word) {
  // A mask and not a shift: a shift by 8 would become one constant with a width of 8, and so another kernel than for
  // every other width.
  Value mask = i32(0xFFFFFF);
  Value bits = op<arith::AndIOp>(word, mask);
  Value x = arith::UIToFPOp::create(b, loc, b.getF32Type(), bits);
  Value unit = f32(0x1p-24);
  return op<arith::MulFOp>(x, unit);
}

Value ScalarBuilder::normal(Value word0, Value word1) {
  // 1 - u is in (0, 1], so the logarithm is finite.
  Value u0 = uniform(word0), u1 = uniform(word1);
  Value one = f32(1);
  Value positive = op<arith::SubFOp>(one, u0);
  Value log = math::LogOp::create(b, loc, positive);
  Value minusTwo = f32(-2);
  Value radius2 = op<arith::MulFOp>(minusTwo, log);
  Value radius = math::SqrtOp::create(b, loc, radius2);
  Value turn = f32(2 * M_PI);
  Value angle = op<arith::MulFOp>(turn, u1);
  Value cosine = math::CosOp::create(b, loc, angle);
  return op<arith::MulFOp>(radius, cosine);
}

Value ScalarBuilder::normal(Value word) {
  // (k + 1/2) 2^-23 - 1 is symmetric about 0 and inside (-1, 1), so the logarithm is finite.
  Value mask = i32(0xFFFFFF);
  Value bits = op<arith::AndIOp>(word, mask);
  Value k = arith::UIToFPOp::create(b, loc, b.getF32Type(), bits);
  Value unit = f32(0x1p-23), edge = f32(-1 + 0x1p-24);
  Value x = op<arith::MulFOp>(k, unit);
  x = op<arith::AddFOp>(x, edge);
  // 1 - x^2 as (1 - x)(1 + x), which loses nothing near the ends.
  Value one = f32(1), below = op<arith::SubFOp>(one, x), above = op<arith::AddFOp>(one, x);
  Value product = op<arith::MulFOp>(below, above);
  Value log = math::LogOp::create(b, loc, product);
  Value w = arith::NegFOp::create(b, loc, log);
  auto polynomial = [&](Value t, ArrayRef<double> coefficients) {
    Value sum = f32(coefficients[0]);
    for (double c : coefficients.drop_front()) {
      Value next = f32(c);
      sum = math::FmaOp::create(b, loc, sum, t, next);
    }
    return sum;
  };
  Value centre = f32(2.5), three = f32(3), five = f32(5);
  Value near = polynomial(op<arith::SubFOp>(w, centre),
                          {2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
                           -0.00125372503, -0.00417768164, 0.246640727, 1.50140941});
  Value root = math::SqrtOp::create(b, loc, w);
  Value far = polynomial(op<arith::SubFOp>(root, three),
                         {-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
                          -0.0076224613, 0.00943887047, 1.00167406, 2.83297682});
  Value isNear = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, w, five);
  Value p = arith::SelectOp::create(b, loc, isNear, near, far);
  Value inverse = op<arith::MulFOp>(p, x);
  Value scale = f32(M_SQRT2);
  return op<arith::MulFOp>(inverse, scale);
}

Value selfopt::buildRandomTensor(OpBuilder &b, Location loc, RankedTensorType type, RandomKind kind, Value seed,
                                 Value number, int64_t stream) {
  TensorBuilder t(b, loc);
  auto word = RankedTensorType::get({}, b.getI32Type());
  // Streams of initial values count from 0 with a zero in the second word; those of a step have its number there, from 1.
  auto key = [&](unsigned which) {
    return t.elementwise(word, {seed, number}, {t.dims(0, {}), t.dims(0, {})},
                         [&](OpBuilder &b, Location loc, ValueRange e) -> Value {
                           ScalarBuilder s{b, loc};
                           Value step = arith::FPToUIOp::create(b, loc, b.getI32Type(), e[1]);
                           Value zero = s.i32(0), streamWord = s.i32(uint32_t(stream));
                           return s.philox({zero, step, streamWord, zero}, s.split(e[0]))[which];
                         });
  };
  Value key0 = key(0), key1 = key(1);
  unsigned rank = type.getRank();
  return t.elementwise(type, {key0, key1}, {t.dims(rank, {}), t.dims(rank, {})},
                       [&](OpBuilder &b, Location loc, ValueRange e) -> Value {
                         ScalarBuilder s{b, loc};
                         Value position = s.flatPosition(type.getShape());
                         Value mixed = s.mix(position, e[0], e[1]);
                         return kind == RandomKind::Uniform ? s.uniform(mixed) : s.normal(mixed);
                       });
}
