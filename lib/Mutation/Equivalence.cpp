//===- Equivalence.cpp - Rewrites that are not trusted ------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Mutation/Equivalence.h"
#include "Edits.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Dialect/Structure.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Reference/Lanes.h"
#include "SelfOpt/Safety/ProgramEquivalence.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/CSE.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Format.h"
#include <cmath>
#include <limits>
#include <mutex>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::evolve;
using reference::hasLanes;
using reference::Interpreter;
using reference::laneOf;
using reference::LaneRunner;
using reference::Tensor;

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

static constexpr float tiny = std::numeric_limits<float>::min(), huge = std::numeric_limits<float>::max(),
                       infinite = std::numeric_limits<float>::infinity(), subnormal = 1e-42f;
static constexpr float edges[] = {0.0f, -0.0f, 1.0f,     -1.0f, huge,  std::numeric_limits<float>::quiet_NaN(),
                                  tiny, -tiny, infinite, -huge, -infinite, subnormal, -subnormal};
/// The first of them are tried in pairs.
static constexpr ArrayRef<float> pairedEdges(edges, 9);

namespace {
/// Makes the arguments of a program.
class InputMaker {
public:
  explicit InputMaker(Operation *program) : types(program->getRegion(0).front().getArgumentTypes()) {
    // A label is the number of an element of what is predicted.
    std::optional<int64_t> labels;
    for (Type type : types)
      if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && tensor.getRank() && tensor.getDimSize(0) > 0)
        labels = std::min(labels.value_or(tensor.getDimSize(0)), tensor.getDimSize(0));
    isBounded = labels && isa<LossOp>(program);
    below.assign(types.size(), labels.value_or(10));
    // A reward is of states and actions of its environment, whichever leads where.
    auto reward = dyn_cast<RewardOp>(program);
    if (!reward || !reward->getParentOp())
      return;
    if (auto environment = SymbolTable::lookupNearestSymbolFrom<EnvironmentOp>(reward, reward.getEnvironmentAttr())) {
      below = {int64_t(environment.getStates()), int64_t(environment.getActions()), int64_t(environment.getStates())};
      rows = std::min<int64_t>(below[0] * below[1], 1024);
      isBounded = true;
    }
  }

  /// Every state with every action, and every state behind one, of an environment that has few.
  void makeRows(std::vector<SmallVector<Tensor>> &inputs) {
    for (int64_t row = 0; row < rows; ++row) {
      inputs.push_back(make([] { return 0.0f; }));
      if (below[0] * below[1] > rows)
        continue;
      inputs.back()[0] = Tensor::scalarInt(row / below[1]);
      inputs.back()[1] = Tensor::scalarInt(row % below[1]);
      // A shift by each round of the states, so that not every state leads to itself.
      inputs.back()[2] = Tensor::scalarInt((row + row / below[0]) % below[0]);
    }
  }

  /// What integers are below in every training; empty where that is not known.
  ArrayRef<int64_t> bounds() const { return isBounded ? ArrayRef(below) : ArrayRef<int64_t>(); }
  size_t countRows() const { return size_t(rows); }
  /// What tells makers for arguments of the same types apart.
  std::string text() const {
    std::string text = " " + std::to_string(rows);
    for (int64_t n : below)
      text += " " + std::to_string(n);
    return text + " ";
  }

  static bool canMake(Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (tensor && !tensor.hasStaticShape())
      return false;
    Type element = getElementTypeOrSelf(type);
    return element.isF32() || element.isInteger(32) || element.isInteger(64);
  }

  /// Every element from `f32`, and integers at random.
  SmallVector<Tensor> make(function_ref<float()> f32) {
    SmallVector<Tensor> inputs;
    for (auto [type, n] : llvm::zip(types, below)) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      bool isFloat = isa<FloatType>(getElementTypeOrSelf(type));
      Tensor input = Tensor::zeros(tensor ? tensor.getShape() : ArrayRef<int64_t>(), isFloat);
      for (double &x : input.floats)
        x = double(f32());
      for (int64_t &x : input.integers)
        x = int64_t(random.below(uint64_t(n)));
      inputs.push_back(std::move(input));
    }
    return inputs;
  }

  float edge() { return edges[random.below(std::size(edges))]; }
  /// Of the size that programs see, or of any; a quarter are edges.
  float any() {
    uint64_t way = random.below(4);
    if (way == 0)
      return edge();
    float x = float(random.normal());
    return way == 1 ? x * float(std::exp(60 * random.uniform() - 30)) : x;
  }

private:
  TypeRange types;
  SmallVector<int64_t> below; ///< Of each argument, where it is integers.
  bool isBounded = false;
  int64_t rows = 0;
  Philox random{0x65717569};
};
} // namespace

//===----------------------------------------------------------------------===//
// Comparing
//===----------------------------------------------------------------------===//

