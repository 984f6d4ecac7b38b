//===- EvolveOps.cpp - Assembly and verification of the evolve dialect ------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/AsmUtils.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::evolve;

//===----------------------------------------------------------------------===//
// Numbers of mutations: the shortest text that reads back as the same bits
//===----------------------------------------------------------------------===//

namespace selfopt::evolve {
static ParseResult parseExact(OpAsmParser &parser, FloatAttr &number) {
  Attribute attribute;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseAttribute(attribute))
    return failure();
  Type f64 = parser.getBuilder().getF64Type();
  if (auto f = dyn_cast<FloatAttr>(attribute); f && f.getType() == f64)
    number = f;
  else if (auto i = dyn_cast<IntegerAttr>(attribute); i && i.getType().isInteger(64))
    number = FloatAttr::get(f64, double(i.getInt()));
  else
    return parser.emitError(loc, "expected a number, found ") << attribute;
  return success();
}
static void printDouble(OpAsmPrinter &p, MLIRContext *context, double x) {
  // What is not finite has its bits as text: with a type, which tells them from an integer.
  if (std::isfinite(x))
    p << formatDouble(x);
  else
    p.printAttribute(FloatAttr::get(Float64Type::get(context), x));
}
static void printExact(OpAsmPrinter &p, Operation *, FloatAttr number) { printDouble(p, number.getContext(), number.getValueAsDouble()); }

/// `state [1.0, 0.5]`, or nothing.
static ParseResult parseInitialState(OpAsmParser &parser, DenseF64ArrayAttr &state) {
  if (failed(parser.parseOptionalKeyword("state")))
    return success();
  SmallVector<double> values;
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&]() -> ParseResult {
        FloatAttr value;
        if (parseExact(parser, value))
          return failure();
        values.push_back(value.getValueAsDouble());
        return success();
      }))
    return failure();
  state = parser.getBuilder().getDenseF64ArrayAttr(values);
  return success();
}
static void printInitialState(OpAsmPrinter &p, Operation *, DenseF64ArrayAttr state) {
  if (!state)
    return;
  p << "state [";
  llvm::interleaveComma(state.asArrayRef(), p, [&](double x) { printDouble(p, state.getContext(), x); });
  p << ']';
}
} // namespace selfopt::evolve

#include "SelfOpt/Mutation/MutationInterface.cpp.inc"

#include "SelfOpt/Dialect/Evolve/EvolveDialect.cpp.inc"
#include "SelfOpt/Dialect/Evolve/EvolveEnums.cpp.inc"
#define GET_OP_CLASSES
#include "SelfOpt/Dialect/Evolve/EvolveOps.cpp.inc"

void EvolveDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "SelfOpt/Dialect/Evolve/EvolveOps.cpp.inc"
      >();
}

StringRef selfopt::stringifyClaim(MutationClaim claim) {
  switch (claim) {
  case MutationClaim::Equivalent:
    return "equivalent";
  case MutationClaim::Preserving:
    return "preserving";
  case MutationClaim::Changing:
    return "changing";
  }
  return "";
}

//===----------------------------------------------------------------------===//
// search
//===----------------------------------------------------------------------===//

/// `keyword(integer)`
static ParseResult parseCount(OpAsmParser &parser, StringRef keyword, OperationState &result, StringRef attribute) {
  int64_t n;
  if (parser.parseKeyword(keyword) || parser.parseLParen() || parseInteger(parser, n, keyword) || parser.parseRParen())
    return failure();
  result.addAttribute(attribute, parser.getBuilder().getI64IntegerAttr(n));
  return success();
}

static ParseResult parseOptionalCount(OpAsmParser &parser, StringRef keyword, OperationState &result) {
  if (failed(parser.parseOptionalKeyword(keyword)))
    return success();
  int64_t n;
  if (parser.parseLParen() || parseInteger(parser, n, keyword) || parser.parseRParen())
    return failure();
  result.addAttribute(keyword, parser.getBuilder().getI64IntegerAttr(n));
  return success();
}

