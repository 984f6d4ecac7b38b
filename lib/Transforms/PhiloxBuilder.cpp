//===- PhiloxBuilder.cpp - Random initial values as a program ------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Transforms/PhiloxBuilder.h"
#include "SelfOpt/Dialect/RandomBuilder.h"
#include "SelfOpt/Dialect/TensorBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <array>
#include <cmath>

using namespace mlir;
using namespace selfopt;

Value selfopt::buildInitialValues(OpBuilder &b, Location loc, const ParameterSpec &spec, Value seed, int64_t stream) {
  TensorBuilder t(b, loc);
  if (spec.init == ParameterInit::Zeros)
    return t.fill(spec.type, 0);
  if (spec.init == ParameterInit::Ones)
    return t.fill(spec.type, 1);
  unsigned rank = spec.type.getRank();
  if (spec.init == ParameterInit::Identity)
    return t.elementwise(spec.type, {}, {}, [&](OpBuilder &b, Location loc, ValueRange) -> Value {
      Value row = linalg::IndexOp::create(b, loc, 0), column = linalg::IndexOp::create(b, loc, 1);
      Value i = arith::IndexCastOp::create(b, loc, b.getI32Type(), row);
      Value j = arith::IndexCastOp::create(b, loc, b.getI32Type(), column);
      Value same = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, i, j);
      return arith::UIToFPOp::create(b, loc, b.getF32Type(), same);
    });
  return t.elementwise(spec.type, seed, t.dims(rank, {}), [&](OpBuilder &b, Location loc, ValueRange e) -> Value {
    ScalarBuilder s{b, loc};
    Value index = s.flatPosition(spec.type.getShape());
    Value zero = s.i32(0), streamWord = s.i32(uint32_t(stream));
    std::array<Value, 2> words = s.philox({index, zero, streamWord, zero}, s.split(e[0]));
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
    case ParameterInit::Ones:
    case ParameterInit::Identity:
      break;
    }
    return s.op<arith::MulFOp>(s.normal(words[0], words[1]), s.f32(std::sqrt(2.0 / double(spec.fanIn))));
  });
}
