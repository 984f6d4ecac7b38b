//===- UpdateRuleDomain.cpp - What is known of an update rule's values -------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "UpdateRuleDomain.h"
#include "IntervalMath.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Safety/RangeAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cfloat>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::updaterule;
using ranges::inf;

namespace {

constexpr double rounding = 0x1p-23, tiny = 0x1p-126;
const Interval rounded = Interval::of(1 - rounding, 1 + rounding);

double product(double a, double b) { return a == 0 || b == 0 ? 0 : a * b; }
double magnitudeOf(const Interval &x) { return x.mayBeNaN ? inf : std::max(std::fabs(x.low), std::fabs(x.high)); }

//===--- Polynomials of R ---------------------------------------------------===//

Polynomial plus(const Polynomial &a, const Polynomial &b) { return {a[0] + b[0], a[1] + b[1], a[2] + b[2]}; }
Polynomial scale(const Polynomial &a, double by) { return {product(a[0], by), product(a[1], by), product(a[2], by)}; }
Polynomial larger(const Polynomial &a, const Polynomial &b) {
  return {std::max(a[0], b[0]), std::max(a[1], b[1]), std::max(a[2], b[2])};
}
Polynomial smaller(const Polynomial &a, const Polynomial &b) {
  return {std::min(a[0], b[0]), std::min(a[1], b[1]), std::min(a[2], b[2])};
}
bool growsWithR(const Polynomial &a) { return a[1] > 0 || a[2] > 0; }
/// An upper bound of a product of magnitudes; where its degree is more than 2, by the constant bound of the second.
Polynomial multiply(const Polynomial &a, const Polynomial &b, double magnitude) {
  if ((a[1] > 0 && b[2] > 0) || (a[2] > 0 && growsWithR(b)))
    return scale(a, magnitude);
  return {product(a[0], b[0]), product(a[0], b[1]) + product(a[1], b[0]),
          product(a[0], b[2]) + product(a[1], b[1]) + product(a[2], b[0])};
}
double at(const Polynomial &a, double R) { return a[0] + product(a[1], R) + product(product(a[2], R), R); }

/// p / D, where D >= q(R) and D >= least > 0. With D >= q1 R + q0: p1 R / D <= p1 / q1 (1 + max(0, -q0) / least).
Polynomial ratio(const Polynomial &p, const Polynomial &q, double least) {
  if (!(least > 0))
    return {inf, 0, 0};
  double excess = 1 + std::max(0.0, -q[0]) / least, r = p[0] / least;
  for (unsigned i : {1, 2})
    if (p[i] > 0) {
      if (!(q[i] > 0))
        return scale(p, 1 / least);
      r += p[i] / q[i] * excess;
    }
  return {r, 0, 0};
}
Polynomial rootAbove(const Polynomial &a, double magnitude) {
  return a[1] > 0 ? Polynomial{magnitude, 0, 0} : Polynomial{std::sqrt(a[0]), std::sqrt(a[2]), 0};
}
/// sqrt(q0 + q2 R^2) >= sqrt(q2) R - sqrt(-q0).
Polynomial rootBelow(const Polynomial &q, double least) {
  if (!(q[2] > 0) || q[1] < 0)
    return {least, 0, 0};
  return {q[0] < 0 ? -std::sqrt(-q[0]) : 0, std::sqrt(q[2]), 0};
}

//===--- Forms --------------------------------------------------------------===//

Form plus(const Form &a, const Form &b, bool negate = false) {
  Form r = a;
  for (auto &[key, c] : b) {
    auto [it, fresh] = r.try_emplace(key, Interval::point(0));
    it->second = ranges::add(it->second, negate ? ranges::negate(c) : c);
  }
  return r;
}
/// Either of the two.
Form join(const Form &a, const Form &b) {
  Form r = a;
  for (auto &[key, c] : r)
    c = c.join(b.count(key) ? b.at(key) : Interval::point(0));
  for (auto &[key, c] : b)
    if (!a.count(key))
      r[key] = c.join(Interval::point(0));
  return r;
}
Form scale(const Form &a, const Interval &by) {
  Form r = a;
  for (auto &[key, c] : r)
    c = ranges::multiply(c, by);
  return r;
}
std::optional<Form> multiply(const Form &a, const Form &b) {
  Form r;
  for (auto &[x, c] : a)
    for (auto &[y, d] : b) {
      std::array<unsigned, 4> variables{x.first, x.second, y.first, y.second};
      std::sort(variables.begin(), variables.end());
      if (variables[1] != 0)
        return std::nullopt;
      r = plus(r, {{{variables[2], variables[3]}, ranges::multiply(c, d)}});
    }
  return r;
}
bool isNumber(const Form &a) { return a.size() == 1 && a.begin()->first.second == 0; }

bool isOne(Value v) {
  auto constant = v.getDefiningOp<arith::ConstantOp>();
  auto number = constant ? dyn_cast<FloatAttr>(constant.getValue()) : FloatAttr();
  return number && number.getValueAsDouble() == 1;
}

} // namespace

