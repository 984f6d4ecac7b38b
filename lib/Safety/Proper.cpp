//===- Proper.cpp - Proper scoring rules -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A loss L_y(p) of probabilities p = softmax(scores) is (strictly) proper when, whatever the truth q, sum_y q_y L_y(p)
// is least at p = q and nowhere else. With S(p) = sum_y p_y L_y(p) this holds if (Savage 1971; Gneiting and Raftery
// 2007, theorem 1)
//
//   1. sum_y p_y dL_y/dp_k is the same for all k, so that L_y(p) = S(p) + <grad S(p), e_y - p>, and
//   2. S is strictly concave on the simplex: then S(p) + <grad S(p), q - p> >= S(q), with equality at p = q alone.
//
// Both are decided by exact algebra over the reals. An expression is a sum of monomials in p_k, log p_k and the norm
// n = |p|, with rational coefficients and whole exponents; p_(K-1) is replaced by one minus the others, and n^2 by the
// sum of squares. S is concave where it is a quadratic form whose Hessian is negative semidefinite (by an exact LDL'
// decomposition), plus c p_k log p_k and c n with c <= 0.
//
// What the algebra can't write (focal) or can't prove gets a search for a witness (ProperWitness.cpp).
//
//===----------------------------------------------------------------------===//

#include "Proper.h"
#include "ObjectiveGoal.h"
#include "Polynomial.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace selfopt;

namespace {

/// Polynomials on the simplex. Atoms: 0 to K - 1 are p_k, K to 2K - 1 are log p_k, 2K is the norm, and then numbers: the
/// logarithms of e to the bases 2 and 10, which are positive.
class Algebra : public PolynomialRing {
public:
  explicit Algebra(int classes) : K(classes) {}
  const int K;

  int p(int k) const { return k; }
  int log(int k) const { return K + k; }
  int norm() const { return 2 * K; }
  int logOfE(int base) const { return 2 * K + (base == 2 ? 1 : 2); }

  /// By p_k, with all of them independent.
  Polynomial derivative(const Polynomial &a, int k) {
    Polynomial r;
    for (auto &[m, c] : a)
      for (auto [atom, exponent] : m) {
        Monomial rest = m * Monomial{{atom, -1}};
        Rational scaled = c * Rational(exponent);
        if (atom == p(k))
          add(r, rest, scaled);
        else if (atom == log(k))
          add(r, rest * Monomial{{p(k), -1}}, scaled);
        else if (atom == norm())
          add(r, rest * Monomial{{p(k), 1}, {norm(), -1}}, scaled);
      }
    return r;
  }
  Polynomial squares() {
    Polynomial r;
    for (int k = 0; k < K; ++k)
      add(r, {{p(k), 2}}, 1);
    return r;
  }
  Polynomial last() {
    Polynomial r = constant(1);
    for (int k = 0; k + 1 < K; ++k)
      add(r, {{p(k), 1}}, -1);
    return r;
  }
  /// On the simplex: without positive powers of p_(K-1), and of the norm none but the first and negative ones.
  Polynomial reduce(Polynomial a) {
    Polynomial one = last(), square = squares();
    for (bool changed = true; changed && !failed;) {
      changed = false;
      Polynomial next;
      for (auto &[m, c] : a) {
        auto power = m.find(p(K - 1)), n = m.find(norm());
        if (n != m.end() && n->second >= 2) {
          next = sum(std::move(next), product({{m * Monomial{{norm(), -2}}, c}}, square));
          changed = true;
        } else if (power != m.end() && power->second > 0) {
          next = sum(std::move(next), product({{m * Monomial{{p(K - 1), -1}}, c}}, one));
          changed = true;
        } else {
          add(next, m, c);
        }
      }
      a = std::move(next);
    }
    return a;
  }
  /// Whether it is 0 on the simplex. Negative powers of the norm, which is positive, are multiplied away.
  bool vanishes(const Polynomial &a) {
    int least = 0;
    for (auto &[m, c] : a)
      if (auto n = m.find(norm()); n != m.end())
        least = std::min(least, n->second);
    return reduce(least ? product(a, atom(norm(), -least)) : a).empty() && !failed;
  }
};

/// What a loss is, for one label, as polynomials: one for each element of each value.
class Translator {
public:
  Translator(Algebra &algebra, Block &block, int label) : algebra(algebra), block(block), label(label) {}
  std::string reason;

