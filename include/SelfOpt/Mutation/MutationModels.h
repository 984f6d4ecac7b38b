//===- MutationModels.h - How a mutation op is applied -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ops are the evolve dialect's, and say what they are without any of this: a tool that only reads lineages links
// the dialect alone. A tool that applies them links lib/Mutation and registers its models.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_MUTATION_MUTATIONMODELS_H
#define SELFOPT_MUTATION_MUTATIONMODELS_H

#include "SelfOpt/Interfaces/Mutation.h"
#include "llvm/ADT/SmallVector.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace selfopt {

/// Attaches to every mutation of the evolve dialect how it is applied, and to those that claim `preserving` how weights
/// go over. `registerAllDialects` calls it; a tool with a registry of its own calls it once, before the dialect loads.
void registerMutationModels(mlir::DialectRegistry &registry);

/// Where the values of a child's parameter come from. With `from` p, gathers g0, g1, ... (one per axis; an empty one
/// keeps the axis) and shares s:
///
///   child[i0, i1, ...] = s[i0] * parent_p[g0[i0], g1[i1], ...]
///
/// The states that an update rule keeps of the parameter go the same way, but are not multiplied.
struct ParameterTransfer {
  int64_t from = -1; ///< Number of the parent's parameter: layers in program order. -1: what its initialization says.
  llvm::SmallVector<llvm::SmallVector<int64_t>, 2> gather;
  llvm::SmallVector<double> shares; ///< Along the first axis; empty: 1.
};

} // namespace selfopt

#include "SelfOpt/Mutation/MutationModels.h.inc"

#endif // SELFOPT_MUTATION_MUTATIONMODELS_H
