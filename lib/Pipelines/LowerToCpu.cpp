//===- LowerToCpu.cpp - S4: kernels to the LLVM dialect ------------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Codegen/Lowering.h"
#include "SelfOpt/Pipelines/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace selfopt {
#define GEN_PASS_DEF_LOWERTOCPU
#define GEN_PASS_DEF_VERIFYLOWERED
#include "SelfOpt/Pipelines/Passes.h.inc"
} // namespace selfopt

using namespace mlir;
using namespace selfopt;

namespace {

struct LowerToCpuPass : selfopt::impl::LowerToCpuBase<LowerToCpuPass> {
  using LowerToCpuBase::LowerToCpuBase;

  void getDependentDialects(DialectRegistry &registry) const override { codegen::registerCodegenDialects(registry); }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (stage != "llvm" && stage != "vector") {
      module.emitError() << "expects stage=vector or stage=llvm, found '" << stage << "'";
      return signalPassFailure();
    }
    if (lanes != 4 && lanes != 8 && lanes != 16) {
      module.emitError() << "expects 4, 8 or 16 lanes, found " << unsigned(lanes);
      return signalPassFailure();
    }
    // Kernels are lowered in a module of their own: the passes would not know the launch list.
    OwningOpRef<ModuleOp> kernels(ModuleOp::create(module.getLoc()));
    for (auto f : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (f->hasAttr("plan.digest")) {
        f->remove();
        kernels->push_back(f);
      }
    for (auto f : kernels->getOps<func::FuncOp>())
      if (failed(codegen::lowerKernelToVector(f, lanes)))
        return signalPassFailure();
    if (stage == "llvm" && failed(codegen::lowerVectorToLLVM(*kernels)))
      return signalPassFailure();
    for (Operation &op : llvm::make_early_inc_range(*kernels->getBody())) {
      op.remove();
      module.push_back(&op);
    }
  }
};

struct VerifyLoweredPass : selfopt::impl::VerifyLoweredBase<VerifyLoweredPass> {
  void runOnOperation() override {
    bool bad = false;
    for (Operation &symbol : *getOperation().getBody()) {
      if (isa<func::FuncOp>(symbol)) {
        symbol.emitOpError("is left after lowering");
        bad = true;
      }
      if (isa<LLVM::LLVMFuncOp>(symbol))
        symbol.walk([&](Operation *op) {
          if (op->getName().getDialectNamespace() == "llvm")
            return;
          op->emitOpError("is left after lowering");
          bad = true;
        });
    }
    if (bad)
      signalPassFailure();
  }
};

} // namespace
