//===- ElementwiseRules.cpp - What elementwise ops do to elements -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementRules.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Safety/RangeAnalysis.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reals;
using ranges::hasZero;

/// What trains is differentiated at what f32 makes of a value, which cancellation may take far from the real one.
static bool isNear(const Element &e) {
  double slack = 0x1p-10 * std::max(std::fabs(e.exact.low), std::fabs(e.exact.high));
  return e.rounded.low >= e.exact.low - slack && e.rounded.high <= e.exact.high + slack;
}
/// A factor of a slope, or its sign: of both where they are further apart than a thousandth of the magnitude.
static Interval factor(const Element &e) { return isNear(e) ? e.exact : e.exact.join(e.rounded); }

bool ElementRules::elementwise(Operation *op, ArrayRef<const Element *> x, Element &y) {
  using namespace arith;
  using namespace math;
  auto E = [&](unsigned i) -> const Interval & { return x[i]->exact; };
  auto S = [&](unsigned i) -> const Interval & { return x[i]->slope; };
  // Which of two is larger is asked of the real values and of the f32 ones.
  auto both = [&](unsigned i) { return x[i]->exact.join(x[i]->rounded); };
  // Of a NaN, also one that only f32 makes, either operand may be the result.
  auto above = [&](unsigned i, unsigned j) {
    Interval a = both(i), b = both(j);
    return !a.mayBeNaN && !b.mayBeNaN && a.low >= b.high;
  };
  auto V = [&](unsigned i) { return factor(*x[i]); };
  auto W = [&] { return factor(y); };
  bool same = op->getNumOperands() == 2 && op->getOperand(0) == op->getOperand(1);
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([&](AddFOp) {
        y.exact = plus(E(0), E(1));
        y.slope = plus(S(0), S(1));
        return true;
      })
      .Case([&](SubFOp) {
        y.exact = same && E(0).isFinite() ? nothing : plus(E(0), minus(E(1)));
        if (same && x[0]->rounded.isFinite())
          y.rounded = nothing;
        y.slope = same ? nothing : plus(S(0), minus(S(1)));
        return true;
      })
      .Case([&](NegFOp) {
        y.exact = minus(E(0));
        y.slope = minus(S(0));
        return true;
      })
      .Case([&](MulFOp) {
        y.exact = same ? squared(E(0)) : times(E(0), E(1));
        y.slope = same ? chain(times(Interval::point(2), V(0)), S(0)) : plus(chain(V(1), S(0)), chain(V(0), S(1)));
        return true;
      })
      .Case([&](DivFOp) {
        if (same && !hasZero(E(0)) && E(0).isFinite()) {
          y.exact = Interval::point(1);
          y.slope = nothing;
          return true;
        }
        y.exact = over(E(0), E(1));
        Interval bottom = inverse(V(1));
        y.slope = plus(chain(bottom, S(0)), minus(chain(times(V(0), squared(bottom)), S(1))));
        growing(op, x, y);
        return true;
      })
      .Case<MaximumFOp, MaxNumFOp>([&](auto) {
        y.exact = ranges::maximum(E(0), E(1));
        y.slope = above(0, 1) ? S(0) : above(1, 0) ? S(1) : S(0).join(S(1));
        return true;
      })
      .Case<MinimumFOp, MinNumFOp>([&](auto) {
        y.exact = ranges::minimum(E(0), E(1));
        y.slope = above(1, 0) ? S(0) : above(0, 1) ? S(1) : S(0).join(S(1));
        return true;
      })
      .Case([&](AbsFOp) {
        y.exact = ranges::absolute(E(0));
        y.slope = V(0).low >= 0 ? S(0) : V(0).high <= 0 ? minus(S(0)) : S(0).join(minus(S(0)));
        return true;
      })
      .Case<ExtFOp, TruncFOp>([&](auto) {
        y.exact = E(0);
        y.slope = S(0);
        return true;
      })
      .Case([&](ExpOp) {
        y.exact = exponential(E(0));
        y.slope = chain(W(), S(0));
        return true;
      })
      .Case([&](Exp2Op) {
        y.exact = exponential(times(E(0), widen(M_LN2, M_LN2)));
        y.slope = chain(times(W(), widen(M_LN2, M_LN2)), S(0));
        return true;
      })
      .Case([&](ExpM1Op) {
        y.exact = rising([](double v) { return std::expm1(v); }, E(0), E(0).low >= 0 ? 0 : -1, E(0).high <= 0 ? 0 : inf);
        y.slope = chain(exponential(V(0)), S(0));
        return true;
      })
      .Case([&](LogOp) {
        y.exact = logarithm(E(0));
        y.slope = chain(inverse(V(0)), S(0));
        return true;
      })
      .Case([&](Log2Op) {
        y.exact = times(logarithm(E(0)), widen(M_LOG2E, M_LOG2E));
        y.slope = chain(times(inverse(V(0)), widen(M_LOG2E, M_LOG2E)), S(0));
        return true;
      })
      .Case([&](Log10Op) {
        y.exact = times(logarithm(E(0)), widen(M_LOG10E, M_LOG10E));
        y.slope = chain(times(inverse(V(0)), widen(M_LOG10E, M_LOG10E)), S(0));
        return true;
      })
      .Case([&](Log1pOp) {
        y.exact = logarithm(plus(E(0), Interval::point(1)));
        y.slope = chain(inverse(plus(V(0), Interval::point(1))), S(0));
        return true;
      })
      .Case([&](SqrtOp) {
        y.exact = rising([](double v) { return std::sqrt(v); }, {std::max(E(0).low, 0.0), std::max(E(0).high, 0.0), E(0).mayBeNaN || E(0).low < 0}, 0);
        y.slope = chain(inverse(times(Interval::point(2), W())), S(0));
        return true;
      })
      .Case([&](RsqrtOp) {
        Interval root = rising([](double v) { return std::sqrt(v); }, {std::max(E(0).low, 0.0), std::max(E(0).high, 0.0), E(0).mayBeNaN || E(0).low < 0}, 0);
        y.exact = inverse(root);
        y.slope = chain(times(Interval::point(-0.5), times(inverse(V(0)), W())), S(0));
        return true;
      })
      .Case([&](TanhOp) {
        y.exact = rising([](double v) { return std::tanh(v); }, E(0), -1, 1);
        y.slope = chain(meet(plus(Interval::point(1), minus(squared(W()))), unit), S(0));
        return true;
      })
      .Case([&](ErfOp) {
        y.exact = rising([](double v) { return std::erf(v); }, E(0), -1, 1);
        y.slope = chain(times(Interval::of(1.1283, 1.1284), exponential(minus(squared(V(0))))), S(0));
        return true;
      })
      .Case<SinOp, CosOp>([&](auto) {
        y.exact = y.rounded; // widened outward from exact bounds
        y.slope = chain(Interval::of(-1, 1), S(0));
        return true;
      })
      .Case([&](AtanOp) {
        y.exact = rising([](double v) { return std::atan(v); }, E(0));
        y.slope = chain(inverse(plus(Interval::point(1), squared(V(0)))), S(0));
        return true;
      })
      .Case([&](SinhOp) {
        y.exact = rising([](double v) { return std::sinh(v); }, E(0));
        y.slope = chain(rising([](double v) { return std::cosh(v); }, ranges::absolute(V(0)), 1), S(0));
        return true;
      })
      .Case([&](CoshOp) {
        y.exact = rising([](double v) { return std::cosh(v); }, ranges::absolute(E(0)), 1);
        y.slope = chain(rising([](double v) { return std::sinh(v); }, V(0)), S(0));
        return true;
      })
      .Case([&](PowFOp) {
        // x^c; the rule for ranges holds the real value, too.
        y.exact = ranges::power(ranges::clean(E(0)), ranges::clean(E(1)));
        if (isPoint(E(1)) && E(1).low == 0)
          y.slope = nothing;
        else if (isPoint(E(1)) && isZero(S(1)))
          y.slope = chain(times(V(1), V(1).low == 1 ? Interval::point(1) : ranges::power(ranges::clean(V(0)), Interval::point(V(1).low - 1))), S(0));
        else if (E(0).low > 0)
          y.slope = plus(chain(times(V(1), over(W(), V(0))), S(0)), chain(times(W(), logarithm(V(0))), S(1)));
        else
          return false;
        return true;
      })
      .Case([&](FmaOp) {
        y.exact = plus(op->getOperand(0) == op->getOperand(1) ? squared(E(0)) : times(E(0), E(1)), E(2));
        y.slope = plus(plus(chain(V(1), S(0)), chain(V(0), S(1))), S(2));
        return true;
      })
      .Case([&](ClampFOp) {
        y.exact = ranges::minimum(ranges::maximum(E(0), E(1)), E(2));
        y.slope = S(0).join(S(1)).join(S(2));
        return true;
      })
      .Case<FloorOp, CeilOp, RoundOp, RoundEvenOp, TruncOp>([&](auto) {
        y.exact = y.rounded; // of operands that hold the real value, an integer or the next f32
        y.slope = jump(S(0), W().low != W().high);
        return true;
      })
      .Default([](Operation *) { return false; });
}

