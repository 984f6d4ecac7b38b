//===- Interval.cpp - Closed intervals of real values ---------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Interfaces/Interval.h"

using namespace selfopt;

Interval Interval::roundedOutward() const {
  Interval r = *this;
  // The next f32 at or beyond the bound; casting alone may round inward.
  auto down = [](double x) -> double {
    if (!std::isfinite(x))
      return x;
    return std::nextafter(float(x), -std::numeric_limits<float>::infinity());
  };
  auto up = [](double x) -> double {
    if (!std::isfinite(x))
      return x;
    return std::nextafter(float(x), std::numeric_limits<float>::infinity());
  };
  r.low = down(low);
  r.high = up(high);
  return r;
}
