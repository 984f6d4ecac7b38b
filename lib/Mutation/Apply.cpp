//===- Apply.cpp - Applying mutations of architecture and pipeline ------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Edits.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/Structure.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "llvm/ADT/MapVector.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::evolve;

//===----------------------------------------------------------------------===//
// The frame of every edit
//===----------------------------------------------------------------------===//

Operation *selfopt::lookupTarget(Operation *mutation, FlatSymbolRefAttr symbol, ModuleOp spec) {
  Operation *target = SymbolTable::lookupSymbolIn(spec, symbol);
  if (!target)
    mutation->emitOpError("expects ") << symbol << " to be defined in the spec, found no such symbol";
  return target;
}

/// A splat constant of another type, in place of one that no longer fits its user.
static Value retypedSplat(Value v, RankedTensorType type) {
  auto constant = v.getDefiningOp<arith::ConstantOp>();
  auto splat = constant ? dyn_cast<SplatElementsAttr>(constant.getValue()) : SplatElementsAttr();
  if (!splat || splat.getElementType() != type.getElementType())
    return {};
  OpBuilder b(constant);
  return arith::ConstantOp::create(b, constant.getLoc(),
                                   DenseElementsAttr::get(type, splat.getSplatValue<Attribute>()));
}

/// Gives the dense layer that decides the size of `v`, through ops that keep a size, another size. Whether there is one.
static bool resizeProducer(Value v, int64_t size) {
  for (int depth = 0; depth < 64; ++depth) {
    Operation *def = v.getDefiningOp();
    if (!def)
      return false;
    if (auto dense = dyn_cast<nn::DenseOp>(def)) {
      dense.setUnits(size);
      return true;
    }
    // The first operand that is no constant: the others follow it when their turn comes.
    if (!keepsShape(*def) && !def->hasTrait<OpTrait::Elementwise>())
      return false;
    Value next;
    for (Value operand : def->getOperands())
      if (isa<RankedTensorType>(operand.getType()) &&
          !(operand.getDefiningOp() && operand.getDefiningOp()->hasTrait<OpTrait::ConstantLike>()) && !next)
        next = operand;
    if (!next)
      return false;
    v = next;
  }
  return false;
}

/// Where an elementwise op meets vectors of different sizes, the one that still has the size that the op had is made by
/// a dense layer which takes the other's size. Returns whether something was changed: then all types are inferred anew.
static FailureOr<bool> repairSizes(Operation &op) {
  auto had = dyn_cast<RankedTensorType>(op.getResult(0).getType());
  if (!had || had.getRank() != 1)
    return failure();
  SmallVector<Value> vectors;
  for (Value operand : op.getOperands())
    if (auto t = dyn_cast<RankedTensorType>(operand.getType()))
      if (!operand.getDefiningOp() || !operand.getDefiningOp()->hasTrait<OpTrait::ConstantLike>()) {
        if (t.getRank() != 1)
          return failure();
        vectors.push_back(operand);
      }
  auto sizeOf = [](Value v) { return cast<RankedTensorType>(v.getType()).getDimSize(0); };
  if (llvm::all_of(vectors, [&](Value v) { return sizeOf(v) == sizeOf(vectors.front()); }))
    return false;
  Value changed;
  for (Value v : vectors)
    if (sizeOf(v) != had.getDimSize(0) && !changed)
      changed = v;
  if (!changed)
    return failure();
  for (Value v : vectors)
    if (sizeOf(v) != sizeOf(changed) && !resizeProducer(v, sizeOf(changed)))
      return failure();
  return true;
}

static FailureOr<bool> inferOnce(Block &block);

LogicalResult selfopt::reinferTypes(Block &block) {
  // A repair changes a layer above: everything again, a few times at most, since two repairs may undo each other.
  for (int round = 0; round < 8; ++round) {
    FailureOr<bool> repaired = inferOnce(block);
    if (failed(repaired))
      return failure();
    if (!*repaired)
      return success();
  }
  return failure();
}

