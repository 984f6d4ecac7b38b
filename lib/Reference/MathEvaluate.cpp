//===- MathEvaluate.cpp - Values of math, for the reference interpreter -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Elementary functions are the C library's in f64, rounded once to the result's type: within half an ulp, but for rare
// double roundings, of the true f32 value.
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "SelfOpt/Reference/Register.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/bit.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reference;

namespace {

struct Rules {
  static double value(math::AbsFOp, double x) { return std::fabs(x); }
  static double value(math::AcosOp, double x) { return std::acos(x); }
  static double value(math::AcoshOp, double x) { return std::acosh(x); }
  static double value(math::AsinOp, double x) { return std::asin(x); }
  static double value(math::AsinhOp, double x) { return std::asinh(x); }
  static double value(math::AtanOp, double x) { return std::atan(x); }
  static double value(math::AtanhOp, double x) { return std::atanh(x); }
  static double value(math::CbrtOp, double x) { return std::cbrt(x); }
  static double value(math::CeilOp, double x) { return std::ceil(x); }
  static double value(math::CosOp, double x) { return std::cos(x); }
  static double value(math::CoshOp, double x) { return std::cosh(x); }
  static double value(math::ErfOp, double x) { return std::erf(x); }
  static double value(math::ErfcOp, double x) { return std::erfc(x); }
  static double value(math::ExpOp, double x) { return std::exp(x); }
  static double value(math::Exp2Op, double x) { return std::exp2(x); }
  static double value(math::ExpM1Op, double x) { return std::expm1(x); }
  static double value(math::FloorOp, double x) { return std::floor(x); }
  static double value(math::LogOp, double x) { return std::log(x); }
  static double value(math::Log10Op, double x) { return std::log10(x); }
  static double value(math::Log1pOp, double x) { return std::log1p(x); }
  static double value(math::Log2Op, double x) { return std::log2(x); }
  static double value(math::RoundOp, double x) { return std::round(x); }
  // No mode but round-to-nearest-even is ever set.
  static double value(math::RoundEvenOp, double x) { return std::nearbyint(x); }
  static double value(math::RsqrtOp, double x) { return 1 / std::sqrt(x); }
  static double value(math::SinOp, double x) { return std::sin(x); }
  static double value(math::SinhOp, double x) { return std::sinh(x); }
  static double value(math::SqrtOp, double x) { return std::sqrt(x); }
  static double value(math::TanOp, double x) { return std::tan(x); }
  static double value(math::TanhOp, double x) { return std::tanh(x); }
  static double value(math::TruncOp, double x) { return std::trunc(x); }
  static double value(math::Atan2Op, double y, double x) { return std::atan2(y, x); }
  static double value(math::CopySignOp, double x, double y) { return std::copysign(x, y); }
  static double value(math::PowFOp, double x, double y) { return std::pow(x, y); }

  static bool value(math::IsFiniteOp, double x) { return std::isfinite(x); }
  static bool value(math::IsInfOp, double x) { return std::isinf(x); }
  static bool value(math::IsNaNOp, double x) { return std::isnan(x); }

