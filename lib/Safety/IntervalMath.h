//===- IntervalMath.h - Interval arithmetic for f32 -*- C++ -* -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A result holds both the real value and its rounding to f32, so that an engine may fuse a product with a sum. Bounds
// that are f32 numbers and computed without error stay as they are, so that a square is known not to be negative; all
// others move outward to the next f32.
//
// An empty interval, of an operation that is always NaN, is not represented: some interval with `mayBeNaN` stands in.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_INTERVALMATH_H
#define SELFOPT_LIB_SAFETY_INTERVALMATH_H

#include "SelfOpt/Interfaces/Interval.h"
#include "mlir/IR/Operation.h"

namespace selfopt::ranges {

constexpr double inf = std::numeric_limits<double>::infinity();

/// The largest f32 at or below x, and the smallest at or above; infinite beyond the largest f32.
double down(double x);
double up(double x);
inline Interval outward(double low, double high, bool mayBeNaN) { return {down(low), up(high), mayBeNaN}; }

/// Callers may pass bounds that are NaN or in the wrong order; these say nothing. A bound of -0 becomes +0, so that the
/// bounds of functions that tell them apart are in order.
inline Interval clean(const Interval &x) {
  return x.low <= x.high ? Interval{x.low + 0.0, x.high + 0.0, x.mayBeNaN} : Interval::top();
}
/// With zero where a number may be subnormal: compiled code reads and writes those as zero.
inline Interval flushed(Interval x) {
  if (x.low > 0 && x.low < 0x1p-126)
    x.low = 0;
  if (x.high < 0 && x.high > -0x1p-126)
    x.high = 0;
  return x;
}
inline bool hasZero(const Interval &x) { return x.low <= 0 && x.high >= 0; }
inline bool hasInfinity(const Interval &x) { return x.low == -inf || x.high == inf; }

Interval add(const Interval &a, const Interval &b);
Interval negate(const Interval &a);
inline Interval subtract(const Interval &a, const Interval &b) { return add(a, negate(b)); }
Interval multiply(const Interval &a, const Interval &b);
/// Of NaN still NaN, of infinity infinite.
Interval square(const Interval &a);
Interval divide(const Interval &a, const Interval &b);
Interval remainder(const Interval &a, const Interval &b);
Interval fusedMultiplyAdd(const Interval &a, const Interval &b, const Interval &c);
Interval maximum(const Interval &a, const Interval &b);
Interval minimum(const Interval &a, const Interval &b);
Interval absolute(const Interval &a);
Interval squareRoot(const Interval &a);
Interval power(const Interval &x, const Interval &y);

/// The sum of an initial value and `count` elements, in any order, each addition rounded.
Interval sum(const Interval &initial, const Interval &element, int64_t count);

/// A library function's bounds: 8 ulp and the smallest normal number beyond the true ones (zero stays, since no
/// implementation returns anything else where the function is zero at a number).
Interval libraryBounds(double low, double high, bool mayBeNaN);
/// A function that rises everywhere, NaN for NaN only; or falls. It is what the op computes.
template <typename Fn> Interval rising(mlir::Operation *, Fn fn, const Interval &x) {
  return libraryBounds(fn(x.low), fn(x.high), x.mayBeNaN);
}
template <typename Fn> Interval falling(mlir::Operation *, Fn fn, const Interval &x) {
  return libraryBounds(fn(x.high), fn(x.low), x.mayBeNaN);
}
/// A function that rises by steps, and is exact.
template <typename Fn> Interval steps(mlir::Operation *, Fn fn, const Interval &x) {
  return outward(fn(x.low), fn(x.high), x.mayBeNaN);
}
/// The domain's part of an interval; outside of it the function is NaN.
inline Interval within(const Interval &x, double low, double high) {
  return {std::min(std::max(x.low, low), high), std::max(std::min(x.high, high), low),
          x.mayBeNaN || x.low < low || x.high > high};
}
inline Interval clamp(Interval x, double low, double high) {
  return {std::min(std::max(x.low, low), high), std::max(std::min(x.high, high), low), x.mayBeNaN};
}

/// All values of an integer type; i1 is 0 or 1. Beyond 53 bits, all numbers.
Interval ofIntegerType(mlir::Type type);
/// [low, high] if no value of it wraps in the type and the bounds are exact, else all values of the type. From 2^53 on a bound
/// may be that of another integer, which it was rounded to.
Interval fitInteger(mlir::Type type, double low, double high);
/// Whether the rules hold for this type's arithmetic: no float narrower than f32.
bool isPrecise(mlir::Type type);

} // namespace selfopt::ranges
#endif // SELFOPT_LIB_SAFETY_INTERVALMATH_H
