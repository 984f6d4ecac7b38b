//===- ProgramEquivalence.h - Proofs that rewrites keep a function -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two programs are swept in step: a value of the second is the one of the first that the same op makes of the same
// operands, or of operands that are proved equal. Whether two numbers are equal is asked of Z3, as a question about bit
// vectors in MLIR's smt dialect, written from the elementwise ops that make them. Ops on whole tensors are cut points:
// equal where their operands are, element by element.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_PROGRAMEQUIVALENCE_H
#define SELFOPT_SAFETY_PROGRAMEQUIVALENCE_H

#include "SelfOpt/Safety/Verdict.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/APInt.h"
#include "llvm/ADT/DenseMap.h"

namespace selfopt {

struct EquivalenceProof {
  ProofResult result;
  /// Bits for arguments of numbers that Z3 tells two results apart by, where it does. The functions that it made up for
  /// ops that round need not be those ops, so this is a guess at a witness.
  llvm::DenseMap<unsigned, llvm::APInt> guess;
};

/// Whether two programs with arguments and results of the same types compute the same: every float to the bit, as IEEE 754
/// has it, but for which NaN. An integer argument whose entry in `below` is not 0 is at least 0 and below it. Holds, or
/// unknown with the reason. With `queries`, writes there what was asked, as one smt.solver for each question.
EquivalenceProof proveEquivalence(mlir::Operation *before, mlir::Operation *after, llvm::ArrayRef<int64_t> below = {},
                                  mlir::OpBuilder *queries = nullptr);

} // namespace selfopt
#endif // SELFOPT_SAFETY_PROGRAMEQUIVALENCE_H
