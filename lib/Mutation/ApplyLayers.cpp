//===- ApplyLayers.cpp - Layers put in and taken out ----------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Edits.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::evolve;

/// Edits the operand of the dense layer at a place: `edit` makes the new operand from the old one.
static LogicalResult inFrontOf(Operation *mutation, FlatSymbolRefAttr symbol, ModuleOp spec, int64_t place,
                               function_ref<FailureOr<Value>(OpBuilder &, nn::DenseOp, Value)> edit) {
  return applyTo<ModelOp>(mutation, symbol, spec, [&](Operation *model) -> LogicalResult {
    auto dense = opAt<nn::DenseOp>(model, place, "dense layers");
    if (failed(dense))
      return failure();
    OpBuilder b(*dense);
    auto value = edit(b, *dense, dense->getInput());
    if (failed(value))
      return failure();
    dense->getInputMutable().assign(*value);
    return success();
  });
}

LogicalResult InsertNoiseOp::applyTo(ModuleOp spec) {
  return inFrontOf(*this, getTargetAttr(), spec, getPlace(),
                   [&](OpBuilder &b, nn::DenseOp dense, Value x) -> FailureOr<Value> {
                     return nn::NoiseOp::create(b, dense.getLoc(), x.getType(), x, getScaleAttr()).getResult();
                   });
}

LogicalResult InsertDropoutOp::applyTo(ModuleOp spec) {
  return inFrontOf(*this, getTargetAttr(), spec, getPlace(),
                   [&](OpBuilder &b, nn::DenseOp dense, Value x) -> FailureOr<Value> {
                     return nn::DropoutOp::create(b, dense.getLoc(), x.getType(), x, getRateAttr()).getResult();
                   });
}

LogicalResult SetAmountOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<ModelOp>(*this, getTargetAttr(), spec, [&](Operation *model) -> LogicalResult {
    auto layer = opAt<StochasticLayerOpInterface>(model, getPlace(), "layers that draw random numbers");
    if (failed(layer))
      return failure();
    if (auto noise = dyn_cast<nn::NoiseOp>(layer->getOperation())) {
      noise.setScaleAttr(getToAttr());
      return success();
    }
    if (auto dropout = dyn_cast<nn::DropoutOp>(layer->getOperation())) {
      dropout.setRateAttr(getToAttr());
      return success();
    }
    return model->emitError() << "expected nn.noise or nn.dropout, found " << (*layer)->getName();
  });
}

LogicalResult DropLayerOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<ModelOp>(*this, getTargetAttr(), spec, [&](Operation *model) -> LogicalResult {
    int64_t n = 0, place = getPlace();
    for (Operation &op : model->getRegion(0).front())
      if (keepsShape(op) && n++ == place) {
        op.getResult(0).replaceAllUsesWith(op.getOperand(0));
        op.erase();
        return success();
      }
    return model->emitError() << "expected a place below " << n << ", the number of layers that keep a shape, found "
                              << place;
  });
}

//===----------------------------------------------------------------------===//
// Shapes of the graph
//===----------------------------------------------------------------------===//

static int64_t sizeOf(Value v) { return cast<RankedTensorType>(v.getType()).getDimSize(0); }

static Value dense(OpBuilder &b, Location loc, Value x, int64_t units, nn::Init init = nn::Init::FanInUniform) {
  auto type = RankedTensorType::get({units}, b.getF32Type());
  return nn::DenseOp::create(b, loc, type, x, units, init);
}
static Value activation(OpBuilder &b, Location loc, nn::Activation kind, Value x) {
  return nn::ActivationOp::create(b, loc, x.getType(), kind, x);
}

/// The numbered value, a vector of f32 defined before `op`.
static FailureOr<Value> vectorBefore(Operation *op, int64_t number) {
  SmallVector<Value> values = numberedValues(*op->getBlock());
  if (number < 0 || number >= int64_t(values.size()))
    return op->emitError() << "expected a value below " << values.size() << ", found " << number;
  Value v = values[number];
  if (Operation *def = v.getDefiningOp(); def && !def->isBeforeInBlock(op))
    return op->emitError() << "expected a value defined before the layer, found value " << number;
  auto type = dyn_cast<RankedTensorType>(v.getType());
  if (!type || type.getRank() != 1 || !type.getElementType().isF32())
    return op->emitError() << "expected a vector of f32, found " << v.getType();
  return v;
}