void ElementRules::growing(Operation *op, ArrayRef<const Element *> x, Element &y) {
  auto sum = op->getOperand(1).getDefiningOp<arith::AddFOp>();
  Value top = op->getOperand(0);
  if (!sum || (sum.getLhs() != top && sum.getRhs() != top) || sum.getLhs() == sum.getRhs())
    return;
  ArrayRef<Element> rest = get(sum.getLhs() == top ? sum.getRhs() : sum.getLhs());
  Interval a = x[0]->exact;
  Interval c = rest[0].exact, slope = rest[0].slope;
  for (const Element &e : rest) {
    c = c.join(e.exact);
    slope = slope.join(e.slope);
  }
  if (!(a.low >= 0 && c.low > 0) || a.mayBeNaN || c.mayBeNaN || !isNear(*x[0]) || !llvm::all_of(rest, isNear))
    return;
  Interval part = rest[0].rounded;
  for (const Element &e : rest)
    part = part.join(e.rounded);
  Interval low = over({a.low, a.low, false}, plus({a.low, a.low, false}, {c.high, c.high, false}));
  Interval high = std::isfinite(a.high) ? over({a.high, a.high, false}, plus({a.high, a.high, false}, {c.low, c.low, false})) : unit;
  y.exact = meet(meet(y.exact, Interval::of(std::max(low.low, 0.0), std::min(high.high, 1.0))), unit);
  // f32 rounds a quotient of at most 1, of a sum that is no smaller than its part, to at most 1.
  if (x[0]->rounded.low >= 0 && x[0]->rounded.isFinite() && part.low > 0 && part.isFinite())
    y.rounded = meet(y.rounded, unit);
  Interval bottom = squared(inverse(plus(a, c)));
  Interval sharper = plus(chain(times(c, bottom), x[0]->slope), minus(chain(times(a, bottom), slope)));
  y.slope = meet(y.slope, sharper);
}

