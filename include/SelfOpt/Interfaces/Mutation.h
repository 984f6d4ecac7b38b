//===- Mutation.h - What a mutation op says of itself -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_INTERFACES_MUTATION_H
#define SELFOPT_INTERFACES_MUTATION_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OpDefinition.h"

namespace selfopt {

enum class MutationClaim {
  Equivalent, ///< Same function; must survive validation.
  Preserving, ///< Same function at the moment of mutation, with transferred weights.
  Repairing,  ///< A property that was not proved before is proved after.
  Changing    ///< Anything else; the child passes the whole policy again.
};
llvm::StringRef stringifyClaim(MutationClaim claim);

/// Of PreservingMutationOpInterface; SelfOpt/Mutation/MutationModels.h has it.
struct ParameterTransfer;

} // namespace selfopt

#include "SelfOpt/Interfaces/Mutation.h.inc"

#endif // SELFOPT_INTERFACES_MUTATION_H
