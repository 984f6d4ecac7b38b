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

namespace selfopt {

enum class MutationClaim {
  Equivalent, ///< Same function; must survive validation.
  Preserving, ///< Same function at the moment of mutation, with transferred weights.
  Changing    ///< Anything else; the child passes the whole policy again.
};
llvm::StringRef stringifyClaim(MutationClaim claim);

} // namespace selfopt

#include "SelfOpt/Mutation/MutationInterface.h.inc"

#endif // SELFOPT_MUTATION_MUTATIONINTERFACE_H
