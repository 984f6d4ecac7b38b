//===- ProposeExpression.cpp - Drawing edits of expressions -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Optimizers, schedules, samplers, losses and rewards. Draws go through the program in its own order, never by address, so that
// one seed gives one mutation.
//
//===----------------------------------------------------------------------===//

#include "Edits.h"
#include "Proposers.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/Structure.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TypeUtilities.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::evolve;

static SmallVector<Operation *> opsOf(Operation *program) {
  SmallVector<Operation *> ops;
  for (Operation &op : program->getRegion(0).front().without_terminator())
    ops.push_back(&op);
  return ops;
}

/// A number near `x`, or one that means something special.
static double drawConstant(double x, Philox &random) {
  double choice = random.uniform();
  if (choice < 0.1 && x != 0)
    return -x;
  static constexpr double special[] = {0.0, 0.5, 1.0, 2.0};
  if (choice < 0.3 || x == 0)
    return pick(special, random);
  // Decay rates: what matters is how far they are from 1.
  if (x > 0.8 && x < 1)
    return roundToDigits(1 - (1 - x) * std::exp(0.5 * random.normal()), 7);
  return roundToDigits(x * std::exp(0.3 * random.normal()), 4);
}

Operation *selfopt::proposeEditConstant(OpBuilder &b, Operation *program, Philox &random) {
  SmallVector<arith::ConstantOp> constants;
  for (auto constant : program->getRegion(0).getOps<arith::ConstantOp>())
    if (constant.getType().isF32())
      constants.push_back(constant);
  if (constants.empty())
    return nullptr;
  uint64_t place = random.below(constants.size());
  double old = cast<FloatAttr>(constants[place].getValue()).getValueAsDouble();
  double value = drawConstant(old, random);
  if (!std::isfinite(float(value)) || float(value) == float(old))
    return nullptr;
  return EditConstantOp::create(b, b.getUnknownLoc(), nameOf(program), place, APFloat(value));
}

Operation *selfopt::proposeReplaceOp(OpBuilder &b, Operation *program, Philox &random) {
  SmallVector<std::pair<uint64_t, const ExpressionOp *>> places;
  for (auto [i, op] : llvm::enumerate(opsOf(program)))
    if (const ExpressionOp *kind = findExpressionOp(op->getName().getStringRef()))
      if (getElementTypeOrSelf(op->getResult(0)).isF32())
        places.push_back({i, kind});
  if (places.empty())
    return nullptr;
  auto [place, kind] = pick(places, random);
  SmallVector<StringRef> others;
  for (const ExpressionOp &other : getExpressionOps())
    if (other.operands == kind->operands && other.name != kind->name)
      others.push_back(other.name);
  return ReplaceOpOp::create(b, b.getUnknownLoc(), nameOf(program), place, pick(others, random));
}

/// The numbers of the values of `type` that `op` may read.
static SmallVector<uint64_t> valuesBefore(Operation *op, Type type) {
  SmallVector<uint64_t> numbers;
  for (auto [i, v] : llvm::enumerate(numberedValues(*op->getBlock()))) {
    if (v.getDefiningOp() == op)
      break; // Results are numbered in program order: the rest comes later.
    if (v.getType() == type)
      numbers.push_back(i);
  }
  return numbers;
}

/// An operand of any op, the return included, as (place, operand).
static std::optional<std::pair<uint64_t, OpOperand *>> drawOperand(Operation *program, Philox &random,
                                                                   function_ref<bool(OpOperand &)> accepts) {
  SmallVector<std::pair<uint64_t, OpOperand *>> operands;
  SmallVector<Operation *> ops = opsOf(program);
  ops.push_back(program->getRegion(0).front().getTerminator());
  for (auto [i, op] : llvm::enumerate(ops))
    for (OpOperand &operand : op->getOpOperands())
      if (accepts(operand))
        operands.push_back({i, &operand});
  if (operands.empty())
    return std::nullopt;
  return pick(operands, random);
}

Operation *selfopt::proposeRewireOperand(OpBuilder &b, Operation *program, Philox &random) {
  auto drawn = drawOperand(program, random, [](OpOperand &) { return true; });
  if (!drawn)
    return nullptr;
  auto [place, operand] = *drawn;
  SmallVector<Value> all = numberedValues(program->getRegion(0).front());
  SmallVector<uint64_t> values = valuesBefore(operand->getOwner(), operand->get().getType());
  Value present = operand->get();
  llvm::erase_if(values, [&](uint64_t i) { return all[i] == present; });
  if (values.empty())
    return nullptr;
  return RewireOperandOp::create(b, b.getUnknownLoc(), nameOf(program), place, operand->getOperandNumber(),
                                 pick(values, random));
}

Operation *selfopt::proposeInsertOp(OpBuilder &b, Operation *program, Philox &random) {
  auto drawn =
      drawOperand(program, random, [](OpOperand &operand) { return getElementTypeOrSelf(operand.get()).isF32(); });
  if (!drawn)
    return nullptr;
  auto [place, operand] = *drawn;
  const ExpressionOp &kind = getExpressionOps()[random.below(getExpressionOps().size())];
  IntegerAttr value;
  if (kind.operands == 2)
    value = b.getI64IntegerAttr(pick(valuesBefore(operand->getOwner(), operand->get().getType()), random));
  return InsertOpOp::create(b, b.getUnknownLoc(), FlatSymbolRefAttr::get(b.getContext(), nameOf(program)),
                            b.getI64IntegerAttr(place), b.getI64IntegerAttr(operand->getOperandNumber()),
                            b.getStringAttr(kind.name), value);
}

Operation *selfopt::proposeDropOp(OpBuilder &b, Operation *program, Philox &random) {
  auto drawn = drawOperand(program, random, [](OpOperand &operand) {
    Operation *op = operand.getOwner();
    return op->getNumResults() == 1 && op->getResult(0).getType() == operand.get().getType();
  });
  if (!drawn)
    return nullptr;
  auto [place, operand] = *drawn;
  return DropOpOp::create(b, b.getUnknownLoc(), nameOf(program), place, operand->getOperandNumber());
}

Operation *selfopt::proposeSimplify(OpBuilder &b, Operation *program, Philox &) {
  Operation *copy = cloneStructure(program);
  bool simpler = simplifyProgram(copy);
  copy->destroy();
  return simpler ? SimplifyOp::create(b, b.getUnknownLoc(), nameOf(program)) : nullptr;
}
