//===- MathRange.cpp - Ranges of math -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BoundModel.h"
#include "RangeModel.h"
#include "SelfOpt/Safety/RangeModels.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::ranges;

namespace {

constexpr double pi = 3.141592653589793;

/// sin of x + shift.
Interval wave(const Interval &x, double shift) {
  Interval full{-1, 1, x.mayBeNaN || hasInfinity(x)};
  // Far out, the neighbourhood of an extremum can't be told from the bounds.
  if (!std::isfinite(x.low) || !std::isfinite(x.high) || x.high - x.low >= 2 * pi || std::fabs(x.low) > 1e6 ||
      std::fabs(x.high) > 1e6)
    return full;
  double low = x.low + shift, high = x.high + shift;
  auto reaches = [&](double extremum) {
    return std::floor((high - extremum) / (2 * pi) + 1e-9) != std::floor((low - extremum) / (2 * pi) - 1e-9);
  };
  double a = std::sin(low), b = std::sin(high);
  // An absolute error: reducing the argument in f32 loses the relative one near the zeros.
  Interval r = outward(reaches(-pi / 2) ? -1 : std::min(a, b) - 0x1p-18, reaches(pi / 2) ? 1 : std::max(a, b) + 0x1p-18,
                       x.mayBeNaN);
  return clamp(r, -1, 1);
}

struct Rules {
  template <typename I> static I range(math::AbsFOp, const I &x) { return absolute(x); }
  template <typename I> static I range(math::CeilOp op, const I &x) {
    return steps(op, [](double v) { return std::ceil(v); }, x);
  }
  template <typename I> static I range(math::FloorOp op, const I &x) {
    return steps(op, [](double v) { return std::floor(v); }, x);
  }
  template <typename I> static I range(math::RoundOp op, const I &x) {
    return steps(op, [](double v) { return std::round(v); }, x);
  }
  template <typename I> static I range(math::RoundEvenOp op, const I &x) {
    return steps(op, [](double v) { return std::nearbyint(v); }, x);
  }
  template <typename I> static I range(math::TruncOp op, const I &x) {
    return steps(op, [](double v) { return std::trunc(v); }, x);
  }
  template <typename I> static I range(math::SqrtOp, const I &x) { return squareRoot(x); }
  static Interval range(math::RsqrtOp, const Interval &x) {
    Interval d = within(x, 0, inf);
    // 1 / sqrt(-0) is -inf.
    Interval r = libraryBounds(1 / std::sqrt(d.high), 1 / std::sqrt(d.low), d.mayBeNaN);
    if (hasZero(x))
      r.low = -inf;
    return r;
  }
  template <typename I> static I range(math::CbrtOp op, const I &x) {
    return rising(op, [](double v) { return std::cbrt(v); }, x);
  }
  template <typename I> static I range(math::ExpOp op, const I &x) {
    return clamp(rising(op, [](double v) { return std::exp(v); }, x), 0, inf);
  }
  template <typename I> static I range(math::Exp2Op op, const I &x) {
    return clamp(rising(op, [](double v) { return std::exp2(v); }, x), 0, inf);
  }
  template <typename I> static I range(math::ExpM1Op op, const I &x) {
    return clamp(rising(op, [](double v) { return std::expm1(v); }, x), -1, inf);
  }
  template <typename I> static I range(math::LogOp op, const I &x) {
    return rising(op, [](double v) { return std::log(v); }, within(x, 0, inf));
  }
  template <typename I> static I range(math::Log2Op op, const I &x) {
    return rising(op, [](double v) { return std::log2(v); }, within(x, 0, inf));
  }
  template <typename I> static I range(math::Log10Op op, const I &x) {
    return rising(op, [](double v) { return std::log10(v); }, within(x, 0, inf));
  }
  template <typename I> static I range(math::Log1pOp op, const I &x) {
    return rising(op, [](double v) { return std::log1p(v); }, within(x, -1, inf));
  }
  template <typename I> static I range(math::TanhOp op, const I &x) {
    return clamp(rising(op, [](double v) { return std::tanh(v); }, x), -1, 1);
  }
  template <typename I> static I range(math::ErfOp op, const I &x) {
    return clamp(rising(op, [](double v) { return std::erf(v); }, x), -1, 1);
  }
  template <typename I> static I range(math::ErfcOp op, const I &x) {
    return clamp(falling(op, [](double v) { return std::erfc(v); }, x), 0, 2);
  }
  template <typename I> static I range(math::SinhOp op, const I &x) {
    return rising(op, [](double v) { return std::sinh(v); }, x);
  }
  template <typename I> static I range(math::CoshOp op, const I &x) {
    return rising(op, [](double v) { return std::cosh(v); }, absolute(x));
  }
  template <typename I> static I range(math::AsinhOp op, const I &x) {
    return rising(op, [](double v) { return std::asinh(v); }, x);
  }
  template <typename I> static I range(math::AcoshOp op, const I &x) {
    return rising(op, [](double v) { return std::acosh(v); }, within(x, 1, inf));
  }
  template <typename I> static I range(math::AtanhOp op, const I &x) {
    return rising(op, [](double v) { return std::atanh(v); }, within(x, -1, 1));
  }
  template <typename I> static I range(math::AtanOp op, const I &x) {
    return rising(op, [](double v) { return std::atan(v); }, x);
  }
  template <typename I> static I range(math::AsinOp op, const I &x) {
    return rising(op, [](double v) { return std::asin(v); }, within(x, -1, 1));
  }
  template <typename I> static I range(math::AcosOp op, const I &x) {
    return falling(op, [](double v) { return std::acos(v); }, within(x, -1, 1));
  }
  static Interval range(math::SinOp, const Interval &x) { return wave(x, 0); }
  static Interval range(math::CosOp, const Interval &x) { return wave(x, pi / 2); }
  static Interval range(math::TanOp op, const Interval &x) {
    // Within one branch, away from the poles.
    if (x.low > -1.57 && x.high < 1.57)
      return rising(op, [](double v) { return std::tan(v); }, x);
    return {-inf, inf, x.mayBeNaN || hasInfinity(x)};
  }
  static Interval range(math::Atan2Op, const Interval &y, const Interval &x) {
    bool nan = y.mayBeNaN || x.mayBeNaN;
    // Away from the cut along the negative x axis the angle is monotone in each operand.
    if (y.low > 0 || y.high < 0 || x.low > 0) {
      double low = inf, high = -inf;
      for (double v : {y.low, y.high})
        for (double u : {x.low, x.high}) {
          low = std::min(low, std::atan2(v, u));
          high = std::max(high, std::atan2(v, u));
        }
      return libraryBounds(low, high, nan);
    }
    return libraryBounds(-pi, pi, nan);
  }
  static Interval range(math::CopySignOp, const Interval &x, const Interval &sign) {
    Interval m = absolute(x);
    if (!sign.mayBeNaN && sign.low > 0)
      return m;
    if (!sign.mayBeNaN && sign.high < 0)
      return negate(m);
    return {-m.high, m.high, m.mayBeNaN};
  }
  static Interval range(math::PowFOp, const Interval &x, const Interval &y) { return power(x, y); }
  static Interval range(math::FPowIOp, const Interval &x, const Interval &y) {
    return power(x, Interval::of(y.low, y.high));
  }
  template <typename I> static I range(math::FmaOp, const I &a, const I &b, const I &c) {
    return fusedMultiplyAdd(a, b, c);
  }
  template <typename I> static I range(math::ClampFOp, const I &x, const I &low, const I &high) {
    return minimum(maximum(x, low), high);
  }
  static Interval test(bool mayBeTrue, bool mayBeFalse) { return Interval::of(mayBeFalse ? 0 : 1, mayBeTrue ? 1 : 0); }
  static Interval range(math::IsNaNOp, const Interval &x) { return test(x.mayBeNaN, true); }
  static Interval range(math::IsInfOp, const Interval &x) { return test(hasInfinity(x), true); }
  static Interval range(math::IsFiniteOp, const Interval &x) { return test(true, x.mayBeNaN || hasInfinity(x)); }
  static Interval range(math::IsNormalOp, const Interval &) { return test(true, true); }
  static Interval range(math::AbsIOp op, const Interval &x) {
    Interval m = absolute(x);
    return fitInteger(op.getType(), m.low, m.high);
  }
  static double width(Type type) {
    type = getElementTypeOrSelf(type);
    return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  }
  static Interval range(math::CtPopOp op, const Interval &) { return fitInteger(op.getType(), 0, width(op.getType())); }
  static Interval range(math::CountLeadingZerosOp op, const Interval &) {
    return fitInteger(op.getType(), 0, width(op.getType()));
  }
  static Interval range(math::CountTrailingZerosOp op, const Interval &) {
    return fitInteger(op.getType(), 0, width(op.getType()));
  }
};

struct SinCosModel : RangeOpInterface::ExternalModel<SinCosModel, math::SincosOp> {
  void inferRanges(Operation *op, ArrayRef<Interval> x, SmallVectorImpl<Interval> &results) const {
    bool precise = isPrecise(op->getOperand(0).getType());
    for (double shift : {0.0, pi / 2})
      results.push_back(precise ? flushed(wave(flushed(clean(x[0])), shift)) : Interval::top());
  }
};

} // namespace

