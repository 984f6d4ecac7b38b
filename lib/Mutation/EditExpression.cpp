//===- EditExpression.cpp - Applying mutations of expressions ------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Optimizers, schedules, samplers, losses and rewards are expressions: single-block regions of arith and math ops (and,
// in a loss, nn ops). An edit touches one op, one operand or one constant.
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/TypeUtilities.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::evolve;

static constexpr ExpressionOp expressionOps[] = {
    {"arith.addf", 2}, {"arith.subf", 2},     {"arith.mulf", 2},     {"arith.divf", 2}, {"arith.maximumf", 2},
    {"arith.minimumf", 2}, {"arith.negf", 1}, {"math.absf", 1}, {"math.exp", 1},  {"math.log", 1},
    {"math.sqrt", 1},  {"math.tanh", 1},
};

ArrayRef<ExpressionOp> selfopt::getExpressionOps() { return expressionOps; }
const ExpressionOp *selfopt::findExpressionOp(StringRef name) {
  for (const ExpressionOp &op : expressionOps)
    if (op.name == name)
      return &op;
  return nullptr;
}

SmallVector<Value> selfopt::numberedValues(Block &block) {
  SmallVector<Value> values(block.getArguments().begin(), block.getArguments().end());
  for (Operation &op : block.without_terminator())
    llvm::append_range(values, op.getResults());
  return values;
}

static LogicalResult applyToExpression(Operation *mutation, FlatSymbolRefAttr symbol, ModuleOp spec,
                                       function_ref<LogicalResult(Operation *)> edit) {
  Operation *target = lookupTarget(mutation, symbol, spec);
  if (!target)
    return failure();
  if (!isa<LossOp, RewardOp, OptimizerOp, ScheduleOp, SamplerOp, AugmentOp>(target))
    return mutation->emitOpError("expects ")
           << symbol << " to be a loss, reward, optimizer, schedule, sampler or augment, found a " << target->getName();
  return editProgram(mutation, target, edit);
}

/// The op at a place; the return is the last place of the edits that change an operand alone.
static FailureOr<Operation *> opAt(Operation *program, int64_t place, bool orReturn = false) {
  Block &block = program->getRegion(0).front();
  int64_t n = 0;
  for (Operation &op : block)
    if ((orReturn || &op != block.getTerminator()) && n++ == place)
      return &op;
  return program->emitError() << "expected a place below " << n << ", the number of ops, found " << place;
}

static FailureOr<OpOperand *> operandAt(Operation *op, int64_t index) {
  if (index < 0 || index >= int64_t(op->getNumOperands()))
    return op->emitError() << "expected an operand below " << op->getNumOperands() << ", found " << index;
  return &op->getOpOperand(index);
}

/// The numbered value, of the given type, defined before `op`.
static FailureOr<Value> valueBefore(Operation *op, int64_t number, Type type) {
  SmallVector<Value> values = numberedValues(*op->getBlock());
  if (number < 0 || number >= int64_t(values.size()))
    return op->emitError() << "expected a value below " << values.size() << ", found " << number;
  Value v = values[number];
  if (Operation *def = v.getDefiningOp(); def && !def->isBeforeInBlock(op))
    return op->emitError() << "expected a value defined before the op, found value " << number;
  if (v.getType() != type)
    return op->emitError() << "expected a value of type " << type << ", found " << v.getType();
  return v;
}

LogicalResult EditConstantOp::applyTo(ModuleOp spec) {
  return applyToExpression(*this, getTargetAttr(), spec, [&](Operation *program) -> LogicalResult {
    SmallVector<arith::ConstantOp> constants;
    for (auto c : program->getRegion(0).getOps<arith::ConstantOp>())
      if (c.getType().isF32())
        constants.push_back(c);
    int64_t place = getPlace();
    if (place < 0 || place >= int64_t(constants.size()))
      return program->emitError() << "expected a place below " << constants.size()
                                  << ", the number of f32 constants, found " << place;
    float value = float(getTo().convertToDouble());
    if (!std::isfinite(value))
      return program->emitError() << "expected a finite constant, found " << value;
    constants[place].setValueAttr(FloatAttr::get(constants[place].getType(), double(value)));
    return success();
  });
}

