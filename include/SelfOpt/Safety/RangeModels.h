//===- RangeModels.h - Ranges of upstream ops -*- C++ -* -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_RANGEMODELS_H
#define SELFOPT_SAFETY_RANGEMODELS_H

#include "mlir/IR/DialectRegistry.h"

namespace selfopt {

/// External models of RangeOpInterface, one file per dialect.
void registerArithRange(mlir::DialectRegistry &registry);
void registerMathRange(mlir::DialectRegistry &registry);
void registerLinalgRange(mlir::DialectRegistry &registry);
void registerTensorRange(mlir::DialectRegistry &registry);
void registerFuncRange(mlir::DialectRegistry &registry);
void registerSelfOptRange(mlir::DialectRegistry &registry);

/// All of the above.
void registerRangeModels(mlir::DialectRegistry &registry);

} // namespace selfopt
#endif // SELFOPT_SAFETY_RANGEMODELS_H
