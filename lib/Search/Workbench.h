//===- Workbench.h - Where children are made ---------------- -*- C++ -*- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MLIR never frees what it has uniqued: a context in which a hundred thousand programs were parsed holds the attributes
// of all of them. So programs are parsed and mutated in a context of their own, which is replaced every so many.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SEARCH_WORKBENCH_H
#define SELFOPT_LIB_SEARCH_WORKBENCH_H

#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Search/Strategy.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

namespace selfopt {

/// `source` is the file that the text stands for, so that data is looked for beside it.
mlir::OwningOpRef<mlir::ModuleOp> parseSpec(llvm::StringRef text, mlir::MLIRContext &context,
                                            llvm::StringRef source = "");

class Workbench {
public:
  Workbench(const mlir::DialectRegistry &registry, std::string source, std::string startDigest)
      : registry(registry), source(std::move(source)), startDigest(std::move(startDigest)) {}

  struct Child {
    std::string program, digest, mutation;
    bool changed = false; ///< Whether a mutation applied.
  };
  /// Mutates a program as a proposal says. Where the proposal has a donor, `donor` is that one's program, and the first
  /// mutation grafts a part of it; an ordinary one is drawn where nothing of it can be grafted.
  llvm::Expected<Child> mutateProgram(llvm::StringRef parent, const Proposal &proposal, Philox &random,
                                      llvm::StringRef donor = "");

  static constexpr unsigned programsPerContext = 1000;

private:
  /// A parent is mutated many times, and parsed once while there is room.
  mlir::ModuleOp parse(llvm::StringRef program);

  static constexpr unsigned parsedPrograms = 256;
  const mlir::DialectRegistry &registry;
  std::string source, startDigest;
  std::unique_ptr<mlir::MLIRContext> context;
  std::unique_ptr<SpecDigester> digester; ///< Of that context, as what follows.
  llvm::StringMap<mlir::OwningOpRef<mlir::ModuleOp>> parsed; ///< By text.
  unsigned used = 0;
};

} // namespace selfopt
#endif // SELFOPT_LIB_SEARCH_WORKBENCH_H
