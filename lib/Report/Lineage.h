//===- Lineage.h - Replaying part of a lineage ----------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_REPORT_LINEAGE_H
#define SELFOPT_LIB_REPORT_LINEAGE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace selfopt::report {

/// A spec after some mutations, with their lineage, and what became of each mutation.
struct Replayed {
  mlir::OwningOpRef<mlir::ModuleOp> spec;
  std::vector<std::string> applied; ///< The lineage, one op each.
  std::vector<size_t> lost;         ///< Positions in the input of those that did not apply.
  std::vector<std::string> effects; ///< What each input op added to the text; empty for one that is lost.
  std::string reason;               ///< The first error.
};

/// Applies `mutations` to a copy of `start`, one after the other; those that don't apply are left out.
Replayed replay(mlir::ModuleOp start, llvm::ArrayRef<std::string> mutations);

/// The mutations of a spec's lineage, as text.
std::vector<std::string> lineageOf(mlir::ModuleOp spec);

/// The text of a spec without its lineage.
std::string textWithoutLineage(mlir::ModuleOp spec);

/// The word behind "evolve." of a mutation, and the symbol that it changes, without '@'.
llvm::StringRef kindOf(llvm::StringRef mutation);
llvm::StringRef targetOf(llvm::StringRef mutation);

} // namespace selfopt::report
#endif // SELFOPT_LIB_REPORT_LINEAGE_H
