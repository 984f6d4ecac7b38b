//===- IntervalMath.cpp - Interval arithmetic for f32 -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IntervalMath.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"
#include <cfloat>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::ranges;

double ranges::down(double x) {
  if (std::isinf(x))
    return x;
  if (x > FLT_MAX)
    return FLT_MAX;
  if (x < -FLT_MAX)
    return -inf;
  float f = float(x);
  return f > x ? std::nextafter(f, -std::numeric_limits<float>::infinity()) : f;
}
double ranges::up(double x) { return -down(-x); }

namespace {

/// A lower and an upper bound of a real number: where `value` is its nearest f64 and `error` has the sign of the rest.
struct Enclosed {
  double low, high;
  Enclosed(double value, double error)
      : low(error < 0 ? std::nextafter(value, -inf) : value), high(error > 0 ? std::nextafter(value, inf) : value) {}
};

Enclosed sumOf(double a, double b) {
  double s = a + b;
  if (!std::isfinite(s))
    // Finite operands that overflow an f64 have left f32 long ago.
    return {s, 0};
  double bb = s - a;
  return {s, (a - (s - bb)) + (b - bb)};
}
/// 0 * inf is 0 here: the infinite end of an interval stands for large numbers, and NaN is tracked apart.
Enclosed productOf(double a, double b) {
  if (a == 0 || b == 0)
    return {0, 0};
  double p = a * b;
  if (!std::isfinite(p))
    return {p, 0};
  if (std::fabs(p) < 1e-280) {
    // The residue would underflow.
    Enclosed r(p, 0);
    (a > 0) == (b > 0) ? r.high = 1e-280 : r.low = -1e-280;
    return r;
  }
  return {p, std::fma(a, b, -p)};
}

struct Hull {
  double low = inf, high = -inf;
  void include(const Enclosed &e) {
    low = std::min(low, e.low);
    high = std::max(high, e.high);
  }
  bool empty() const { return low > high; }
};

/// The hull of all products, not rounded.
Hull products(const Interval &a, const Interval &b) {
  Hull h;
  for (double x : {a.low, a.high})
    for (double y : {b.low, b.high})
      h.include(productOf(x, y));
  return h;
}
bool productMayBeNaN(const Interval &a, const Interval &b) {
  return a.mayBeNaN || b.mayBeNaN || (hasZero(a) && hasInfinity(b)) || (hasInfinity(a) && hasZero(b));
}
bool sumMayBeNaN(const Interval &a, const Interval &b) {
  return a.mayBeNaN || b.mayBeNaN || (a.low == -inf && b.high == inf) || (a.high == inf && b.low == -inf);
}

} // namespace

Interval ranges::add(const Interval &a, const Interval &b) {
  double low = sumOf(a.low, b.low).low, high = sumOf(a.high, b.high).high;
  bool mayBeNaN = sumMayBeNaN(a, b);
  // inf - inf: the rest of the sums may be anything.
  if (std::isnan(low) || std::isnan(high))
    return Interval::top();
  return outward(low, high, mayBeNaN);
}
Interval ranges::negate(const Interval &a) { return {-a.high, -a.low, a.mayBeNaN}; }

Interval ranges::multiply(const Interval &a, const Interval &b) {
  Hull h = products(a, b);
  return outward(h.low, h.high, productMayBeNaN(a, b));
}

Interval ranges::square(const Interval &a) {
  if (a.low >= 0)
    return multiply(a, a);
  Interval m = absolute(a), r = multiply(m, m);
  r.mayBeNaN = a.mayBeNaN;
  return r;
}

Interval ranges::divide(const Interval &a, const Interval &b) {
  bool mayBeNaN = a.mayBeNaN || b.mayBeNaN || (hasInfinity(a) && hasInfinity(b));
  // A zero may have either sign, so that the quotient may be infinite with either sign.
  if (hasZero(b))
    return {-inf, inf, mayBeNaN || hasZero(a)};
  Hull h;
  for (double x : {a.low, a.high})
    for (double y : {b.low, b.high}) {
      if (std::isinf(x) && std::isinf(y))
        continue;
      double q = x / y;
      double residue = std::isfinite(q) && std::isfinite(y) ? -std::fma(q, y, -x) : 0;
      if (std::fabs(q) < 1e-280 && x != 0 && std::isfinite(y)) {
        Enclosed e(q, 0);
        (x > 0) == (y > 0) ? e.high = 1e-280 : e.low = -1e-280;
        h.include(e);
        continue;
      }
      h.include({q, y > 0 ? residue : -residue});
    }
  return h.empty() ? Interval::top() : outward(h.low, h.high, mayBeNaN);
}

