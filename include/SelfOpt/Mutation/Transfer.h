//===- Transfer.h - Weights that go over to a mutant ----------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mutation that claims `preserving` keeps a model's function if the child takes over the parent's parameters as the
// mutation says (Net2Net: Chen, Goodfellow and Shlens 2016):
//
//   * a layer that stays keeps its parameters, wherever it stands now;
//   * a new layer starts from its own initial values, which change nothing (zeros, the identity);
//   * `grow` copies unit j mod n into unit j, and gives the k-th of c copies of a unit the share
//     s(k, c) = (1 + 0.1 (2k - c + 1) / c) / c of the weights that read it. The shares sum to one, so the function is
//     the same up to rounding; they differ, so that copies have different gradients and grow apart.
//
// What an update rule remembers of a parameter is copied, not divided, and is initial for a new layer.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_MUTATION_TRANSFER_H
#define SELFOPT_MUTATION_TRANSFER_H

#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Mutation/MutationModels.h"
#include <vector>

namespace selfopt {

/// The parameters of a model, layers in program order: the order in which a training program has them.
llvm::SmallVector<ParameterSpec> parametersOf(mlir::Operation *model);

/// What a mutation does to the parameters of one model of a spec.
struct ModelTransfer {
  llvm::SmallVector<ParameterTransfer> parameters; ///< One for each of the child's.
  llvm::SmallVector<ParameterSpec> before, after;
};

/// Applies `mutation` to `spec` and says how the parameters of its model @`model` go over. A mutation of anything else
/// leaves them as they are; one of the model must claim `preserving`. Fails, with an error on the mutation and `spec`
/// as it was, where the mutation does not apply; where it resized what it does not carry, `spec` has changed.
mlir::FailureOr<ModelTransfer> applyAndTransfer(mlir::Operation *mutation, mlir::ModuleOp spec, llvm::StringRef model);

/// The number `child` of the child's parameters, from the parent's (row-major, in order).
std::vector<float> transferParameter(const ModelTransfer &transfer, size_t child,
                                     llvm::ArrayRef<std::vector<float>> parent);
/// One state of an update rule for it; `initial` is what the rule starts from.
std::vector<float> transferState(const ModelTransfer &transfer, size_t child, llvm::ArrayRef<std::vector<float>> parent,
                                 double initial);

} // namespace selfopt
#endif // SELFOPT_MUTATION_TRANSFER_H
