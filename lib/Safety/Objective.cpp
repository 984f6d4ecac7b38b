//===- Objective.cpp - Proofs about losses and scalar programs -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/Objective.h"
#include "ObjectiveWitness.h"
#include "Proper.h"
#include "SelfOpt/Dialect/AsmUtils.h"
#include "SelfOpt/Dialect/RandomBuilder.h"
#include "SelfOpt/Dialect/Safety/Properties.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Safety/ElementAnalysis.h"
#include "SelfOpt/Support/Philox.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::safety;

GoalWitnessSearch *selfopt::goalWitnessSearch = nullptr;

static bool keepsCap(const ElementCase &point) {
  double sum = 0;
  for (const Interval &z : point.box[0])
    sum += std::exp(z.low - point.box[0][size_t(point.seed.element)].low);
  return 1 / sum <= point.until;
}

void selfopt::forEachPoint(const Goal &goal, llvm::function_ref<bool(const ElementCase &)> visit, unsigned from,
                           unsigned to) {
  ElementCase point = goal.assumed;
  unsigned seed = goal.assumed.seed.argument;
  int64_t element = goal.assumed.seed.element;
  // Nearly sure: a loss that rewards entropy is below 0 there, and nowhere else.
  constexpr std::array<double, 6> margins{2, 5, 10, 20, 40, 80};
  for (unsigned n = from; n < to; ++n) {
    Philox random(0x70726f6f66, n);
    // Scores that play one part need not all differ: two values for them do, and the analysis looks at equal elements once.
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
            value = std::clamp(whole.low >= 0 ? whole.low + (whole.high - whole.low) * random.uniform() : scale * random.normal(),
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
    if (point.until < 1 && !keepsCap(point))
      continue;
    if (visit(point))
      return;
  }
}

namespace {

using Box = std::vector<std::vector<Interval>>;
constexpr double inf = std::numeric_limits<double>::infinity();

/// What a slope does on a whole box: nowhere the other way, or everywhere that way.
bool falls(const ElementAnalysis &a) { return a.result().slope.high <= 0 && !a.result().slope.mayBeNaN; }
bool rises(const ElementAnalysis &a) { return a.result().slope.low >= 0 && !a.result().slope.mayBeNaN; }
bool surelyRises(const ElementAnalysis &a) { return a.result().slope.low > 1e-12; }
bool surelyFalls(const ElementAnalysis &a) { return a.result().slope.high < -1e-12; }

int64_t countOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? tensor.getNumElements() : 1;
}

class Prover {
public:
  Prover(Operation *program, const ProofOptions &options)
      : program(program), block(program->getRegion(0).front()), options(options) {}

  ProofResult prove(const Requirement &require);

private:
  //===--- The domain ---------------------------------------------------------===//

  bool isLabelled() const { return isa<LossOp>(program) && block.getNumArguments() == 2 && block.getArgument(1).getType().isInteger(32); }
  bool isRegression() const {
    return isa<LossOp>(program) && block.getNumArguments() == 2 && block.getArgument(0).getType() == block.getArgument(1).getType();
  }
  int64_t classes() const { return countOf(block.getArgument(0).getType()); }

  /// The program's box; a loss's label is set by the goal.
  Box domainOf(double domain) {
    auto filled = [](Type type, double low, double high) {
      return std::vector<Interval>(size_t(countOf(type)), Interval::of(low, high));
    };
    // In f32, as the program's arguments are.
    domain = double(float(domain)) > domain ? double(std::nextafter(float(domain), 0.0f)) : double(float(domain));
    Box box;
    for (BlockArgument argument : block.getArguments()) {
      unsigned i = argument.getArgNumber();
      double low = -domain, high = domain;
      if (isa<ScheduleOp>(program) || (isa<SamplerOp>(program) && i == 2) || (isa<AugmentOp>(program) && i >= 2))
        low = 0, high = 1;
      else if (isa<SamplerOp>(program))
        low = 0, high = i == 0 ? domain : 0x1p24;
      else if (isa<AugmentOp>(program) && i == 1)
        low = -maxNormal, high = maxNormal;
      box.push_back(filled(argument.getType(), low, high));
    }
    return box;
  }

  //===--- Search ---------------------------------------------------------------===//

  static size_t widest(const std::vector<Interval> &elements) {
    size_t best = 0;
    for (size_t i = 1; i < elements.size(); ++i)
      if (elements[i].high - elements[i].low > elements[best].high - elements[best].low)
        best = i;
    return best;
  }

  /// Splits until every leaf holds, or the budget is spent. The tree is written as it is walked: "(3 1.5 L L)" split element
  /// 3 at 1.5; L is a leaf that holds.
  bool bound(Goal &goal, std::string &tree, unsigned depth = 0) {
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
    Box &box = goal.assumed.box;
    unsigned argument = 0;
    size_t at = widest(box[0]);
    for (unsigned i = 1; i < box.size(); ++i) {
      size_t other = widest(box[i]);
      if (box[i][other].high - box[i][other].low > box[argument][at].high - box[argument][at].low)
        argument = i, at = other;
    }
    Interval whole = box[argument][at];
    double middle = double(float(whole.low + (whole.high - whole.low) / 2));
    if (depth >= (classes() > 4 ? options.manyDepth : options.depth) || !(whole.low < middle && middle < whole.high))
      return false;
    tree += "(" + std::to_string(argument) + "." + std::to_string(at) + " " + formatDouble(middle) + " ";
    box[argument][at].high = middle;
    bool low = bound(goal, tree, depth + 1);
    box[argument][at] = whole;
    if (low) {
      tree += " ";
      box[argument][at].low = middle;
      low = bound(goal, tree, depth + 1);
      box[argument][at] = whole;
    }
    tree += ")";
    return low;
  }

  //===--- Properties -----------------------------------------------------------===//

  Goal goalOf(ElementCase assumed, GoalTest holds, GoalTest fails, std::string what) {
    return {std::move(assumed), holds, fails, std::move(what), isLabelled() && treatsClassesAlike(block), isLabelled()};
  }
  /// The label cases, or the one case without a label.
  SmallVector<int64_t> labels() {
    if (!isLabelled())
      return {-1};
    return llvm::to_vector(llvm::seq<int64_t>(treatsClassesAlike(block) ? 1 : classes()));
  }
  /// Elements of argument 0 to differentiate by, with a label.
  SmallVector<int64_t> elements(int64_t label) {
    // Of classes that are alike, the label's own and one other.
    return llvm::to_vector(llvm::seq(label >= 0 && treatsClassesAlike(block) ? std::min<int64_t>(classes(), 2) : classes()));
  }
  ElementCase caseOf(const Box &box, int64_t label, Coordinate seed) {
    ElementCase c;
    c.box = box;
    if (label >= 0)
      c.box[1] = {Interval::point(double(label))};
    c.seed = seed;
    return c;
  }

  /// Proves one goal, or says why not. The verdict is Holds where nothing is to be said.
  std::optional<ProofResult> settle(Goal &goal, bool slope) {
    return settle(goal, slope, goal.holds(ElementAnalysis(block, goal.assumed)));
  }
  /// `proved`: whether it holds of the whole box at once.
  std::optional<ProofResult> settle(Goal &goal, bool slope, bool proved) {
    std::string tree;
    unsigned budget = classes() > 4 ? options.manyLeaves : options.leaves;
    left = budget - std::min(budget, looked);
    // A few points first, then proof, then the others.
    if (proved) {
      ++looked;
      tree = "L";
    } else {
      if (auto violated = refute(goal, slope, 0, fewPoints))
        return violated;
      proved = bound(goal, tree);
    }
    if (proved) {
      trees.push_back(llvm::json::Object{{"case", goal.what}, {"tree", tree}});
      return std::nullopt;
    }
    if (auto violated = refute(goal, slope, fewPoints, allPoints))
      return violated;
    return ProofResult{Verdict::Unknown, "branch and bound",
                       goal.what + " could not be bounded: " + blame(goal) + ", after " + std::to_string(looked) + " boxes"};
  }

  std::optional<ProofResult> refute(const Goal &goal, bool slope, unsigned from, unsigned to) {
    return goalWitnessSearch ? goalWitnessSearch(program, goal, slope, from, to) : std::nullopt;
  }

  /// Where the analysis of the whole box loses it.
  std::string blame(const Goal &goal) {
    ElementAnalysis whole(block, goal.assumed);
    if (Operation *op = whole.firstNotFinite())
      return "the result of " + op->getName().getStringRef().str() + " may not be finite" + (whole.isUndefined() ? ", or undefined" : "");
    if (Operation *op = whole.firstUnboundedSlope())
      return "the derivative of " + op->getName().getStringRef().str() + " is unbounded, or above 1e36";
    const Element &r = whole.result();
    return llvm::formatv("value in [{0}, {1}], derivative in [{2}, {3}]", formatDouble(r.rounded.low), formatDouble(r.rounded.high),
                         formatDouble(r.slope.low), formatDouble(r.slope.high))
        .str();
  }

  ProofResult finish(std::string detail) {
    bool split = looked > trees.size();
    return {Verdict::Holds, split ? "branch and bound" : "intervals", std::move(detail),
            llvm::json::Object{{"cases", std::move(trees)}, {"boxes", int64_t(looked)}, {"symmetric", isLabelled() && treatsClassesAlike(block)}}};
  }

  /// A derivative that is 0 at every point that was looked at.
  ProofResult unseen(const ElementCase &assumed, const std::string &what) {
    bool constant = ElementAnalysis(block, assumed).hasNoSlope();
    return {constant ? Verdict::Violated : Verdict::Unknown, "intervals",
            what + (constant ? " is 0 everywhere: the loss does not see it" : " was found other than 0, the right way, at no point")};
  }
  ProofResult proveFinite(double domain);
  ProofResult proveSigns(const Requirement &require);
  ProofResult proveBoundedBelow(double domain, double least);
  std::optional<ProofResult> signs(const Box &box, double until, bool others);

  Operation *program;
  Block &block;
  const ProofOptions &options;
  unsigned left = 0, looked = 0;
  llvm::json::Array trees;
};

ProofResult Prover::proveFinite(double domain) {
  Box box = domainOf(domain);
  auto holds = [](const ElementAnalysis &a) { return !a.firstNotFinite() && !a.firstUnboundedSlope(); };
  double low = inf, high = -inf;
  bool regression = isRegression();
  for (int64_t label : labels())
    for (int64_t step = 0, n = int64_t(elements(label).size()) * (regression ? 2 : 1); step < n; ++step) {
      int64_t element = elements(label)[size_t(regression ? step / 2 : step)];
      Goal goal = goalOf(caseOf(box, label, {0, element}), holds, nullptr,
                (label >= 0 ? "label " + std::to_string(label) + ", " : std::string()) + "the derivative by element " + std::to_string(element));
      // A prediction is above its target or below: by itself, each tells where |d| switches.
      if (regression)
        goal.assumed.order = step % 2 ? -1 : 1;
      ElementAnalysis whole(block, goal.assumed);
      low = std::min(low, whole.result().rounded.low);
      high = std::max(high, whole.result().rounded.high);
      if (auto result = settle(goal, false, holds(whole)))
        return *result;
    }
  return finish("every value is finite, the result in [" + formatDouble(low) + ", " + formatDouble(high) + "]");
}

/// Of a loss by a label: falls with the label's score, and, where asked, does not fall with another's.
std::optional<ProofResult> Prover::signs(const Box &box, double until, bool others) {
  for (int64_t label : labels())
    for (int64_t element : elements(label)) {
      bool own = element == label;
      if (!own && !others)
        continue;
      Goal goal = goalOf(caseOf(box, label, {0, element}), own ? falls : rises, own ? surelyRises : surelyFalls,
                "label " + std::to_string(label) + ", the derivative by " +
                    (own ? "the right score" : "the score of " + std::to_string(element)));
      if (own)
        goal.assumed.until = until;
      if (auto result = settle(goal, true))
        return result;
      // A loss that never moves teaches nothing.
      bool moves = false;
      if (own)
        forEachPoint(goal, [&](const ElementCase &point) { return moves = surelyFalls(ElementAnalysis(block, point)); });
      if (own && !moves)
        return unseen(goal.assumed, goal.what);
    }
  return std::nullopt;
}

ProofResult Prover::proveSigns(const Requirement &require) {
  bool monotone = require.property == Property::Monotone;
  double domain = require.get("domain");
  Box box = domainOf(domain);
  if (isLabelled()) {
    if (auto result = signs(box, monotone ? 1 : require.get("until"), monotone))
      return *result;
    return finish(monotone ? "the derivative by the right score is at most 0, by every other at least 0"
                           : "the derivative by the right score is at most 0, and below 0 somewhere");
  }
  if (isa<ScheduleOp, SamplerOp>(program) && monotone) {
    bool schedule = isa<ScheduleOp>(program);
    Goal goal = goalOf(caseOf(box, -1, {0, 0}), schedule ? falls : rises, schedule ? surelyRises : surelyFalls,
              schedule ? "the derivative by the fraction of training" : "the derivative by the loss");
    if (auto result = settle(goal, true))
      return *result;
    return finish(goal.what + (schedule ? " is at most 0" : " is at least 0"));
  }
  if (!isRegression())
    return {Verdict::Unknown, "intervals", (stringifyProperty(require.property) + " is said of losses" + (monotone ? ", schedules and samplers" : "") +
                              ", not of a " + program->getName().getStringRef()).str()};
  for (int64_t element = 0; element < classes(); ++element) {
    bool moves = false;
    for (int order : {1, -1}) {
      Goal goal = goalOf(caseOf(box, -1, {0, element}), order > 0 ? rises : falls, order > 0 ? surelyFalls : surelyRises,
                "the derivative by element " + std::to_string(element) + " of a prediction " +
                    (order > 0 ? "above" : "below") + " its target");
      goal.assumed.order = order;
      if (auto result = settle(goal, true))
        return *result;
      forEachPoint(goal, [&](const ElementCase &point) {
        return moves |= (order > 0 ? surelyRises : surelyFalls)(ElementAnalysis(block, point));
      });
    }
    if (!moves)
      return unseen(caseOf(box, -1, {0, element}), "the derivative by element " + std::to_string(element));
  }
  return finish("the derivative by each prediction has the sign of prediction minus target");
}

ProofResult Prover::proveBoundedBelow(double domain, double least) {
  Box box = domainOf(domain);
  auto holds = [&](const ElementAnalysis &a) { return a.result().rounded.low >= least && !a.result().rounded.mayBeNaN; };
  auto fails = [&](const ElementAnalysis &a) { return a.result().rounded.high < least; };
  for (int64_t label : labels()) {
    Goal goal = goalOf(caseOf(box, label, {0, label >= 0 ? label : 0}), holds, fails, label >= 0 ? "label " + std::to_string(label) + ", the value" : "the value");
    if (auto result = settle(goal, false))
      return *result;
  }
  return finish("the value is at least " + formatDouble(least));
}

ProofResult Prover::prove(const Requirement &require) {
  Type result = block.getTerminator()->getNumOperands() == 1 ? block.getTerminator()->getOperand(0).getType() : Type();
  if (!result || !result.isF32())
    return {Verdict::Unknown, "", "the program returns no number"};
  for (BlockArgument argument : block.getArguments()) {
    auto tensor = dyn_cast<RankedTensorType>(argument.getType());
    if (tensor && (!tensor.hasStaticShape() || tensor.getNumElements() > 4096 || !tensor.getNumElements()))
      return {Verdict::Unknown, "", "an argument has no static size from 1 to 4096"};
  }
  if (countElements(block) > maxElements)
    return {Verdict::Unknown, "", "the program's values have more than " + std::to_string(maxElements) + " elements in all"};
  switch (require.property) {
  case Property::Finite:
    return proveFinite(require.get("domain"));
  case Property::Aligned:
  case Property::Monotone:
    return proveSigns(require);
  case Property::BoundedBelow:
    return proveBoundedBelow(require.get("domain"), require.get("at_least"));
  case Property::Proper:
    return proveProper(program);
  default:
    return {Verdict::Unknown, "", "no engine of programs proves " + stringifyProperty(require.property).str()};
  }
}

} // namespace

double Requirement::get(StringRef name) const { return getParameter(property, parameters, name); }

ProofResult selfopt::proveProgram(Operation *program, const Requirement &require, const ProofOptions &options) {
  if (!isa<LossOp, ScheduleOp, SamplerOp, AugmentOp>(program))
    return {Verdict::Unknown, "", (stringifyProperty(require.property) + " is said of losses, schedules, samplers and augments, not of a " +
                              program->getName().getStringRef()).str()};
  return Prover(program, options).prove(require);
}
