//===- ApplyLayers.cpp - Layers put in and taken out ----------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Edits.h"
#include "SelfOpt/Dialect/NN/NN.h"

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

SELFOPT_CLAIM(InsertNoiseOp, Changing)
SELFOPT_CLAIM(InsertDropoutOp, Changing)
SELFOPT_CLAIM(SetAmountOp, Changing)
SELFOPT_CLAIM(DropLayerOp, Changing)
