//===- SymbolUses.h - Ops by the symbols that name them -*- C++ -* -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SELFOPT_LIB_DIALECT_SYMBOLUSES_H
#define SELFOPT_LIB_DIALECT_SYMBOLUSES_H

#include "mlir/IR/SymbolTable.h"

namespace selfopt {

/// The op of that kind that a reference's root names from `op`, or null: then an error is on `op`, and `ok` fails.
template <typename OpT>
OpT lookup(mlir::Operation *op, mlir::SymbolTableCollection &tables, mlir::SymbolRefAttr symbol,
           llvm::LogicalResult &ok) {
  mlir::Operation *found = tables.lookupNearestSymbolFrom(op, mlir::FlatSymbolRefAttr::get(symbol.getRootReference()));
  auto typed = llvm::dyn_cast_or_null<OpT>(found);
  if (!typed) {
    mlir::InFlightDiagnostic d = op->emitOpError("expects ") << symbol << " to name a " << OpT::getOperationName();
    if (found)
      d.attachNote(found->getLoc()) << "found a " << found->getName();
    else
      d.attachNote() << "found no such symbol";
    ok = llvm::failure();
  }
  return typed;
}

} // namespace selfopt
#endif // SELFOPT_LIB_DIALECT_SYMBOLUSES_H