  std::optional<Polynomial> run() {
    llvm::SetVector<Operation *> read; // What nothing reads decides nothing.
    if (failed(getBackwardSlice(block.getTerminator(), &read)))
      return std::nullopt;
    for (Operation &op : block.without_terminator())
      if (read.contains(&op) && !translate(op)) {
        if (reason.empty())
          reason = "no algebra for " + op.getName().getStringRef().str();
        return std::nullopt;
      }
    auto it = values.find(block.getTerminator()->getOperand(0));
    if (it == values.end() || it->second.size() != 1) {
      reason = "the loss returns an argument";
      return std::nullopt;
    }
    return it->second[0];
  }

private:
  using Elements = std::vector<Polynomial>;

  bool translate(Operation &op) {
    auto get = [&](unsigned i) -> Elements & { return values[op.getOperand(i)]; };
    const Rational one = 1;
    Elements out;
    // Scores have no algebra but through their softmax; nor have values of ops that were not understood.
    if (!isa<nn::SoftmaxOp, nn::LogSoftmaxOp>(op))
      for (Value operand : op.getOperands())
        if (isa<FloatType>(getElementTypeOrSelf(operand.getType())) && !values.count(operand)) {
          reason = "the loss reads the scores other than by their softmax";
          return false;
        }
    auto both = [&](auto fn) {
      Elements &a = get(0), &b = get(1);
      if (a.size() != b.size() || a.empty())
        return false;
      for (size_t i = 0; i < a.size(); ++i) {
        std::optional<Polynomial> r = fn(a[i], b[i]);
        if (!r)
          return false;
        out.push_back(std::move(*r));
      }
      return true;
    };
    bool known =
        TypeSwitch<Operation *, bool>(&op)
            .Case([&](arith::ConstantOp constant) {
              if (!isa<FloatType>(getElementTypeOrSelf(constant.getType())))
                return true; // read by what picks by it
              auto add = [&](const APFloat &x) { out.push_back(algebra.number(x.convertToDouble())); };
              if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue()))
                llvm::for_each(dense.getValues<APFloat>(), add);
              else
                add(cast<FloatAttr>(constant.getValue()).getValue());
              return true;
            })
            .Case<nn::SoftmaxOp, nn::LogSoftmaxOp>([&](auto layer) {
              if (layer.getInput() != block.getArgument(0)) {
                reason = "the probabilities are not the softmax of the scores themselves";
                return false;
              }
              for (int k = 0; k < algebra.K; ++k)
                out.push_back(algebra.atom(isa<nn::SoftmaxOp>(op) ? algebra.p(k) : algebra.log(k)));
              return true;
            })
            .Case([&](nn::PickOp pick) {
              std::optional<int64_t> at = indexOf(pick.getIndex());
              if (!at || *at < 0 || *at >= int64_t(get(0).size()))
                return false;
              out.push_back(get(0)[size_t(*at)]);
              return true;
            })
            .Case([&](nn::OneHotOp hot) {
              std::optional<int64_t> at = indexOf(hot.getIndex());
              for (int64_t k = 0; at && k < hot.getType().getNumElements(); ++k)
                out.push_back(k == *at ? algebra.constant(one) : Polynomial());
              return at.has_value();
            })
            .Case([&](nn::ReduceOp reduce) {
              if (reduce.getKind() == nn::Reduction::Max)
                return false;
              Polynomial sum;
              for (const Polynomial &x : get(0))
                sum = algebra.sum(std::move(sum), x);
              if (reduce.getKind() == nn::Reduction::Mean)
                sum = algebra.product(sum, algebra.constant(Rational(1, int64_t(get(0).size()))));
              out.push_back(std::move(sum));
              return true;
            })
            .Case<arith::AddFOp, arith::SubFOp>([&](auto) {
              Rational sign = isa<arith::AddFOp>(op) ? one : -one;
              return both([&](auto &a, auto &b) { return std::optional(algebra.sum(a, b, sign)); });
            })
            .Case([&](arith::MulFOp) {
              return both([&](auto &a, auto &b) { return std::optional(algebra.product(a, b)); });
            })
            .Case([&](arith::DivFOp) { return both([&](auto &a, auto &b) { return algebra.quotient(a, b); }); })
            .Case([&](arith::NegFOp) {
              for (const Polynomial &x : get(0))
                out.push_back(algebra.sum({}, x, -one));
              return true;
            })
            .Case([&](math::ExpOp) { return exchange(get(0), out, algebra.log(0), algebra.p(0)); })
            .Case([&](math::LogOp) { return exchange(get(0), out, algebra.p(0), algebra.log(0)); })
            .Case<math::Log2Op, math::Log10Op>([&](auto) {
              return exchange(get(0), out, algebra.p(0), algebra.log(0), algebra.logOfE(isa<math::Log2Op>(op) ? 2 : 10));
            })
            .Case([&](math::SqrtOp) {
              for (const Polynomial &x : get(0)) {
                if (!algebra.reduce(algebra.sum(x, algebra.squares(), -one)).empty())
                  return false;
                out.push_back(algebra.atom(algebra.norm()));
              }
              return true;
            })
            .Default([](Operation *) { return false; });
    if (algebra.failed)
      reason = "the algebra grew beyond its bounds at " + op.getName().getStringRef().str();
    if (op.getNumResults() == 1 && !out.empty())
      values[op.getResult(0)] = std::move(out);
    return known && !algebra.failed;
  }

  /// exp(log p_k) is p_k, and back, times a number.
  bool exchange(const Elements &in, Elements &out, int from, int to, int number = -1) {
    for (const Polynomial &x : in) {
      if (x.size() != 1 || x.begin()->first.size() != 1 || x.begin()->second != 1)
        return false;
      auto [atom, exponent] = *x.begin()->first.begin();
      if (exponent != 1 || atom < from || atom >= from + algebra.K)
        return false;
      out.push_back(algebra.atom(atom - from + to));
      if (number >= 0)
        out.back() = algebra.product(out.back(), algebra.atom(number));
    }
    return true;
  }
  std::optional<int64_t> indexOf(Value v) {
    if (v == block.getArgument(1))
      return label;
    if (auto constant = v.getDefiningOp<arith::ConstantOp>())
      if (auto i = dyn_cast<IntegerAttr>(constant.getValue()))
        return i.getInt();
    return std::nullopt;
  }

  Algebra &algebra;
  Block &block;
  int label;
  llvm::DenseMap<Value, Elements> values;
};