Interval ranges::remainder(const Interval &a, const Interval &b) {
  // The result has the sign of a, is at most |a| and less than |b|.
  double m = std::min(std::max(-a.low, a.high), std::max(-b.low, b.high));
  bool mayBeNaN = a.mayBeNaN || b.mayBeNaN || hasZero(b) || hasInfinity(a);
  return outward(a.low >= 0 ? 0 : -m, a.high <= 0 ? 0 : m, mayBeNaN);
}

Interval ranges::fusedMultiplyAdd(const Interval &a, const Interval &b, const Interval &c) {
  Hull h = products(a, b);
  Interval product{h.low, h.high, productMayBeNaN(a, b)};
  return add(flushed(product), c); // where it is not fused, the product is flushed
}

Interval ranges::maximum(const Interval &a, const Interval &b) {
  return {std::max(a.low, b.low), std::max(a.high, b.high), a.mayBeNaN || b.mayBeNaN};
}
Interval ranges::minimum(const Interval &a, const Interval &b) {
  return {std::min(a.low, b.low), std::min(a.high, b.high), a.mayBeNaN || b.mayBeNaN};
}
Interval ranges::absolute(const Interval &a) {
  double m = std::max(-a.low, a.high);
  return {hasZero(a) ? 0 : std::min(std::fabs(a.low), std::fabs(a.high)), m, a.mayBeNaN};
}

Interval ranges::squareRoot(const Interval &a) {
  auto root = [](double x) -> Enclosed {
    double s = std::sqrt(x);
    return {s, std::isfinite(s) ? -std::fma(s, s, -x) : 0};
  };
  return outward(root(std::max(a.low, 0.0)).low, root(std::max(a.high, 0.0)).high, a.mayBeNaN || a.low < 0);
}

Interval ranges::libraryBounds(double low, double high, bool mayBeNaN) {
  if (std::isnan(low) || std::isnan(high))
    return Interval::top();
  if (std::isfinite(low) && low != 0)
    low -= std::fabs(low) * 0x1p-20 + FLT_MIN;
  if (std::isfinite(high) && high != 0)
    high += std::fabs(high) * 0x1p-20 + FLT_MIN;
  return outward(low, high, mayBeNaN);
}

Interval ranges::power(const Interval &x, const Interval &y) {
  bool mayBeNaN = x.mayBeNaN || y.mayBeNaN;
  if (x.low > 0 || (x.low == 0 && y.low > 0)) {
    // Monotone in each operand, so the extremes lie in the corners. pow is never NaN here: 1^y = x^0 = 1.
    double low = inf, high = -inf;
    for (double b : {std::max(x.low, 0.0), x.high})
      for (double e : {y.low, y.high}) {
        low = std::min(low, std::pow(b, e));
        high = std::max(high, std::pow(b, e));
      }
    // The direction in x turns at y = 0 and that in y at x = 1, where the power is 1.
    if (hasZero(y) || (x.low <= 1 && x.high >= 1)) {
      low = std::min(low, 1.0);
      high = std::max(high, 1.0);
    }
    // exp2(y log2 x) in f32 without care for the product's rounding is off by 2^-24 |y log2 x| <= 2^-17.
    Interval r = outward(low * (1 - 0x1p-16) - (low > 0 ? FLT_MIN : 0), high * (1 + 0x1p-16) + FLT_MIN, mayBeNaN);
    r.low = std::max(r.low, 0.0);
    return r;
  }
  if (y.low == y.high && y.low == std::trunc(y.low) && y.low >= 0 && y.low <= 64) {
    if (y.low == 0)
      return {1, 1, y.mayBeNaN}; // NaN to the power of 0 is 1, but not the other way round.
    bool even = std::fmod(y.low, 2) == 0;
    Interval base = even ? absolute(x) : x;
    double low = std::pow(base.low, y.low), high = std::pow(base.high, y.low);
    Interval r = outward(low - std::fabs(low) * 0x1p-16 - (low != 0 ? FLT_MIN : 0),
                         high + std::fabs(high) * 0x1p-16 + (high != 0 ? FLT_MIN : 0), mayBeNaN);
    if (even)
      r.low = std::max(r.low, 0.0);
    return r;
  }
  return Interval::top();
}

