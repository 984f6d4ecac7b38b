//===- Safety.h - The policy ---------------------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_DIALECT_SAFETY_SAFETY_H
#define SELFOPT_DIALECT_SAFETY_SAFETY_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"

#include "SelfOpt/Dialect/Safety/SafetyDialect.h.inc"
#include "SelfOpt/Dialect/Safety/SafetyEnums.h.inc"
#define GET_OP_CLASSES
#include "SelfOpt/Dialect/Safety/SafetyOps.h.inc"

namespace selfopt::safety {
/// The attribute of a candidate's module that names its certificate by digest. No part of the canonical digest.
inline constexpr llvm::StringLiteral certificateAttr = "safety.certificate";
} // namespace selfopt::safety

#endif // SELFOPT_DIALECT_SAFETY_SAFETY_H
