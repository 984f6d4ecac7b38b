//===- SafetyOps.cpp - Assembly and verification of the safety dialect ------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/AsmUtils.h"
#include "SelfOpt/Dialect/Safety/Safety.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::safety;

#include "SelfOpt/Dialect/Safety/SafetyDialect.cpp.inc"
#include "SelfOpt/Dialect/Safety/SafetyEnums.cpp.inc"
#define GET_OP_CLASSES
#include "SelfOpt/Dialect/Safety/SafetyOps.cpp.inc"

void SafetyDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "SelfOpt/Dialect/Safety/SafetyOps.cpp.inc"
      >();
}

LogicalResult PolicyOp::verify() {
  // policy (C1)
  for (Operation &op : getBody().front())
    if (!isa<SealOp, RangeOp, LimitOp, RequireOp>(op))
      return op.emitOpError("is no constraint; a safety.policy holds safety.seal, range, limit and require");
  return success();
}

/// A symbol of the module that the policy stands in.
static LogicalResult verifySymbol(Operation *op, SymbolTableCollection &tables, SymbolRefAttr symbol) {
  Operation *module = op->getParentOp()->getParentOp();
  auto root = FlatSymbolRefAttr::get(symbol.getRootReference());
  if (module && tables.lookupNearestSymbolFrom(module, root))
    return success();
  return op->emitOpError("expects ") << root << " to be defined in the module, found no such symbol";
}

//===--- seal ---------------------------------------------------------------===//

ParseResult SealOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<Attribute> symbols;
  if (parser.parseCommaSeparatedList([&] {
        FlatSymbolRefAttr symbol;
        if (parser.parseAttribute(symbol))
          return failure();
        symbols.push_back(symbol);
        return success();
      }))
    return failure();
  result.addAttribute("symbols", parser.getBuilder().getArrayAttr(symbols));
  return parser.parseOptionalAttrDict(result.attributes);
}
void SealOp::print(OpAsmPrinter &p) {
  p << ' ';
  llvm::interleaveComma(getSymbols(), p, [&](Attribute s) { p << s; });
  p.printOptionalAttrDict((*this)->getAttrs(), {"symbols"});
}
LogicalResult SealOp::verify() {
  // seal (C1)
  llvm::StringSet<> seen;
  for (auto symbol : getSymbols().getAsRange<FlatSymbolRefAttr>())
    if (!seen.insert(symbol.getValue()).second)
      return emitOpError("names ") << symbol << " twice";
  return success();
}
LogicalResult SealOp::verifySymbolUses(SymbolTableCollection &tables) {
  // seal (C2)
  for (auto symbol : getSymbols().getAsRange<FlatSymbolRefAttr>())
    if (failed(verifySymbol(*this, tables, symbol)))
      return failure();
  return success();
}

//===--- range --------------------------------------------------------------===//

ParseResult RangeOp::parse(OpAsmParser &parser, OperationState &result) {
  FlatSymbolRefAttr program;
  StringAttr hyper;
  double low, high;
  if (parser.parseAttribute(program) || parser.parseAttribute(hyper) || parser.parseKeyword("in") ||
      parseRange(parser, low, high))
    return failure();
  Builder &b = parser.getBuilder();
  result.addAttribute("program", program);
  result.addAttribute("hyper", hyper);
  result.addAttribute("low", b.getF64FloatAttr(low));
  result.addAttribute("high", b.getF64FloatAttr(high));
  return parser.parseOptionalAttrDict(result.attributes);
}
void RangeOp::print(OpAsmPrinter &p) {
  p << ' ' << getProgramAttr() << ' ' << getHyperAttr() << " in [" << formatDouble(getLow().convertToDouble()) << ", "
    << formatDouble(getHigh().convertToDouble()) << ']';
  p.printOptionalAttrDict((*this)->getAttrs(), {"program", "hyper", "low", "high"});
}
LogicalResult RangeOp::verify() {
  // range (C1)
  if (!(getLow().convertToDouble() <= getHigh().convertToDouble()))
    return emitOpError("expects low <= high, found [")
           << formatDouble(getLow().convertToDouble()) << ", " << formatDouble(getHigh().convertToDouble()) << "]";
  // range (C2)
  if (getHyper() != "lr" && getHyper() != "batch" && getHyper() != "epochs")
    return emitOpError("expects a hyperparameter (lr, batch, epochs), found ") << getHyperAttr();
  return success();
}
LogicalResult RangeOp::verifySymbolUses(SymbolTableCollection &tables) {
  return verifySymbol(*this, tables, getProgramAttr()); // range (C3)
}