void ElementRules::order(Operation *op, size_t index, Element &y) {
  if (!assumed.order || !isa<arith::SubFOp>(op) || int64_t(index) != assumed.seed.element)
    return;
  auto l = dyn_cast<BlockArgument>(op->getOperand(0)), r = dyn_cast<BlockArgument>(op->getOperand(1));
  if (!l || !r || l == r || l.getArgNumber() > 1 || r.getArgNumber() > 1)
    return;
  int sign = l.getArgNumber() == 0 ? assumed.order : -assumed.order;
  // A difference in f32 has the sign of the real one.
  Interval half = sign > 0 ? Interval{0, inf, true} : Interval{-inf, 0, true};
  y.exact = meet(y.exact, half);
  y.rounded = meet(y.rounded, half);
}

const Polynomial &ElementRules::polynomial(Algebra &ring, Value v, size_t i) {
  i = get(v).size() == 1 ? 0 : i;
  auto [it, fresh] = ring.known.try_emplace({v.getAsOpaquePointer(), i});
  if (fresh && !ring.failed)
    it->second = newPolynomial(ring, v, i);
  ring.failed |= it->second.size() > 100 || llvm::any_of(it->second, [](auto &term) {
    return llvm::any_of(term.first, [](auto power) { return power.second > 50; });
  });
  return it->second;
}