/// Whether the quadratic part of a polynomial in p_0 .. p_(K-2) is negative semidefinite: pivots of an exact LDL'
/// decomposition of minus its Hessian are not negative, and below one of 0 the column is 0.
bool isConcaveQuadratic(const Algebra &algebra, const Polynomial &q, bool &isQuadratic, bool &strict) {
  int n = algebra.K - 1;
  std::vector<std::vector<Rational>> h(n, std::vector<Rational>(n));
  for (auto &[m, c] : q) {
    int degree = 0;
    SmallVector<int> variables;
    for (auto [atom, exponent] : m) {
      if (atom >= n || exponent < 0)
        return isQuadratic = false;
      degree += exponent;
      variables.append(exponent, atom);
    }
    if (degree > 2)
      return isQuadratic = false;
    if (degree < 2)
      continue;
    int i = variables[0], j = variables[1];
    h[i][j] -= c;
    h[j][i] -= c;
  }
  for (int k = 0; k < n; ++k) {
    if (signOf(h[k][k]) < 0)
      return false;
    strict &= signOf(h[k][k]) > 0;
    for (int i = k + 1; i < n; ++i) {
      if (signOf(h[k][k]) == 0 && signOf(h[i][k]) != 0)
        return false;
      if (signOf(h[i][k]) == 0)
        continue;
      Rational f = h[i][k] / h[k][k];
      for (int j = k; j < n; ++j)
        h[i][j] -= f * h[k][j];
    }
  }
  return true;
}