/// One walk in program order; true where a layer was resized, and the walk is to be made again.
static FailureOr<bool> inferOnce(Block &block) {
  for (Operation &op : block.without_terminator()) {
    if (op.hasTrait<OpTrait::ConstantLike>())
      continue;
    if (op.hasTrait<OpTrait::Elementwise>()) {
      // The non-constant operands decide; splats follow them.
      RankedTensorType shape;
      for (Value operand : op.getOperands())
        if (auto t = dyn_cast<RankedTensorType>(operand.getType()))
          if (!operand.getDefiningOp() || !operand.getDefiningOp()->hasTrait<OpTrait::ConstantLike>())
            shape = t;
      if (!shape)
        continue;
      FailureOr<bool> repaired = repairSizes(op);
      if (succeeded(repaired) && *repaired)
        return true;
      for (OpOperand &operand : op.getOpOperands()) {
        auto t = dyn_cast<RankedTensorType>(operand.get().getType());
        if (!t || t.getShape() == shape.getShape())
          continue;
        Value splat = retypedSplat(operand.get(), t.clone(shape.getShape()));
        if (!splat)
          return failure();
        operand.set(splat);
      }
      for (Value result : op.getResults())
        if (auto t = dyn_cast<RankedTensorType>(result.getType()))
          result.setType(t.clone(shape.getShape()));
      continue;
    }
    auto infer = dyn_cast<InferTypeOpInterface>(op);
    if (!infer)
      continue;
    SmallVector<Type> types;
    if (failed(infer.inferReturnTypes(op.getContext(), std::nullopt, op.getOperands(), op.getRawDictionaryAttrs(),
                                      op.getPropertiesStorage(), op.getRegions(), types)))
      return failure();
    for (auto [result, type] : llvm::zip(op.getResults(), types))
      result.setType(type);
  }
  return false;
}

/// Layers that share parameters must have the same shapes and initial values: where a change made one of them differ from
/// the first, its sharing ends. A name that one layer alone has says nothing and goes.
static void endSharing(Block &block) {
  llvm::MapVector<StringAttr, SmallVector<nn::DenseOp>> groups;
  for (auto dense : block.getOps<nn::DenseOp>())
    if (StringAttr name = dense.getParamAttr()) {
      auto &group = groups[name];
      if (group.empty() || dense.sharesWith(group.front()))
        group.push_back(dense);
      else
        dense.removeParamAttr();
    }
  for (auto &[name, group] : groups)
    if (group.size() == 1)
      group.front().removeParamAttr();
}

/// Asks every op that names symbols whether it still can: a train checks its programs' types. What others can see of
/// the target are its attributes; where those are what they were, only the target itself is asked.
static LogicalResult verifySymbolUses(Operation *target, Operation *before) {
  Operation *spec = target->getParentOp();
  if (!spec || !spec->hasTrait<OpTrait::SymbolTable>())
    return success();
  bool sameAttributes = target->getRawDictionaryAttrs() == before->getRawDictionaryAttrs() &&
                        target->getName().compareOpProperties(target->getPropertiesStorage(),
                                                              before->getPropertiesStorage());
  SymbolTableCollection tables;
  WalkResult walked = (sameAttributes ? target : spec)->walk([&](SymbolUserOpInterface user) {
    return failed(user.verifySymbolUses(tables)) ? WalkResult::interrupt() : WalkResult::advance();
  });
  return failure(walked.wasInterrupted());
}

LogicalResult selfopt::editProgram(Operation *mutation, Operation *target,
                                   function_ref<LogicalResult(Operation *)> edit) {
  // The program is small: a copy is the simplest way back.
  Operation *backup = cloneStructure(target);
  std::string message;
  LogicalResult ok = success();
  {
    ScopedDiagnosticHandler collect(target->getContext(), [&](Diagnostic &d) {
      if (message.empty())
        message = d.str();
      return success();
    });
    ok = edit(target);
    if (succeeded(ok) && target->getNumRegions()) {
      Block &block = target->getRegion(0).front();
      ok = reinferTypes(block);
      if (failed(ok) && message.empty())
        message = "the types behind the change can't be repaired";
      else
        dropDeadCode(block);
      if (succeeded(ok) && isa<ModelOp>(target))
        endSharing(block);
    }
    if (succeeded(ok))
      ok = mlir::verify(target);
    if (succeeded(ok))
      ok = verifySymbolUses(target, backup);
  }
  if (succeeded(ok)) {
    backup->destroy();
    return success();
  }
  target->getBlock()->getOperations().insert(target->getIterator(), backup);
  target->erase();
  return mutation->emitOpError("does not apply: ") << message;
}

//===----------------------------------------------------------------------===//
// Architecture
//===----------------------------------------------------------------------===//

/// Sets the units of a hidden dense layer, which must become more (`sign` 1) or fewer (-1).
static LogicalResult resize(Operation *mutation, FlatSymbolRefAttr symbol, ModuleOp spec, int64_t place, int64_t units,
                            int sign) {
  return selfopt::applyTo<ModelOp>(mutation, symbol, spec, [&](Operation *model) -> LogicalResult {
    auto dense = opAt<nn::DenseOp>(model, place, "dense layers");
    if (failed(dense))
      return failure();
    int64_t old = dense->getUnits();
    if (units < 1 || units > maxUnits || (sign > 0 ? units <= old : units >= old))
      return model->emitError() << "expected " << (sign > 0 ? "more" : "fewer, at least 1,") << " than " << old
                                << " units, at most " << maxUnits << ", found " << units;
    dense->setUnits(units);
    return success();
  });
}

