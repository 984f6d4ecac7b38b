//===- ObjectiveSearch.cpp - Finds trees of boxes, and points that refute a goal -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ObjectiveSearch.h"
#include "SelfOpt/Dialect/AsmUtils.h"
#include "SelfOpt/Dialect/RandomBuilder.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Support/Philox.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace selfopt;

/// Points of the box: its middle, its corners in the ways that matter to a loss, and draws of several sizes; until
/// `visit` says true. Most goals that fail do so at one of the first `fewPoints`.
constexpr unsigned fewPoints = 9, allPoints = 48;
static void forEachPoint(const Goal &goal, llvm::function_ref<bool(const ElementCase &)> visit, unsigned from = 0,
                         unsigned to = allPoints) {
  ElementCase point = goal.assumed;
  unsigned seed = goal.assumed.seed.argument;
  int64_t element = goal.assumed.seed.element;
  // Nearly sure: a loss that rewards entropy is below 0 there, and nowhere else.
  constexpr std::array<double, 6> margins{2, 5, 10, 20, 40, 80};
  for (unsigned n = from; n < to; ++n) {
    Philox random(0x70726f6f66, n);
    // Scores that play one part need not all differ: two values for them do, and the analysis looks at equal elements
    // once.
    std::array<std::optional<double>, 2> drawn;
    for (size_t i = 0; i < point.box.size(); ++i)
      for (size_t k = 0; k < point.box[i].size(); ++k) {
        const Interval &whole = goal.assumed.box[i][k];
        double x = whole.low + (whole.high - whole.low) / 2;
        bool own = i == seed && int64_t(k) == element;
        if (n >= 1 && n <= 4)
          x = own == (n % 2 == 1) ? (n <= 2 ? whole.high : whole.high / 100) : (n <= 2 ? whole.low : whole.low / 100);
        else if (n >= fewPoints && n < fewPoints + margins.size())
          x = std::clamp(own ? margins[n - fewPoints] : 0, whole.low, whole.high);
        else if (n >= 5) {
          double scale = std::array<double, 4>{1, 4, 0.1, whole.high / 3}[n % 4];
          std::optional<double> once, &value = goal.alike && i == 0 && int64_t(k) != element ? drawn[k % 2] : once;
          if (!value)
            value = std::clamp(whole.low >= 0 ? whole.low + (whole.high - whole.low) * random.uniform()
                                              : scale * random.normal(),
                               whole.low, whole.high);
          x = *value;
        }
        point.box[i][k] = Interval::point(whole.low == whole.high ? whole.low : double(float(x)));
      }
    if (point.order) {
      // The case's half.
      Interval &p = point.box[0][size_t(element)], &t = point.box[1][size_t(element)];
      if ((p.low - t.low) * point.order < 0)
        std::swap(p, t);
    }
    if (point.isInside() && visit(point))
      return;
  }
}

static std::string textOf(ArrayRef<Interval> point) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << (point.size() > 1 ? "[" : "");
  llvm::interleaveComma(point, os, [&](const Interval &x) { os << llvm::format("%.6g", x.low); });
  os << (point.size() > 1 ? "]" : "");
  return text;
}

static std::string textOf(const ElementCase &point, bool labelled) {
  if (labelled)
    return "label " + std::to_string(int64_t(point.box[1][0].low)) + ", scores " + textOf(point.box[0]);
  return llvm::join(llvm::map_range(point.box, [](const auto &elements) { return textOf(elements); }), ", ");
}

/// What the interpreter computes at a point; nullopt where it can't.
static std::optional<double> compute(Operation *program, const ElementCase &point) {
  Block &block = program->getRegion(0).front();
  SmallVector<reference::Tensor> inputs, results;
  for (auto [argument, elements] : llvm::zip(block.getArguments(), point.box)) {
    auto tensor = dyn_cast<RankedTensorType>(argument.getType());
    bool isFloat = isa<FloatType>(getElementTypeOrSelf(argument.getType()));
    auto input = reference::Tensor::zeros(tensor ? tensor.getShape() : ArrayRef<int64_t>(), isFloat);
    for (auto [i, x] : llvm::enumerate(elements))
      isFloat ? void(input.floats[i] = x.low) : void(input.integers[i] = int64_t(x.low));
    inputs.push_back(std::move(input));
  }
  ScopedDiagnosticHandler swallow(program->getContext(), [](Diagnostic &) { return success(); });
  if (failed(reference::Interpreter().runBlock(block, inputs, results)) || results.empty())
    return std::nullopt;
  return results[0].floats[0];
}

/// A point at which the program computes what is no finite number.
static std::optional<ProofResult> findBadValue(Operation *program, const Goal &goal, unsigned from, unsigned to) {
  std::optional<ProofResult> violated;
  forEachPoint(
      goal,
      [&](const ElementCase &point) {
        std::optional<double> x = compute(program, point);
        if (!x || std::isfinite(*x))
          return false;
        std::string value = std::isnan(*x) ? "NaN" : *x > 0 ? "infinite" : "-infinite";
        violated = ProofResult{Verdict::Violated, "interpreter",
                               "the result is " + value + " at (" + textOf(point, goal.labelled) + ")"};
        return true;
      },
      from, to);
  return violated;
}

