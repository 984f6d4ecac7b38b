//===- Cost.h - What one execution of an op costs ---------------*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_INTERFACES_COST_H
#define SELFOPT_INTERFACES_COST_H

#include <cstdint>
#include <initializer_list>
#include <optional>

namespace selfopt {

/// Exact integers. An addition, multiplication, comparison or elementary function on one f32 counts as one FLOP, a
/// multiply-add as two (the convention of the literature on neural networks).
struct Cost {
  int64_t flops = 0;      ///< Floating point operations of one execution.
  int64_t bytes = 0;      ///< Bytes read and written, each operand and result once.
  int64_t parameters = 0; ///< Trainable scalars that the op owns.

  /// Sums; nullopt when a sum leaves 64 bits, so that a huge spec can't wrap around a limit.
  static std::optional<Cost> add(const Cost &a, const Cost &b) {
    Cost r;
    if (__builtin_add_overflow(a.flops, b.flops, &r.flops) || __builtin_add_overflow(a.bytes, b.bytes, &r.bytes) ||
        __builtin_add_overflow(a.parameters, b.parameters, &r.parameters))
      return std::nullopt;
    return r;
  }
};

/// Product of non-negative factors; nullopt when it leaves 64 bits.
inline std::optional<int64_t> checkedProduct(std::initializer_list<int64_t> factors) {
  int64_t r = 1;
  for (int64_t f : factors)
    if (__builtin_mul_overflow(r, f, &r))
      return std::nullopt;
  return r;
}

} // namespace selfopt
#endif // SELFOPT_INTERFACES_COST_H
