//===- MutatePass.h - --selfopt-mutate ------------------------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   --selfopt-mutate="seed=7 count=3 kinds=widen,narrow"    draws mutations and applies them
//   --selfopt-mutate="apply=1"                              applies the module's evolve.lineage
//
// Either way the module ends with an evolve.lineage that leads from the input to the output. Drawn mutations are
// appended to one that is there. With `apply`, the lineage's `from` must be the canonical digest of the module, or
// empty, which means any spec; it is filled in.
//
// Draws come from Philox(seed). What may be touched is what the module's evolve.search says; in a module without one,
// all models, pipelines with their scalar programs, and losses.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_MUTATION_MUTATEPASS_H
#define SELFOPT_MUTATION_MUTATEPASS_H

#include "mlir/Pass/Pass.h"
#include <memory>

namespace selfopt {

std::unique_ptr<mlir::Pass> createMutatePass();
void registerMutatePass();

} // namespace selfopt
#endif // SELFOPT_MUTATION_MUTATEPASS_H
