//===- LayerRules.cpp - What layers do to elements -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementRules.h"
#include "SelfOpt/Interfaces/Interfaces.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reals;

Interval ElementRules::inverseProbability(ArrayRef<Element> z, ArrayRef<Group> parts, const Group &k, Interval Element::*which) {
  Interval sum = Interval::point(1);
  for (const Group &j : parts)
    if (size_t others = j.count - (j.first == k.first))
      sum = plus(sum, times(Interval::point(double(others)),
                            exponential(plus(z[j.first].*which, minus(z[k.first].*which)))));
  sum.low = std::max(sum.low, 1.0);
  return sum;
}

Interval ElementRules::logInverse(const Interval &sum, ArrayRef<Element> z, ArrayRef<Group> parts, const Group &k,
                           Interval Element::*which) {
  if (std::isfinite(sum.high))
    return logarithm(sum);
  auto bound = [&](double Interval::*end, double Interval::*other) {
    auto gap = [&](const Group &j) { return (z[j.first].*which).*end - (z[k.first].*which).*other; };
    double most = 0, total = 0;
    for (const Group &j : parts)
      if (j.count > (j.first == k.first))
        most = std::max(most, gap(j));
    for (const Group &j : parts)
      if (size_t others = j.count - (j.first == k.first))
        total += double(others) * std::exp(gap(j) - most);
    return most + std::log(total + std::exp(-most));
  };
  // A few units in the last place of the largest gap, and of each exponential.
  double low = bound(&Interval::low, &Interval::high), high = bound(&Interval::high, &Interval::low);
  return {std::max(0.0, low - 1e-12 * (1 + low)), high + 1e-12 * (1 + high), false};
}

void ElementRules::softmax(Operation *op, bool isLog, ElementResults &out) {
  Value operand = op->getOperand(0);
  ArrayRef<Element> z = get(operand);
  size_t n = z.size();
  SmallVector<Group, 12> parts = groups(operand);
  auto all = [&](auto holds) { return llvm::all_of(parts, [&](const Group &g) { return holds(z[g.first]); }); };
  bool finite = all([](const Element &e) { return e.exact.isFinite() && e.rounded.isFinite(); });
  auto argument = dyn_cast<BlockArgument>(operand);
  bool capped = argument && argument.getArgNumber() == 0 && assumed.seed.argument == 0 && assumed.until < 1;
  // Of arguments, what f32 computes from and what is meant are the same numbers.
  bool same = all([](const Element &e) { return e.rounded.low == e.exact.low && e.rounded.high == e.exact.high; });
  struct Part {
    Interval p, inverse, roundedInverse;
  };
  SmallVector<Part, 12> of(parts.size());
  Interval hull{inf, -inf, false}, weighted = nothing;
  for (auto [part, k] : llvm::zip(of, parts)) {
    const Element &e = z[k.first];
    if (finite) {
      part.inverse = inverseProbability(z, parts, k, &Element::exact);
      part.roundedInverse = same ? part.inverse : inverseProbability(z, parts, k, &Element::rounded);
    }
    part.p = finite ? meet(inverse(part.inverse), unit) : Interval{0, 1, true};
    if (capped && int64_t(k.first) == assumed.seed.element)
      part.p = meet(part.p, Interval::of(0, assumed.until));
    hull = {std::min(hull.low, e.slope.low), std::max(hull.high, e.slope.high), hull.mayBeNaN || e.slope.mayBeNaN};
  }
  // The probabilities sum to one, so this is an average of the slopes.
  for (auto [part, k] : llvm::zip(of, parts))
    weighted = plus(weighted, times(Interval::point(double(k.count)), times(part.p, z[k.first].slope)));
  Interval average = meet(hull, weighted);
  ArrayRef<unsigned> firsts = alike(operand);
  for (size_t i = 0, next = 0; i < n; ++i) {
    if (firsts[i] != i) {
      out.repeat(firsts[i]);
      continue;
    }
    const Group &k = parts[next];
    const Part &part = of[next++];
    Element e;
    bool isCapped = capped && int64_t(i) == assumed.seed.element;
    // z_k - average = sum over the others of p_j (z_k - z_j); with one element that moves, the exact form.
    Interval others = plus(z[i].slope, minus(average));
    bool only = llvm::all_of(parts, [&](const Group &g) {
      return (g.first == k.first && g.count == 1) || isZero(z[g.first].slope);
    });
    if (only)
      others = times(plus(Interval::point(1), minus(part.p)), z[i].slope);
    if (isLog) {
      Interval lp = finite ? minus(logInverse(part.inverse, z, parts, k, &Element::exact)) : Interval{-inf, 0, true};
      lp.high = std::min(lp.high, 0.0);
      if (isCapped)
        lp = meet(lp, {-inf, std::nextafter(std::log(assumed.until), inf), false});
      e.exact = lp;
      e.slope = others;
      // Shifted by the largest, so never above 0; exp, the sum and log are each within 2^-18.
      Interval f = finite ? minus(logInverse(part.roundedInverse, z, parts, k, &Element::rounded)) : nothing;
      double slack = 0x1p-18 * (1 + std::log(double(n))) + std::fabs(f.low) * 0x1p-20;
      double most = isCapped ? std::min(0.0, std::log(assumed.until) + slack) : 0.0;
      e.rounded = finite ? ranges::outward(std::min(f.low - slack, most), std::min(f.high + slack, most), false) : Interval::top();
    } else {
      e.exact = part.p;
      e.slope = times(part.p, others);
      Interval f = finite ? inverse(part.roundedInverse) : unit;
      double least = std::max(0.0, f.low * (1 - 0x1p-16) - 1e-37), most = isCapped ? assumed.until * (1 + 0x1p-16) : 1.0;
      e.rounded = finite ? ranges::outward(std::min(least, most), std::min(most, f.high * (1 + 0x1p-16) + 1e-37), false)
                         : Interval::top();
    }
    out.push_back(e);
  }
}