double Fact::magnitude() const { return magnitudeOf(range); }

RuleDomain::RuleDomain(OptimizerOp optimizer, double gradient, const UpdateRuleOptions &options)
    : block(optimizer.getBody().front()), gradient(gradient), options(options) {
  for (Operation &op : block.without_terminator())
    body.push_back(&op);
  for (Value v : block.getTerminator()->getOperands())
    returned.push_back(v);
}

Fact RuleDomain::constant(const Interval &range) const {
  Fact f;
  f.range = ranges::flushed(range);
  if (forms)
    f.form = {{{0, 0}, f.range}};
  f.upper = {f.magnitude(), 0, 0};
  f.lower = {f.range.mayBeNaN ? -inf : f.range.low, 0, 0};
  if (f.magnitude() == 0)
    f.byRate = Polynomial{0, 0, 0};
  return f;
}

const Fact &RuleDomain::factOf(Value v) {
  auto it = facts.find(v);
  if (it == facts.end())
    it = facts.try_emplace(v, constant(lookupRange(DenseMap<Value, Interval>(), v))).first;
  return it->second;
}

void RuleDomain::seed(Value v, const Polynomial &upper) {
  auto [it, fresh] = seeds.try_emplace(v, upper);
  if (!fresh && upper[1] < it->second[1])
    it->second = upper;
}

void RuleDomain::evaluate(Interval steps, ArrayRef<Interval> boxes, const Energy *energy, bool withForms) {
  facts.clear();
  seeds.clear();
  undefined = nullptr;
  moves.clear();
  forms = withForms;
  largestR = 0;
  if (energy) {
    // R^2 = v1 >= A v + B g^2 - slack, and v is not negative.
    double A = energy->A, B = energy->B, lost = energy->slack;
    seed(newState(energy->state), {0, 0, 1});
    if (A > 0)
      seed(block.getArgument(4 + energy->state), {lost / A, 0, 1 / A});
    seed(block.getArgument(1), {std::sqrt(lost / B), 1 / std::sqrt(B), 0});
    for (const Template &t : energy->templates) {
      double root = std::sqrt(t.K.value()) * (1 + rounding), shift = root * std::sqrt(t.shift);
      seed(newState(t.state), {shift, root, 0});
      if (A > 0)
        seed(block.getArgument(4 + t.state), {root * std::sqrt(lost / A) + shift, root / std::sqrt(A), 0});
    }
  }
  auto finish = [&](Value v, Fact fact) {
    if (auto it = seeds.find(v); it != seeds.end()) {
      if (!growsWithR(fact.upper) || it->second[1] < fact.upper[1])
        fact.upper = it->second;
      if (energy && v == newState(energy->state)) {
        fact.upper = fact.lower = {0, 0, 1};
        largestR = std::sqrt(fact.magnitude()) * (1 + rounding);
      }
    }
    facts[v] = std::move(fact);
  };
  auto variable = [&](Value v, const Interval &range, std::optional<unsigned> index) {
    Fact f = constant(range);
    if (index && forms) {
      // The runtime reads a subnormal argument as zero.
      f.form = {{{0, *index}, Interval::point(1)}};
      f.slack = tiny;
    }
    finish(v, std::move(f));
  };
  variable(block.getArgument(0), Interval::of(-options.maxWeight, options.maxWeight), std::nullopt);
  variable(block.getArgument(1), Interval::of(-gradient, gradient), gradientVariable);
  variable(block.getArgument(2), Interval::of(0, options.maxLearningRate), std::nullopt);
  facts[block.getArgument(2)].byRate = Polynomial{1, 0, 0};
  variable(block.getArgument(3), steps, std::nullopt);
  for (unsigned k = 0; k < numStates(); ++k)
    variable(block.getArgument(4 + k), boxes[k], firstState + k);
  SmallVector<const Fact *> x;
  SmallVector<Interval> operands, results;
  for (Operation *op : body) {
    x.clear();
    operands.clear();
    results.clear();
    for (Value v : op->getOperands())
      factOf(v);
    for (Value v : op->getOperands()) {
      x.push_back(&facts[v]);
      operands.push_back(x.back()->range);
    }
    if (!undefined && mayBeUndefined(op, operands))
      undefined = op;
    if (auto ranged = dyn_cast<RangeOpInterface>(op))
      ranged.inferRanges(operands, results);
    else
      for (Type type : op->getResultTypes())
        results.push_back(rangeOfType(type));
    for (auto [v, range] : llvm::zip(op->getResults(), results))
      finish(v, op->getNumResults() == 1 ? transfer(op, x, range) : constant(range));
  }
  for (Value v : returned)
    factOf(v);
}