static bool sameBits(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || llvm::bit_cast<uint64_t>(a) == llvm::bit_cast<uint64_t>(b);
}
static bool sameBits(const Tensor &a, const Tensor &b) {
  return a.isFloat == b.isFloat && a.shape == b.shape && a.integers == b.integers &&
         llvm::all_of(llvm::zip_equal(a.floats, b.floats),
                      [](auto pair) { return sameBits(std::get<0>(pair), std::get<1>(pair)); });
}

/// At most eight elements of it; enough digits to tell two f32 apart.
static std::string textOf(const Tensor &t) {
  std::string text;
  llvm::raw_string_ostream os(text);
  int64_t shown = std::min<int64_t>(t.size(), 8);
  if (!t.shape.empty())
    os << "[";
  for (int64_t i = 0; i < shown; ++i) {
    os << (i ? ", " : "");
    if (!t.isFloat)
      os << t.integers[i];
    else if (std::isnan(t.floats[i]))
      os << "nan";
    else
      os << llvm::format("%.9g", t.floats[i]);
  }
  if (!t.shape.empty())
    os << (shown < t.size() ? ", ...]" : "]");
  return text;
}
static std::string textOf(ArrayRef<Tensor> all) {
  return llvm::join(llvm::map_range(all, [](const Tensor &t) { return textOf(t); }), ", ");
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

/// What both programs are run on.
static std::vector<SmallVector<Tensor>> makeInputs(Operation *program, unsigned random) {
  std::vector<SmallVector<Tensor>> inputs;
  InputMaker maker(program);
  SmallVector<unsigned> scalars;
  for (BlockArgument argument : program->getRegion(0).front().getArguments())
    if (argument.getType().isF32())
      scalars.push_back(argument.getArgNumber());
  size_t pairs = scalars.empty() ? 0 : scalars.size() * (scalars.size() - 1) / 2;
  inputs.reserve(std::size(edges) + pairs * pairedEdges.size() * pairedEdges.size() + maker.countRows() + random);
  for (float x : edges)
    inputs.push_back(maker.make([&] { return x; }));
  for (size_t i = 0; i < scalars.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      for (float x : pairedEdges)
        for (float y : pairedEdges) {
          inputs.push_back(maker.make([&] { return maker.any(); }));
          inputs.back()[scalars[i]] = Tensor::scalar(x);
          inputs.back()[scalars[j]] = Tensor::scalar(y);
        }
  maker.makeRows(inputs);
  for (unsigned n = 0; n < random; ++n)
    inputs.push_back(maker.make([&] { return maker.any(); }));
  return inputs;
}

/// The same of scalars, a column for each argument. They depend on the kinds of the arguments alone, and a search
/// validates thousands of programs with few kinds: made once, and kept.
static ArrayRef<Tensor> makeColumns(Operation *program, unsigned random) {
  static std::mutex mutex;
  static llvm::StringMap<SmallVector<Tensor>> made;
  TypeRange types = program->getRegion(0).front().getArgumentTypes();
  std::string kinds = std::to_string(random) + InputMaker(program).text();
  for (Type type : types)
    kinds += isa<FloatType>(type) ? 'f' : 'i';
  std::lock_guard<std::mutex> lock(mutex);
  SmallVector<Tensor> &columns = made[kinds];
  if (columns.empty()) {
    std::vector<SmallVector<Tensor>> inputs = makeInputs(program, random);
    for (auto [i, type] : llvm::enumerate(types)) {
      Tensor column = Tensor::zeros({int64_t(inputs.size())}, isa<FloatType>(type));
      for (auto [lane, input] : llvm::enumerate(inputs))
        column.isFloat ? void(column.floats[lane] = input[i].floats[0])
                       : void(column.integers[lane] = input[i].integers[0]);
      columns.push_back(std::move(column));
    }
  }
  return columns;
}

static InFlightDiagnostic reportDifference(Operation *after, size_t i, const Tensor &expected, const Tensor &found,
                                           ArrayRef<Tensor> input) {
  return after->emitOpError("is not equivalent: expected result ")
         << i << " to be " << textOf(expected) << " on the input (" << textOf(input) << "), found " << textOf(found);
}

static LogicalResult compareOn(Operation *before, Operation *after, ArrayRef<Tensor> input) {
  SmallVector<Tensor> expected, found;
  if (failed(Interpreter().runBlock(before->getRegion(0).front(), input, expected)) ||
      failed(Interpreter().runBlock(after->getRegion(0).front(), input, found)))
    return failure();
  for (auto [i, e, f] : llvm::enumerate(expected, found))
    if (!sameBits(e, f))
      return reportDifference(after, i, e, f, input);
  return success();
}

static LogicalResult compareOnInputs(Operation *before, Operation *after, unsigned random) {
  Block &one = before->getRegion(0).front(), &other = after->getRegion(0).front();
  if (one.getArgumentTypes() != other.getArgumentTypes() ||
      one.getTerminator()->getOperandTypes() != other.getTerminator()->getOperandTypes())
    return after->emitOpError("is not equivalent: expected the types that it took and returned, found others");
  for (Type type : one.getArgumentTypes())
    if (!InputMaker::canMake(type))
      return after->emitOpError("can't be validated: expected arguments of f32 and of integers, "
                                "to make inputs of, found ")
             << type;

  if (one.getNumArguments() && hasLanes(one) && hasLanes(other)) {
    ArrayRef<Tensor> columns = makeColumns(after, random);
    SmallVector<Tensor> expected, found;
    int64_t lanes = columns.front().size();
    if (failed(LaneRunner(one, lanes).run(columns, expected)) ||
        failed(LaneRunner(other, lanes).run(columns, found)))
      return failure();
    for (auto [i, e, f] : llvm::enumerate(expected, found))
      if (!sameBits(e, f))
        for (size_t lane = 0; lane < size_t(e.size()); ++lane)
          if (Tensor x = laneOf(e, lane), y = laneOf(f, lane); !sameBits(x, y))
            return reportDifference(after, i, x, y, llvm::map_to_vector(columns, [&](const Tensor &c) { return laneOf(c, lane); }));
    return success();
  }
  for (const SmallVector<Tensor> &input : makeInputs(after, random))
    if (failed(compareOn(before, after, input)))
      return failure();
  return success();
}

/// The input that a solver proposes; of what it says nothing about, zeros.
static SmallVector<Tensor> inputOf(const llvm::DenseMap<unsigned, APInt> &guess, TypeRange types) {
  SmallVector<Tensor> input;
  for (auto [i, type] : llvm::enumerate(types)) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    Type element = getElementTypeOrSelf(type);
    input.push_back(Tensor::zeros(tensor ? tensor.getShape() : ArrayRef<int64_t>(), isa<FloatType>(element)));
    auto it = guess.find(unsigned(i));
    if (it == guess.end())
      continue;
    if (auto format = dyn_cast<FloatType>(element))
      llvm::fill(input.back().floats, APFloat(format.getFloatSemantics(), it->second).convertToDouble());
    else
      llvm::fill(input.back().integers, it->second.getSExtValue());
  }
  return input;
}

LogicalResult selfopt::validateEquivalence(Operation *before, Operation *after, unsigned random, OpBuilder *queries) {
  if (failed(compareOnInputs(before, after, random)))
    return failure();
  InputMaker maker(after);
  EquivalenceProof proof = proveEquivalence(before, after, maker.bounds(), queries);
  if (proof.result.verdict == Verdict::Holds)
    return success();
  if (!proof.guess.empty() &&
      failed(compareOn(before, after, inputOf(proof.guess, after->getRegion(0).front().getArgumentTypes()))))
    return failure();
  return after->emitOpError("is not proved equivalent: ") << proof.result.detail;
}

LogicalResult selfopt::editEquivalently(Operation *mutation, Operation *target,
                                        function_ref<LogicalResult(Operation *)> edit) {
  return editProgram(mutation, target, [&](Operation *program) -> LogicalResult {
    Operation *before = cloneStructure(program);
    LogicalResult ok = edit(program);
    if (succeeded(ok))
      ok = validateEquivalence(before, program);
    before->destroy();
    return ok;
  });
}

//===----------------------------------------------------------------------===//
// simplify
//===----------------------------------------------------------------------===//

/// What a program computes, then what it holds.
static std::pair<size_t, size_t> sizeOf(Block &block) {
  auto computes = [](Operation &op) { return !op.hasTrait<OpTrait::ConstantLike>(); };
  return {size_t(llvm::count_if(block, computes)), block.getOperations().size()};
}

bool selfopt::simplifyProgram(Operation *program) {
  Block &block = program->getRegion(0).front();
  std::pair<size_t, size_t> before = sizeOf(block);
  foldProgram(block);
  dropDeadCode(block);
  IRRewriter rewriter(program->getContext());
  DominanceInfo dominance(program);
  eliminateCommonSubExpressions(rewriter, dominance, program);
  dropDeadCode(block);
  return sizeOf(block) < before;
}

LogicalResult SimplifyOp::applyTo(ModuleOp spec) {
  Operation *target = lookupTarget(*this, getTargetAttr(), spec);
  if (!target)
    return failure();
  if (!isa<LossOp, RewardOp, OptimizerOp, ScheduleOp, SamplerOp, AugmentOp>(target))
    return emitOpError("expects ") << getTargetAttr()
                                   << " to be a loss, reward, optimizer, schedule, sampler or augment, found a "
                                   << target->getName();
  return editEquivalently(*this, target, [&](Operation *program) -> LogicalResult {
    if (!simplifyProgram(program))
      return program->emitError() << "expected something to fold, common code or dead code, found none";
    return success();
  });
}
