//===- MutationModels.td - How a mutation op is applied ----------------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===--------------------------------------------------------------------------------------------------------------===//
#ifndef SELFOPT_MUTATION_MODELS_TD
#define SELFOPT_MUTATION_MODELS_TD

include "mlir/IR/OpBase.td"

def ApplyMutationOpInterface : OpInterface<"ApplyMutationOpInterface"> {
  let cppNamespace = "::selfopt";
  let description = [{
    Of every `MutationOpInterface`, once `registerMutationModels` has been called. Applying is a pure function of the spec
    and the op.
  }];
  let methods = [
    InterfaceMethod<[{
      Rewrites `spec`, which verifies before and after. On failure nothing is changed and an error was emitted on the
      mutation op, which says what was expected and what was found. Called by `applyMutation`: by the search, by replay,
      and by `--selfopt-mutate`.
    }], "::llvm::LogicalResult", "applyTo", (ins "::mlir::ModuleOp":$spec)>
  ];
}

def PreservingMutationOpInterface : OpInterface<"PreservingMutationOpInterface"> {
  let cppNamespace = "::selfopt";
  let description = [{
    A mutation of a model that claims to preserve its function also says how the parent's parameters become the child's.
    Layers that stay keep theirs, and new layers start from values that change nothing (zeros, the identity): that is
    the default, and all there is to say where only layers are put in.
  }];
  let methods = [
    InterfaceMethod<[{
      Changes the entries of `transfers` for parameters that do not go over as they are. There is one for each parameter
      of `model`, the one before the mutation, and each begins as a plain copy. Called by `applyAndTransfer` on a
      mutation that applies.
    }], "void", "describeTransfer",
    (ins "::mlir::Operation *":$model, "::llvm::MutableArrayRef<::selfopt::ParameterTransfer>":$transfers), [{}],
      [{ (void)model; (void)transfers; }]>
  ];
}

#endif // SELFOPT_MUTATION_MODELS_TD