/// Of |x| <= upper and the range.
Fact RuleDomain::transfer(Operation *op, ArrayRef<const Fact *> x, const Interval &range) const {
  Fact f = constant(range);
  if (!op->getResult(0).getType().isF32())
    return f;
  if (forms)
    setForm(op, x, f);
  std::optional<Polynomial> upper, lower;
  bool exact = false;
  auto byRateOfProduct = [&](const Fact &a, const Fact &b) -> std::optional<Polynomial> {
    if (a.byRate && b.inverse)
      return ratio(*a.byRate, *b.inverse, 1 / std::max(b.magnitude(), DBL_MIN));
    if (a.byRate)
      return multiply(*a.byRate, b.upper, b.magnitude());
    return std::nullopt;
  };
  auto either = [&](const Fact &a, const Fact &b) {
    upper = larger(a.upper, b.upper);
    lower = smaller(a.lower, b.lower);
    if (a.byRate && b.byRate)
      f.byRate = larger(*a.byRate, *b.byRate);
    exact = true;
  };
  auto productOf = [&](const Fact &a, const Fact &b) {
    f.byRate = byRateOfProduct(a, b);
    if (auto other = byRateOfProduct(b, a); other && (!f.byRate || at(*other, largestR) < at(*f.byRate, largestR)))
      f.byRate = other;
    if (b.inverse)
      return ratio(a.upper, *b.inverse, 1 / std::max(b.magnitude(), DBL_MIN));
    if (a.inverse)
      return ratio(b.upper, *a.inverse, 1 / std::max(a.magnitude(), DBL_MIN));
    return multiply(a.upper, b.upper, b.magnitude());
  };
  auto scaledBelow = [](const Fact &a, const Interval &by) -> std::optional<Polynomial> {
    if (!growsWithR(a.lower) || !(by.low >= 0))
      return std::nullopt;
    return Polynomial{product(a.lower[0], a.lower[0] < 0 ? by.high : by.low), product(a.lower[1], by.low),
                      product(a.lower[2], by.low)};
  };
  if (isa<arith::AddFOp, arith::SubFOp>(op)) {
    upper = plus(x[0]->upper, x[1]->upper);
    if (isa<arith::AddFOp>(op))
      lower = plus(x[0]->lower, x[1]->lower);
    if (x[0]->byRate && x[1]->byRate)
      f.byRate = plus(*x[0]->byRate, *x[1]->byRate);
  } else if (isa<arith::MulFOp>(op)) {
    upper = productOf(*x[0], *x[1]);
    if (!(lower = scaledBelow(*x[0], x[1]->range)))
      lower = scaledBelow(*x[1], x[0]->range);
  } else if (isa<math::FmaOp>(op)) {
    upper = plus(productOf(*x[0], *x[1]), x[2]->upper);
    auto below = scaledBelow(*x[0], x[1]->range);
    if (!below)
      below = scaledBelow(*x[1], x[0]->range);
    if (below)
      lower = plus(*below, x[2]->lower);
    else if (growsWithR(x[2]->lower) && ranges::multiply(x[0]->range, x[1]->range).low >= 0)
      lower = x[2]->lower;
    if (f.byRate && x[2]->byRate)
      f.byRate = plus(*f.byRate, *x[2]->byRate);
    else
      f.byRate.reset();
  } else if (isa<arith::DivFOp>(op)) {
    double least = x[1]->range.mayBeNaN ? 0 : x[1]->range.low;
    upper = ratio(x[0]->upper, x[1]->lower, least);
    if (x[0]->byRate)
      f.byRate = ratio(*x[0]->byRate, x[1]->lower, least);
    // A quotient of such a numerator doesn't underflow.
    if (growsWithR(x[1]->lower) && !growsWithR(x[0]->upper) && x[0]->upper[0] > 2 * FLT_MIN * x[1]->magnitude())
      f.inverse = scale(x[1]->lower, (1 - rounding) / x[0]->upper[0]);
    if (least > 0 && x[1]->range.high < inf)
      lower = scaledBelow(*x[0], Interval::of(1 / x[1]->range.high * (1 - rounding), 1 / least * (1 + rounding)));
  } else if (isa<math::SqrtOp>(op)) {
    upper = rootAbove(x[0]->upper, f.magnitude());
    lower = rootBelow(x[0]->lower, f.lower[0]);
  } else if (isa<math::RsqrtOp>(op)) {
    if (growsWithR(x[0]->lower))
      f.inverse = scale(rootBelow(x[0]->lower, 0), 1 - 8 * rounding); // A library function.
  } else if (isa<arith::NegFOp, math::AbsFOp>(op)) {
    upper = x[0]->upper;
    if (isa<math::AbsFOp>(op))
      lower = x[0]->lower;
    f.byRate = x[0]->byRate;
    f.inverse = x[0]->inverse;
    exact = true;
  } else if (isa<arith::SelectOp>(op)) {
    either(*x[1], *x[2]);
  } else if (isa<arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp>(op)) {
    either(*x[0], *x[1]);
    if (isa<arith::MaximumFOp, arith::MaxNumFOp>(op))
      lower = growsWithR(x[0]->lower) ? x[0]->lower : x[1]->lower;
  }
  double relative = exact ? 0 : rounding, absolute = exact ? 0 : tiny;
  auto widen = [&](const Polynomial &p) {
    Polynomial r = scale(p, 1 + relative);
    r[0] += absolute;
    return r;
  };
  // Bounds are of numbers; of what may be NaN nothing is bounded.
  if (upper && growsWithR(*upper) && !f.range.mayBeNaN)
    f.upper = widen(*upper);
  else if (upper && !f.range.mayBeNaN && widen(*upper)[0] < f.upper[0]) {
    f.upper[0] = widen(*upper)[0];
    double most = ranges::up(f.upper[0]);
    f.range = Interval::of(std::max(f.range.low, -most), std::min(f.range.high, most));
  }
  if (lower && growsWithR(*lower)) {
    for (double &c : *lower)
      c = product(c, c < 0 ? 1 + relative : 1 - relative);
    (*lower)[0] -= absolute;
    f.lower = *lower;
  }
  if (f.magnitude() == 0)
    f.byRate = Polynomial{0, 0, 0};
  else if (f.byRate) {
    f.byRate = widen(*f.byRate);
    // What underflows is at most a tiny multiple of the learning rate.
    (*f.byRate)[0] += absolute / options.minLearningRate;
  }
  return f;
}

