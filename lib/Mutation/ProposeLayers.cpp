//===- ProposeLayers.cpp - Drawing layers and whole steps -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Edits.h"
#include "Proposers.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::evolve;

/// Between `low` and `high`, evenly in the logarithm, with two digits.
static double drawLog(double low, double high, Philox &random) {
  return roundToDigits(low * std::pow(high / low, random.uniform()), 2);
}

/// The width of the domain of the features that a model is trained on; 1 where nothing trains it.
static double featureSpan(Operation *model) {
  auto spec = model->getParentOfType<ModuleOp>();
  for (auto train : spec.getOps<TrainOp>())
    if (train.getModel() == nameOf(model))
      if (auto data = spec.lookupSymbol<DatasetOp>(train.getDataAttr().getRootReference()))
        if (double span = data.getFeatureHigh().convertToDouble() - data.getFeatureLow().convertToDouble(); span > 0)
          return span;
  return 1;
}

/// Noise in units of what it is added to: features are as wide as their domain, anything else is taken to be near 1.
static double drawScale(Operation *model, Value x, Philox &random) {
  return drawLog(0.01, 0.4, random) * (isa<BlockArgument>(x) ? featureSpan(model) : 1);
}

Operation *selfopt::proposeInsertNoise(OpBuilder &b, Operation *model, Philox &random) {
  auto place = drawDense(model, random);
  if (!place)
    return nullptr;
  // The input twice as often as all other places together.
  if (random.below(3))
    place = 0;
  nn::DenseOp dense = denseLayers(model)[*place];
  double scale = roundToDigits(drawScale(model, dense.getInput(), random), 3);
  return InsertNoiseOp::create(b, b.getUnknownLoc(), nameOf(model), *place, APFloat(scale));
}

Operation *selfopt::proposeInsertDropout(OpBuilder &b, Operation *model, Philox &random) {
  auto place = drawDense(model, random);
  if (!place)
    return nullptr;
  double rate = drawLog(0.01, 0.5, random);
  return InsertDropoutOp::create(b, b.getUnknownLoc(), nameOf(model), *place, APFloat(rate));
}

Operation *selfopt::proposeSetAmount(OpBuilder &b, Operation *model, Philox &random) {
  auto layers = llvm::to_vector(model->getRegion(0).getOps<StochasticLayerOpInterface>());
  if (layers.empty())
    return nullptr;
  uint64_t place = random.below(layers.size());
  double old, value;
  if (auto noise = dyn_cast<nn::NoiseOp>(layers[place].getOperation())) {
    old = noise.getScale().convertToDouble();
    value = old > 0 ? std::min(old * std::exp(0.5 * random.normal()), 1e6) : drawScale(model, noise.getInput(), random);
  } else {
    old = cast<nn::DropoutOp>(layers[place].getOperation()).getRate().convertToDouble();
    value = old > 0 ? std::min(old * std::exp(0.5 * random.normal()), 0.95) : drawLog(0.01, 0.5, random);
  }
  value = roundToDigits(value, 3);
  if (value == old)
    return nullptr;
  return SetAmountOp::create(b, b.getUnknownLoc(), nameOf(model), place, APFloat(value));
}

Operation *selfopt::proposeDropLayer(OpBuilder &b, Operation *model, Philox &random) {
  uint64_t count = llvm::count_if(model->getRegion(0).front(), [](Operation &op) { return keepsShape(op); });
  if (!count)
    return nullptr;
  uint64_t place = random.below(count);
  return DropLayerOp::create(b, b.getUnknownLoc(), nameOf(model), place);
}

Operation *selfopt::proposeAddDecay(OpBuilder &b, Operation *optimizer, Philox &random) {
  double by = drawLog(1e-3, 1, random);
  return AddDecayOp::create(b, b.getUnknownLoc(), nameOf(optimizer), APFloat(by));
}

Operation *selfopt::proposeSmoothLabels(OpBuilder &b, Operation *loss, Philox &random) {
  auto picks = loss->getRegion(0).getOps<nn::PickOp>();
  uint64_t count = std::distance(picks.begin(), picks.end());
  if (!count)
    return nullptr;
  uint64_t place = random.below(count);
  double by = drawLog(0.01, 0.3, random);
  return SmoothLabelsOp::create(b, b.getUnknownLoc(), nameOf(loss), place, APFloat(by));
}

Operation *selfopt::proposeTemper(OpBuilder &b, Operation *loss, Philox &random) {
  double by = roundToDigits(std::exp(0.7 * random.normal()), 3);
  if (by == 1)
    return nullptr;
  return TemperOp::create(b, b.getUnknownLoc(), nameOf(loss), APFloat(by));
}
