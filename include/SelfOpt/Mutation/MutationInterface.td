//===- MutationInterface.td - What a mutation op must answer -----------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===--------------------------------------------------------------------------------------------------------------===//
#ifndef SELFOPT_MUTATION_INTERFACE_TD
#define SELFOPT_MUTATION_INTERFACE_TD

include "mlir/IR/OpBase.td"

def MutationOpInterface : OpInterface<"MutationOpInterface"> {
  let cppNamespace = "::selfopt";
  let description = [{
    A mutation is an op, so that a lineage is a list of ops: printable, diffable, replayable. All random choices are
    made when the op is proposed and stand in its attributes: applying it is a pure function of the spec and the op.
  }];
  let methods = [
    InterfaceMethod<[{
      Rewrites `spec`, which verifies before and after. On failure nothing is changed and an error was emitted on the
      mutation op, which says what was expected and what was found. Called by the search, by replay, and by
      `--selfopt-mutate`.
    }], "::llvm::LogicalResult", "applyTo", (ins "::mlir::ModuleOp":$spec)>,
    InterfaceMethod<[{The symbol that the mutation changes.}], "::mlir::FlatSymbolRefAttr", "getTargetSymbol", (ins),
      [{}], [{ return $_op.getTargetAttr(); }]>,
    StaticInterfaceMethod<[{
      What the kind claims of every application: see `MutationClaim`.
    }], "::selfopt::MutationClaim", "getClaim", (ins)>
  ];
}

#endif // SELFOPT_MUTATION_INTERFACE_TD