void RuleDomain::setForm(Operation *op, ArrayRef<const Fact *> x, Fact &f) const {
  std::optional<Form> form;
  double slack = 0;
  auto productOf = [&](const Fact &a, const Fact &b) {
    slack = product(a.slack, b.magnitude()) + product(b.slack, a.magnitude()) + a.slack * b.slack;
    return multiply(a.form, b.form);
  };
  if (isa<arith::AddFOp, arith::SubFOp>(op)) {
    form = plus(x[0]->form, x[1]->form, isa<arith::SubFOp>(op));
    slack = x[0]->slack + x[1]->slack;
  } else if (isa<arith::MulFOp>(op)) {
    form = productOf(*x[0], *x[1]);
  } else if (isa<math::FmaOp>(op)) {
    if ((form = productOf(*x[0], *x[1])))
      form = plus(*form, x[2]->form);
    slack += x[2]->slack;
  } else if (isa<arith::DivFOp>(op) && isNumber(x[1]->form) && (x[1]->range.low > 0 || x[1]->range.high < 0)) {
    Interval inverse = ranges::divide(Interval::point(1), x[1]->range);
    form = scale(x[0]->form, inverse);
    slack = product(x[0]->slack, magnitudeOf(inverse));
  } else if (isa<arith::NegFOp>(op)) {
    form = plus({}, x[0]->form, /*negate=*/true);
    slack = x[0]->slack;
  } else if (isa<math::AbsFOp>(op)) {
    form = join(x[0]->form, plus({}, x[0]->form, /*negate=*/true));
    slack = x[0]->slack;
  } else if (isa<arith::SelectOp>(op)) {
    form = join(x[1]->form, x[2]->form);
    slack = std::max(x[1]->slack, x[2]->slack);
  } else if (isa<arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp>(op)) {
    form = join(x[0]->form, x[1]->form);
    slack = std::max(x[0]->slack, x[1]->slack);
  }
  // Of numbers alone, the range says more than the form's rounding.
  if (!form || isNumber(*form))
    return;
  f.form = scale(*form, rounded);
  f.slack = slack * (1 + rounding) + tiny;
}

