//===- Library.h - Programs to take instead of one's own ------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Update rules, schedules, samplers, augmentations and losses that are known to work, as text of the language. A mutation
// puts one in place of a program's body; from there on it is mutated like any other.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_MUTATION_LIBRARY_H
#define SELFOPT_MUTATION_LIBRARY_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace selfopt {

struct LibraryProgram {
  llvm::StringLiteral name;
  llvm::StringLiteral op;      ///< The kind of program: "selfopt.optimizer", ...
  llvm::StringLiteral summary; ///< With its source.
  llvm::StringLiteral text;    ///< Of a program @program; !P and !A stand for the types of a loss's prediction and answer.
};

llvm::ArrayRef<LibraryProgram> getLibrary();
/// The program of that name for the kind of op that `like` is; null where there is none.
const LibraryProgram *findLibraryProgram(llvm::StringRef name, mlir::Operation *like);
/// Whether the program has a meaning with the types that `like` has: a classification loss wants a label.
bool libraryProgramFits(const LibraryProgram &program, mlir::Operation *like);
/// A module with the program, as @program, in the types of `like`.
mlir::OwningOpRef<mlir::ModuleOp> parseLibraryProgram(const LibraryProgram &program, mlir::Operation *like);
/// A table of all programs: name, kind, summary.
void listLibrary(llvm::raw_ostream &os);

} // namespace selfopt
#endif // SELFOPT_MUTATION_LIBRARY_H
