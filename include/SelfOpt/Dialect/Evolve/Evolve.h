//===- Evolve.h - Search, mutations, lineage ------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_DIALECT_EVOLVE_EVOLVE_H
#define SELFOPT_DIALECT_EVOLVE_EVOLVE_H

#include "SelfOpt/Interfaces/Mutation.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"

#include "SelfOpt/Dialect/Evolve/EvolveDialect.h.inc"
#include "SelfOpt/Dialect/Evolve/EvolveEnums.h.inc"
#define GET_OP_CLASSES
#include "SelfOpt/Dialect/Evolve/EvolveOps.h.inc"

#endif // SELFOPT_DIALECT_EVOLVE_EVOLVE_H