Polynomial ElementRules::newPolynomial(Algebra &ring, Value v, size_t i) {
  ArrayRef<Element> all = get(v);
  const Rational one = 1;
  Operation *def = v.getDefiningOp();
  auto of = [&](unsigned operand) -> const Polynomial & { return polynomial(ring, def->getOperand(operand), i); };
  const Interval &exact = all[i].exact;
  if (isPoint(exact) && def && def->hasTrait<OpTrait::ConstantLike>())
    return ring.number(exact.low);
  if (isa_and_nonnull<arith::AddFOp>(def))
    return ring.sum(of(0), of(1));
  if (isa_and_nonnull<arith::SubFOp>(def))
    return ring.sum(of(0), of(1), -one);
  if (isa_and_nonnull<arith::NegFOp>(def))
    return ring.sum({}, of(0), -one);
  if (isa_and_nonnull<arith::MulFOp>(def))
    return ring.product(of(0), of(1));
  if (isa_and_nonnull<math::AbsFOp>(def)) {
    const Interval &x = get(def->getOperand(0))[i].exact;
    if (x.low >= 0 || x.high <= 0)
      return ring.sum({}, of(0), x.low >= 0 ? one : -one);
  }
  return ring.atom(ring.atoms.try_emplace({v.getAsOpaquePointer(), i}, int(ring.atoms.size())).first->second);
}

bool ElementRules::meetAtSwitch(arith::SelectOp op, size_t i) {
  auto compare = op.getCondition().getDefiningOp<arith::CmpFOp>();
  // It also switches where a side becomes a NaN, in f32 as well.
  auto mayBeNaN = [&](Value v) {
    return llvm::any_of(get(v), [](const Element &e) { return e.exact.mayBeNaN || e.rounded.mayBeNaN; });
  };
  if (!compare || mayBeNaN(compare.getLhs()) || mayBeNaN(compare.getRhs()))
    return false;
  Algebra ring;
  auto difference = [&](Value a, Value b) {
    return ring.sum(polynomial(ring, a, i), polynomial(ring, b, i), -1);
  };
  Polynomial gap = difference(op.getTrueValue(), op.getFalseValue()), zero = difference(compare.getLhs(), compare.getRhs());
  if (ring.failed)
    return false;
  if (gap.empty())
    return true;
  // Solve u - v = 0 for an atom that stands in one term of it only, to the first power and alone.
  for (auto &[m, c] : zero) {
    if (m.size() != 1 || m.begin()->second != 1)
      continue;
    int atom = m.begin()->first;
    if (llvm::count_if(zero, [&](auto &term) { return term.first.count(atom) != 0; }) != 1)
      continue;
    Polynomial rest = zero;
    rest.erase(m);
    Polynomial by = ring.product(rest, ring.constant(-1 / c));
    std::optional<Polynomial> there = ring.substitute(gap, atom, by);
    if (there && there->empty() && !ring.failed)
      return true;
  }
  return false;
}

void ElementRules::select(arith::SelectOp op, size_t index, ArrayRef<const Element *> x, Element &y) {
  const Interval &c = x[0]->rounded;
  if (c.low == c.high && !c.mayBeNaN) {
    const Element &taken = c.low > 0 ? *x[1] : *x[2];
    y.exact = taken.exact;
    y.slope = taken.slope;
    return;
  }
  y.exact = x[1]->exact.join(x[2]->exact);
  bool constant = isPoint(y.exact);
  y.slope = constant ? nothing : x[1]->slope.join(x[2]->slope);
  if (!constant && dependsOnSeed(op.getCondition(), index) && !meetAtSwitch(op, index))
    y.slope = Interval::top();
}