void selfopt::registerMathRange(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, math::MathDialect *) {
    using namespace math;
    attachRanges<Rules, AbsFOp, CeilOp, FloorOp, RoundOp, RoundEvenOp, TruncOp, SqrtOp, RsqrtOp, CbrtOp, ExpOp, Exp2Op,
                 ExpM1Op, LogOp, Log2Op, Log10Op, Log1pOp, TanhOp, ErfOp, ErfcOp, SinhOp, CoshOp, AsinhOp, AcoshOp,
                 AtanhOp, AtanOp, AsinOp, AcosOp, SinOp, CosOp, TanOp, Atan2Op, CopySignOp, PowFOp, FPowIOp, FmaOp,
                 ClampFOp, IsNaNOp, IsInfOp, IsFiniteOp, IsNormalOp, AbsIOp, CtPopOp, CountLeadingZerosOp,
                 CountTrailingZerosOp>(*context);
    attachBounds<Rules, AbsFOp, CeilOp, FloorOp, RoundOp, RoundEvenOp, TruncOp, SqrtOp, CbrtOp, ExpOp, Exp2Op, ExpM1Op,
                 LogOp, Log2Op, Log10Op, Log1pOp, TanhOp, ErfOp, ErfcOp, SinhOp, AsinhOp, AcoshOp, AtanhOp, AtanOp,
                 AsinOp, AcosOp, CoshOp, FmaOp, ClampFOp>(*context);
    SincosOp::attachInterface<SinCosModel>(*context);
    IPowIOp::attachInterface<TopModel<IPowIOp>>(*context);
  });
}
