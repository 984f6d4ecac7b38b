//===- Register.h - Values of upstream ops, for the reference interpreter -*- C++ -* -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_REFERENCE_REGISTER_H
#define SELFOPT_REFERENCE_REGISTER_H

#include "mlir/IR/DialectRegistry.h"

namespace selfopt {

/// External models of EvaluableOpInterface, one file per dialect.
void registerArithEvaluate(mlir::DialectRegistry &registry);
void registerMathEvaluate(mlir::DialectRegistry &registry);
void registerLinalgEvaluate(mlir::DialectRegistry &registry);
void registerTensorEvaluate(mlir::DialectRegistry &registry);
void registerFuncEvaluate(mlir::DialectRegistry &registry);
void registerSelfOptEvaluate(mlir::DialectRegistry &registry);

/// All of the above.
void registerReferenceModels(mlir::DialectRegistry &registry);

} // namespace selfopt
#endif // SELFOPT_REFERENCE_REGISTER_H
