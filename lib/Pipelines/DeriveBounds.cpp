//===- DeriveBounds.cpp - The programs that bound models, as a pass ------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Pipelines/Passes.h"
#include "SelfOpt/Safety/BoundProgram.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace selfopt {
#define GEN_PASS_DEF_DERIVEBOUNDS
#include "SelfOpt/Pipelines/Passes.h.inc"
} // namespace selfopt

using namespace mlir;
using namespace selfopt;

namespace {
struct DeriveBoundsPass : selfopt::impl::DeriveBoundsBase<DeriveBoundsPass> {
  using DeriveBoundsBase::DeriveBoundsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (examples < 1) {
      module.emitError() << "expects examples=1 or more, found " << examples;
      return signalPassFailure();
    }
    for (ModelOp model : llvm::to_vector(module.getOps<ModelOp>()))
      for (BoundProgram kind : {BoundProgram::Bounds, BoundProgram::Margins, BoundProgram::Relaxed})
        if (auto f = deriveBounds(model, kind, examples, module); !f) {
          model.emitError() << llvm::toString(f.takeError());
          return signalPassFailure();
        }
  }
};
} // namespace
