//===- Objective.cpp - Proofs about losses and scalar programs -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/Objective.h"
#include "ObjectiveGoal.h"
#include "Proper.h"
#include "SelfOpt/Dialect/AsmUtils.h"
#include "SelfOpt/Dialect/RandomBuilder.h"
#include "SelfOpt/Dialect/Safety/Properties.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Safety/ElementAnalysis.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::safety;

const GoalSearch *selfopt::goalSearch = nullptr;

namespace {

using Box = std::vector<std::vector<Interval>>;
constexpr double inf = std::numeric_limits<double>::infinity();

/// What a slope does on a whole box: nowhere the other way, or everywhere that way.
bool isNumber(const ElementAnalysis &a) { return !a.result().slope.mayBeNaN && !a.result().exact.mayBeNaN; }
bool falls(const ElementAnalysis &a) { return a.result().slope.high <= 0 && isNumber(a); }
bool rises(const ElementAnalysis &a) { return a.result().slope.low >= 0 && isNumber(a); }
bool surelyRises(const ElementAnalysis &a) { return a.result().slope.low > 1e-12 && isNumber(a); }
bool surelyFalls(const ElementAnalysis &a) { return a.result().slope.high < -1e-12 && isNumber(a); }

int64_t countOf(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? tensor.getNumElements() : 1;
}

class Prover {
public:
  Prover(Operation *program, const ProofOptions &options, const llvm::json::Value *claimed)
      : program(program), block(program->getRegion(0).front()), options(options), claimed(claimed) {}

  ProofResult prove(const Requirement &require);

private:
  //===--- The domain ---------------------------------------------------------===//

  bool isLabelled() const {
    return isa<LossOp>(program) && block.getNumArguments() == 2 && block.getArgument(1).getType().isInteger(32);
  }
  bool isRegression() const {
    return isa<LossOp>(program) && block.getNumArguments() == 2 &&
           block.getArgument(0).getType() == block.getArgument(1).getType();
  }
  int64_t classes() const { return countOf(block.getArgument(0).getType()); }

