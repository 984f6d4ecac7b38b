//===- Carry.h - Paused trainings of a parent for a grown child -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A child whose mutations preserve the model's function goes on from its parent's training: parameters and the states of
// the update rule are transformed as Mutation/Transfer.h says, one mutation after the other; everything else stays.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SEARCH_CARRY_H
#define SELFOPT_LIB_SEARCH_CARRY_H

#include "SelfOpt/Runtime/Checkpoint.h"
#include "mlir/IR/BuiltinOps.h"

namespace selfopt {

/// Whether a candidate's mutations, one a line, change a model in a way that carries weights.
bool carriesWeights(llvm::StringRef mutations);

/// The checkpoints of a parent, for its child: `child` bears the parent's lineage and the mutations that lead on from
/// there; `parent` is the parent's module, which becomes the child. `program` is the selfopt.train.
llvm::Expected<std::vector<Checkpoint>> carryCheckpoints(const std::vector<Checkpoint> &checkpoints,
                                                         mlir::ModuleOp parent, mlir::ModuleOp child,
                                                         llvm::StringRef program);

} // namespace selfopt
#endif // SELFOPT_LIB_SEARCH_CARRY_H
