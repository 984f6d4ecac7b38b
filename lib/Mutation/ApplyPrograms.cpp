//===- ApplyPrograms.cpp - Whole steps in update rules and losses ----------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What takes edits of one op many lucky steps, and is known to pay: decay, smoothing, temperature, momentum, a rule of
// the library, a program of another parent. The result is plain arith, math and nn, open to every other edit.
//
//===----------------------------------------------------------------------===//

#include "Edits.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Mutation/Library.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
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

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

LogicalResult AddStateOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<OptimizerOp>(*this, getTargetAttr(), spec, [&](Operation *program) -> LogicalResult {
    auto rule = cast<OptimizerOp>(program);
    Block &block = rule.getBody().front();
    int64_t place = getPlace(), index = getOperand(), n = 0;
    Operation *op = nullptr;
    for (Operation &each : block)
      if (n++ == place)
        op = &each;
    if (!op)
      return program->emitError() << "expected a place below " << n << ", the number of ops, found " << place;
    if (index < 0 || index >= int64_t(op->getNumOperands()))
      return program->emitError() << "expected an operand below " << op->getNumOperands() << ", found " << index;
    Value v = op->getOperand(index);
    if (!v.getType().isF32())
      return program->emitError() << "expected an operand of type f32, found " << v.getType();
    double beta = getBeta().convertToDouble();
    if (!(beta > 0 && beta < 1))
      return program->emitError() << "expected a share above 0 and below 1, found " << beta;
    OpBuilder b(op);
    Location loc = program->getLoc();
    auto kept = constant(b, program, getBeta()), fresh = constant(b, program, APFloat(1 - beta));
    if (failed(kept) || failed(fresh))
      return failure();
    Value state = block.addArgument(b.getF32Type(), loc);
    Value old = arith::MulFOp::create(b, loc, *kept, state);
    Value share = arith::MulFOp::create(b, loc, *fresh, v);
    Value mean = arith::AddFOp::create(b, loc, old, share);
    op->setOperand(index, mean);
    Operation *end = block.getTerminator();
    end->insertOperands(end->getNumOperands(), mean);
    SmallVector<double> init(rule.getStateInit());
    init.push_back(0);
    rule.setStateInit(init);
    return success();
  });
}

//===----------------------------------------------------------------------===//
// Whole bodies
//===----------------------------------------------------------------------===//

/// Gives `program` a copy of a block as its body. The types are the verifier's affair.
static void takeBody(Operation *program, Block &from) {
  Region &region = program->getRegion(0);
  Block *copy = new Block();
  IRMapping map;
  for (BlockArgument argument : from.getArguments())
    map.map(argument, copy->addArgument(argument.getType(), argument.getLoc()));
  region.push_back(copy);
  OpBuilder b = OpBuilder::atBlockEnd(copy);
  for (Operation &op : from)
    b.clone(op, map);
  region.front().erase();
}

LogicalResult UseProgramOp::applyTo(ModuleOp spec) {
  Operation *target = lookupTarget(*this, getTargetAttr(), spec);
  if (!target)
    return failure();
  const LibraryProgram *program = findLibraryProgram(getFrom(), target);
  if (!program || !libraryProgramFits(*program, target)) {
    InFlightDiagnostic d = emitOpError("expects a program of the library that fits ") << target->getName() << ", found "
                                                                                      << getFromAttr();
    d.attachNote() << "see selfopt-opt --selfopt-list-programs";
    return d;
  }
  return editProgram(*this, target, [&](Operation *own) -> LogicalResult {
    OwningOpRef<ModuleOp> module = parseLibraryProgram(*program, own);
    if (!module)
      return own->emitError() << "the library's " << program->name << " does not parse";
    Operation *source = SymbolTable::lookupSymbolIn(*module, "program");
    takeBody(own, source->getRegion(0).front());
    if (auto rule = dyn_cast<OptimizerOp>(own))
      rule.setStateInit(cast<OptimizerOp>(source).getStateInit());
    return success();
  });
}

