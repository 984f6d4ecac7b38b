//===- Proper.h - Proper scoring rules -------------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_PROPER_H
#define SELFOPT_LIB_SAFETY_PROPER_H

#include "SelfOpt/Safety/Verdict.h"
#include "mlir/IR/Operation.h"

namespace selfopt {

ProofResult proveProper(mlir::Operation *loss);
} // namespace selfopt
#endif // SELFOPT_LIB_SAFETY_PROPER_H
