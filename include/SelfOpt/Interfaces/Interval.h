//===- Interval.h - Closed intervals of real values -------------*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `RangeOpInterface` speaks: a closed interval that holds every element of a value, and whether a NaN may be
// among them. Integers are kept exactly up to 2^53. Bounds of a float value are float bounds widened outward by the
// op's rounding error, so that no execution in f32 leaves them.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_INTERFACES_INTERVAL_H
#define SELFOPT_INTERFACES_INTERVAL_H

#include <algorithm>
#include <cmath>
#include <limits>

namespace selfopt {

struct Interval {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool mayBeNaN = true;

  static Interval top() { return {}; }
  static Interval point(double x) { return {x, x, std::isnan(x)}; }
  static Interval of(double low, double high) { return {low, high, false}; }

  bool isFinite() const { return std::isfinite(low) && std::isfinite(high) && !mayBeNaN; }
  bool contains(double x) const { return std::isnan(x) ? mayBeNaN : low <= x && x <= high; }
  bool contains(const Interval &o) const { return low <= o.low && o.high <= high && (mayBeNaN || !o.mayBeNaN); }
  Interval join(const Interval &o) const {
    return {std::min(low, o.low), std::max(high, o.high), mayBeNaN || o.mayBeNaN};
  }
  /// Widens both bounds to the next f32 outward; a finite bound beyond the largest f32 becomes infinite.
  Interval roundedOutward() const;
};

} // namespace selfopt
#endif // SELFOPT_INTERFACES_INTERVAL_H
