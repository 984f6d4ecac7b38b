//===- NN.h - Tensor and layer ops ----------------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_DIALECT_NN_NN_H
#define SELFOPT_DIALECT_NN_NN_H

#include "SelfOpt/Interfaces/Interfaces.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace selfopt::nn {
/// What the normalisations add to a mean square before its root.
inline constexpr double normEpsilon = 1e-5;
} // namespace selfopt::nn

#include "SelfOpt/Dialect/NN/NNDialect.h.inc"
#include "SelfOpt/Dialect/NN/NNEnums.h.inc"
#define GET_OP_CLASSES
#include "SelfOpt/Dialect/NN/NNOps.h.inc"

#endif // SELFOPT_DIALECT_NN_NN_H