Interval ranges::sum(const Interval &initial, const Interval &element, int64_t count) {
  if (count <= 0)
    return initial;
  bool mayBeNaN = initial.mayBeNaN || element.mayBeNaN;
  double n = double(count), u = 0x1p-24;
  if (n * u > 0.25)
    return Interval::top();
  if (hasInfinity(initial) || hasInfinity(element)) {
    bool negative = initial.low == -inf || element.low == -inf, positive = initial.high == inf || element.high == inf;
    if (negative && positive)
      return Interval::top();
  }
  // Higham, Accuracy and Stability of Numerical Algorithms, section 4.2: whatever the order, the error is at most
  // gamma_n times the sum of the magnitudes.
  double gamma = n * u / (1 - n * u);
  double magnitude = std::max(-initial.low, initial.high) + n * std::max(-element.low, element.high);
  // Sums of different signs may be subnormal, and flushed.
  bool oneSign = (initial.low >= 0 && element.low >= 0) || (initial.high <= 0 && element.high <= 0);
  double slack = gamma * magnitude * (1 + 1e-9) + (oneSign ? 0 : n * 0x1p-126);
  double low = initial.low + n * element.low, high = initial.high + n * element.high;
  if (std::isinf(slack)) {
    // One side is infinite; the other is not, and its error is covered by the elements that decide it.
    if (low != -inf)
      low = initial.low >= 0 && element.low >= 0 ? 0 : -inf;
    if (high != inf)
      high = initial.high <= 0 && element.high <= 0 ? 0 : inf;
    return {low, high, mayBeNaN || (low == -inf && high == inf)};
  }
  // Partial sums may overflow where the whole does not.
  double lowest = std::min(initial.low, 0.0) + n * std::min(element.low, 0.0) - slack;
  double highest = std::max(initial.high, 0.0) + n * std::max(element.high, 0.0) + slack;
  bool overflowsDown = lowest<-FLT_MAX, overflowsUp = highest> FLT_MAX;
  if (overflowsDown && overflowsUp)
    return Interval::top();
  // Numbers of one sign: the magnitudes' sum is the sum, so the error of each bound is relative to that bound alone.
  double relative = gamma * (1 + 1e-9) + 1e-15;
  double slackLow = initial.low >= 0 && element.low >= 0 ? low * relative : slack + std::fabs(low) * 1e-15;
  double slackHigh = initial.high <= 0 && element.high <= 0 ? -high * relative : slack + std::fabs(high) * 1e-15;
  low = overflowsDown ? -inf : low - slackLow;
  high = overflowsUp ? inf : high + slackHigh;
  return outward(low, high, mayBeNaN);
}

Interval ranges::ofIntegerType(Type type) {
  type = getElementTypeOrSelf(type);
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  if (width == 1)
    return Interval::of(0, 1);
  if (width > 53)
    return Interval::of(-inf, inf);
  return Interval::of(-std::ldexp(1, width - 1), std::ldexp(1, width - 1) - 1);
}
Interval ranges::fitInteger(Type type, double low, double high) {
  Interval all = ofIntegerType(type);
  bool exact = std::fabs(low) < 0x1p53 && std::fabs(high) < 0x1p53;
  return exact && low <= high && all.contains(low) && all.contains(high) ? Interval::of(low, high) : all;
}
bool ranges::isPrecise(Type type) {
  if (type.isF32()) // the usual one
    return true;
  type = getElementTypeOrSelf(type);
  return !isa<FloatType>(type) || type.isF32() || type.isF64();
}
