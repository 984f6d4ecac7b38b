//===- AsmUtils.h - Shared parts of our assembly ------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_DIALECT_ASMUTILS_H
#define SELFOPT_DIALECT_ASMUTILS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

namespace selfopt {

/// The shortest text that reads back as the same double and is an MLIR float ("0.6", "1.0e-05").
std::string formatDouble(double x);

/// A number, written as a float or as an integer.
mlir::ParseResult parseNumber(mlir::OpAsmParser &parser, double &result);
/// An integer, or a float without a fraction ("2.0e10"); `what` names it in the error.
mlir::ParseResult parseInteger(mlir::OpAsmParser &parser, int64_t &result, llvm::StringRef what);
/// `[low, high]`
mlir::ParseResult parseRange(mlir::OpAsmParser &parser, double &low, double &high);
/// `@a` or, for `keyword(@a)`, with the keyword and parentheses.
mlir::ParseResult parseKeywordSymbol(mlir::OpAsmParser &parser, llvm::StringRef keyword, mlir::OperationState &state,
                                     llvm::StringRef attribute);

/// `@digits` or `@digits::test`, a split of it (without the second '@' that MLIR's own nested references want).
mlir::ParseResult parseSplitRef(mlir::OpAsmParser &parser, mlir::SymbolRefAttr &symbol);
void printSplitRef(mlir::OpAsmPrinter &p, mlir::SymbolRefAttr symbol);

/// Resolves an operand without a type in the text: our layer ops print what comes out, and what goes in is known from
/// the value's definition, which always stands above.
mlir::ParseResult resolveDefined(mlir::OpAsmParser &parser, const mlir::OpAsmParser::UnresolvedOperand &operand,
                                 llvm::SmallVectorImpl<mlir::Value> &operands);

} // namespace selfopt
#endif // SELFOPT_DIALECT_ASMUTILS_H
