//===- SelfOptRange.cpp - Ranges of selfopt -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RangeModel.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Safety/RangeModels.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::ranges;

namespace {

struct StopGradientModel : RangeOpInterface::ExternalModel<StopGradientModel, StopGradientOp> {
  void inferRanges(Operation *, ArrayRef<Interval> x, SmallVectorImpl<Interval> &results) const {
    results.push_back(x[0]);
  }
};

} // namespace

void selfopt::registerSelfOptRange(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, SelfOptDialect *) {
    StopGradientOp::attachInterface<StopGradientModel>(*context);
    GradientOp::attachInterface<TopModel<GradientOp>>(*context);
  });
}

void selfopt::registerRangeModels(DialectRegistry &registry) {
  registerArithRange(registry);
  registerMathRange(registry);
  registerLinalgRange(registry);
  registerTensorRange(registry);
  registerFuncRange(registry);
  registerSelfOptRange(registry);
}
