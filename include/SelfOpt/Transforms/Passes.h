//===- Passes.h - The stages ------------------------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_TRANSFORMS_PASSES_H
#define SELFOPT_TRANSFORMS_PASSES_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace selfopt {

#define GEN_PASS_DECL
#include "SelfOpt/Transforms/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "SelfOpt/Transforms/Passes.h.inc"

/// The stages as functions, for callers that run them on many small modules. Errors are on the op at fault.
llvm::LogicalResult instantiate(mlir::ModuleOp module);
llvm::LogicalResult differentiate(mlir::ModuleOp module);

/// One program of a spec (a model, loss, metric, optimizer, schedule or sampler) for one example, at the builder's
/// insertion point: a batch of one between two reshapes. Layers take their parameters from `parameters`, in order.
llvm::FailureOr<llvm::SmallVector<mlir::Value>> instantiateExample(mlir::OpBuilder &b, mlir::Operation *program,
                                                                   mlir::ValueRange arguments,
                                                                   mlir::ValueRange parameters);

} // namespace selfopt
#endif // SELFOPT_TRANSFORMS_PASSES_H
