//===- Coverage.h - Which op has which meaning -*- C++ -* -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_COVERAGE_H
#define SELFOPT_SAFETY_COVERAGE_H

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

namespace selfopt {

/// Prints one row per op that a program or a stage may contain, one column per interface: `yes`, `-` for a declared gap
/// (the reasons stand below the table) or `MISSING`. Loads the dialects. Returns the number missing.
unsigned printCoverage(mlir::MLIRContext &context, llvm::raw_ostream &os);

} // namespace selfopt
#endif // SELFOPT_SAFETY_COVERAGE_H
