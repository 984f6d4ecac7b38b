//===- ProposeGraph.cpp - Drawing shapes of the graph, and crossover -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Edits.h"
#include "Proposers.h"
#include "SelfOpt/Dialect/Structure.h"
#include "SelfOpt/Mutation/Library.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::evolve;

/// The numbers of the vectors that a dense layer may read.
static SmallVector<uint64_t> vectorsBefore(nn::DenseOp dense) {
  SmallVector<uint64_t> numbers;
  for (auto [i, v] : llvm::enumerate(numberedValues(*dense->getBlock()))) {
    if (Operation *def = v.getDefiningOp(); def && !def->isBeforeInBlock(dense))
      break;
    auto type = dyn_cast<RankedTensorType>(v.getType());
    bool constant = v.getDefiningOp() && v.getDefiningOp()->hasTrait<OpTrait::ConstantLike>();
    if (type && type.getRank() == 1 && type.getElementType().isF32() && !constant)
      numbers.push_back(i);
  }
  return numbers;
}

static int64_t drawUnits(int64_t low, int64_t high, Philox &random) {
  return int64_t(std::nearbyint(double(low) * std::pow(double(high) / double(low), random.uniform())));
}

Operation *selfopt::proposeInsertNorm(OpBuilder &b, Operation *model, Philox &random) {
  auto place = drawDense(model, random);
  if (!place)
    return nullptr;
  return InsertNormOp::create(b, b.getUnknownLoc(), nameOf(model), *place, random.below(2) ? "layer_norm" : "rms_norm");
}

Operation *selfopt::proposeDeepen(OpBuilder &b, Operation *model, Philox &random) {
  auto layers = denseLayers(model);
  // A linear layer in front of another one is a factorisation: the place is behind a relu.
  SmallVector<uint64_t> places;
  for (auto [i, layer] : llvm::enumerate(layers))
    if (auto before = layer.getInput().getDefiningOp<nn::ActivationOp>();
        before && before.getKind() == nn::Activation::Relu)
      places.push_back(i);
  if (places.empty())
    return nullptr;
  return DeepenOp::create(b, b.getUnknownLoc(), nameOf(model), pick(places, random));
}

Operation *selfopt::proposeRepeatBlock(OpBuilder &b, Operation *model, Philox &random) {
  auto place = drawDense(model, random);
  if (!place)
    return nullptr;
  return RepeatBlockOp::create(b, b.getUnknownLoc(), nameOf(model), *place);
}

Operation *selfopt::proposeFactorDense(OpBuilder &b, Operation *model, Philox &random) {
  auto place = drawDense(model, random);
  if (!place)
    return nullptr;
  nn::DenseOp layer = denseLayers(model)[*place];
  int64_t most = std::min(cast<RankedTensorType>(layer.getInput().getType()).getDimSize(0), int64_t(layer.getUnits()));
  int64_t rank = drawUnits(std::max<int64_t>(1, most / 8), std::max<int64_t>(1, most / 2), random);
  return FactorDenseOp::create(b, b.getUnknownLoc(), nameOf(model), *place, rank);
}

template <typename OpT> static Operation *proposeSkip(OpBuilder &b, Operation *model, Philox &random) {
  auto place = drawDense(model, random);
  if (!place)
    return nullptr;
  nn::DenseOp layer = denseLayers(model)[*place];
  SmallVector<Value> values = numberedValues(*layer->getBlock());
  SmallVector<uint64_t> from = vectorsBefore(layer);
  llvm::erase_if(from, [&](uint64_t i) { return values[i] == layer.getInput(); });
  if (from.empty())
    return nullptr;
  return OpT::create(b, b.getUnknownLoc(), nameOf(model), *place, pick(from, random));
}
Operation *selfopt::proposeInsertSkip(OpBuilder &b, Operation *model, Philox &random) {
  return proposeSkip<InsertSkipOp>(b, model, random);
}
Operation *selfopt::proposeInsertZeroSkip(OpBuilder &b, Operation *model, Philox &random) {
  return proposeSkip<InsertZeroSkipOp>(b, model, random);
}