ParseResult SearchOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &b = parser.getBuilder();
  StringAttr name;
  if (parser.parseSymbolName(name, "sym_name", result.attributes) ||
      parseKeywordSymbol(parser, "program", result, "program") ||
      parseKeywordSymbol(parser, "policy", result, "policy") || parseCount(parser, "seed", result, "seed"))
    return failure();
  // What is judged: maximize(metric(@m) on validation) or minimize(metric(@m) on validation).
  SmallVector<Attribute> minimize;
  bool judged = false;
  while (true) {
    bool up = succeeded(parser.parseOptionalKeyword("maximize"));
    if (!up && failed(parser.parseOptionalKeyword("minimize")))
      break;
    StringRef quantity;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseLParen() || parser.parseKeyword(&quantity))
      return failure();
    if (quantity == "metric") {
      FlatSymbolRefAttr metric;
      if (judged)
        return parser.emitError(loc, "expected one metric, found a second one");
      if (parser.parseLParen() || parser.parseAttribute(metric) || parser.parseRParen() || parser.parseKeyword("on") ||
          parser.parseKeyword("validation"))
        return failure();
      result.addAttribute("metric", metric);
      result.addAttribute("maximize", b.getBoolAttr(up));
      judged = true;
    } else if (up) {
      return parser.emitError(loc, "expected metric(@symbol) on validation, found '") << quantity << "'";
    } else {
      minimize.push_back(b.getStringAttr(quantity));
    }
    if (parser.parseRParen())
      return failure();
  }
  if (!judged)
    return parser.emitError(parser.getCurrentLocation(),
                            "expected maximize(metric(@symbol) on validation) or minimize(metric(...) ...)");
  result.addAttribute("minimize", b.getArrayAttr(minimize));
  StringRef strategy;
  if (parser.parseKeyword("strategy") || parser.parseLParen())
    return failure();
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&strategy))
    return failure();
  std::optional<Strategy> kind = symbolizeStrategy(strategy);
  if (!kind)
    return parser.emitError(loc, "expected a strategy (random, aging), found '") << strategy << "'";
  result.addAttribute("strategy", StrategyAttr::get(parser.getContext(), *kind));
  if (*kind == Strategy::Aging) {
    if (parseCount(parser, "population", result, "population") ||
        parseCount(parser, "tournament", result, "tournament"))
      return failure();
  } else {
    result.addAttribute("population", b.getI64IntegerAttr(1));
    result.addAttribute("tournament", b.getI64IntegerAttr(1));
  }
  int64_t candidates;
  if (parser.parseRParen() || parser.parseKeyword("budget") || parser.parseLParen() ||
      parser.parseKeyword("candidates") || parser.parseEqual() ||
      parseInteger(parser, candidates, "the number of candidates") || parser.parseRParen())
    return failure();
  result.addAttribute("candidates", b.getI64IntegerAttr(candidates));
  if (parseOptionalCount(parser, "in_flight", result) || parseOptionalCount(parser, "repeats", result) ||
      parser.parseKeyword("mutate"))
    return failure();
  StringRef loops[] = {"architecture", "pipeline", "objective"};
  for (StringRef loop : loops)
    result.addAttribute(loop, b.getArrayAttr({}));
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&]() -> ParseResult {
        StringRef loop;
        SMLoc loc = parser.getCurrentLocation();
        if (parser.parseKeyword(&loop))
          return failure();
        if (!llvm::is_contained(loops, loop))
          return parser.emitError(loc, "expected architecture, pipeline or objective, found '") << loop << "'";
        SmallVector<Attribute> symbols;
        if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&] {
              FlatSymbolRefAttr symbol;
              if (parser.parseAttribute(symbol))
                return failure();
              symbols.push_back(symbol);
              return success();
            }))
          return failure();
        result.attributes.set(loop, b.getArrayAttr(symbols));
        return success();
      }))
    return failure();
  return parser.parseOptionalAttrDict(result.attributes);
}

