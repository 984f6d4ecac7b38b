//===- ElementAnalysis.cpp - A program over a box, element by element -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementRules.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reals;

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
  Interval point = std::fabs(v) >= 0x1p53 ? Interval::top() : Interval::point(v);
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

size_t selfopt::countElements(Block &block) {
  size_t count = 0;
  for (BlockArgument argument : block.getArguments())
    count += countOf(argument.getType());
  for (Operation &op : block.without_terminator())
    for (Type type : op.getResultTypes())
      count += countOf(type);
  return count;
}

bool selfopt::treatsClassesAlike(Block &loss) {
  Value label = loss.getArgument(1);
  size_t classes = countOf(loss.getArgument(0).getType());
  for (Operation &op : loss) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op))
      if (auto dense = dyn_cast<ElementsAttr>(constant.getValue()); dense && !dense.isSplat())
        return false;
    if (isa<nn::ArgmaxOp, nn::ConcatOp>(op))
      return false;
    // Of fewer elements or more, some labels lie outside, or some elements are of no label.
    if (auto pick = dyn_cast<nn::PickOp>(op); pick && (pick.getIndex() != label || countOf(pick.getInput().getType()) != classes))
      return false;
    if (auto hot = dyn_cast<nn::OneHotOp>(op); hot && (hot.getIndex() != label || countOf(hot.getType()) != classes))
      return false;
    // The label's number as a number.
    if (!isa<nn::PickOp, nn::OneHotOp>(op) && llvm::is_contained(op.getOperands(), label))
      return false;
  }
  return true;
}

ElementAnalysis::ElementAnalysis(Block &block, const ElementCase &assumed) : block(block) {
  size_t room = countElements(block);
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
          if (!unbounded && !(e.slope.isFinite() && std::max(-e.slope.low, e.slope.high) <= maxSlope))
            unbounded = &op;
        }
      known[result] = {begin, unsigned(out.size())};
    }
  }
  // What is undefined anywhere makes all of the program undefined: a trap ends it, and of the rest nothing can be said.
  if (undefined) {
    notFinite = undefined;
    auto at = known.find(block.getTerminator()->getOperand(0));
    if (at != known.end() && at->second.count)
      elements[at->second.begin] = {Interval::top(), Interval::top(), Interval::top()};
  }
}

ArrayRef<Element> ElementAnalysis::operator[](Value v) const {
  auto it = known.find(v);
  assert(it != known.end() && "a program reads what stands above");
  return ArrayRef(elements).slice(it->second.begin, it->second.count);
}
const Element &ElementAnalysis::result() const { return (*this)[block.getTerminator()->getOperand(0)][0]; }

bool ElementCase::isInside() const {
  double own = box[0][size_t(seed.element)].low, sum = 0;
  if (order)
    return (own - box[1][size_t(seed.element)].low) * order >= 0;
  for (const Interval &z : box[0])
    sum += std::exp(z.low - own);
  return until >= 1 || 1 / sum <= until;
}

ElementCase ElementCase::around(const ElementCase &whole) const {
  ElementCase wide = *this;
  for (auto [elements, all] : llvm::zip(wide.box, whole.box))
    for (auto [x, within] : llvm::zip(elements, all)) {
      double width = 0x1p-12 * (1 + std::fabs(x.low));
      x = Interval::of(std::max(within.low, x.low - width), std::min(within.high, x.high + width));
    }
  return wide;
}
