//===- Plan.h - A launch list over an arena ------------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_DIALECT_PLAN_PLAN_H
#define SELFOPT_DIALECT_PLAN_PLAN_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <memory>

#include "SelfOpt/Dialect/Plan/PlanDialect.h.inc"
#define GET_OP_CLASSES
#include "SelfOpt/Dialect/Plan/PlanOps.h.inc"

#endif // SELFOPT_DIALECT_PLAN_PLAN_H
