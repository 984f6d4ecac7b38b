//===- InitAll.cpp - Everything, registered --------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/InitAll.h"
#include "SelfOpt/Autodiff/Autodiff.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/Plan/Plan.h"
#include "SelfOpt/Dialect/Safety/Safety.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

void selfopt::registerAllDialects(DialectRegistry &registry) {
  registry.insert<SelfOptDialect, nn::NNDialect, safety::SafetyDialect, evolve::EvolveDialect, plan::PlanDialect, arith::ArithDialect,
                  func::FuncDialect, linalg::LinalgDialect, math::MathDialect, memref::MemRefDialect,
                  tensor::TensorDialect>();
  registerArithPullbacks(registry);
  registerMathPullbacks(registry);
  registerLinalgPullbacks(registry);
  registerTensorPullbacks(registry);
}
void selfopt::registerAllPasses() { registerSelfOptTransformsPasses(); }