//===--- limit --------------------------------------------------------------===//

ParseResult LimitOp::parse(OpAsmParser &parser, OperationState &result) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<Quantity> quantity = symbolizeQuantity(keyword);
  if (!quantity)
    return parser.emitError(loc, "expected a quantity (parameters, flops_per_example, train_flops, memory), found '")
           << keyword << "'";
  int64_t bound;
  if (parser.parseLess() || parser.parseEqual() || parseInteger(parser, bound, "the bound"))
    return failure();
  result.addAttribute("quantity", QuantityAttr::get(parser.getContext(), *quantity));
  result.addAttribute("bound", parser.getBuilder().getI64IntegerAttr(bound));
  return parser.parseOptionalAttrDict(result.attributes);
}
void LimitOp::print(OpAsmPrinter &p) {
  p << ' ' << stringifyQuantity(getQuantity()) << " <= " << int64_t(getBound());
  p.printOptionalAttrDict((*this)->getAttrs(), {"quantity", "bound"});
}
LogicalResult LimitOp::verify() {
  // limit (C1)
  if (int64_t(getBound()) < 0)
    return emitOpError("expects a bound of at least 0, found ") << int64_t(getBound());
  return success();
}
LogicalResult LimitOp::verifySymbolUses(SymbolTableCollection &) { return success(); }

//===--- require ------------------------------------------------------------===//

ParseResult RequireOp::parse(OpAsmParser &parser, OperationState &result) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<Property> property = symbolizeProperty(keyword);
  if (!property)
    return parser.emitError(loc, "expected a property (finite, aligned, no_flow), found '") << keyword << "'";
  SymbolRefAttr subject;
  if (parser.parseLParen() || parseSplitRef(parser, subject))
    return failure();
  result.addAttribute("property", PropertyAttr::get(parser.getContext(), *property));
  result.addAttribute("subject", subject);
  if (succeeded(parser.parseOptionalArrow())) {
    FlatSymbolRefAttr target;
    if (parser.parseAttribute(target))
      return failure();
    result.addAttribute("target", target);
  }
  if (parser.parseRParen())
    return failure();
  return parser.parseOptionalAttrDict(result.attributes);
}
void RequireOp::print(OpAsmPrinter &p) {
  p << ' ' << stringifyProperty(getProperty()) << '(';
  printSplitRef(p, getSubjectAttr());
  if (getTargetAttr())
    p << " -> " << getTargetAttr();
  p << ')';
  p.printOptionalAttrDict((*this)->getAttrs(), {"property", "subject", "target"});
}
LogicalResult RequireOp::verify() {
  // require (C1)
  bool flow = getProperty() == Property::NoFlow;
  if (flow != bool(getTargetAttr()))
    return emitOpError(flow ? "expects no_flow(@source -> @sink)" : "expects one symbol, without '->'");
  // require (C2)
  auto nested = getSubjectAttr().getNestedReferences();
  if (!nested.empty()) {
    StringRef split = getSubjectAttr().getLeafReference();
    if (!flow || nested.size() > 1 || (split != "train" && split != "validation" && split != "test"))
      return emitOpError("expects a symbol, or in no_flow a split train, validation or test of a dataset, found ")
             << getSubjectAttr();
  }
  return success();
}
LogicalResult RequireOp::verifySymbolUses(SymbolTableCollection &tables) {
  // require (C3)
  if (failed(verifySymbol(*this, tables, getSubjectAttr())))
    return failure();
  return getTargetAttr() ? verifySymbol(*this, tables, getTargetAttr()) : success();
}
