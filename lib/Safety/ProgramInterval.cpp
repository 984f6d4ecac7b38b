//===- ProgramInterval.cpp - The rules of ranges as programs -------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramInterval.h"
#include "mlir/IR/Operation.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::ranges;

/// Twice what a library function is off by: of the value, and of its bound.
static constexpr double library = 0x1p-19;

/// Outward by what was rounded.
static ProgramInterval moved(BoundBuilder &t, Value low, Value high, double relative = 4 * BoundBuilder::unit) {
  Bounds y = t.outward(low, high, relative);
  return {&t, y.low, y.high};
}

ProgramInterval ranges::add(const ProgramInterval &a, const ProgramInterval &b) {
  BoundBuilder &t = *a.t;
  Value low = t.add(a.low, b.low), high = t.add(a.high, b.high);
  return moved(t, low, high);
}
ProgramInterval ranges::negate(const ProgramInterval &a) {
  Value low = a.t->negate(a.high), high = a.t->negate(a.low);
  return {a.t, low, high};
}
/// The least and the greatest of four.
static ProgramInterval around(BoundBuilder &t, Value p, Value q, Value r, Value s) {
  Value low = t.minimum(t.minimum(t.minimum(p, q), r), s);
  Value high = t.maximum(t.maximum(t.maximum(p, q), r), s);
  return moved(t, low, high);
}
ProgramInterval ranges::multiply(const ProgramInterval &a, const ProgramInterval &b) {
  BoundBuilder &t = *a.t;
  Value p = t.multiply(a.low, b.low), q = t.multiply(a.low, b.high);
  Value r = t.multiply(a.high, b.low), s = t.multiply(a.high, b.high);
  return around(t, p, q, r, s);
}
ProgramInterval ranges::square(const ProgramInterval &a) {
  ProgramInterval m = absolute(a);
  Value low = a.t->multiply(m.low, m.low), high = a.t->multiply(m.high, m.high);
  return moved(*a.t, low, high);
}
ProgramInterval ranges::divide(const ProgramInterval &a, const ProgramInterval &b) {
  BoundBuilder &t = *a.t;
  Value p = t.divide(a.low, b.low), q = t.divide(a.low, b.high);
  Value r = t.divide(a.high, b.low), s = t.divide(a.high, b.high);
  ProgramInterval quotient = around(t, p, q, r, s);
  // Not where the divisor may be zero.
  Value zero = t.like(b.low, 0), unknown = t.like(b.low, NAN);
  Value positive = t.less(zero, b.low), negative = t.less(b.high, zero);
  auto keep = [&](Value x) { return t.select(positive, x, t.select(negative, x, unknown)); };
  Value low = keep(quotient.low), high = keep(quotient.high);
  return {&t, low, high};
}
ProgramInterval ranges::fusedMultiplyAdd(const ProgramInterval &a, const ProgramInterval &b, const ProgramInterval &c) {
  return add(multiply(a, b), c);
}
ProgramInterval ranges::maximum(const ProgramInterval &a, const ProgramInterval &b) {
  Value low = a.t->maximum(a.low, b.low), high = a.t->maximum(a.high, b.high);
  return {a.t, low, high};
}
ProgramInterval ranges::minimum(const ProgramInterval &a, const ProgramInterval &b) {
  Value low = a.t->minimum(a.low, b.low), high = a.t->minimum(a.high, b.high);
  return {a.t, low, high};
}
ProgramInterval ranges::absolute(const ProgramInterval &a) {
  BoundBuilder &t = *a.t;
  Value zero = t.like(a.low, 0), negated = t.negate(a.low);
  Value low = t.maximum(zero, t.maximum(a.low, t.negate(a.high))), high = t.maximum(negated, a.high);
  return {&t, low, high};
}
ProgramInterval ranges::squareRoot(const ProgramInterval &a) {
  ProgramInterval x = within(a, 0, inf);
  Value low = a.t->squareRoot(x.low), high = a.t->squareRoot(x.high);
  ProgramInterval r = moved(*a.t, low, high);
  r.low = a.t->maximum(r.low, a.t->like(r.low, 0));
  return r;
}
ProgramInterval ranges::clamp(const ProgramInterval &x, double low, double high) {
  ProgramInterval r = x;
  if (std::isfinite(low)) {
    r.low = x.t->maximum(r.low, x.t->like(r.low, low));
    r.high = x.t->maximum(r.high, x.t->like(r.high, low));
  }
  if (std::isfinite(high)) {
    r.low = x.t->minimum(r.low, x.t->like(r.low, high));
    r.high = x.t->minimum(r.high, x.t->like(r.high, high));
  }
  return r;
}

ProgramInterval ranges::within(const ProgramInterval &x, double low, double high) {
  ProgramInterval r = x;
  auto keep = [&](Value condition) {
    r.low = x.t->select(condition, r.low, x.t->like(r.low, NAN));
    r.high = x.t->select(condition, r.high, x.t->like(r.high, NAN));
  };
  if (std::isfinite(low))
    keep(x.t->lessOrEqual(x.t->like(x.low, low), x.low));
  if (std::isfinite(high))
    keep(x.t->lessOrEqual(x.high, x.t->like(x.high, high)));
  return r;
}

ProgramInterval ranges::compare(arith::CmpFPredicate predicate, const ProgramInterval &a, const ProgramInterval &b) {
  using P = arith::CmpFPredicate;
  OpBuilder &builder = a.t->builder();
  Location loc = a.t->location();
  // True for certain, and for certain not false: an unordered comparison takes NaN for anything.
  auto test = [&](P certain, Value x, Value y, P possible, Value u, Value v) -> ProgramInterval {
    Value low = arith::CmpFOp::create(builder, loc, certain, x, y);
    Value high = arith::CmpFOp::create(builder, loc, possible, u, v);
    return {a.t, low, high};
  };
  switch (predicate) {
  case P::OGT:
  case P::UGT:
    return test(P::OGT, a.low, b.high, P::UGT, a.high, b.low);
  case P::OGE:
  case P::UGE:
    return test(P::OGE, a.low, b.high, P::UGE, a.high, b.low);
  case P::OLT:
  case P::ULT:
    return test(P::OLT, a.high, b.low, P::ULT, a.low, b.high);
  case P::OLE:
  case P::ULE:
    return test(P::OLE, a.high, b.low, P::ULE, a.low, b.high);
  default:
    return {a.t, {}, {}};
  }
}
ProgramInterval ranges::choose(const ProgramInterval &condition, const ProgramInterval &a, const ProgramInterval &b) {
  BoundBuilder &t = *a.t;
  auto either = [&](Value x, Value y, Value both) {
    return t.select(condition.low, x, t.select(condition.high, both, y));
  };
  Value low = either(a.low, b.low, t.minimum(a.low, b.low)), high = either(a.high, b.high, t.maximum(a.high, b.high));
  return {&t, low, high};
}

ProgramInterval ranges::applied(Operation *op, const ProgramInterval &x, bool falls) {
  auto of = [&](Value v) {
    Operation *copy = Operation::create(op->getLoc(), op->getName(), v.getType(), v, op->getAttrDictionary(),
                                        op->getPropertiesStorage(), BlockRange(), 0);
    x.t->builder().insert(copy);
    return copy->getResult(0);
  };
  Value low = of(falls ? x.high : x.low), high = of(falls ? x.low : x.high);
  return moved(*x.t, low, high, library);
}
