//===- ApplyPrograms.cpp - Whole steps in update rules and losses ----------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What takes an edit of one op several lucky steps, and is known to pay: decay, smoothing, temperature. The result is
// plain arith and nn, open to every other edit.
//
//===----------------------------------------------------------------------===//

#include "Edits.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::evolve;

/// An f32 constant, or an error on the program.
static FailureOr<Value> constant(OpBuilder &b, Operation *program, const APFloat &value) {
  float x = float(value.convertToDouble());
  if (!std::isfinite(x))
    return program->emitError() << "expected a finite number, found " << x;
  return arith::ConstantOp::create(b, program->getLoc(), b.getF32FloatAttr(x)).getResult();
}

LogicalResult AddDecayOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<OptimizerOp>(*this, getTargetAttr(), spec, [&](Operation *program) -> LogicalResult {
    Block &block = program->getRegion(0).front();
    Operation *end = block.getTerminator();
    OpBuilder b(end);
    Location loc = program->getLoc();
    auto by = constant(b, program, getBy());
    if (failed(by))
      return failure();
    Value w = block.getArgument(0), lr = block.getArgument(2);
    Value rate = arith::MulFOp::create(b, loc, lr, *by);
    Value decay = arith::MulFOp::create(b, loc, rate, w);
    Value decayed = arith::SubFOp::create(b, loc, end->getOperand(0), decay);
    end->setOperand(0, decayed);
    return success();
  });
}

LogicalResult SmoothLabelsOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<LossOp>(*this, getTargetAttr(), spec, [&](Operation *program) -> LogicalResult {
    auto pick = opAt<nn::PickOp>(program, getPlace(), "picks by an index");
    if (failed(pick))
      return failure();
    double by = getBy().convertToDouble();
    if (!(by > 0 && by < 1))
      return program->emitError() << "expected a share above 0 and below 1, found " << by;
    OpBuilder b(program->getContext());
    b.setInsertionPointAfter(*pick);
    Location loc = program->getLoc();
    Value picked = pick->getResult();
    auto kept = constant(b, program, APFloat(1 - by)), spread = constant(b, program, getBy());
    if (failed(kept) || failed(spread))
      return failure();
    Value mean = nn::ReduceOp::create(b, loc, b.getF32Type(), nn::Reduction::Mean, pick->getInput());
    Value one = arith::MulFOp::create(b, loc, picked, *kept);
    Value all = arith::MulFOp::create(b, loc, mean, *spread);
    Value smooth = arith::AddFOp::create(b, loc, one, all);
    picked.replaceAllUsesExcept(smooth, one.getDefiningOp());
    return success();
  });
}

LogicalResult TemperOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<LossOp>(*this, getTargetAttr(), spec, [&](Operation *program) -> LogicalResult {
    float by = float(getBy().convertToDouble());
    if (!(by > 0) || !std::isfinite(by))
      return program->emitError() << "expected a finite factor above 0, found " << by;
    Block &block = program->getRegion(0).front();
    OpBuilder b = OpBuilder::atBlockBegin(&block);
    Location loc = program->getLoc();
    Value prediction = block.getArgument(0);
    auto type = cast<RankedTensorType>(prediction.getType());
    Value factor = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, by));
    Value scaled = arith::MulFOp::create(b, loc, prediction, factor);
    prediction.replaceAllUsesExcept(scaled, scaled.getDefiningOp());
    return success();
  });
}

SELFOPT_CLAIM(AddDecayOp, Changing)
SELFOPT_CLAIM(SmoothLabelsOp, Changing)
SELFOPT_CLAIM(TemperOp, Changing)