bool ElementRules::dependsOnSeed(Value v, std::optional<size_t> i) {
  SmallVector<std::pair<Value, std::optional<size_t>>> pending{{v, i}};
  llvm::SmallDenseSet<std::pair<Value, size_t>, 16> seen;
  while (!pending.empty()) {
    auto [next, at] = pending.pop_back_val();
    ArrayRef<Element> all = get(next);
    if (all.size() == 1)
      at = 0;
    if (at ? !isZero(all[*at].slope) : llvm::any_of(all, [](const Element &e) { return !isZero(e.slope); }))
      return true;
    Operation *def = next.getDefiningOp();
    if (!def || !seen.insert({next, at.value_or(~size_t(0))}).second)
      continue;
    bool elementwise = OpTrait::hasElementwiseMappableTraits(def);
    for (Value operand : def->getOperands())
      pending.push_back({operand, elementwise ? at : std::nullopt});
  }
  return false;
}

void ElementRules::general(Operation *op, unsigned number, ElementResults &out) {
  Value result = op->getResult(number);
  auto type = dyn_cast<RankedTensorType>(result.getType());
  size_t n = type ? size_t(type.getNumElements()) : 1;
  bool isElementwise = OpTrait::hasElementwiseMappableTraits(op);
  auto ranged = dyn_cast<RangeOpInterface>(op);
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(result.getType()));
  SmallVector<const Element *, 3> elements;
  SmallVector<Interval, 3> rounded, exact, results;
  SmallVector<Element, 0> hulls;
  // Operands with an element for each of the result's.
  SmallVector<ArrayRef<unsigned>, 3> firsts;
  for (Value operand : op->getOperands())
    if (isElementwise && n > 1 && get(operand).size() == n)
      firsts.push_back(alike(operand));
  for (size_t i = 0; i < n; ++i) {
    if (isElementwise && out.repeatIf([&](size_t k) {
          return llvm::all_of(firsts, [&](ArrayRef<unsigned> first) { return first[k] == first[i]; });
        }))
      continue;
    elements.clear();
    hulls.clear();
    hulls.reserve(op->getNumOperands());
    for (Value operand : op->getOperands()) {
      ArrayRef<Element> all = get(operand);
      if (all.size() == 1 || (isElementwise && all.size() == n)) {
        elements.push_back(&all[all.size() == 1 ? 0 : i]);
        continue;
      }
      Element hull = all[0];
      for (const Element &e : all.drop_front())
        hull = {hull.rounded.join(e.rounded), hull.exact.join(e.exact), hull.slope.join(e.slope)};
      hulls.push_back(hull);
      elements.push_back(&hulls.back());
    }
    rounded.clear();
    exact.clear();
    for (const Element *e : elements) {
      rounded.push_back(e->rounded);
      // Where both are asked the question of the f32 op, its outward rounding holds the real value.
      exact.push_back(e->exact);
    }
    auto ask = [&](ArrayRef<Interval> operands) {
      results.clear();
      if (ranged)
        ranged.inferRanges(operands, results);
      return ranged ? results[number] : rangeOfType(result.getType());
    };
    if (!a.undefined && mayBeUndefined(op, rounded))
      a.undefined = op;
    Element y;
    y.rounded = ask(rounded);
    if (auto op2 = dyn_cast<arith::SelectOp>(op)) {
      select(op2, i, elements, y);
    } else if (isFloat && isElementwise) {
      Interval inF32 = y.rounded;
      // Their exact value is read off the answer for exact operands.
      bool byRange = isa<math::SinOp, math::CosOp, math::FloorOp, math::CeilOp, math::RoundOp, math::RoundEvenOp, math::TruncOp>(op);
      if (byRange)
        y.rounded = ask(exact);
      bool known = elementwise(op, elements, y);
      if (byRange)
        y.rounded = inF32;
      if (!known) {
        y.exact = ask(exact);
        bool still = llvm::all_of(elements, [](const Element *e) { return isZero(e->slope); });
        y.slope = isPoint(y.exact) || (still && !fromSeed(op, i)) ? nothing : Interval::top();
      }
      order(op, i, y);
    } else {
      y.exact = ask(exact);
      bool constant = isPoint(y.exact);
      y.slope = !isFloat || constant || !fromSeed(op, isElementwise ? std::optional(i) : std::nullopt) ? nothing : Interval::top();
    }
    out.push_back(y);
  }
}

bool ElementRules::fromSeed(Operation *op, std::optional<size_t> i) {
  return llvm::any_of(op->getOperands(), [&](Value v) { return dependsOnSeed(v, i); });
}