Operation *selfopt::proposeInsertBranch(OpBuilder &b, Operation *model, Philox &random) {
  auto place = drawDense(model, random);
  if (!place)
    return nullptr;
  uint64_t from = pick(vectorsBefore(denseLayers(model)[*place]), random);
  int64_t units = drawUnits(4, 64, random);
  return InsertBranchOp::create(b, b.getUnknownLoc(), nameOf(model), *place, from, units, pick(activations, random));
}

Operation *selfopt::proposeInsertGate(OpBuilder &b, Operation *model, Philox &random) {
  auto place = drawDense(model, random);
  if (!place)
    return nullptr;
  int64_t units = drawUnits(2, 16, random);
  return InsertGateOp::create(b, b.getUnknownLoc(), nameOf(model), *place, units);
}

Operation *selfopt::proposeDropMerge(OpBuilder &b, Operation *model, Philox &random) {
  SmallVector<std::pair<uint64_t, Operation *>> merges;
  for (Operation &op : model->getRegion(0).front())
    if (mergesVectors(op))
      merges.push_back({merges.size(), &op});
  if (merges.empty())
    return nullptr;
  auto [place, op] = pick(merges, random);
  uint64_t keep = random.below(op->getNumOperands());
  return DropMergeOp::create(b, b.getUnknownLoc(), nameOf(model), place, keep);
}

Operation *selfopt::proposeAddState(OpBuilder &b, Operation *optimizer, Philox &random) {
  SmallVector<std::pair<uint64_t, uint64_t>> operands;
  Block &block = optimizer->getRegion(0).front();
  // States are for the eye of a person too: a rule with more than four says nothing.
  if (cast<OptimizerOp>(optimizer).getNumState() >= 4)
    return nullptr;
  uint64_t place = 0;
  for (Operation &op : block) {
    for (OpOperand &operand : op.getOpOperands()) {
      bool constant = operand.get().getDefiningOp() && operand.get().getDefiningOp()->hasTrait<OpTrait::ConstantLike>();
      if (operand.get().getType().isF32() && !constant)
        operands.push_back({place, operand.getOperandNumber()});
    }
    ++place;
  }
  if (operands.empty())
    return nullptr;
  auto [at, operand] = pick(operands, random);
  static constexpr double shares[] = {0.5, 0.8, 0.9, 0.95, 0.99, 0.999};
  return AddStateOp::create(b, b.getUnknownLoc(), nameOf(optimizer), at, operand, APFloat(pick(shares, random)));
}

Operation *selfopt::proposeUseProgram(OpBuilder &b, Operation *program, Philox &random) {
  SmallVector<StringRef> names;
  for (const LibraryProgram &each : getLibrary())
    if (libraryProgramFits(each, program))
      names.push_back(each.name);
  if (names.empty())
    return nullptr;
  StringRef name = pick(names, random);
  // Not the one that it is already.
  OwningOpRef<ModuleOp> module = parseLibraryProgram(*findLibraryProgram(name, program), program);
  Operation *source = module ? SymbolTable::lookupSymbolIn(*module, "program") : nullptr;
  if (!source || OperationEquivalence::isRegionEquivalentTo(&source->getRegion(0), &program->getRegion(0),
                                                            OperationEquivalence::IgnoreLocations))
    return nullptr;
  return UseProgramOp::create(b, b.getUnknownLoc(), nameOf(program), name);
}

Operation *selfopt::proposeAddTerm(OpBuilder &b, Operation *loss, Philox &random) {
  bool label = cast<LossOp>(loss).getFunctionType().getInput(1).isInteger(32);
  StringRef kind = label && random.below(2) ? "confidence" : "logit_decay";
  double weight = roundToDigits(1e-4 * std::pow(1e4, random.uniform()), 2) * (kind == "confidence" ? 1 : 0.1);
  return AddTermOp::create(b, b.getUnknownLoc(), nameOf(loss), kind, APFloat(roundToDigits(weight, 2)));
}