LogicalResult InsertNormOp::applyTo(ModuleOp spec) {
  return inFrontOf(*this, getTargetAttr(), spec, getPlace(),
                   [&](OpBuilder &b, nn::DenseOp dense, Value x) -> FailureOr<Value> {
                     if (getKind() == "layer_norm")
                       return nn::LayerNormOp::create(b, dense.getLoc(), x.getType(), x).getResult();
                     if (getKind() == "rms_norm")
                       return nn::RmsNormOp::create(b, dense.getLoc(), x.getType(), x).getResult();
                     return dense->getParentOp()->emitError()
                            << "expected a normalisation (layer_norm, rms_norm), found " << getKindAttr();
                   });
}

LogicalResult DeepenOp::applyTo(ModuleOp spec) {
  return inFrontOf(*this, getTargetAttr(), spec, getPlace(),
                   [&](OpBuilder &b, nn::DenseOp layer, Value x) -> FailureOr<Value> {
                     Value same = dense(b, layer.getLoc(), x, sizeOf(x), nn::Init::Identity);
                     auto before = x.getDefiningOp<nn::ActivationOp>();
                     if (before && before.getKind() == nn::Activation::Relu)
                       same = activation(b, layer.getLoc(), nn::Activation::Relu, same);
                     return same;
                   });
}

LogicalResult RepeatBlockOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<ModelOp>(*this, getTargetAttr(), spec, [&](Operation *model) -> LogicalResult {
    auto layer = opAt<nn::DenseOp>(model, getPlace(), "dense layers");
    if (failed(layer))
      return failure();
    Value out = layer->getResult();
    nn::ActivationOp behind;
    if (out.hasOneUse())
      behind = dyn_cast<nn::ActivationOp>(*out.user_begin());
    if (behind)
      out = behind.getResult();
    OpBuilder b(model->getContext());
    b.setInsertionPointAfterValue(out);
    Value again = dense(b, layer->getLoc(), out, layer->getUnits(), layer->getInit());
    Operation *first = again.getDefiningOp();
    if (behind)
      again = activation(b, layer->getLoc(), behind.getKind(), again);
    out.replaceAllUsesExcept(again, first);
    return success();
  });
}

LogicalResult FactorDenseOp::applyTo(ModuleOp spec) {
  return inFrontOf(*this, getTargetAttr(), spec, getPlace(),
                   [&](OpBuilder &b, nn::DenseOp layer, Value x) -> FailureOr<Value> {
                     if (failed(checkUnits(layer->getParentOp(), getRank())))
                       return failure();
                     return dense(b, layer.getLoc(), x, getRank());
                   });
}

static LogicalResult insertSkip(Operation *mutation, FlatSymbolRefAttr symbol, ModuleOp spec, int64_t place,
                                int64_t from, bool zero) {
  return inFrontOf(mutation, symbol, spec, place, [&](OpBuilder &b, nn::DenseOp layer, Value x) -> FailureOr<Value> {
    auto source = vectorBefore(layer, from);
    if (failed(source))
      return failure();
    Value added = *source;
    if (zero || added.getType() != x.getType())
      added = dense(b, layer.getLoc(), added, sizeOf(x), zero ? nn::Init::Zeros : nn::Init::FanInUniform);
    return arith::AddFOp::create(b, layer.getLoc(), x, added).getResult();
  });
}
LogicalResult InsertSkipOp::applyTo(ModuleOp spec) {
  return insertSkip(*this, getTargetAttr(), spec, getPlace(), getFrom(), false);
}
LogicalResult InsertZeroSkipOp::applyTo(ModuleOp spec) {
  return insertSkip(*this, getTargetAttr(), spec, getPlace(), getFrom(), true);
}

