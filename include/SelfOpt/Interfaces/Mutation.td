//===- Mutation.td - What a mutation op says of itself -----------------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===--------------------------------------------------------------------------------------------------------------===//
#ifndef SELFOPT_INTERFACES_MUTATION_TD
#define SELFOPT_INTERFACES_MUTATION_TD

include "mlir/IR/OpBase.td"

def MutationOpInterface : OpInterface<"MutationOpInterface"> {
  let cppNamespace = "::selfopt";
  let description = [{
    A mutation is an op, so that a lineage is a list of ops: printable, diffable, replayable. All random choices are
    made when the op is proposed and stand in its attributes. This is what whoever reads a lineage needs; how the op is
    applied is a model of the mutation engine's (`ApplyMutationOpInterface`), which a reader need not link.
  }];
  let methods = [
    InterfaceMethod<[{The symbol that the mutation changes.}], "::mlir::FlatSymbolRefAttr", "getTargetSymbol", (ins),
      [{}], [{ return $_op.getTargetAttr(); }]>,
    StaticInterfaceMethod<[{
      What the kind claims of every application: see `MutationClaim`.
    }], "::selfopt::MutationClaim", "getClaim", (ins)>
  ];
}

#endif // SELFOPT_INTERFACES_MUTATION_TD