/// A body that an op carries must end in a return: its own op's verifier does not ask.
static LogicalResult checkBody(Operation *program, Block &body) {
  if (body.empty() || !isa<selfopt::ReturnOp>(body.back()))
    return program->emitError() << "expected a body that ends in selfopt.return";
  return success();
}

LogicalResult GraftProgramOp::applyTo(ModuleOp spec) {
  Operation *target = lookupTarget(*this, getTargetAttr(), spec);
  if (!target)
    return failure();
  if (!isa<ProgramOpInterface>(target))
    return emitOpError("expects ") << getTargetAttr() << " to be a program, found a " << target->getName();
  if (isa<EnvironmentOp>(target))
    return emitOpError("expects ") << getTargetAttr() << " to be a program that may change, found a " << target->getName();
  return editProgram(*this, target, [&](Operation *program) -> LogicalResult {
    auto rule = dyn_cast<OptimizerOp>(program);
    if (bool(rule) != getState().has_value())
      return program->emitError() << "expected the initial values of the state with an optimizer, and with nothing else";
    if (failed(checkBody(program, getBody().front())))
      return failure();
    takeBody(program, getBody().front());
    if (rule)
      rule.setStateInit(*getState());
    return success();
  });
}

LogicalResult GraftLayersOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<ModelOp>(*this, getTargetAttr(), spec, [&](Operation *model) -> LogicalResult {
    auto layer = opAt<nn::DenseOp>(model, getPlace(), "dense layers");
    if (failed(layer) || failed(checkBody(model, getBody().front())))
      return failure();
    Block &from = getBody().front(), &block = model->getRegion(0).front();
    if (from.getArgumentTypes() != block.getArgumentTypes() || from.getTerminator()->getNumOperands() != 1)
      return model->emitError() << "expected a body from " << block.getArgumentTypes() << " to one vector, found one from "
                                << from.getArgumentTypes() << " to " << from.getTerminator()->getOperandTypes();
    IRMapping map;
    map.map(from.getArguments(), block.getArguments());
    OpBuilder b(*layer);
    for (Operation &op : from.without_terminator())
      b.clone(op, map);
    layer->getInputMutable().assign(map.lookup(from.getTerminator()->getOperand(0)));
    return success();
  });
}

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

LogicalResult AddTermOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<LossOp>(*this, getTargetAttr(), spec, [&](Operation *program) -> LogicalResult {
    Block &block = program->getRegion(0).front();
    Operation *end = block.getTerminator();
    OpBuilder b(end);
    Location loc = program->getLoc();
    Value prediction = block.getArgument(0);
    auto type = cast<RankedTensorType>(prediction.getType());
    if (type.getRank() != 1)
      return program->emitError() << "expected a prediction that is a vector, found " << type;
    Value term;
    if (getKind() == "logit_decay") {
      Value squares = arith::MulFOp::create(b, loc, prediction, prediction);
      term = nn::ReduceOp::create(b, loc, b.getF32Type(), nn::Reduction::Mean, squares);
    } else if (getKind() == "confidence") {
      Value p = nn::SoftmaxOp::create(b, loc, type, prediction);
      Value lp = nn::LogSoftmaxOp::create(b, loc, type, prediction);
      Value product = arith::MulFOp::create(b, loc, p, lp);
      term = nn::ReduceOp::create(b, loc, b.getF32Type(), nn::Reduction::Sum, product);
    } else {
      return program->emitError() << "expected a term (logit_decay, confidence), found " << getKindAttr();
    }
    auto weight = constant(b, program, getWeight());
    if (failed(weight))
      return failure();
    Value weighted = arith::MulFOp::create(b, loc, term, *weight);
    Value sum = arith::AddFOp::create(b, loc, end->getOperand(0), weighted);
    end->setOperand(0, sum);
    return success();
  });
}
