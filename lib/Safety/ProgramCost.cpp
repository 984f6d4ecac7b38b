//===- ProgramCost.cpp - What a training program costs ----------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/ProgramCost.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Interfaces/Interfaces.h"

using namespace mlir;
using namespace selfopt;

std::optional<ProgramCost> selfopt::programCost(ModuleOp spec, StringRef program, int64_t trainRows) {
  auto train = spec.lookupSymbol<TrainOp>(program);
  auto model = train ? spec.lookupSymbol<ModelOp>(train.getModel()) : ModelOp();
  if (!model)
    return std::nullopt;
  Cost sum;
  // What layers share is counted once.
  llvm::DenseSet<Operation *> borrowers;
  for (const ProgramParameters::Range &range : ProgramParameters::of(model.getBody().front()).layers)
    if (!range.owner)
      borrowers.insert(range.layer);
  for (Operation &op : model.getBody().front().without_terminator()) {
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
  auto total = checkedProduct({int64_t(train.getEpochs()), trainRows / batch, batch, 3, sum.flops});
  if (!total)
    return std::nullopt;
  return ProgramCost{sum.parameters, sum.flops, *total};
}