  static uint64_t value(math::AbsIOp, int64_t x, unsigned w) {
    uint64_t u = uint64_t(asSigned(x, w));
    return asSigned(x, w) < 0 ? -u : u;
  }
  static uint64_t value(math::CtPopOp, int64_t x, unsigned w) { return llvm::popcount(asUnsigned(x, w)); }
  static uint64_t value(math::CountLeadingZerosOp, int64_t x, unsigned w) {
    return llvm::countl_zero(asUnsigned(x, w)) - (64 - w);
  }
  static uint64_t value(math::CountTrailingZerosOp, int64_t x, unsigned w) {
    return std::min<unsigned>(llvm::countr_zero(asUnsigned(x, w)), w);
  }
};

struct IsNormalModel : EvaluableOpInterface::ExternalModel<IsNormalModel, math::IsNormalOp> {
  LogicalResult evaluate(Operation *op, Interpreter &, ArrayRef<Tensor> x, SmallVectorImpl<Tensor> &results) const {
    bool f32 = elementType(op->getOperand(0)).isF32();
    Tensor y = shapedLike(x[0], false);
    for (size_t i = 0, n = y.integers.size(); i < n; ++i)
      y.integers[i] = f32 ? std::isnormal(float(x[0].floats[i])) : std::isnormal(x[0].floats[i]);
    results.push_back(std::move(y));
    return success();
  }
};

struct FmaModel : EvaluableOpInterface::ExternalModel<FmaModel, math::FmaOp> {
  LogicalResult evaluate(Operation *op, Interpreter &interpreter, ArrayRef<Tensor> x,
                         SmallVectorImpl<Tensor> &results) const {
    Type type = elementType(op->getResult(0));
    // Not through f64, which would round a sum of three twice.
    bool f32 = type.isF32() && interpreter.getPrecision() == Precision::AsTyped;
    Tensor y = shapedLike(x[0], true);
    for (size_t i = 0, n = y.floats.size(); i < n; ++i) {
      double a = x[0].floats[i], b = x[1].floats[i], c = x[2].floats[i];
      y.floats[i] = f32 ? double(std::fma(float(a), float(b), float(c))) : interpreter.round(std::fma(a, b, c), type);
    }
    results.push_back(std::move(y));
    return success();
  }
};

struct ClampModel : EvaluableOpInterface::ExternalModel<ClampModel, math::ClampFOp> {
  LogicalResult evaluate(Operation *, Interpreter &, ArrayRef<Tensor> x, SmallVectorImpl<Tensor> &results) const {
    // Defined upstream as minimumf(maximumf(value, min), max).
    Tensor y = x[0];
    for (size_t i = 0, n = y.floats.size(); i < n; ++i) {
      double v = x[0].floats[i], low = x[1].floats[i], high = x[2].floats[i];
      if (std::isnan(v) || std::isnan(low) || std::isnan(high))
        y.floats[i] = NAN;
      else
        y.floats[i] = std::min(std::max(v, low), high);
    }
    results.push_back(std::move(y));
    return success();
  }
};

struct FPowIModel : EvaluableOpInterface::ExternalModel<FPowIModel, math::FPowIOp> {
  LogicalResult evaluate(Operation *op, Interpreter &interpreter, ArrayRef<Tensor> x,
                         SmallVectorImpl<Tensor> &results) const {
    unsigned width = widthOf(elementType(op->getOperand(1)));
    Tensor y = x[0];
    for (size_t i = 0, n = y.floats.size(); i < n; ++i)
      y.floats[i] = interpreter.round(std::pow(x[0].floats[i], double(asSigned(x[1].integers[i], width))),
                                      elementType(op->getResult(0)));
    results.push_back(std::move(y));
    return success();
  }
};

struct SinCosModel : EvaluableOpInterface::ExternalModel<SinCosModel, math::SincosOp> {
  LogicalResult evaluate(Operation *op, Interpreter &interpreter, ArrayRef<Tensor> x,
                         SmallVectorImpl<Tensor> &results) const {
    Type type = elementType(op->getResult(0));
    Tensor s = x[0], c = x[0];
    for (double &v : s.floats)
      v = interpreter.round(std::sin(v), type);
    for (double &v : c.floats)
      v = interpreter.round(std::cos(v), type);
    results.push_back(std::move(s));
    results.push_back(std::move(c));
    return success();
  }
};

struct IPowModel : EvaluableOpInterface::ExternalModel<IPowModel, math::IPowIOp> {
  LogicalResult evaluate(Operation *op, Interpreter &, ArrayRef<Tensor> x, SmallVectorImpl<Tensor> &results) const {
    if (failed(checkWidths(op)))
      return failure();
    unsigned width = widthOf(elementType(op->getOperand(0)));
    Tensor y = x[0];
    for (size_t i = 0, n = y.integers.size(); i < n; ++i) {
      int64_t base = asSigned(x[0].integers[i], width), exponent = asSigned(x[1].integers[i], width);
      uint64_t r = 1;
      if (exponent < 0) {
        if (base == 0)
          return op->emitOpError("raises zero to a negative power");
        r = base == 1 ? 1 : base == -1 ? (exponent & 1 ? -1 : 1) : 0;
      }
      for (uint64_t b = base; exponent > 0; exponent >>= 1, b *= b)
        if (exponent & 1)
          r *= b;
      y.integers[i] = wrap(r, width);
    }
    results.push_back(std::move(y));
    return success();
  }
};

template <typename... Ops> void attachFloat(MLIRContext &context) {
  (Ops::template attachInterface<FloatModel<Ops, Rules>>(context), ...);
}
template <typename... Ops> void attachTests(MLIRContext &context) {
  (Ops::template attachInterface<FloatTestModel<Ops, Rules>>(context), ...);
}
template <typename... Ops> void attachInteger(MLIRContext &context) {
  (Ops::template attachInterface<IntegerModel<Ops, Rules>>(context), ...);
}

} // namespace

void selfopt::registerMathEvaluate(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, math::MathDialect *) {
    using namespace math;
    attachFloat<AbsFOp, AcosOp, AcoshOp, AsinOp, AsinhOp, AtanOp, AtanhOp, CbrtOp, CeilOp, CosOp, CoshOp, ErfOp, ErfcOp,
                ExpOp, Exp2Op, ExpM1Op, FloorOp, LogOp, Log10Op, Log1pOp, Log2Op, RoundOp, RoundEvenOp, RsqrtOp, SinOp,
                SinhOp, SqrtOp, TanOp, TanhOp, TruncOp, Atan2Op, CopySignOp, PowFOp>(*context);
    attachTests<IsFiniteOp, IsInfOp, IsNaNOp>(*context);
    attachInteger<AbsIOp, CtPopOp, CountLeadingZerosOp, CountTrailingZerosOp>(*context);
    IsNormalOp::attachInterface<IsNormalModel>(*context);
    FmaOp::attachInterface<FmaModel>(*context);
    ClampFOp::attachInterface<ClampModel>(*context);
    FPowIOp::attachInterface<FPowIModel>(*context);
    SincosOp::attachInterface<SinCosModel>(*context);
    IPowIOp::attachInterface<IPowModel>(*context);
  });
}
