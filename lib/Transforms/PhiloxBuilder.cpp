//===- PhiloxBuilder.cpp - Random initial values as a program ------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Transforms/PhiloxBuilder.h"
#include "SelfOpt/Dialect/TensorBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <array>
#include <cmath>

using namespace mlir;
using namespace selfopt;

namespace {
/// Scalar arithmetic inside the body of a linalg.generic.
struct Scalars {
  OpBuilder &b;
  Location loc;
  Value i32(uint32_t x) { return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(int32_t(x))); }
  Value f32(double x) { return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(float(x))); }
  template <typename OpT> Value op(Value x, Value y) { return OpT::create(b, loc, x, y); }

  /// The first two words of Philox4x32-10.
  std::array<Value, 2> philox(std::array<Value, 4> counter, std::array<Value, 2> key) {
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

  /// The low 24 bits as a float in [0, 1), exact. (A mask and not a shift: a shift by 8 would become one constant with a
  /// width of 8, and so another kernel than for every other width.)
  Value uniform(Value word) {
    Value bits = op<arith::AndIOp>(word, i32(0xFFFFFF));
    Value x = arith::UIToFPOp::create(b, loc, b.getF32Type(), bits);
    return op<arith::MulFOp>(x, f32(0x1p-24));
  }

  Value normal(Value word0, Value word1) {
    // 1 - u is in (0, 1], so the logarithm is finite.
    Value u0 = uniform(word0), u1 = uniform(word1);
    Value positive = op<arith::SubFOp>(f32(1), u0);
    Value log = math::LogOp::create(b, loc, positive);
    Value radius2 = op<arith::MulFOp>(f32(-2), log);
    Value radius = math::SqrtOp::create(b, loc, radius2);
    Value angle = op<arith::MulFOp>(f32(2 * M_PI), u1);
    Value cosine = math::CosOp::create(b, loc, angle);
    return op<arith::MulFOp>(radius, cosine);
  }
};
} // namespace

Value selfopt::buildInitialValues(OpBuilder &b, Location loc, const ParameterSpec &spec, Value seed, int64_t stream) {
  TensorBuilder t(b, loc);
  if (spec.init == ParameterInit::Zeros)
    return t.fill(spec.type, 0);
  unsigned rank = spec.type.getRank();
  return t.elementwise(spec.type, seed, t.dims(rank, {}), [&](OpBuilder &b, Location loc, ValueRange e) -> Value {
    Scalars s{b, loc};
    // The flat position.
    Value index = s.i32(0);
    for (unsigned d = 0; d < rank; ++d) {
      Value position = linalg::IndexOp::create(b, loc, d);
      Value p = arith::IndexCastOp::create(b, loc, b.getI32Type(), position);
      Value scaled = s.op<arith::MulIOp>(index, s.i32(uint32_t(spec.type.getDimSize(d))));
      index = s.op<arith::AddIOp>(scaled, p);
    }
    Value low = arith::TruncIOp::create(b, loc, b.getI32Type(), e[0]);
    Value thirtyTwo = arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(32));
    Value shifted = arith::ShRUIOp::create(b, loc, e[0], thirtyTwo);
    Value high = arith::TruncIOp::create(b, loc, b.getI32Type(), shifted);
    Value zero = s.i32(0), streamWord = s.i32(uint32_t(stream));
    std::array<Value, 2> words = s.philox({index, zero, streamWord, zero}, {low, high});
    switch (spec.init) {
    case ParameterInit::FanInUniform:
    case ParameterInit::GlorotUniform: {
      double fans = spec.init == ParameterInit::FanInUniform ? 6.0 * double(spec.fanIn)
                                                             : double(spec.fanIn + spec.fanOut);
      Value u = s.uniform(words[0]);
      Value doubled = s.op<arith::MulFOp>(u, s.f32(2));
      Value centered = s.op<arith::SubFOp>(doubled, s.f32(1));
      return s.op<arith::MulFOp>(centered, s.f32(std::sqrt(6.0 / fans)));
    }
    case ParameterInit::LecunNormal:
      return s.op<arith::MulFOp>(s.normal(words[0], words[1]), s.f32(std::sqrt(1.0 / double(spec.fanIn))));
    case ParameterInit::HeNormal:
    case ParameterInit::Zeros:
      break;
    }
    return s.op<arith::MulFOp>(s.normal(words[0], words[1]), s.f32(std::sqrt(2.0 / double(spec.fanIn))));
  });
}