Operation *selfopt::proposeShareParameters(OpBuilder &b, Operation *model, Philox &random) {
  SmallVector<std::pair<uint64_t, uint64_t>> pairs;
  auto layers = denseLayers(model);
  for (auto [i, layer] : llvm::enumerate(layers))
    for (size_t j = 0; j < i; ++j)
      if (layer.sharesWith(layers[j]) && (!layer.getParamAttr() || layer.getParamAttr() != layers[j].getParamAttr()))
        pairs.push_back({i, j});
  if (pairs.empty())
    return nullptr;
  auto [place, with] = pick(pairs, random);
  return ShareParametersOp::create(b, b.getUnknownLoc(), nameOf(model), place, with);
}

Operation *selfopt::proposeEndSharing(OpBuilder &b, Operation *model, Philox &random) {
  SmallVector<uint64_t> places;
  for (auto [i, layer] : llvm::enumerate(denseLayers(model)))
    if (layer.getParamAttr())
      places.push_back(i);
  if (places.empty())
    return nullptr;
  return EndSharingOp::create(b, b.getUnknownLoc(), nameOf(model), pick(places, random));
}

//===----------------------------------------------------------------------===//
// Crossover
//===----------------------------------------------------------------------===//

/// A copy of a block, up to `end`, which it returns.
static void copyBlock(Block &from, Block &to, Value end) {
  IRMapping map;
  for (BlockArgument argument : from.getArguments())
    map.map(argument, to.addArgument(argument.getType(), argument.getLoc()));
  OpBuilder b = OpBuilder::atBlockEnd(&to);
  for (Operation &op : from.without_terminator()) {
    if (Operation *def = end.getDefiningOp(); !def || def->isBeforeInBlock(&op))
      break;
    b.clone(op, map);
  }
  selfopt::ReturnOp::create(b, b.getUnknownLoc(), map.lookup(end));
  dropDeadCode(to);
}

Operation *selfopt::proposeGraftProgram(OpBuilder &b, Operation *target, Operation *donor, Philox &) {
  if (donor->getName() != target->getName() || sameStructure(donor, target) ||
      donor->getAttrOfType<TypeAttr>("function_type") != target->getAttrOfType<TypeAttr>("function_type"))
    return nullptr;
  DenseF64ArrayAttr state;
  if (auto rule = dyn_cast<OptimizerOp>(donor))
    state = rule.getStateInitAttr();
  auto graft = GraftProgramOp::create(b, b.getUnknownLoc(), FlatSymbolRefAttr::get(b.getContext(), nameOf(target)), state);
  IRMapping map;
  Block &body = graft.getBody().emplaceBlock(), &from = donor->getRegion(0).front();
  for (BlockArgument argument : from.getArguments())
    map.map(argument, body.addArgument(argument.getType(), argument.getLoc()));
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  for (Operation &op : from)
    inner.clone(op, map);
  return graft;
}

Operation *selfopt::proposeGraftLayers(OpBuilder &b, Operation *target, Operation *donor, Philox &random) {
  if (!isa<ModelOp>(donor) || sameStructure(donor, target))
    return nullptr;
  auto own = drawDense(target, random);
  SmallVector<nn::DenseOp> layers;
  // Something must come with it: an operand that is more than the model's input.
  for (nn::DenseOp layer : denseLayers(donor))
    if (!isa<BlockArgument>(layer.getInput()))
      layers.push_back(layer);
  if (!own || layers.empty())
    return nullptr;
  nn::DenseOp layer = pick(layers, random);
  auto graft = GraftLayersOp::create(b, b.getUnknownLoc(), nameOf(target), *own);
  copyBlock(donor->getRegion(0).front(), graft.getBody().emplaceBlock(), layer.getInput());
  return graft;
}
