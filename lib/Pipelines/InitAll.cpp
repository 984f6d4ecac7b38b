//===- InitAll.cpp - Everything, registered ---------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/InitAll.h"
#include "SelfOpt/Autodiff/Autodiff.h"
#include "SelfOpt/Codegen/Lowering.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/Plan/Plan.h"
#include "SelfOpt/Dialect/Safety/Safety.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Mutation/MutatePass.h"
#include "SelfOpt/Mutation/MutationModels.h"
#include "SelfOpt/Pipelines/Passes.h"
#include "SelfOpt/Reference/Register.h"
#include "SelfOpt/Safety/ProofSearch.h"
#include "SelfOpt/Safety/CostModels.h"
#include "SelfOpt/Safety/RangeModels.h"
#include "SelfOpt/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SMT/IR/SMTDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

void selfopt::registerAllDialects(DialectRegistry &registry) {
  registry.insert<SelfOptDialect, nn::NNDialect, safety::SafetyDialect, evolve::EvolveDialect, plan::PlanDialect,
                  arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect, math::MathDialect,
                  memref::MemRefDialect, mlir::smt::SMTDialect, tensor::TensorDialect>();
  registerReferenceModels(registry);
  registerArithPullbacks(registry);
  registerMathPullbacks(registry);
  registerLinalgPullbacks(registry);
  registerTensorPullbacks(registry);
  registerRangeModels(registry);
  registerMutationModels(registry);
  enableProofSearch();
  registerCostModels(registry);
}

void selfopt::registerAllPasses() {
  registerSelfOptTransformsPasses();
  registerSelfOptPipelinesPasses();
  registerMutatePass();
}