/// S as a sum of functions that are known to be concave, one of them strictly so on the simplex; the reason where it is
/// none: c_k p_k log p_k and c n, none of which is positive, and the rest a quadratic form.
std::optional<std::string> findConvexPart(Algebra &algebra, Polynomial S) {
  int power = 0; // of the norm, by which all is multiplied
  for (auto &[m, c] : S)
    if (auto n = m.find(algebra.norm()); n != m.end())
      power = std::max(power, -n->second);
  if (power > 1)
    return "the entropy has the norm in a denominator";
  auto scaled = [&](const Polynomial &a) {
    return algebra.reduce(power ? algebra.product(a, algebra.atom(algebra.norm())) : a);
  };
  Polynomial rest = scaled(S);
  // Takes as much of a term out of the rest as there is of one of its monomials.
  auto takeOut = [&](const Polynomial &term, const Monomial &mark) {
    auto found = rest.find(mark);
    Rational c = found == rest.end() ? Rational() : found->second / term.at(mark);
    rest = algebra.sum(std::move(rest), term, -c);
    return signOf(c);
  };
  int logarithms = 0;
  for (int k = 0; k < algebra.K; ++k) {
    bool concave = false;
    for (const Monomial &base : {Monomial(), Monomial{{algebra.logOfE(2), 1}}, Monomial{{algebra.logOfE(10), 1}}}) {
      Polynomial term = scaled({{Monomial{{algebra.p(k), 1}, {algebra.log(k), 1}} * base, 1}});
      int sign = takeOut(term, term.rbegin()->first);
      if (sign > 0)
        return "the entropy has a term of a logarithm that is not concave";
      concave |= sign < 0;
    }
    logarithms += concave;
  }
  // On the simplex, the constant term of n^2 is 1: it is p_(K-1)^2 at the corner.
  int sign = takeOut(scaled(algebra.atom(algebra.norm())), power ? Monomial() : Monomial{{algebra.norm(), 1}});
  if (sign > 0)
    return "the entropy has a term of the norm that is not concave";
  Polynomial quadratic;
  for (auto &[m, c] : rest)
    algebra.add(quadratic, power ? m * Monomial{{algebra.norm(), -1}} : m, c);
  bool isQuadratic = true, definite = true;
  if (!isConcaveQuadratic(algebra, quadratic, isQuadratic, definite))
    return isQuadratic ? "the entropy is not concave"
                       : "the entropy is no sum of a quadratic form, p log p and the norm";
  if (logarithms < algebra.K && sign == 0 && !definite)
    return "another prediction than the truth may do as well";
  return std::nullopt;
}

/// nullopt where it is proved, else why not.
std::optional<std::string> findObstacle(Block &block, int classes) {
  Algebra algebra(classes);
  std::vector<Polynomial> L;
  for (int y = 0; y < classes; ++y) {
    Translator translator(algebra, block, y);
    std::optional<Polynomial> loss = translator.run();
    if (!loss)
      return translator.reason;
    L.push_back(std::move(*loss));
  }
  Polynomial first, S;
  for (int k = 0; k < classes; ++k) {
    Polynomial expected;
    for (int y = 0; y < classes; ++y)
      expected =
          algebra.sum(std::move(expected), algebra.product(algebra.atom(algebra.p(y)), algebra.derivative(L[y], k)));
    if (k == 0)
      first = expected;
    else if (!algebra.vanishes(algebra.sum(expected, first, -1)))
      return "the expected loss is not stationary at the truth, by class " + std::to_string(k);
    S = algebra.sum(std::move(S), algebra.product(algebra.atom(algebra.p(k)), L[k]));
  }
  if (algebra.failed)
    return "the algebra grew beyond its bounds";
  std::optional<std::string> convex = findConvexPart(algebra, S);
  return algebra.failed ? "the algebra grew beyond its bounds" : convex;
}

} // namespace

ProofResult selfopt::proveProper(Operation *loss) {
  Block &block = loss->getRegion(0).front();
  auto scores =
      block.getNumArguments() == 2 ? dyn_cast<RankedTensorType>(block.getArgument(0).getType()) : RankedTensorType();
  if (!isa<LossOp>(loss) || !scores || scores.getRank() != 1 || !block.getArgument(1).getType().isInteger(32) ||
      scores.getNumElements() < 2)
    return {Verdict::Unknown, "", "proper is said of a loss of scores and a label, of two classes or more"};
  int classes = int(scores.getNumElements());
  // The algebra takes classes^3 products.
  std::string obstacle = "more than 64 classes";
  if (classes <= 64) {
    std::optional<std::string> found = findObstacle(block, classes);
    if (!found)
      return {Verdict::Holds, "algebra",
              "over the reals, the expected loss is stationary at the truth and the entropy is strictly concave",
              llvm::json::Object{{"theorem", "Savage 1971"}, {"classes", classes}, {"over", "reals"}}};
    obstacle = *found;
  }
  if (goalSearch)
    if (std::optional<std::string> witness = goalSearch->findImproper(block, classes))
      return {Verdict::Violated, "interpreter", *witness};
  return {Verdict::Unknown, "algebra", obstacle + "; no witness against it was found"};
}
