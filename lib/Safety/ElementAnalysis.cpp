//===- ElementAnalysis.cpp - A program over a box, element by element -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/ElementAnalysis.h"
#include "Polynomial.h"
#include "RealInterval.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Safety/RangeAnalysis.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/TypeSwitch.h"
#include <optional>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reals;
using ranges::hasZero;

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

namespace selfopt {

/// The elements of one result, as they are computed.
class ElementResults {
public:
  explicit ElementResults(ElementAnalysis &a) : a(a), begin(a.elements.size()) {}

  size_t size() const { return a.elements.size() - begin; }
  void push_back(const Element &e) {
    assert(a.elements.size() < a.elements.capacity() && "what was read so far stays where it is");
    a.firstAlike.push_back(unsigned(size()));
    a.elements.push_back(e);
  }
  /// Once more what element `i` is.
  void repeat(size_t i) {
    assert(a.elements.size() < a.elements.capacity() && "what was read so far stays where it is");
    a.elements.push_back(a.elements[begin + i]);
    a.firstAlike.push_back(a.firstAlike[begin + i]);
  }
  /// Repeats an element that `same` finds equal to the next; false where there is none.
  bool repeatIf(llvm::function_ref<bool(size_t)> same) {
    for (size_t i = 0, n = size(); i < n; ++i)
      if (a.firstAlike[begin + i] == i && same(i)) {
        repeat(i);
        return true;
      }
    return false;
  }
  ArrayRef<Element> all() const { return ArrayRef(a.elements).drop_front(begin); }

private:
  ElementAnalysis &a;
  size_t begin;
};

struct ElementRules {
  ElementAnalysis &a;
  const ElementCase &assumed;

  ArrayRef<Element> get(Value v) { return a[v]; }
  ArrayRef<unsigned> alike(Value v) {
    ElementAnalysis::Place at = a.known.find(v)->second;
    return ArrayRef(a.firstAlike).slice(at.begin, at.count);
  }
  /// The different elements of a value, and how often each stands there: what is symmetric is looked at once.
  struct Group {
    size_t first, count;
  };
  SmallVector<Group, 12> groups(Value v) {
    ArrayRef<unsigned> same = alike(v);
    SmallVector<Group, 12> found;
    for (size_t i = 0; i < same.size(); ++i) {
      if (same[i] == i)
        found.push_back({i, 1});
      else
        ++llvm::find_if(found, [&](const Group &g) { return g.first == same[i]; })->count;
    }
    return found;
  }

  /// Whether a slope may be anything; one of 0 stays 0 through every function of one operand.
  static Interval chain(const Interval &derivative, const Interval &slope) {
    return isZero(slope) ? nothing : times(derivative, slope);
  }
  /// A step upward somewhere, where the operand rises.
  static Interval jump(const Interval &slope, bool jumps) {
    if (!jumps || isZero(slope))
      return nothing;
    return {slope.low < 0 ? -inf : 0, slope.high > 0 ? inf : 0, slope.mayBeNaN};
  }

  //===--- softmax ------------------------------------------------------------===//

  /// Which layer of probabilities a value is; null for none.
  static nn::SoftmaxOp probabilities(Value v) { return v.getDefiningOp<nn::SoftmaxOp>(); }

  /// The interval of sum_j exp(z_j - z_k), which is 1 over the probability of k.
  static Interval inverseProbability(ArrayRef<Element> z, ArrayRef<Group> parts, const Group &k, Interval Element::*which) {
    Interval sum = Interval::point(1);
    for (const Group &j : parts)
      if (size_t others = j.count - (j.first == k.first))
        sum = plus(sum, times(Interval::point(double(others)),
                              exponential(plus(z[j.first].*which, minus(z[k.first].*which)))));
    sum.low = std::max(sum.low, 1.0);
    return sum;
  }

  /// The interval of its logarithm, also where the sum itself leaves f64: the largest term is taken out before.
  static Interval logInverse(const Interval &sum, ArrayRef<Element> z, ArrayRef<Group> parts, const Group &k,
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

  void softmax(Operation *op, bool isLog, ElementResults &out) {
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
        if (capped && int64_t(i) == assumed.seed.element)
          lp = meet(lp, {-inf, std::nextafter(std::log(assumed.until), inf), false});
        e.exact = lp;
        e.slope = others;
        // Shifted by the largest, so never above 0; exp, the sum and log are each within 2^-18.
        Interval f = finite ? minus(logInverse(part.roundedInverse, z, parts, k, &Element::rounded)) : nothing;
        double slack = 0x1p-18 * (1 + std::log(double(n))) + std::fabs(f.low) * 0x1p-20;
        e.rounded = finite ? ranges::outward(f.low - slack, std::min(f.high + slack, 0.0), false) : Interval::top();
      } else {
        e.exact = part.p;
        e.slope = times(part.p, others);
        Interval f = finite ? inverse(part.roundedInverse) : unit;
        e.rounded = finite ? ranges::outward(std::max(0.0, f.low * (1 - 0x1p-16) - 1e-37), std::min(1.0, f.high * (1 + 0x1p-16) + 1e-37), false)
                           : Interval::top();
      }
      out.push_back(e);
    }
  }
  //===--- reductions ---------------------------------------------------------===//

