//===- SelfOpt.h - Programs ------------------------------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_DIALECT_SELFOPT_SELFOPT_H
#define SELFOPT_DIALECT_SELFOPT_SELFOPT_H

#include "SelfOpt/Interfaces/Interfaces.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "SelfOpt/Dialect/SelfOpt/SelfOptDialect.h.inc"
#define GET_OP_CLASSES
#include "SelfOpt/Dialect/SelfOpt/SelfOptOps.h.inc"

#endif // SELFOPT_DIALECT_SELFOPT_SELFOPT_H