LogicalResult InsertBranchOp::applyTo(ModuleOp spec) {
  return inFrontOf(*this, getTargetAttr(), spec, getPlace(),
                   [&](OpBuilder &b, nn::DenseOp layer, Value x) -> FailureOr<Value> {
                     auto source = vectorBefore(layer, getFrom());
                     auto kind = parseActivation(layer->getParentOp(), getActivationAttr());
                     if (failed(source) || failed(kind) || failed(checkUnits(layer->getParentOp(), getUnits())))
                       return failure();
                     Value h = dense(b, layer.getLoc(), *source, getUnits());
                     Value a = activation(b, layer.getLoc(), *kind, h);
                     auto type = RankedTensorType::get({sizeOf(x) + sizeOf(a)}, b.getF32Type());
                     return nn::ConcatOp::create(b, layer.getLoc(), type, ValueRange{x, a}).getResult();
                   });
}

LogicalResult InsertGateOp::applyTo(ModuleOp spec) {
  return inFrontOf(*this, getTargetAttr(), spec, getPlace(),
                   [&](OpBuilder &b, nn::DenseOp layer, Value x) -> FailureOr<Value> {
                     if (failed(checkUnits(layer->getParentOp(), getUnits())))
                       return failure();
                     Location loc = layer.getLoc();
                     Value squeezed = activation(b, loc, nn::Activation::Relu, dense(b, loc, x, getUnits()));
                     Value gate = activation(b, loc, nn::Activation::Sigmoid, dense(b, loc, squeezed, sizeOf(x)));
                     return arith::MulFOp::create(b, loc, x, gate).getResult();
                   });
}

LogicalResult DropMergeOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<ModelOp>(*this, getTargetAttr(), spec, [&](Operation *model) -> LogicalResult {
    int64_t n = 0, place = getPlace(), keep = getKeep();
    for (Operation &op : model->getRegion(0).front())
      if (mergesVectors(op) && n++ == place) {
        if (keep < 0 || keep >= int64_t(op.getNumOperands()))
          return model->emitError() << "expected an operand below " << op.getNumOperands() << ", found " << keep;
        op.getResult(0).replaceAllUsesWith(op.getOperand(keep));
        op.erase();
        return success();
      }
    return model->emitError() << "expected a place below " << n
                              << ", the number of ops that make one vector of several, found " << place;
  });
}

//===----------------------------------------------------------------------===//
// Shared parameters
//===----------------------------------------------------------------------===//

LogicalResult ShareParametersOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<ModelOp>(*this, getTargetAttr(), spec, [&](Operation *model) -> LogicalResult {
    auto layer = opAt<nn::DenseOp>(model, getPlace(), "dense layers"),
         with = opAt<nn::DenseOp>(model, getWith(), "dense layers");
    if (failed(layer) || failed(with))
      return failure();
    if (int64_t(getWith()) >= int64_t(getPlace()))
      return model->emitError() << "expected an earlier layer than " << int64_t(getPlace()) << ", found "
                                << int64_t(getWith());
    if (!layer->sharesWith(*with))
      return model->emitError() << "expected a layer from " << layer->getInput().getType() << " to " << layer->getType()
                                << " with the same initial values, found one from " << with->getInput().getType()
                                << " to " << with->getType();
    if (layer->getParamAttr() && layer->getParamAttr() == with->getParamAttr())
      return model->emitError() << "expected layers that do not share yet, found both with " << layer->getParamAttr();
    StringAttr name = with->getParamAttr();
    if (!name) {
      // The first number that is free.
      llvm::SmallDenseSet<Attribute> taken;
      for (auto dense : model->getRegion(0).getOps<nn::DenseOp>())
        taken.insert(dense.getParamAttr());
      Builder b(model->getContext());
      for (int i = 0; !name || taken.contains(name); ++i)
        name = b.getStringAttr("shared" + Twine(i));
      with->setParamAttr(name);
    }
    layer->setParamAttr(name);
    return success();
  });
}

LogicalResult EndSharingOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<ModelOp>(*this, getTargetAttr(), spec, [&](Operation *model) -> LogicalResult {
    auto layer = opAt<nn::DenseOp>(model, getPlace(), "dense layers");
    if (failed(layer))
      return failure();
    if (!layer->getParamAttr())
      return model->emitError() << "expected a layer that shares parameters, found one with its own";
    layer->removeParamAttr();
    return success();
  });
}