void ElementRules::reduce(nn::ReduceOp op, ElementResults &out) {
  ArrayRef<Element> x = get(op.getInput());
  Element e;
  size_t n = x.size();
  Interval hull = x[0].rounded;
  for (const Element &element : x)
    hull = hull.join(element.rounded);
  SmallVector<Interval> asOperand{hull}, coarse;
  cast<RangeOpInterface>(op.getOperation()).inferRanges(asOperand, coarse);
  if (op.getKind() == nn::Reduction::Max) {
    e.rounded = {-inf, -inf, false};
    e.exact = e.rounded;
    for (const Element &element : x) {
      e.rounded = ranges::maximum(e.rounded, element.rounded);
      e.exact = ranges::maximum(e.exact, element.exact);
    }
    bool first = true;
    for (const Element &element : x)
      if (element.exact.high >= e.exact.low || element.exact.mayBeNaN) {
        e.slope = first ? element.slope : e.slope.join(element.slope);
        first = false;
      }
    out.push_back(e);
    return;
  }
  Interval sum = nothing;
  double low = 0, high = 0, magnitude = 0;
  bool nan = false;
  e.exact = nothing;
  for (const Element &element : x) {
    e.exact = plus(e.exact, element.exact);
    e.slope = plus(e.slope, element.slope);
    low += element.rounded.low;
    high += element.rounded.high;
    magnitude += std::max(std::fabs(element.rounded.low), std::fabs(element.rounded.high));
    nan |= element.rounded.mayBeNaN;
  }
  // Whatever the order of the sum (Higham, section 4.2), and once more for the product of a mean.
  // And as many flushed to zero.
  double slack = magnitude * double(n + 2) * 0x1p-24 * (1 + 1e-6) + double(n + 2) * 0x1p-126;
  // A sum of numbers of one sign has that sign.
  bool positive = llvm::all_of(x, [](const Element &element) { return element.rounded.low >= 0; });
  bool negative = llvm::all_of(x, [](const Element &element) { return element.rounded.high <= 0; });
  auto signedRange = [&](double low, double high) {
    return ranges::outward(positive ? std::max(0.0, low) : low, negative ? std::min(0.0, high) : high, false);
  };
  sum = magnitude <= 1e38 && !nan ? signedRange(low - slack, high + slack) : coarse[0];
  e.exact = meet(e.exact, refineSum(op.getInput(), /*inF32=*/false));
  if (op.getKind() == nn::Reduction::Mean) {
    Interval share = widen(1 / double(n), 1 / double(n));
    e.exact = times(e.exact, share);
    e.slope = times(e.slope, share);
    sum = magnitude <= 1e38 && !nan ? signedRange(sum.low / double(n) - slack, sum.high / double(n) + slack) : coarse[0];
  }
  e.rounded = meet(sum, coarse[0]);
  if (refines(op.getInput())) {
    // In f32 each probability is off by 2^-16 of itself, each logarithm by 2^-18 and 2^-20 of itself, and the sum rounds.
    // A sum of logarithms that is far below its bound by that is far below it.
    Interval real = refineSum(op.getInput(), /*inF32=*/true);
    if (op.getKind() == nn::Reduction::Mean)
      real = times(real, widen(1 / double(n), 1 / double(n)));
    double size = std::max(std::isfinite(real.low) ? std::fabs(real.low) : 0, std::fabs(real.high));
    double off = size * double(n) * 0x1p-14 + slack + double(n) * 1e-37 + 1e-36;
    e.rounded = meet(e.rounded, ranges::outward(real.low - off, real.high + off, real.mayBeNaN));
  }
  out.push_back(e);
}

bool ElementRules::refines(Value v) {
  auto product = v.getDefiningOp<arith::MulFOp>();
  return probabilities(v) || v.getDefiningOp<nn::LogSoftmaxOp>() ||
         (product && (probabilities(product.getLhs()) || probabilities(product.getRhs())));
}

