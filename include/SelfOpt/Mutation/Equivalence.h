//===- Equivalence.h - Rewrites that are not trusted ----------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mutation that claims `equivalent` is validated each time it applies. The reference interpreter runs the program
// before it and the program after it, in f32, on generated inputs, and the bits of all results must be the same: this finds
// most wrong rewrites, with a witness. Then it is proved (SelfOpt/Safety/ProgramEquivalence.h). A NaN equals any other NaN;
// zeros of different signs differ.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_MUTATION_EQUIVALENCE_H
#define SELFOPT_MUTATION_EQUIVALENCE_H

#include "SelfOpt/Mutation/Mutation.h"

namespace selfopt {

/// Whether two programs of the same types (scalars and static tensors of f32; integers, which are taken for labels)
/// compute the same. They are run on every edge value in all arguments, every pair of the commonest edge values in every two
/// scalar arguments, and `random` draws, of which a quarter are edge values. Edges are 0, 1, the smallest and largest
/// normal number, a subnormal one, infinity, each with both signs, and NaN. The integers of a reward are states and actions
/// of its environment: every pair where there are at most 1024, and so many draws otherwise. Where they agree, Z3 is asked
/// for any other input, which is tried in turn; `queries` gets what was asked.
///
/// Emits an error on `after` that names the input and both results where they differ; one that names what is not proved;
/// and one where an input can't be made or a program can't be run.
llvm::LogicalResult validateEquivalence(mlir::Operation *before, mlir::Operation *after, unsigned random = 64,
                                        mlir::OpBuilder *queries = nullptr);

/// `editProgram` by a rewrite that claims `equivalent`: one that does not validate is taken back, with an error.
llvm::LogicalResult editEquivalently(mlir::Operation *mutation, mlir::Operation *target,
                                     llvm::function_ref<llvm::LogicalResult(mlir::Operation *)> edit);

} // namespace selfopt
#endif // SELFOPT_MUTATION_EQUIVALENCE_H