/// A new op that is all of float values of one type.
static FailureOr<Operation *> createExpression(OpBuilder &b, Operation *at, StringRef name, ValueRange operands) {
  const ExpressionOp *kind = findExpressionOp(name);
  if (!kind)
    return at->emitError() << "expected an op that expression edits may create, found '" << name << "'";
  if (kind->operands != operands.size())
    return at->emitError() << "expected an op of " << operands.size() << " operands, found '" << name << "' of "
                           << kind->operands;
  if (!getElementTypeOrSelf(operands[0].getType()).isF32())
    return at->emitError() << "expected operands of f32 elements, found " << operands[0].getType();
  OperationState state(at->getLoc(), name, operands, operands[0].getType());
  return b.create(state);
}

LogicalResult ReplaceOpOp::applyTo(ModuleOp spec) {
  return applyToExpression(*this, getTargetAttr(), spec, [&](Operation *program) -> LogicalResult {
    auto op = opAt(program, getPlace());
    if (failed(op))
      return failure();
    if (!findExpressionOp((*op)->getName().getStringRef()) || (*op)->getName().getStringRef() == getBy())
      return program->emitError() << "expected an op that expression edits may replace by another, found "
                                  << (*op)->getName();
    OpBuilder b(*op);
    auto replacement = createExpression(b, *op, getBy(), (*op)->getOperands());
    if (failed(replacement))
      return failure();
    (*op)->replaceAllUsesWith(*replacement);
    (*op)->erase();
    return success();
  });
}

LogicalResult RewireOperandOp::applyTo(ModuleOp spec) {
  return applyToExpression(*this, getTargetAttr(), spec, [&](Operation *program) -> LogicalResult {
    auto op = opAt(program, getPlace(), /*orReturn=*/true);
    if (failed(op))
      return failure();
    auto operand = operandAt(*op, getOperand());
    if (failed(operand))
      return failure();
    auto value = valueBefore(*op, getValue(), (*operand)->get().getType());
    if (failed(value))
      return failure();
    if (*value == (*operand)->get())
      return program->emitError() << "expected another value than the operand's own, found the same";
    (*operand)->set(*value);
    return success();
  });
}

LogicalResult InsertOpOp::applyTo(ModuleOp spec) {
  return applyToExpression(*this, getTargetAttr(), spec, [&](Operation *program) -> LogicalResult {
    auto op = opAt(program, getPlace(), /*orReturn=*/true);
    if (failed(op))
      return failure();
    auto operand = operandAt(*op, getOperand());
    if (failed(operand))
      return failure();
    SmallVector<Value> operands{(*operand)->get()};
    if (getValue()) {
      auto value = valueBefore(*op, *getValue(), operands[0].getType());
      if (failed(value))
        return failure();
      operands.push_back(*value);
    }
    OpBuilder b(*op);
    auto inserted = createExpression(b, *op, getOp(), operands);
    if (failed(inserted))
      return failure();
    (*operand)->set((*inserted)->getResult(0));
    return success();
  });
}

LogicalResult DropOpOp::applyTo(ModuleOp spec) {
  return applyToExpression(*this, getTargetAttr(), spec, [&](Operation *program) -> LogicalResult {
    auto op = opAt(program, getPlace());
    if (failed(op))
      return failure();
    auto operand = operandAt(*op, getKeep());
    if (failed(operand))
      return failure();
    Value kept = (*operand)->get();
    if ((*op)->getNumResults() != 1 || (*op)->getResult(0).getType() != kept.getType())
      return program->emitError() << "expected an operand of the op's own type, found " << kept.getType();
    (*op)->getResult(0).replaceAllUsesWith(kept);
    (*op)->erase();
    return success();
  });
}
