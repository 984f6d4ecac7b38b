//===- ElementRules.h - What ops do to elements ------------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_ELEMENTRULES_H
#define SELFOPT_LIB_SAFETY_ELEMENTRULES_H

#include "Polynomial.h"
#include "RealInterval.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Safety/ElementAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <map>
#include <optional>

namespace selfopt {

/// The elements of one result, as they are computed.
class ElementResults {
public:
  explicit ElementResults(ElementAnalysis &a) : a(a), begin(a.elements.size()) {}

  size_t size() const { return a.elements.size() - begin; }
  void push_back(const Element &e) {
    assert(a.elements.size() < a.elements.capacity() && "what was read so far stays where it is");
    a.firstAlike.push_back(unsigned(size()));
    a.elements.push_back({ranges::flushed(e.rounded), e.exact, e.slope});
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
  llvm::ArrayRef<Element> all() const { return llvm::ArrayRef(a.elements).drop_front(begin); }

private:
  ElementAnalysis &a;
  size_t begin;
};

/// The rules of one analysis. They read what stands above an op, and push what its result's elements are.
struct ElementRules {
  ElementAnalysis &a;
  const ElementCase &assumed;

  llvm::ArrayRef<Element> get(mlir::Value v) { return a[v]; }
  llvm::ArrayRef<unsigned> alike(mlir::Value v) {
    ElementAnalysis::Place at = a.known.find(v)->second;
    return llvm::ArrayRef(a.firstAlike).slice(at.begin, at.count);
  }
  /// The different elements of a value, and how often each stands there: what is symmetric is looked at once.
  struct Group {
    size_t first, count;
  };
  llvm::SmallVector<Group, 12> groups(mlir::Value v) {
    llvm::ArrayRef<unsigned> same = alike(v);
    llvm::SmallVector<Group, 12> found;
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
    return reals::isZero(slope) ? reals::nothing : reals::times(derivative, slope);
  }
  /// A step upward somewhere, where the operand rises.
  static Interval jump(const Interval &slope, bool jumps) {
    if (!jumps || reals::isZero(slope))
      return reals::nothing;
    return {slope.low < 0 ? -ranges::inf : 0, slope.high > 0 ? ranges::inf : 0, slope.mayBeNaN};
  }
  /// Which layer of probabilities a value is; null for none.
  static nn::SoftmaxOp probabilities(mlir::Value v) { return v.getDefiningOp<nn::SoftmaxOp>(); }

  //===--- Layers (LayerRules.cpp) --------------------------------------------===//

  /// The interval of sum_j exp(z_j - z_k), which is 1 over the probability of k.
  static Interval inverseProbability(llvm::ArrayRef<Element> z, llvm::ArrayRef<Group> parts, const Group &k, Interval Element::*which);
  /// The interval of its logarithm, also where the sum itself leaves f64: the largest term is taken out before.
  static Interval logInverse(const Interval &sum, llvm::ArrayRef<Element> z, llvm::ArrayRef<Group> parts, const Group &k,
                             Interval Element::*which);
  void softmax(mlir::Operation *op, bool isLog, ElementResults &out);
  void reduce(nn::ReduceOp op, ElementResults &out);
  void activation(nn::ActivationOp op, ElementResults &out);
  void pick(nn::PickOp op, ElementResults &out);
  void oneHot(nn::OneHotOp op, ElementResults &out);
  void argmax(nn::ArgmaxOp op, ElementResults &out);
  /// Sums of a softmax, of its squares, of what it weighs and of its logarithms are known better than by their terms.
  static bool refines(mlir::Value v);
  /// Keeps no promise about NaN: that is the terms' own.
  Interval refineSum(mlir::Value v, bool inF32);
  //===--- Elementwise ops, and any other (ElementwiseRules.cpp) --------------===//

  /// The exact value and the slope of an elementwise op of floats; false where there is no rule. `x` are the operands'
  /// elements, and `y.rounded` is known.
  bool elementwise(mlir::Operation *op, llvm::ArrayRef<const Element *> x, Element &y);
  /// x / (x + c) with x >= 0 and c > 0 grows from 0 to 1.
  void growing(mlir::Operation *op, llvm::ArrayRef<const Element *> x, Element &y);
  /// What a case assumes of prediction minus target.
  void order(mlir::Operation *op, size_t index, Element &y);
  /// A value's element as a polynomial of those that are no sums or products: their numbers are given out in
  /// `atoms`. Fails beyond a hundred terms, or the 50th power.
  struct Algebra : PolynomialRing {
    std::map<std::pair<void *, size_t>, int> atoms;
    std::map<std::pair<void *, size_t>, Polynomial> known; ///< A value that is read twice is written out once.
  };
  const Polynomial &polynomial(Algebra &ring, mlir::Value v, size_t i);
  Polynomial newPolynomial(Algebra &ring, mlir::Value v, size_t i);
  /// Whether both sides of a select on u < v (or any comparison of the two) are equal where u = v.
  bool meetAtSwitch(mlir::arith::SelectOp op, size_t i);
  void select(mlir::arith::SelectOp op, size_t index, llvm::ArrayRef<const Element *> x, Element &y);
  /// Whether an element, or any that it is computed from, has a slope; of all elements where `i` is nullopt.
  bool dependsOnSeed(mlir::Value v, std::optional<size_t> i = std::nullopt);
  /// Any op: by its own ranges, element by element where it is elementwise, else of all elements at once.
  void general(mlir::Operation *op, unsigned number, ElementResults &out);
  bool fromSeed(mlir::Operation *op, std::optional<size_t> i);
};

} // namespace selfopt
#endif // SELFOPT_LIB_SAFETY_ELEMENTRULES_H