/// A point among from..to that refutes the goal.
static std::optional<ProofResult> findWitness(Operation *program, const Goal &goal, bool slope, unsigned from,
                                              unsigned to) {
  if (!goal.fails)
    return findBadValue(program, goal, from, to);
  std::optional<ProofResult> violated;
  forEachPoint(
      goal,
      [&](const ElementCase &point) {
        ElementAnalysis at(program->getRegion(0).front(), point);
        if (!goal.fails(at))
          return false;
        const Interval &x = slope ? at.result().slope : at.result().rounded;
        std::string value = llvm::formatv("{0:f6}", x.low + (x.high - x.low) / 2).str();
        violated = ProofResult{Verdict::Violated, "intervals",
                               goal.what + " is " + value + " at (" + textOf(point, goal.labelled) + ")"};
        return true;
      },
      from, to);
  // In the end: where there is no value, there is none that would do.
  return violated || to < allPoints ? violated : findBadValue(program, goal, 0, to);
}

namespace {

/// Branch and bound within a budget.
class TreeSearch {
public:
  TreeSearch(Block &block, unsigned looked, unsigned leaves, unsigned most)
      : looked(looked), block(block), left(leaves - std::min(leaves, looked)), most(most) {}

  /// Splits until every leaf holds, or the budget is spent. The tree is written as it is walked: "(3 1.5 L L)" split
  /// element 3 at 1.5; L is a leaf that holds.
  bool split(Goal &goal, std::string &tree, unsigned depth = 0) {
    if (left == 0)
      return false;
    --left;
    ++looked;
    // The whole box was looked at before.
    if (depth && goal.holds(ElementAnalysis(block, goal.assumed))) {
      tree += "L";
      return true;
    }
    // Of all arguments that are numbers, the widest element.
    std::vector<std::vector<Interval>> &box = goal.assumed.box;
    unsigned argument = 0;
    size_t at = widest(box[0]);
    for (unsigned i = 1; i < box.size(); ++i) {
      size_t other = widest(box[i]);
      if (box[i][other].high - box[i][other].low > box[argument][at].high - box[argument][at].low)
        argument = i, at = other;
    }
    Interval whole = box[argument][at];
    double middle = double(float(whole.low + (whole.high - whole.low) / 2));
    if (depth >= most || !(whole.low < middle && middle < whole.high))
      return false;
    tree += "(" + std::to_string(argument) + "." + std::to_string(at) + " " + formatDouble(middle) + " ";
    box[argument][at].high = middle;
    bool low = split(goal, tree, depth + 1);
    box[argument][at] = whole;
    if (low) {
      tree += " ";
      box[argument][at].low = middle;
      low = split(goal, tree, depth + 1);
      box[argument][at] = whole;
    }
    tree += ")";
    return low;
  }

  /// Where the analysis of the whole box loses it.
  std::string blame(const Goal &goal) const {
    ElementAnalysis whole(block, goal.assumed);
    if (Operation *op = whole.firstNotFinite())
      return "the result of " + op->getName().getStringRef().str() + " may not be finite" +
             (whole.isUndefined() ? ", or undefined" : "");
    if (Operation *op = whole.firstUnboundedSlope())
      return "the derivative of " + op->getName().getStringRef().str() + " is unbounded, or above 1e36";
    const Element &r = whole.result();
    return llvm::formatv("value in [{0}, {1}], derivative in [{2}, {3}]", formatDouble(r.rounded.low),
                         formatDouble(r.rounded.high), formatDouble(r.slope.low), formatDouble(r.slope.high))
        .str();
  }

  unsigned looked;

private:
  static size_t widest(const std::vector<Interval> &elements) {
    size_t best = 0;
    for (size_t i = 1; i < elements.size(); ++i)
      if (elements[i].high - elements[i].low > elements[best].high - elements[best].low)
        best = i;
    return best;
  }

  Block &block;
  unsigned left;
  const unsigned most; ///< Splits above each other.
};

std::optional<ProofResult> findTree(Operation *program, Goal &goal, bool slope, bool many, unsigned looked,
                                    const ProofOptions &options, std::string &tree) {
  TreeSearch search(program->getRegion(0).front(), looked, many ? options.manyLeaves : options.leaves,
                    many ? options.manyDepth : options.depth);
  // A few points first, then proof, then the others.
  if (auto violated = findWitness(program, goal, slope, 0, fewPoints))
    return violated;
  tree.clear();
  if (search.split(goal, tree))
    return std::nullopt;
  if (auto violated = findWitness(program, goal, slope, fewPoints, allPoints))
    return violated;
  return ProofResult{Verdict::Unknown, "branch and bound",
                     goal.what + " could not be bounded: " + search.blame(goal) + ", after " +
                         std::to_string(search.looked) + " boxes"};
}

llvm::json::Value findPoint(Block &block, const Goal &goal, GoalTest test) {
  llvm::json::Value found = nullptr;
  forEachPoint(goal, [&](const ElementCase &point) {
    if (!test(ElementAnalysis(block, point.around(goal.assumed))))
      return false;
    llvm::json::Array arguments;
    for (const std::vector<Interval> &elements : point.box)
      arguments.push_back(llvm::json::Array(llvm::map_range(elements, [](const Interval &x) { return x.low; })));
    found = std::move(arguments);
    return true;
  });
  return found;
}

} // namespace

const GoalSearch selfopt::searchGoals{findTree, findPoint, findImproperWitness};
