//===- Equivalence.cpp - Rewrites that are not trusted ------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Mutation/Equivalence.h"
#include "Edits.h"
#include "SelfOpt/Dialect/Structure.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/IRMapping.h"
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
using reference::Interpreter;
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
  explicit InputMaker(TypeRange types) : types(types) {
    // A label is the number of an element of what is predicted.
    for (Type type : types)
      if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && tensor.getRank() && tensor.getDimSize(0) > 0)
        labels = std::min(labels, tensor.getDimSize(0));
    labels = std::min<int64_t>(labels, 10);
  }

  static bool canMake(Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (tensor && !tensor.hasStaticShape())
      return false;
    Type element = getElementTypeOrSelf(type);
    return element.isF32() || element.isInteger(32) || element.isInteger(64);
  }

  /// Every element from `f32`, and labels at random.
  SmallVector<Tensor> make(function_ref<float()> f32) {
    SmallVector<Tensor> inputs;
    for (Type type : types) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      bool isFloat = isa<FloatType>(getElementTypeOrSelf(type));
      Tensor input = Tensor::zeros(tensor ? tensor.getShape() : ArrayRef<int64_t>(), isFloat);
      for (double &x : input.floats)
        x = double(f32());
      for (int64_t &x : input.integers)
        x = int64_t(random.below(uint64_t(labels)));
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
  int64_t labels = std::numeric_limits<int64_t>::max();
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

/// A program of scalars is run on all inputs at once: its ops are elementwise, so a copy that has vectors for scalars
/// computes in each lane what the program does.
static bool hasLanes(Block &program) {
  auto isScalar = [](Type type) { return type.isIntOrFloat(); };
  return llvm::all_of(program.getArgumentTypes(), isScalar) &&
         llvm::all_of(program.without_terminator(), [&](Operation &op) {
           return op.getNumRegions() == 0 && llvm::all_of(op.getResultTypes(), isScalar) &&
                  (isa<arith::ConstantOp>(op) || OpTrait::hasElementwiseMappableTraits(&op));
         });
}

/// The results of such a program on columns of inputs.
static LogicalResult runLanes(Block &program, ArrayRef<Tensor> columns, SmallVectorImpl<Tensor> &results) {
  int64_t lanes = columns.front().size();
  // The module is only what holds the block: errors name an op that stands in something.
  OwningOpRef<ModuleOp> owner = ModuleOp::create(program.getParentOp()->getLoc());
  Block &block = *owner->getBody();
  auto vectorOf = [&](Type type) { return RankedTensorType::get({lanes}, type); };
  IRMapping mapping;
  for (BlockArgument argument : program.getArguments())
    mapping.map(argument, block.addArgument(vectorOf(argument.getType()), argument.getLoc()));
  for (Operation &op : program) {
    Operation *copy = op.clone(mapping);
    block.push_back(copy);
    for (Value result : copy->getResults())
      result.setType(vectorOf(result.getType()));
    if (auto constant = dyn_cast<arith::ConstantOp>(copy))
      constant.setValueAttr(DenseElementsAttr::get(cast<ShapedType>(constant.getType()), Attribute(constant.getValue())));
  }
  return Interpreter().runBlock(block, columns, results);
}

/// What both programs are run on.
static std::vector<SmallVector<Tensor>> makeInputs(TypeRange types, unsigned random) {
  std::vector<SmallVector<Tensor>> inputs;
  InputMaker maker(types);
  SmallVector<unsigned> scalars;
  for (auto [i, type] : llvm::enumerate(types))
    if (type.isF32())
      scalars.push_back(unsigned(i));
  size_t pairs = scalars.empty() ? 0 : scalars.size() * (scalars.size() - 1) / 2;
  inputs.reserve(std::size(edges) + pairs * pairedEdges.size() * pairedEdges.size() + random);
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
  for (unsigned n = 0; n < random; ++n)
    inputs.push_back(maker.make([&] { return maker.any(); }));
  return inputs;
}

/// The same of scalars, a column for each argument. They depend on the kinds of the arguments alone, and a search
/// validates thousands of programs with few kinds: made once, and kept.
static ArrayRef<Tensor> makeColumns(TypeRange types, unsigned random) {
  static std::mutex mutex;
  static llvm::StringMap<SmallVector<Tensor>> made;
  std::string kinds = std::to_string(random);
  for (Type type : types)
    kinds += isa<FloatType>(type) ? 'f' : 'i';
  std::lock_guard<std::mutex> lock(mutex);
  SmallVector<Tensor> &columns = made[kinds];
  if (columns.empty()) {
    std::vector<SmallVector<Tensor>> inputs = makeInputs(types, random);
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

/// One input or result of a column.
static Tensor laneOf(const Tensor &column, size_t lane) {
  return column.isFloat ? Tensor::scalar(column.floats[lane]) : Tensor::scalarInt(column.integers[lane]);
}

LogicalResult selfopt::validateEquivalence(Operation *before, Operation *after, unsigned random) {
  Block &one = before->getRegion(0).front(), &other = after->getRegion(0).front();
  if (one.getArgumentTypes() != other.getArgumentTypes() ||
      one.getTerminator()->getOperandTypes() != other.getTerminator()->getOperandTypes())
    return after->emitOpError("is not equivalent: expected the types that it took and returned, found others");
  for (Type type : one.getArgumentTypes())
    if (!InputMaker::canMake(type))
      return after->emitOpError("can't be validated: expected arguments of f32 and of integers, "
                                "to make inputs of, found ")
             << type;

  auto differs = [&](size_t i, const Tensor &expected, const Tensor &found, ArrayRef<Tensor> input) {
    return after->emitOpError("is not equivalent: expected result ")
           << i << " to be " << textOf(expected) << " on the input (" << textOf(input) << "), found " << textOf(found);
  };
  if (one.getNumArguments() && hasLanes(one) && hasLanes(other)) {
    ArrayRef<Tensor> columns = makeColumns(one.getArgumentTypes(), random);
    SmallVector<Tensor> expected, found;
    if (failed(runLanes(one, columns, expected)) || failed(runLanes(other, columns, found)))
      return failure();
    for (auto [i, e, f] : llvm::enumerate(expected, found))
      if (!sameBits(e, f))
        for (size_t lane = 0; lane < size_t(e.size()); ++lane)
          if (Tensor x = laneOf(e, lane), y = laneOf(f, lane); !sameBits(x, y))
            return differs(i, x, y, llvm::to_vector(llvm::map_range(columns, [&](const Tensor &c) { return laneOf(c, lane); })));
    return success();
  }
  for (const SmallVector<Tensor> &input : makeInputs(one.getArgumentTypes(), random)) {
    SmallVector<Tensor> expected, found;
    if (failed(Interpreter().runBlock(one, input, expected)) || failed(Interpreter().runBlock(other, input, found)))
      return failure();
    for (auto [i, e, f] : llvm::enumerate(expected, found))
      if (!sameBits(e, f))
        return differs(i, e, f, input);
  }
  return success();
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
  if (!isa<LossOp, OptimizerOp, ScheduleOp, SamplerOp, AugmentOp>(target))
    return emitOpError("expects ") << getTargetAttr()
                                   << " to be a loss, optimizer, schedule, sampler or augment, found a "
                                   << target->getName();
  return editEquivalently(*this, target, [&](Operation *program) -> LogicalResult {
    if (!simplifyProgram(program))
      return program->emitError() << "expected something to fold, common code or dead code, found none";
    return success();
  });
}
