//===- ProgramCost.cpp - What a training program costs ----------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/ProgramCost.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace selfopt;

std::optional<ProgramCost> selfopt::programCost(ModuleOp spec, StringRef program, int64_t trainRows) {
  auto train = spec.lookupSymbol<TrainOp>(program);
  auto model = train ? spec.lookupSymbol<ModelOp>(train.getModel()) : ModelOp();
  if (!model)
    return std::nullopt;
  Cost sum;
  // What layers share is counted once; each of them is a layer of the depth.
  llvm::DenseSet<Operation *> borrowers, trained;
  for (const ProgramParameters::Range &range : ProgramParameters::of(model.getBody().front()).layers) {
    if (!range.owner)
      borrowers.insert(range.layer);
    if (range.count)
      trained.insert(range.layer);
  }
  llvm::DenseMap<Value, int64_t> depths;
  auto depthOf = [&](Operation &op) {
    int64_t most = 0;
    for (Value v : op.getOperands())
      most = std::max(most, depths.lookup(v));
    return most + trained.contains(&op);
  };
  for (Operation &op : model.getBody().front().without_terminator()) {
    for (Value v : op.getResults())
      depths[v] = depthOf(op);
    auto costed = dyn_cast<CostOpInterface>(op);
    std::optional<Cost> cost = costed ? costed.getCost() : std::nullopt;
    if (cost && borrowers.contains(&op))
      cost->parameters = 0;
    std::optional<Cost> next = cost ? Cost::add(sum, *cost) : std::nullopt;
    if (!next)
      return std::nullopt;
    sum = *next;
  }
  int64_t batch = train.getBatch();
  auto steps = checkedProduct({int64_t(train.getEpochs()), trainRows / batch});
  auto total = steps ? checkedProduct({*steps, batch, 3, sum.flops}) : std::nullopt;
  auto optimizer = spec.lookupSymbol<OptimizerOp>(train.getOptimizer());
  auto sampler = train.getSamplerAttr() ? spec.lookupSymbol<SamplerOp>(*train.getSampler()) : SamplerOp();
  bool sampled = sampler && sampler.looksAtArguments();
  // Parameters and state of the update rule; of each example its place in the epoch's order, for a sampler also its
  // loss and its age; the seed, and the learning rate, the step's number and its fraction, and for a sampler the
  // epoch's.
  auto state = checkedProduct({4, 1 + int64_t(optimizer ? optimizer.getNumState() : 0), sum.parameters});
  auto tables = checkedProduct({4, sampled ? 3 : 1, trainRows});
  int64_t stateBytes = 8 + 3 * 4 + (sampled ? 4 : 0);
  if (!total || !optimizer || !state || !tables || llvm::AddOverflow(stateBytes, *state, stateBytes) ||
      llvm::AddOverflow(stateBytes, *tables, stateBytes))
    return std::nullopt;
  return ProgramCost{sum.parameters, sum.flops, *total, depthOf(*model.getBody().front().getTerminator()),
                     *steps, stateBytes};
}