  /// The program's box; a loss's label is set by the goal.
  Box domainOf(double domain) {
    auto filled = [](Type type, double low, double high) {
      return std::vector<Interval>(size_t(countOf(type)), Interval::of(low, high));
    };
    // In f32, as the program's arguments are: data within it are rounded alike.
    domain = double(float(domain));
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

  //===--- Evidence -------------------------------------------------------------===//

  /// What is claimed of the case with that number.
  const llvm::json::Object *claimedCase(size_t number) {
    const llvm::json::Object *all = claimed ? claimed->getAsObject() : nullptr;
    const llvm::json::Array *cases = all ? all->getArray("cases") : nullptr;
    return cases && number < cases->size() ? (*cases)[number].getAsObject() : nullptr;
  }

  /// Whether every leaf of a tree of boxes holds; takes the tree from the text. "(0.3 1.5 A B)" splits element 3 of
  /// argument 0 at 1.5; L is a leaf.
  bool holdsOn(Goal &goal, StringRef &tree, unsigned depth = 0) {
    ++looked;
    if (tree.consume_front("L"))
      return goal.holds(ElementAnalysis(block, goal.assumed));
    Box &box = goal.assumed.box;
    uint64_t argument, element;
    double middle;
    if (depth >= options.depth || !tree.consume_front("(") || tree.consumeInteger(10, argument) ||
        !tree.consume_front(".") || tree.consumeInteger(10, element) || !tree.consume_front(" ") ||
        tree.take_until([](char c) { return c == ' '; }).getAsDouble(middle) || argument >= box.size() ||
        element >= box[argument].size())
      return false;
    tree = tree.split(' ').second;
    const Interval whole = box[argument][element];
    if (!(whole.low < middle && middle < whole.high))
      return false;
    box[argument][element].high = middle;
    bool held = holdsOn(goal, tree, depth + 1) && tree.consume_front(" ");
    box[argument][element] = {middle, whole.high, whole.mayBeNaN};
    held = held && holdsOn(goal, tree, depth + 1) && tree.consume_front(")");
    box[argument][element] = whole;
    return held;
  }

  /// Whether a test holds at a point of the goal's box: the claimed one of the last case, or one that is found.
  bool holdsSomewhere(const Goal &goal, GoalTest test) {
    llvm::json::Value found = nullptr;
    const llvm::json::Object *last = claimedCase(trees.size() - 1);
    if (claimed ? last && last->get("point") : goalSearch != nullptr)
      found = claimed ? *last->get("point") : goalSearch->findPoint(block, goal, test);
    llvm::json::Path::Root root;
    std::vector<std::vector<double>> numbers;
    ElementCase point = goal.assumed;
    if (!fromJSON(found, numbers, root) || numbers.size() != point.box.size())
      return false;
    for (auto [elements, given] : llvm::zip(point.box, numbers)) {
      if (given.size() != elements.size())
        return false;
      for (auto [element, x] : llvm::zip(elements, given)) {
        if (std::isnan(x) || !element.contains(x))
          return false;
        element = Interval::point(x);
      }
    }
    if (!point.isInside() || !test(ElementAnalysis(block, point.around(goal.assumed))))
      return false;
    (*trees.back().getAsObject())["point"] = std::move(found);
    return true;
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
  /// `proved`: whether it holds of the whole box at once. Else by the claimed tree, or one that is found.
  std::optional<ProofResult> settle(Goal &goal, bool slope, bool proved) {
    std::string tree = "L";
    if (proved) {
      ++looked;
    } else {
      if (claimed) {
        const llvm::json::Object *now = claimedCase(trees.size());
        // No proof that was found has a longer one.
        tree = now ? now->getString("tree").value_or("").take_front(1 << 15).str() : "";
      } else if (goalSearch) {
        if (auto result = goalSearch->findTree(program, goal, slope, classes() > 4, looked, options, tree))
          return result;
      }
      StringRef rest = tree;
      if (!holdsOn(goal, rest) || !rest.empty())
        return ProofResult{Verdict::Unknown, "branch and bound",
                           goal.what + " could not be bounded by the tree of boxes"};
    }
    trees.push_back(llvm::json::Object{{"case", goal.what}, {"tree", tree}});
    return std::nullopt;
  }

  ProofResult finish(std::string detail) {
    bool split = looked > trees.size();
    return {Verdict::Holds, split ? "branch and bound" : "intervals", std::move(detail),
            llvm::json::Object{{"cases", std::move(trees)},
                               {"boxes", int64_t(looked)},
                               {"symmetric", isLabelled() && treatsClassesAlike(block)}}};
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
  const llvm::json::Value *claimed;
  unsigned looked = 0; ///< Boxes of all trees.
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
                         (label >= 0 ? "label " + std::to_string(label) + ", " : std::string()) +
                             "the derivative by element " + std::to_string(element));
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
      if (own && !holdsSomewhere(goal, surelyFalls))
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
    return {Verdict::Unknown, "intervals",
            (stringifyProperty(require.property) + " is said of losses" + (monotone ? ", schedules and samplers" : "") +
             ", not of a " + program->getName().getStringRef())
                .str()};
  for (int64_t element = 0; element < classes(); ++element) {
    bool moves = false;
    for (int order : {1, -1}) {
      Goal goal =
          goalOf(caseOf(box, -1, {0, element}), order > 0 ? rises : falls, order > 0 ? surelyFalls : surelyRises,
                 "the derivative by element " + std::to_string(element) + " of a prediction " +
                     (order > 0 ? "above" : "below") + " its target");
      goal.assumed.order = order;
      if (auto result = settle(goal, true))
        return *result;
      moves = moves || holdsSomewhere(goal, order > 0 ? surelyRises : surelyFalls);
    }
    if (!moves)
      return unseen(caseOf(box, -1, {0, element}), "the derivative by element " + std::to_string(element));
  }
  return finish("the derivative by each prediction has the sign of prediction minus target");
}

ProofResult Prover::proveBoundedBelow(double domain, double least) {
  Box box = domainOf(domain);
  auto holds = [&](const ElementAnalysis &a) {
    return a.result().rounded.low >= least && !a.result().rounded.mayBeNaN;
  };
  auto fails = [&](const ElementAnalysis &a) { return a.result().rounded.high < least; };
  for (int64_t label : labels()) {
    Goal goal = goalOf(caseOf(box, label, {0, label >= 0 ? label : 0}), holds, fails,
                       label >= 0 ? "label " + std::to_string(label) + ", the value" : "the value");
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

ProofResult selfopt::proveProgram(Operation *program, const Requirement &require, const ProofOptions &options,
                                  const llvm::json::Value *claimed) {
  if (!isa<LossOp, ScheduleOp, SamplerOp, AugmentOp>(program))
    return {Verdict::Unknown, "",
            (stringifyProperty(require.property) + " is said of losses, schedules, samplers and augments, not of a " +
             program->getName().getStringRef())
                .str()};
  return Prover(program, options, claimed).prove(require);
}
