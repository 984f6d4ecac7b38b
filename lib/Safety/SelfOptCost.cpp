//===- SelfOptCost.cpp - Costs of selfopt -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CostModel.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::costs;

namespace {

/// Nothing runs: --selfopt-differentiate replaces it by its operand.
struct StopGradientModel : CostOpInterface::ExternalModel<StopGradientModel, StopGradientOp> {
  std::optional<Cost> getCost(Operation *) const { return Cost(); }
};

} // namespace

void selfopt::registerSelfOptCost(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, SelfOptDialect *) { StopGradientOp::attachInterface<StopGradientModel>(*context); });
}

void selfopt::registerCostModels(DialectRegistry &registry) {
  registerArithCost(registry);
  registerMathCost(registry);
  registerLinalgCost(registry);
  registerTensorCost(registry);
  registerFuncCost(registry);
  registerSelfOptCost(registry);
}