Operation *RuleDomain::firstNotFinite() const {
  if (undefined)
    return undefined;
  for (Operation *op : body)
    for (Value v : op->getResults())
      if (isa<FloatType>(v.getType()) && !(*this)[v].range.isFinite())
        return op;
  return nullptr;
}

/// |v - w| <= lr * the result. What is read twice is looked at once.
std::optional<Polynomial> RuleDomain::moved(Value v, Operation *&failed) const {
  if (auto it = moves.find(v); it != moves.end())
    return it->second;
  std::optional<Polynomial> by = findMove(v, failed);
  moves[v] = by;
  return by;
}

std::optional<Polynomial> RuleDomain::findMove(Value v, Operation *&failed) const {
  if (v == block.getArgument(0))
    return Polynomial{0, 0, 0};
  Operation *op = v.getDefiningOp();
  failed = op;
  if (!op)
    return std::nullopt;
  auto sum = [&](Value a, Value b) -> std::optional<Polynomial> {
    const auto &by = (*this)[b].byRate;
    auto rest = by ? moved(a, failed) : std::nullopt;
    if (!by)
      failed = b.getDefiningOp() ? b.getDefiningOp() : op;
    return rest ? std::optional(plus(*rest, *by)) : std::nullopt;
  };
  // x (1 - z) - w = (x - w) - x z, for decoupled weight decay.
  auto decayed = [&](Value a, Value b) -> std::optional<Polynomial> {
    auto keep = b.getDefiningOp<arith::SubFOp>();
    if (!keep || !isOne(keep.getLhs()) || !(*this)[keep.getRhs()].byRate)
      return std::nullopt;
    auto rest = moved(a, failed);
    return rest ? std::optional(plus(*rest, scale(*(*this)[keep.getRhs()].byRate, (*this)[a].magnitude()))) : rest;
  };
  auto magnitude = [&](const Fact &f) { return std::min(f.magnitude(), at(f.upper, largestR)); };
  std::optional<Polynomial> r;
  if (isa<arith::SubFOp>(op)) {
    r = sum(op->getOperand(0), op->getOperand(1));
  } else if (isa<arith::AddFOp>(op)) {
    if (!(*this)[op->getOperand(1)].byRate && (*this)[op->getOperand(0)].byRate)
      r = sum(op->getOperand(1), op->getOperand(0));
    else
      r = sum(op->getOperand(0), op->getOperand(1));
  } else if (isa<math::FmaOp>(op)) {
    const Fact &a = (*this)[op->getOperand(0)], &b = (*this)[op->getOperand(1)];
    std::optional<Polynomial> by;
    if (a.byRate)
      by = scale(*a.byRate, magnitude(b));
    else if (b.byRate)
      by = scale(*b.byRate, magnitude(a));
    if (auto rest = by ? moved(op->getOperand(2), failed) : std::nullopt)
      r = plus(*rest, scale(*by, 1 + rounding));
  } else if (isa<arith::MulFOp>(op)) {
    r = decayed(op->getOperand(0), op->getOperand(1));
    if (!r)
      r = decayed(op->getOperand(1), op->getOperand(0));
  } else if (isa<arith::SelectOp>(op)) {
    auto a = moved(op->getOperand(1), failed);
    auto b = a ? moved(op->getOperand(2), failed) : std::nullopt;
    if (b)
      r = larger(*a, *b);
  }
  return r;
}

std::optional<double> RuleDomain::stepBound(Operation *&failed) const {
  auto p = moved(newParameter(), failed);
  if (!p)
    return std::nullopt;
  double bound = at(*p, largestR) * (1 + rounding);
  return std::isfinite(bound) ? std::optional(bound) : std::nullopt;
}
