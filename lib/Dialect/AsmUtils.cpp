//===- AsmUtils.cpp - Shared parts of our assembly ------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/AsmUtils.h"
#include "mlir/IR/Diagnostics.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;

std::string selfopt::formatDouble(double x) {
  std::string s = fmt::format("{}", x);
  size_t exponent = s.find('e');
  std::string mantissa = s.substr(0, exponent);
  if (mantissa.find('.') == std::string::npos && mantissa.find_first_of("ni") == std::string::npos)
    mantissa += ".0";
  return exponent == std::string::npos ? mantissa : mantissa + s.substr(exponent);
}

/// The parser reads integers of 64 bits without a sign: from 2^63 on they would count as negative.
static ParseResult parseWritten(OpAsmParser &parser, Attribute &attr) {
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseAttribute(attr))
    return failure();
  auto i = dyn_cast<IntegerAttr>(attr);
  if (i && i.getValue().getBitWidth() == 64 && i.getValue().isNegative() && *loc.getPointer() != '-')
    return parser.emitError(loc, "expected an integer of at most 9223372036854775807, found ") << llvm::toString(i.getValue(), 10, /*Signed=*/false);
  return success();
}

ParseResult selfopt::parseNumber(OpAsmParser &parser, double &result) {
  Attribute attr;
  SMLoc loc = parser.getCurrentLocation();
  if (parseWritten(parser, attr))
    return failure();
  // With a type they are a float's bits; without one they would be an integer.
  if (isa<IntegerAttr>(attr) && StringRef(loc.getPointer(), 2) == "0x")
    return parser.emitError(loc, "expected a decimal number, or a float's bits with their type, found ") << attr;
  if (auto f = dyn_cast<FloatAttr>(attr))
    result = f.getValueAsDouble();
  else if (auto i = dyn_cast<IntegerAttr>(attr))
    result = double(i.getValue().getSExtValue());
  else
    return parser.emitError(loc, "expected a number, found ") << attr;
  return success();
}

ParseResult selfopt::parseInteger(OpAsmParser &parser, int64_t &result, StringRef what) {
  Attribute attr;
  SMLoc loc = parser.getCurrentLocation();
  if (parseWritten(parser, attr))
    return failure();
  if (auto i = dyn_cast<IntegerAttr>(attr)) {
    result = i.getValue().getSExtValue();
    return success();
  }
  auto f = dyn_cast<FloatAttr>(attr);
  // Doubles beyond 2^53 no longer name one integer.
  if (!f || f.getValueAsDouble() != std::trunc(f.getValueAsDouble()) || std::fabs(f.getValueAsDouble()) > 9007199254740992.0)
    return parser.emitError(loc, what) << " must be an integer, found " << attr;
  result = int64_t(f.getValueAsDouble());
  return success();
}

ParseResult selfopt::parseRange(OpAsmParser &parser, double &low, double &high) {
  return failure(parser.parseLSquare() || parseNumber(parser, low) || parser.parseComma() ||
                 parseNumber(parser, high) || parser.parseRSquare());
}

ParseResult selfopt::parseKeywordSymbol(OpAsmParser &parser, StringRef keyword, OperationState &state,
                                        StringRef attribute) {
  SymbolRefAttr symbol;
  if (parser.parseKeyword(keyword) || parser.parseLParen() || parser.parseAttribute(symbol) || parser.parseRParen())
    return failure();
  state.addAttribute(attribute, symbol);
  return success();
}

ParseResult selfopt::parseSplitRef(OpAsmParser &parser, SymbolRefAttr &symbol) {
  StringAttr root;
  if (parser.parseSymbolName(root))
    return failure();
  symbol = FlatSymbolRefAttr::get(root);
  if (failed(parser.parseOptionalColon()))
    return success();
  StringRef split;
  if (parser.parseColon() || parser.parseKeyword(&split))
    return failure();
  symbol = SymbolRefAttr::get(root, {FlatSymbolRefAttr::get(parser.getContext(), split)});
  return success();
}

void selfopt::printSplitRef(OpAsmPrinter &p, SymbolRefAttr symbol) {
  p.printSymbolName(symbol.getRootReference());
  for (FlatSymbolRefAttr nested : symbol.getNestedReferences())
    p << "::" << nested.getValue();
}

ParseResult selfopt::resolveDefined(OpAsmParser &parser, const OpAsmParser::UnresolvedOperand &operand,
                                    SmallVectorImpl<Value> &operands) {
  // The parser has no question "which type has this value?". Asking for a type that no value of ours has makes it
  // report the clash, and that diagnostic carries the type as an argument.
  MLIRContext *context = parser.getContext();
  Type none = NoneType::get(context), found;
  {
    ScopedDiagnosticHandler swallow(context, [&](Diagnostic &diagnostic) {
      for (const DiagnosticArgument &argument : diagnostic.getArguments())
        if (argument.getKind() == DiagnosticArgument::DiagnosticArgumentKind::Type && argument.getAsType() != none)
          found = argument.getAsType();
      return success();
    });
    SmallVector<Value> ignored;
    (void)parser.resolveOperand(operand, none, ignored);
  }
  if (!found)
    return parser.emitError(operand.location, "expected a value that is defined above, found '")
           << operand.name << "'";
  return parser.resolveOperand(operand, found, operands);
}
