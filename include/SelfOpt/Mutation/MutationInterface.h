//===- MutationInterface.h - What a mutation op answers ------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_MUTATION_MUTATIONINTERFACE_H
#define SELFOPT_MUTATION_MUTATIONINTERFACE_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/SmallVector.h"

namespace selfopt {

enum class MutationClaim {
  Equivalent, ///< Same function; must survive validation.
  Preserving, ///< Same function at the moment of mutation, with transferred weights.
  Changing    ///< Anything else; the child passes the whole policy again.
};
llvm::StringRef stringifyClaim(MutationClaim claim);

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

#include "SelfOpt/Mutation/MutationInterface.h.inc"

#endif // SELFOPT_MUTATION_MUTATIONINTERFACE_H