Interval ElementRules::refineSum(Value v, bool inF32) {
  double n = double(get(v).size());
  if (probabilities(v))
    return {1, 1, true};
  if (v.getDefiningOp<nn::LogSoftmaxOp>()) // the product of probabilities is largest where they are equal
    return {-inf, -n * std::log(n) * (1 - 1e-15), true};
  auto product = v.getDefiningOp<arith::MulFOp>();
  if (!product || !refines(v))
    return Interval::top();
  if (product.getLhs() == product.getRhs())
    return widen(1 / n, 1, true);
  Value weighed = probabilities(product.getLhs()) ? product.getRhs() : product.getLhs();
  Interval hull{inf, -inf, true};
  for (const Element &e : get(weighed)) {
    const Interval &w = inF32 ? e.rounded : e.exact;
    hull = {std::min(hull.low, w.low), std::max(hull.high, w.high), true};
  }
  // An entropy.
  auto logs = weighed.getDefiningOp<nn::LogSoftmaxOp>();
  auto layer = logs ? probabilities(product.getLhs() == weighed ? product.getRhs() : product.getLhs()) : nullptr;
  if (layer && layer.getInput() == logs.getInput())
    hull.low = std::max(hull.low, -std::log(n) * (1 + 1e-15));
  return hull;
}

void ElementRules::activation(nn::ActivationOp op, ElementResults &out) {
  ArrayRef<unsigned> firsts = alike(op.getInput());
  for (auto [i, x] : llvm::enumerate(get(op.getInput()))) {
    if (firsts[i] != i) {
      out.repeat(firsts[i]);
      continue;
    }
    Element y;
    SmallVector<Interval> results;
    op.inferRanges({x.rounded}, results);
    y.rounded = results[0];
    Interval derivative;
    switch (op.getKind()) {
    case nn::Activation::Relu:
      y.exact = ranges::maximum(x.exact, nothing);
      derivative = x.exact.low >= 0 ? Interval::point(1) : x.exact.high <= 0 ? nothing : unit;
      break;
    case nn::Activation::Tanh:
      y.exact = rising([](double v) { return std::tanh(v); }, x.exact, -1, 1);
      derivative = meet(plus(Interval::point(1), minus(squared(y.exact))), unit);
      break;
    case nn::Activation::Sigmoid:
      y.exact = meet(inverse(plus(Interval::point(1), exponential(minus(x.exact)))), unit);
      derivative = Interval::of(0, 0.25);
      break;
    case nn::Activation::Gelu:
      y.exact = {x.exact.low >= 0 ? 0.0 : -0.1701, std::max(x.exact.high, 0.0), x.exact.mayBeNaN};
      derivative = x.exact.low >= 0 ? Interval::of(0.5, 1.13) : Interval::of(-0.13, 1.13);
      break;
    }
    y.slope = chain(derivative, x.slope);
    out.push_back(y);
  }
}

void ElementRules::pick(nn::PickOp op, ElementResults &out) {
  ArrayRef<Element> x = get(op.getInput());
  const Interval index = get(op.getIndex())[0].exact.join(get(op.getIndex())[0].rounded);
  if (isPoint(index) && index.low >= 0 && index.low < double(x.size())) {
    out.push_back(x[size_t(index.low)]);
    return;
  }
  Element y{nothing, nothing, nothing}; // what an index outside reads
  for (const Element &e : x)
    y = {y.rounded.join(e.rounded), y.exact.join(e.exact), y.slope.join(e.slope)};
  if (dependsOnSeed(op.getIndex()))
    y.slope = Interval::top();
  out.push_back(y);
}

void ElementRules::oneHot(nn::OneHotOp op, ElementResults &out) {
  const Interval index = get(op.getIndex())[0].exact.join(get(op.getIndex())[0].rounded);
  bool moves = dependsOnSeed(op.getIndex());
  for (int64_t i = 0, n = op.getType().getNumElements(); i < n; ++i) {
    Interval one = isPoint(index) ? Interval::point(index.low == double(i)) : index.contains(double(i)) ? unit : nothing;
    if (isPoint(one) && out.repeatIf([&](size_t k) { return isPoint(out.all()[k].exact) && out.all()[k].exact.low == one.low; }))
      continue;
    out.push_back({one, one, isPoint(one) || !moves ? nothing : Interval::top()});
  }
}

void ElementRules::argmax(nn::ArgmaxOp op, ElementResults &out) {
  ArrayRef<Element> x = get(op.getInput());
  double best = -inf, low = double(x.size()), high = -1;
  bool nan = false;
  for (const Element &e : x) {
    best = std::max(best, e.rounded.low);
    nan |= e.rounded.mayBeNaN;
  }
  for (auto [i, e] : llvm::enumerate(x))
    if (e.rounded.high >= best) {
      low = std::min(low, double(i));
      high = double(i);
    }
  Interval y = nan ? Interval::of(-1, double(x.size()) - 1) : Interval::of(low, high);
  out.push_back({y, y, nothing});
}
