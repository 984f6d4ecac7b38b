//===- ProgramInterval.h - The rules of ranges as programs -- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An interval whose bounds are values of a program. What IntervalMath.h computes with two numbers, these functions build
// with two tensors, so that a rule of ranges that is written over either is both: the interval of a result, and the code
// that bounds it element by element.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_PROGRAMINTERVAL_H
#define SELFOPT_LIB_SAFETY_PROGRAMINTERVAL_H

#include "IntervalMath.h"
#include "SelfOpt/Dialect/BoundBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace selfopt::ranges {

struct ProgramInterval {
  BoundBuilder *t;
  mlir::Value low, high; ///< Null where there is no rule.
};

ProgramInterval add(const ProgramInterval &a, const ProgramInterval &b);
ProgramInterval negate(const ProgramInterval &a);
inline ProgramInterval subtract(const ProgramInterval &a, const ProgramInterval &b) { return add(a, negate(b)); }
ProgramInterval multiply(const ProgramInterval &a, const ProgramInterval &b);
ProgramInterval square(const ProgramInterval &a);
ProgramInterval divide(const ProgramInterval &a, const ProgramInterval &b);
ProgramInterval fusedMultiplyAdd(const ProgramInterval &a, const ProgramInterval &b, const ProgramInterval &c);
ProgramInterval maximum(const ProgramInterval &a, const ProgramInterval &b);
ProgramInterval minimum(const ProgramInterval &a, const ProgramInterval &b);
ProgramInterval absolute(const ProgramInterval &a);
ProgramInterval squareRoot(const ProgramInterval &a);
ProgramInterval clamp(const ProgramInterval &x, double low, double high);
ProgramInterval compare(mlir::arith::CmpFPredicate predicate, const ProgramInterval &a, const ProgramInterval &b);
ProgramInterval choose(const ProgramInterval &condition, const ProgramInterval &a, const ProgramInterval &b);

/// The op itself, of both bounds, moved outward by what library functions may be off.
ProgramInterval applied(mlir::Operation *op, const ProgramInterval &x, bool falls);
template <typename Fn> ProgramInterval rising(mlir::Operation *op, Fn, const ProgramInterval &x) {
  return applied(op, x, /*falls=*/false);
}
template <typename Fn> ProgramInterval falling(mlir::Operation *op, Fn, const ProgramInterval &x) {
  return applied(op, x, /*falls=*/true);
}
template <typename Fn> ProgramInterval steps(mlir::Operation *op, Fn, const ProgramInterval &x) {
  return applied(op, x, /*falls=*/false);
}
/// Unknown where it may leave [low, high].
ProgramInterval within(const ProgramInterval &x, double low, double high);

} // namespace selfopt::ranges
#endif // SELFOPT_LIB_SAFETY_PROGRAMINTERVAL_H
