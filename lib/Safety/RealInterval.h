//===- RealInterval.h - Intervals over the reals ------------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Interval arithmetic for what a program means, rounded outward in f64. IntervalMath.h is for what f32 computes.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_REALINTERVAL_H
#define SELFOPT_LIB_SAFETY_REALINTERVAL_H

#include "IntervalMath.h"
#include "llvm/ADT/bit.h"

namespace selfopt::reals {
using ranges::inf;

/// The next f64 below or above a number other than 0, as nextafter gives it, without a call: the bits of numbers of one sign
/// are in their order.
inline double below(double x) { return x == -inf ? x : llvm::bit_cast<double>(llvm::bit_cast<uint64_t>(x) + (x < 0 ? 1 : -1)); }
inline double above(double x) { return -below(-x); }

/// f64 operations are correctly rounded, so one step outward holds the real number.
inline Interval widen(double low, double high, bool undefined = false) {
  if (std::isnan(low) || std::isnan(high))
    return Interval::top();
  return {low == 0 ? low : below(low), high == 0 ? high : above(high), undefined};
}
inline bool isZero(const Interval &x) { return x.low == 0 && x.high == 0 && !x.mayBeNaN; }
inline bool isPoint(const Interval &x) { return x.low == x.high && !x.mayBeNaN; }

inline Interval plus(const Interval &a, const Interval &b) {
  if (isZero(a))
    return b;
  if (isZero(b))
    return a;
  return widen(a.low + b.low, a.high + b.high, a.mayBeNaN || b.mayBeNaN);
}
inline Interval minus(const Interval &a) { return {-a.high, -a.low, a.mayBeNaN}; }
/// 0 times an infinite end is 0: the ends of intervals over the reals are no numbers.
inline Interval times(const Interval &a, const Interval &b) {
  double low = inf, high = -inf;
  for (double x : {a.low, a.high})
    for (double y : {b.low, b.high}) {
      double p = x == 0 || y == 0 ? 0 : x * y;
      // An underflow keeps the sign.
      low = std::min(low, p == 0 && x != 0 && y != 0 && (x > 0) != (y > 0) ? -5e-324 : p);
      high = std::max(high, p == 0 && x != 0 && y != 0 && (x > 0) == (y > 0) ? 5e-324 : p);
    }
  return widen(low, high, a.mayBeNaN || b.mayBeNaN);
}
inline Interval inverse(const Interval &b) {
  if (b.low > 0 || b.high < 0)
    return widen(1 / b.high, 1 / b.low, b.mayBeNaN);
  if (b.low == 0 && b.high > 0)
    return {widen(1 / b.high, 0).low, inf, true};
  if (b.high == 0 && b.low < 0)
    return {-inf, widen(0, 1 / b.low).high, true};
  return Interval::top();
}
inline Interval over(const Interval &a, const Interval &b) { return times(a, inverse(b)); }
inline Interval squared(const Interval &a) {
  Interval m = ranges::absolute(a);
  return widen(m.low * m.low, m.high * m.high, a.mayBeNaN);
}
inline Interval meet(const Interval &a, const Interval &b) {
  Interval r{std::max(a.low, b.low), std::min(a.high, b.high), a.mayBeNaN && b.mayBeNaN};
  // Two enclosures of one value meet; where a case holds no points they need not, and anything holds.
  return r.low <= r.high ? r : a;
}
/// A rising function with an error of a few units in the last place of f64 at most.
template <typename Fn> Interval rising(Fn fn, const Interval &x, double low = -inf, double high = inf) {
  double a = fn(x.low), b = x.high == x.low ? a : fn(x.high);
  if (std::isnan(a) || std::isnan(b))
    return Interval::top();
  a -= std::isfinite(a) ? std::fabs(a) * 0x1p-49 : 0;
  b += std::isfinite(b) ? std::fabs(b) * 0x1p-49 : 0;
  return {std::max(a, low), std::min(std::max(b, a), high), x.mayBeNaN};
}
inline Interval exponential(const Interval &x) {
  return rising([](double v) { return std::exp(v); }, x, x.low >= 0 ? 1 : 0, x.high <= 0 ? 1 : inf);
}
inline Interval logarithm(const Interval &x) {
  Interval r = rising([](double v) { return std::log(v); }, {std::max(x.low, 0.0), std::max(x.high, 0.0), x.mayBeNaN},
                      x.low >= 1 ? 0 : -inf, x.high <= 1 ? 0 : inf);
  r.mayBeNaN |= x.low <= 0;
  return r;
}
inline const Interval nothing = Interval::point(0), unit = Interval::of(0, 1);

} // namespace selfopt::reals
#endif // SELFOPT_LIB_SAFETY_REALINTERVAL_H