LogicalResult WidenOp::applyTo(ModuleOp spec) {
  return resize(*this, getTargetAttr(), spec, getPlace(), getUnits(), 1);
}
LogicalResult NarrowOp::applyTo(ModuleOp spec) {
  return resize(*this, getTargetAttr(), spec, getPlace(), getUnits(), -1);
}

LogicalResult InsertDenseOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<ModelOp>(*this, getTargetAttr(), spec, [&](Operation *model) -> LogicalResult {
    auto dense = opAt<nn::DenseOp>(model, getPlace(), "dense layers");
    if (failed(dense))
      return failure();
    auto kind = parseActivation(model, getActivationAttr());
    if (failed(kind) || failed(checkUnits(model, getUnits())))
      return failure();
    OpBuilder b(*dense);
    auto type = RankedTensorType::get({int64_t(getUnits())}, b.getF32Type());
    nn::Init init = *kind == nn::Activation::Relu || *kind == nn::Activation::Gelu ? nn::Init::HeNormal
                                                                                   : nn::Init::FanInUniform;
    Value h = nn::DenseOp::create(b, dense->getLoc(), type, dense->getInput(), getUnits(), init);
    Value a = nn::ActivationOp::create(b, dense->getLoc(), type, *kind, h);
    dense->getInputMutable().assign(a);
    return success();
  });
}

LogicalResult RemoveDenseOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<ModelOp>(*this, getTargetAttr(), spec, [&](Operation *model) -> LogicalResult {
    auto dense = opAt<nn::DenseOp>(model, getPlace(), "dense layers");
    if (failed(dense))
      return failure();
    Value out = dense->getResult();
    if (out.hasOneUse())
      if (auto activation = dyn_cast<nn::ActivationOp>(*out.user_begin()))
        out = activation.getResult();
    Value in = dense->getInput();
    out.replaceAllUsesWith(in);
    return success();
  });
}

LogicalResult SwapActivationOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<ModelOp>(*this, getTargetAttr(), spec, [&](Operation *model) -> LogicalResult {
    auto activation = opAt<nn::ActivationOp>(model, getPlace(), "activations");
    if (failed(activation))
      return failure();
    auto kind = nn::symbolizeActivation(getTo());
    if (!kind || *kind == activation->getKind())
      return model->emitError() << "expected another activation than "
                                << nn::stringifyActivation(activation->getKind()) << ", found " << getToAttr();
    activation->setKind(*kind);
    return success();
  });
}

//===----------------------------------------------------------------------===//
// Hyperparameters
//===----------------------------------------------------------------------===//

static LogicalResult updateHyper(Operation *mutation, FlatSymbolRefAttr symbol, ModuleOp spec, StringRef hyper,
                              function_ref<double(double)> update) {
  Operation *target = lookupTarget(mutation, symbol, spec);
  if (!target)
    return failure();
  if (!isa<TrainOp>(target))
    return mutation->emitOpError("expects ") << symbol << " to be a selfopt.train, found a " << target->getName();
  return editProgram(mutation, target, [&](Operation *op) -> LogicalResult {
    auto train = cast<TrainOp>(op);
    Builder b(op->getContext());
    if (hyper == "lr") {
      train.setLrAttr(b.getF64FloatAttr(update(train.getLr().convertToDouble())));
      return success();
    }
    if (hyper != "batch" && hyper != "epochs")
      return op->emitError() << "expected a hyperparameter (lr, batch, epochs), found '" << hyper << "'";
    double old = double(int64_t(hyper == "batch" ? train.getBatch() : train.getEpochs()));
    double value = std::nearbyint(update(old));
    if (!(value >= 1 && value <= 1e9))
      return op->emitError() << "expected " << hyper << " between 1 and 1e9, found " << value;
    auto attr = b.getI64IntegerAttr(int64_t(value));
    hyper == "batch" ? train.setBatchAttr(attr) : train.setEpochsAttr(attr);
    return success();
  });
}

LogicalResult SetHyperOp::applyTo(ModuleOp spec) {
  return updateHyper(*this, getTargetAttr(), spec, getHyper(), [&](double) { return getTo().convertToDouble(); });
}
LogicalResult JitterHyperOp::applyTo(ModuleOp spec) {
  double by = getBy().convertToDouble();
  bool integer = getHyper() != "lr";
  return updateHyper(*this, getTargetAttr(), spec, getHyper(), [&](double x) {
    // A batch of 1 times 0.4 stays 1; a factor that is no factor stays an error.
    return integer && by > 0 ? std::max(1.0, x * by) : x * by;
  });
}
