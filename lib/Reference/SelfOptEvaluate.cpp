//===- SelfOptEvaluate.cpp - Values of selfopt, for the reference interpreter -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Reference/Register.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reference;

namespace {

struct StopGradientModel : EvaluableOpInterface::ExternalModel<StopGradientModel, StopGradientOp> {
  LogicalResult evaluate(Operation *, Interpreter &, ArrayRef<Tensor> x, SmallVectorImpl<Tensor> &results) const {
    results.push_back(x[0]);
    return success();
  }
};

struct GradientModel : EvaluableOpInterface::ExternalModel<GradientModel, GradientOp> {
  LogicalResult evaluate(Operation *op, Interpreter &, ArrayRef<Tensor>, SmallVectorImpl<Tensor> &) const {
    InFlightDiagnostic d = op->emitOpError("has no value in the reference interpreter");
    d.attachNote() << "run --selfopt-differentiate first, which replaces it by a call of the gradient";
    return d;
  }
};

} // namespace

void selfopt::registerSelfOptEvaluate(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, SelfOptDialect *) {
    StopGradientOp::attachInterface<StopGradientModel>(*context);
    GradientOp::attachInterface<GradientModel>(*context);
  });
}

void selfopt::registerReferenceModels(DialectRegistry &registry) {
  registerArithEvaluate(registry);
  registerMathEvaluate(registry);
  registerLinalgEvaluate(registry);
  registerTensorEvaluate(registry);
  registerFuncEvaluate(registry);
  registerSelfOptEvaluate(registry);
}