void SearchOp::print(OpAsmPrinter &p) {
  p << ' ';
  p.printSymbolName(getSymName());
  p << " program(" << getProgramAttr() << ") policy(" << getPolicyAttr() << ") seed(" << int64_t(getSeed()) << ")";
  p.printNewline();
  p << "    " << (getMaximize() ? "maximize" : "minimize") << "(metric(" << getMetricAttr() << ") on validation)";
  for (auto quantity : getMinimize().getAsRange<StringAttr>())
    p << " minimize(" << quantity.getValue() << ")";
  p.printNewline();
  p << "    strategy(" << stringifyStrategy(getStrategy());
  if (getStrategy() == Strategy::Aging)
    p << " population(" << int64_t(getPopulation()) << ") tournament(" << int64_t(getTournament()) << ")";
  p << ") budget(candidates = " << int64_t(getCandidates()) << ")";
  if (getInFlight() != 8)
    p << " in_flight(" << int64_t(getInFlight()) << ")";
  if (getRepeats() != 1)
    p << " repeats(" << int64_t(getRepeats()) << ")";
  p.printNewline();
  p << "    mutate(";
  bool first = true;
  for (auto [loop, symbols] : {std::pair<StringRef, ArrayAttr>("architecture", getArchitecture()),
                               {"pipeline", getPipeline()},
                               {"objective", getObjective()}}) {
    if (symbols.empty())
      continue;
    p << (first ? "" : ", ") << loop << '(';
    llvm::interleaveComma(symbols, p, [&](Attribute s) { p << s; });
    p << ')';
    first = false;
  }
  p << ')';
  p.printOptionalAttrDict((*this)->getAttrs(),
                          {"sym_name", "program", "policy", "seed", "metric", "maximize", "minimize", "strategy",
                           "population", "tournament", "candidates", "in_flight", "repeats", "architecture",
                           "pipeline", "objective"});
}

LogicalResult SearchOp::verify() {
  // search (C1)
  if (int64_t(getCandidates()) < 1 || int64_t(getInFlight()) < 1 || int64_t(getRepeats()) < 1)
    return emitOpError("expects candidates, in_flight and repeats of at least 1");
  // search (C2)
  if (int64_t(getPopulation()) < 1 || int64_t(getTournament()) < 1 || getTournament() > getPopulation())
    return emitOpError("expects 1 <= tournament <= population, found ")
           << int64_t(getTournament()) << " and " << int64_t(getPopulation());
  // search (C3)
  for (auto quantity : getMinimize().getAsRange<StringAttr>())
    if (!llvm::is_contained({"parameters", "flops_per_example", "train_flops", "memory"}, quantity.getValue()))
      return emitOpError("minimises one of parameters, flops_per_example, train_flops and memory, found ") << quantity;
  return success();
}

LogicalResult SearchOp::verifySymbolUses(SymbolTableCollection &tables) {
  // search (C4)
  auto expect = [&](FlatSymbolRefAttr symbol, ArrayRef<StringRef> kinds) -> LogicalResult {
    Operation *found = tables.lookupNearestSymbolFrom(*this, symbol);
    if (found && llvm::is_contained(kinds, found->getName().getStringRef()))
      return success();
    InFlightDiagnostic d = emitOpError("expects ") << symbol << " to name a " << llvm::join(kinds, " or ");
    if (found)
      d.attachNote(found->getLoc()) << "found a " << found->getName();
    else
      d.attachNote() << "found no such symbol";
    return d;
  };
  if (failed(expect(getProgramAttr(), {"selfopt.train"})) || failed(expect(getPolicyAttr(), {"safety.policy"})) ||
      failed(expect(getMetricAttr(), {"selfopt.metric"})))
    return failure();
  for (auto symbol : getArchitecture().getAsRange<FlatSymbolRefAttr>())
    if (failed(expect(symbol, {"selfopt.model"})))
      return failure();
  for (auto symbol : getPipeline().getAsRange<FlatSymbolRefAttr>())
    if (failed(expect(symbol, {"selfopt.train", "selfopt.optimizer", "selfopt.schedule", "selfopt.sampler"})))
      return failure();
  for (auto symbol : getObjective().getAsRange<FlatSymbolRefAttr>())
    if (failed(expect(symbol, {"selfopt.loss"})))
      return failure();
  return success();
}

LogicalResult LineageOp::verify() {
  // lineage (C1)
  for (Operation &op : getBody().front())
    if (!isa<MutationOpInterface>(op))
      return op.emitOpError("is no mutation; an evolve.lineage holds mutations only");
  return success();
}
