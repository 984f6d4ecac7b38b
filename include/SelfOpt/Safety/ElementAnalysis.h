//===- ElementAnalysis.h - A program over a box, element by element -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Abstract interpretation of a loss, schedule, sampler or augment whose arguments lie in a box: three intervals for every
// element of every value,
//
//   rounded   holds what any execution in f32 computes (by RangeOpInterface, and sharper rules for the nn ops),
//   exact     holds what the program means over the reals,
//   slope     holds every difference quotient of the exact value along one argument element, the seed.
//
// Plain intervals lose what holds between values. What is known here of that: a softmax sums to one (so that a sum
// weighted by it is an average, and its squares sum to at least 1/n), x * x is a square, x - x is 0, x / (x + c) grows
// with x, and a prediction minus its target has the sign that a case assumes.
//
// A slope that jumps (floor, a comparison that may go both ways) is unbounded in the direction of the jump, or in both
// where that is not known. Over an undecided select the slope joins both sides where exact algebra shows that they meet at
// the switch.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_ELEMENTANALYSIS_H
#define SELFOPT_SAFETY_ELEMENTANALYSIS_H

#include "SelfOpt/Interfaces/Interval.h"
#include "mlir/IR/Block.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseMap.h"
#include <vector>

namespace selfopt {

struct Element {
  Interval rounded, exact;
  Interval slope = Interval::point(0);
};

/// One argument element: the number of the argument, and of the element in it.
struct Coordinate {
  unsigned argument = 0;
  int64_t element = 0;
};

struct ElementCase {
  /// One interval per element of each argument; an integer argument is a point.
  std::vector<std::vector<Interval>> box;
  Coordinate seed;
  /// Argument 0 minus argument 1 at the seed's element: 1 assumes that it is at least 0, -1 at most 0, 0 nothing.
  int order = 0;
  /// Assumes that softmax(argument 0) is at most `until` at the seed's element.
  double until = 1;

  /// Of a point: whether it is one of those that are assumed by order and cap.
  bool isInside() const;
  /// Of a point of another case: a box of some width around it, in that one. What is seen at the point alone may be a
  /// branch that nothing else takes.
  ElementCase around(const ElementCase &whole) const;
};

/// How many elements the values of a program have, of verified ops; with more, no proof is tried, since each box looks at all.
constexpr size_t maxElements = 1 << 17;
size_t countElements(mlir::Block &block);

/// Of a loss of scores and a label: whether all classes play one part, so that one label stands for all. No constant tells
/// them apart, and only the label picks, of as many elements as there are classes.
bool treatsClassesAlike(mlir::Block &loss);

class ElementAnalysis {
public:
  /// Walks the block once.
  ElementAnalysis(mlir::Block &block, const ElementCase &assumed);

  llvm::ArrayRef<Element> operator[](mlir::Value v) const;
  /// The one scalar that the program returns.
  const Element &result() const;
  /// The first op with a value that may be undefined, else the first with one that may not be finite in f32, or whose slope may be larger than maxSlope; null where there
  /// is none. A larger one is a number of the reals, but in f32 what computes it overflows.
  static constexpr double maxSlope = 1e36;
  mlir::Operation *firstNotFinite() const { return notFinite; }
  /// Whether the result does not move with the seed anywhere.
  bool hasNoSlope() const { return result().slope.low == 0 && result().slope.high == 0; }
  bool isUndefined() const { return undefined; }
  mlir::Operation *firstUnboundedSlope() const { return unbounded; }

private:
  friend struct ElementRules;
  friend class ElementResults;
  mlir::Block &block;
  /// Where a value's elements begin, and how many there are. All stand in one array, with room for all from the start.
  struct Place {
    unsigned begin, count;
  };
  llvm::SmallDenseMap<mlir::Value, Place, 32> known;
  std::vector<Element> elements;
  /// Per element, the first of its value that was computed from the same elements in the same way, and so is equal to it.
  std::vector<unsigned> firstAlike;
  mlir::Operation *notFinite = nullptr, *unbounded = nullptr, *undefined = nullptr;
};

} // namespace selfopt
#endif // SELFOPT_SAFETY_ELEMENTANALYSIS_H
