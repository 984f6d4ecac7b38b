//===- CostModels.h - Costs of upstream ops -*- C++ -* -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_COSTMODELS_H
#define SELFOPT_SAFETY_COSTMODELS_H

#include "SelfOpt/Interfaces/Cost.h"
#include "mlir/IR/Block.h"
#include "mlir/IR/DialectRegistry.h"

namespace selfopt {

/// The sum over a block's ops but its terminator; nullopt when an op has no cost or the sum leaves 64 bits.
std::optional<Cost> costOfBlock(mlir::Block &block);

/// External models of CostOpInterface, one file per dialect.
void registerArithCost(mlir::DialectRegistry &registry);
void registerMathCost(mlir::DialectRegistry &registry);
void registerLinalgCost(mlir::DialectRegistry &registry);
void registerTensorCost(mlir::DialectRegistry &registry);
void registerFuncCost(mlir::DialectRegistry &registry);
void registerSelfOptCost(mlir::DialectRegistry &registry);

/// All of the above.
void registerCostModels(mlir::DialectRegistry &registry);

} // namespace selfopt
#endif // SELFOPT_SAFETY_COSTMODELS_H