  void reduce(nn::ReduceOp op, ElementResults &out) {
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
    double slack = magnitude * double(n + 2) * 0x1p-24 * (1 + 1e-6);
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
      double off = size * double(n) * 0x1p-14 + slack + 1e-36;
      e.rounded = meet(e.rounded, ranges::outward(real.low - off, real.high + off, real.mayBeNaN));
    }
    out.push_back(e);
  }
  /// Sums of a softmax, of its squares, of what it weighs and of its logarithms are known better than by their terms.
  static bool refines(Value v) {
    auto product = v.getDefiningOp<arith::MulFOp>();
    return probabilities(v) || v.getDefiningOp<nn::LogSoftmaxOp>() ||
           (product && (probabilities(product.getLhs()) || probabilities(product.getRhs())));
  }
  /// Keeps no promise about NaN: that is the terms' own.
  Interval refineSum(Value v, bool inF32) {
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

  //===--- elementwise --------------------------------------------------------===//

  /// The exact value and the slope of an elementwise op of floats; false where there is no rule. `x` are the operands'
  /// elements, and `y.rounded` is known.
  bool elementwise(Operation *op, ArrayRef<const Element *> x, Element &y) {
    using namespace arith;
    using namespace math;
    auto E = [&](unsigned i) -> const Interval & { return x[i]->exact; };
    auto S = [&](unsigned i) -> const Interval & { return x[i]->slope; };
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
          y.slope = same ? chain(times(Interval::point(2), E(0)), S(0)) : plus(chain(E(1), S(0)), chain(E(0), S(1)));
          return true;
        })
        .Case([&](DivFOp) {
          if (same && !hasZero(E(0)) && E(0).isFinite()) {
            y.exact = Interval::point(1);
            y.slope = nothing;
            return true;
          }
          y.exact = over(E(0), E(1));
          Interval bottom = inverse(E(1));
          y.slope = plus(chain(bottom, S(0)), minus(chain(times(E(0), squared(bottom)), S(1))));
          growing(op, x, y);
          return true;
        })
        .Case<MaximumFOp, MaxNumFOp>([&](auto) {
          y.exact = ranges::maximum(E(0), E(1));
          y.slope = E(0).low >= E(1).high ? S(0) : E(1).low >= E(0).high ? S(1) : S(0).join(S(1));
          return true;
        })
        .Case<MinimumFOp, MinNumFOp>([&](auto) {
          y.exact = ranges::minimum(E(0), E(1));
          y.slope = E(0).high <= E(1).low ? S(0) : E(1).high <= E(0).low ? S(1) : S(0).join(S(1));
          return true;
        })
        .Case([&](AbsFOp) {
          y.exact = ranges::absolute(E(0));
          y.slope = E(0).low >= 0 ? S(0) : E(0).high <= 0 ? minus(S(0)) : S(0).join(minus(S(0)));
          return true;
        })
        .Case<ExtFOp, TruncFOp>([&](auto) {
          y.exact = E(0);
          y.slope = S(0);
          return true;
        })
        .Case([&](ExpOp) {
          y.exact = exponential(E(0));
          y.slope = chain(y.exact, S(0));
          return true;
        })
        .Case([&](Exp2Op) {
          y.exact = exponential(times(E(0), widen(M_LN2, M_LN2)));
          y.slope = chain(times(y.exact, widen(M_LN2, M_LN2)), S(0));
          return true;
        })
        .Case([&](ExpM1Op) {
          y.exact = rising([](double v) { return std::expm1(v); }, E(0), E(0).low >= 0 ? 0 : -1, E(0).high <= 0 ? 0 : inf);
          y.slope = chain(exponential(E(0)), S(0));
          return true;
        })
        .Case([&](LogOp) {
          y.exact = logarithm(E(0));
          y.slope = chain(inverse(E(0)), S(0));
          return true;
        })
        .Case([&](Log2Op) {
          y.exact = times(logarithm(E(0)), widen(M_LOG2E, M_LOG2E));
          y.slope = chain(times(inverse(E(0)), widen(M_LOG2E, M_LOG2E)), S(0));
          return true;
        })
        .Case([&](Log10Op) {
          y.exact = times(logarithm(E(0)), widen(M_LOG10E, M_LOG10E));
          y.slope = chain(times(inverse(E(0)), widen(M_LOG10E, M_LOG10E)), S(0));
          return true;
        })
        .Case([&](Log1pOp) {
          y.exact = logarithm(plus(E(0), Interval::point(1)));
          y.slope = chain(inverse(plus(E(0), Interval::point(1))), S(0));
          return true;
        })
        .Case([&](SqrtOp) {
          y.exact = rising([](double v) { return std::sqrt(v); }, {std::max(E(0).low, 0.0), std::max(E(0).high, 0.0), E(0).mayBeNaN || E(0).low < 0}, 0);
          y.slope = chain(inverse(times(Interval::point(2), y.exact)), S(0));
          return true;
        })
        .Case([&](RsqrtOp) {
          Interval root = rising([](double v) { return std::sqrt(v); }, {std::max(E(0).low, 0.0), std::max(E(0).high, 0.0), E(0).mayBeNaN || E(0).low < 0}, 0);
          y.exact = inverse(root);
          y.slope = chain(times(Interval::point(-0.5), times(inverse(E(0)), y.exact)), S(0));
          return true;
        })
        .Case([&](TanhOp) {
          y.exact = rising([](double v) { return std::tanh(v); }, E(0), -1, 1);
          y.slope = chain(meet(plus(Interval::point(1), minus(squared(y.exact))), unit), S(0));
          return true;
        })
        .Case([&](ErfOp) {
          y.exact = rising([](double v) { return std::erf(v); }, E(0), -1, 1);
          y.slope = chain(times(Interval::of(1.1283, 1.1284), exponential(minus(squared(E(0))))), S(0));
          return true;
        })
        .Case<SinOp, CosOp>([&](auto) {
          y.exact = y.rounded; // widened outward from exact bounds
          y.slope = chain(Interval::of(-1, 1), S(0));
          return true;
        })
        .Case([&](AtanOp) {
          y.exact = rising([](double v) { return std::atan(v); }, E(0));
          y.slope = chain(inverse(plus(Interval::point(1), squared(E(0)))), S(0));
          return true;
        })
        .Case([&](SinhOp) {
          y.exact = rising([](double v) { return std::sinh(v); }, E(0));
          y.slope = chain(rising([](double v) { return std::cosh(v); }, ranges::absolute(E(0)), 1), S(0));
          return true;
        })
        .Case([&](CoshOp) {
          y.exact = rising([](double v) { return std::cosh(v); }, ranges::absolute(E(0)), 1);
          y.slope = chain(rising([](double v) { return std::sinh(v); }, E(0)), S(0));
          return true;
        })
        .Case([&](PowFOp) {
          // x^c; the rule for ranges holds the real value, too.
          y.exact = ranges::power(ranges::clean(E(0)), ranges::clean(E(1)));
          if (isPoint(E(1)) && E(1).low == 0)
            y.slope = nothing;
          else if (isPoint(E(1)) && isZero(S(1)))
            y.slope = chain(times(E(1), E(1).low == 1 ? Interval::point(1) : ranges::power(ranges::clean(E(0)), Interval::point(E(1).low - 1))), S(0));
          else if (E(0).low > 0)
            y.slope = plus(chain(times(E(1), over(y.exact, E(0))), S(0)), chain(times(y.exact, logarithm(E(0))), S(1)));
          else
            return false;
          return true;
        })
        .Case([&](FmaOp) {
          y.exact = plus(op->getOperand(0) == op->getOperand(1) ? squared(E(0)) : times(E(0), E(1)), E(2));
          y.slope = plus(plus(chain(E(1), S(0)), chain(E(0), S(1))), S(2));
          return true;
        })
        .Case([&](ClampFOp) {
          y.exact = ranges::minimum(ranges::maximum(E(0), E(1)), E(2));
          y.slope = S(0).join(S(1)).join(S(2));
          return true;
        })
        .Case<FloorOp, CeilOp, RoundOp, RoundEvenOp, TruncOp>([&](auto) {
          y.exact = y.rounded; // of operands that hold the real value, an integer or the next f32
          y.slope = jump(S(0), y.exact.low != y.exact.high);
          return true;
        })
        .Default([](Operation *) { return false; });
  }

  /// x / (x + c) with x >= 0 and c > 0 grows from 0 to 1.
  void growing(Operation *op, ArrayRef<const Element *> x, Element &y) {
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
    if (!(a.low >= 0 && c.low > 0) || a.mayBeNaN || c.mayBeNaN)
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

  /// What a case assumes of prediction minus target.
  void order(Operation *op, size_t index, Element &y) {
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

  //===--- select -----------------------------------------------------------===//

  /// A value's element as a polynomial of those that are no sums or products: their numbers are given out in `atoms`.
  Polynomial polynomial(PolynomialRing &ring, std::map<std::pair<void *, size_t>, int> &atoms, Value v, size_t i) {
    ArrayRef<Element> all = get(v);
    i = all.size() == 1 ? 0 : i;
    Rational one = Rational::of(__int128(1));
    Operation *def = v.getDefiningOp();
    auto of = [&](unsigned operand) { return polynomial(ring, atoms, def->getOperand(operand), i); };
    const Interval &exact = all[i].exact;
    if (isPoint(exact) && def && def->hasTrait<OpTrait::ConstantLike>())
      return ring.constant(Rational::of(exact.low));
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
    return ring.atom(atoms.try_emplace({v.getAsOpaquePointer(), i}, int(atoms.size())).first->second);
  }

  /// Whether both sides of a select on u < v (or any comparison of the two) are equal where u = v.
  bool meetAtSwitch(arith::SelectOp op, size_t i) {
    auto compare = op.getCondition().getDefiningOp<arith::CmpFOp>();
    if (!compare)
      return false;
    PolynomialRing ring;
    std::map<std::pair<void *, size_t>, int> atoms;
    Rational minusOne = Rational::of(__int128(-1));
    auto difference = [&](Value a, Value b) {
      return ring.sum(polynomial(ring, atoms, a, i), polynomial(ring, atoms, b, i), minusOne);
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
      Polynomial by = ring.product(rest, ring.constant(Rational::of(-c.bottom, c.top)));
      std::optional<Polynomial> there = ring.substitute(gap, atom, by);
      if (there && there->empty() && !ring.failed)
        return true;
    }
    return false;
  }

  void select(arith::SelectOp op, size_t index, ArrayRef<const Element *> x, Element &y) {
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

  /// Whether an element, or any that it is computed from, has a slope; of all elements where `i` is nullopt.
  bool dependsOnSeed(Value v, std::optional<size_t> i = std::nullopt) {
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

  /// Any op: by its own ranges, element by element where it is elementwise, else of all elements at once.
  void general(Operation *op, unsigned number, ElementResults &out) {
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
  bool fromSeed(Operation *op, std::optional<size_t> i) {
    return llvm::any_of(op->getOperands(), [&](Value v) { return dependsOnSeed(v, i); });
  }

  void activation(nn::ActivationOp op, ElementResults &out) {
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

  void pick(nn::PickOp op, ElementResults &out) {
    ArrayRef<Element> x = get(op.getInput());
    const Interval &index = get(op.getIndex())[0].exact;
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

  void oneHot(nn::OneHotOp op, ElementResults &out) {
    const Interval &index = get(op.getIndex())[0].exact;
    bool moves = dependsOnSeed(op.getIndex());
    for (int64_t i = 0, n = op.getType().getNumElements(); i < n; ++i) {
      Interval one = isPoint(index) ? Interval::point(index.low == double(i)) : index.contains(double(i)) ? unit : nothing;
      if (isPoint(one) && out.repeatIf([&](size_t k) { return isPoint(out.all()[k].exact) && out.all()[k].exact.low == one.low; }))
        continue;
      out.push_back({one, one, isPoint(one) || !moves ? nothing : Interval::top()});
    }
  }

  void argmax(nn::ArgmaxOp op, ElementResults &out) {
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
};
} // namespace selfopt

//===----------------------------------------------------------------------===//
// The walk
//===----------------------------------------------------------------------===//

static size_t countOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? size_t(tensor.getNumElements()) : 1;
}
static bool isSame(const Interval &a, const Interval &b) {
  return a.low == b.low && a.high == b.high && a.mayBeNaN == b.mayBeNaN;
}

static Element elementOf(const APFloat &x) {
  double v = x.convertToDouble();
  Interval point = std::isnan(v) ? Interval::top() : Interval::point(v);
  return {point, point, nothing};
}
static Element elementOf(const APInt &x) {
  double v = x.getBitWidth() == 1 ? double(x.getZExtValue()) : double(x.getSExtValue());
  Interval point = std::fabs(v) > 0x1p53 ? Interval::top() : Interval::point(v);
  return {point, point, nothing};
}
/// False where the constant is of a type that has no numbers here.
static bool constantElements(arith::ConstantOp op, ElementResults &out) {
  if (auto x = dyn_cast<FloatAttr>(op.getValue()))
    return out.push_back(elementOf(x.getValue())), true;
  if (auto x = dyn_cast<IntegerAttr>(op.getValue()))
    return out.push_back(elementOf(x.getValue())), true;
  auto dense = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!dense || dense.empty() || !isa<FloatType, IntegerType>(dense.getElementType()))
    return false;
  bool isFloat = isa<FloatType>(dense.getElementType());
  if (dense.isSplat()) {
    out.push_back(isFloat ? elementOf(dense.getSplatValue<APFloat>()) : elementOf(dense.getSplatValue<APInt>()));
    for (int64_t i = 1; i < dense.getNumElements(); ++i)
      out.repeat(0);
  } else if (isFloat) {
    for (const APFloat &x : dense.getValues<APFloat>())
      out.push_back(elementOf(x));
  } else {
    for (const APInt &x : dense.getValues<APInt>())
      out.push_back(elementOf(x));
  }
  return true;
}

ElementAnalysis::ElementAnalysis(Block &block, const ElementCase &assumed) : block(block) {
  size_t room = 0;
  for (BlockArgument argument : block.getArguments())
    room += countOf(argument.getType());
  for (Operation &op : block.without_terminator())
    for (Type type : op.getResultTypes())
      room += countOf(type);
  elements.reserve(room);
  firstAlike.reserve(room);
  for (auto [number, argument] : llvm::enumerate(block.getArguments())) {
    unsigned begin = unsigned(elements.size());
    ElementResults out(*this);
    bool isFloat = isa<FloatType>(getElementTypeOrSelf(argument.getType()));
    for (auto [i, interval] : llvm::enumerate(assumed.box[number])) {
      int64_t own = assumed.seed.argument == number ? assumed.seed.element : -1;
      bool seed = own == int64_t(i);
      // The seed's own element is like no other: what a case assumes, it assumes of that one.
      if (!seed && out.repeatIf([&, &interval = interval](size_t k) {
            return isSame(out.all()[k].exact, interval) && own != int64_t(k);
          }))
        continue;
      out.push_back({interval, interval, Interval::point(seed && isFloat)});
    }
    known[argument] = {begin, unsigned(out.size())};
  }
  ElementRules rules{*this, assumed};
  for (Operation &op : block.without_terminator()) {
    for (OpResult result : op.getResults()) {
      unsigned begin = unsigned(elements.size());
      ElementResults out(*this);
      if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
        if (!constantElements(constant, out))
          rules.general(&op, 0, out);
      } else if (isa<nn::SoftmaxOp, nn::LogSoftmaxOp>(op)) {
        rules.softmax(&op, isa<nn::LogSoftmaxOp>(op), out);
      } else if (auto reduce = dyn_cast<nn::ReduceOp>(op)) {
        rules.reduce(reduce, out);
      } else if (auto activation = dyn_cast<nn::ActivationOp>(op)) {
        rules.activation(activation, out);
      } else if (auto pick = dyn_cast<nn::PickOp>(op)) {
        rules.pick(pick, out);
      } else if (auto oneHot = dyn_cast<nn::OneHotOp>(op)) {
        rules.oneHot(oneHot, out);
      } else if (auto argmax = dyn_cast<nn::ArgmaxOp>(op)) {
        rules.argmax(argmax, out);
      } else if (isa<nn::ConcatOp>(op)) {
        for (Value operand : op.getOperands()) {
          size_t offset = out.size();
          ArrayRef<unsigned> firsts = rules.alike(operand);
          for (auto [i, e] : llvm::enumerate((*this)[operand]))
            firsts[i] == i ? out.push_back(e) : out.repeat(offset + firsts[i]);
        }
      } else {
        rules.general(&op, result.getResultNumber(), out);
      }
      if (isa<FloatType>(getElementTypeOrSelf(result.getType())))
        for (const Element &e : out.all()) {
          if (!notFinite && !e.rounded.isFinite())
            notFinite = &op;
          if (!unbounded && !e.slope.isFinite())
            unbounded = &op;
        }
      known[result] = {begin, unsigned(out.size())};
    }
  }
}

ArrayRef<Element> ElementAnalysis::operator[](Value v) const {
  auto it = known.find(v);
  assert(it != known.end() && "a program reads what stands above");
  return ArrayRef(elements).slice(it->second.begin, it->second.count);
}
const Element &ElementAnalysis::result() const { return (*this)[block.getTerminator()->getOperand(0)][0]; }
