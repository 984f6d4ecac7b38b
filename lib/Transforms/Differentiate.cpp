//===- Differentiate.cpp - S2: gradients as functions -------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Transforms/Passes.h"
#include "SelfOpt/Autodiff/Autodiff.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace selfopt {
#define GEN_PASS_DEF_DIFFERENTIATE
#define GEN_PASS_DEF_VERIFYDIFFERENTIATED
#include "SelfOpt/Transforms/Passes.h.inc"
} // namespace selfopt

using namespace mlir;
using namespace selfopt;

/// `NAME.gradient` by the first `count` operands, made on first use.
static FailureOr<func::FuncOp> gradientOf(Operation *user, FlatSymbolRefAttr name, unsigned count) {
  auto function = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(user, name);
  if (!function)
    return user->emitError() << "expects " << name << " to name a func.func", failure();
  auto gradientName = (name.getValue() + ".gradient").str();
  auto existing = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      user, FlatSymbolRefAttr::get(user->getContext(), gradientName));
  if (!existing)
    return buildGradientFunction(function, count);
  if (existing.getNumResults() != function.getNumResults() + count)
    return user->emitError() << "asks for the gradient of " << name << " by another number of operands than before",
           failure();
  return existing;
}

LogicalResult selfopt::differentiate(ModuleOp module) {
  SmallVector<GradientOp> requests;
  module.walk([&](GradientOp op) { requests.push_back(op); });
  for (GradientOp request : requests) {
    auto gradient = gradientOf(request, request.getCalleeAttr(), request.getCount());
    if (failed(gradient))
      return failure();
    OpBuilder b(request);
    auto call = func::CallOp::create(b, request.getLoc(), *gradient, request.getOperands());
    request.replaceAllUsesWith(call.getResults());
    request.erase();
  }
  module.walk([](StopGradientOp op) {
    op.replaceAllUsesWith(op.getInput());
    op.erase();
  });
  return success();
}

namespace {
struct DifferentiatePass : selfopt::impl::DifferentiateBase<DifferentiatePass> {
  using DifferentiateBase::DifferentiateBase;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (!function.empty()) {
      auto f = module.lookupSymbol<func::FuncOp>(function);
      if (!f) {
        module.emitError() << "expects a function @" << function << " to differentiate, found none";
        return signalPassFailure();
      }
      unsigned count = 0;
      while (count < f.getNumArguments() && isa<FloatType>(getElementTypeOrSelf(f.getArgumentTypes()[count])))
        ++count;
      if (failed(gradientOf(module, FlatSymbolRefAttr::get(f), count)))
        return signalPassFailure();
    }
    if (failed(differentiate(module)))
      signalPassFailure();
  }
};

struct VerifyDifferentiatedPass : selfopt::impl::VerifyDifferentiatedBase<VerifyDifferentiatedPass> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk([](Operation *op) {
      if (!isa<GradientOp, StopGradientOp>(op))
        return WalkResult::advance();
      op->emitOpError("is left after differentiation");
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
