//===- EvolveOps.cpp - Assembly and verification of the evolve dialect ------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/AsmUtils.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/Evolve/Strategies.h"
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

/// `axis("quantity" in [low, high] cells(n) log)`, behind the keyword.
static ParseResult parseAxis(OpAsmParser &parser, SmallVectorImpl<Attribute> &axes) {
  Builder &b = parser.getBuilder();
  std::string quantity;
  double low, high;
  int64_t cells;
  if (parser.parseLParen() || parser.parseString(&quantity) || parser.parseKeyword("in") ||
      parseRange(parser, low, high) || parser.parseKeyword("cells") || parser.parseLParen() ||
      parseInteger(parser, cells, "cells") || parser.parseRParen())
    return failure();
  bool log = succeeded(parser.parseOptionalKeyword("log"));
  axes.push_back(b.getDictionaryAttr(
      {b.getNamedAttr("quantity", b.getStringAttr(quantity)), b.getNamedAttr("low", b.getF64FloatAttr(low)),
       b.getNamedAttr("high", b.getF64FloatAttr(high)), b.getNamedAttr("cells", b.getI64IntegerAttr(cells)),
       b.getNamedAttr("log", b.getBoolAttr(log))}));
  return parser.parseRParen();
}

/// `strategy(name parameter(n) ... axis(...) ...)`; what is left out gets its default.
static ParseResult parseStrategy(OpAsmParser &parser, OperationState &result) {
  Builder &b = parser.getBuilder();
  StringRef name;
  if (parser.parseKeyword("strategy") || parser.parseLParen())
    return failure();
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&name))
    return failure();
  const StrategyKind *kind = findStrategy(name);
  if (!kind) {
    std::string names =
        llvm::join(llvm::map_range(getStrategies(), [](const StrategyKind &k) { return k.name; }), ", ");
    return parser.emitError(loc, "expected a strategy (") << names << "), found '" << name << "'";
  }
  NamedAttrList settings;
  SmallVector<Attribute> axes;
  auto parseValue = [&](StringRef parameter) -> ParseResult {
    int64_t value;
    if (parser.parseLParen() || parseInteger(parser, value, parameter) || parser.parseRParen())
      return failure();
    settings.append(parameter, b.getI64IntegerAttr(value));
    return success();
  };
  for (const StrategyParameter &p : kind->parameters)
    if (p.name == name && succeeded(parser.parseOptionalLParen())) {
      int64_t value;
      if (parseInteger(parser, value, name) || parser.parseRParen())
        return failure();
      settings.append(name, b.getI64IntegerAttr(value));
    }
  while (failed(parser.parseOptionalRParen())) {
    StringRef word;
    SMLoc at = parser.getCurrentLocation();
    if (parser.parseKeyword(&word))
      return failure();
    if (word == "axis" && kind->maxAxes) {
      if (parseAxis(parser, axes))
        return failure();
      continue;
    }
    if (llvm::none_of(kind->parameters, [&](const StrategyParameter &p) { return p.name == word && word != name; })) {
      std::string names =
          llvm::join(llvm::map_range(kind->parameters, [](const StrategyParameter &p) { return p.name; }), ", ");
      return parser.emitError(at, "expected a parameter of ")
             << name << " (" << (names.empty() ? "it has none" : names) << (kind->maxAxes ? ", axis" : "")
             << "), found '" << word << "'";
    }
    if (settings.get(word))
      return parser.emitError(at, "expected ") << word << " once, found it again";
    if (parseValue(word))
      return failure();
  }
  for (const StrategyParameter &p : kind->parameters) {
    Attribute initial = b.getI64IntegerAttr(p.initial);
    if (!settings.get(p.name) && !p.optional)
      settings.append(p.name, initial);
    else if (p.optional && settings.get(p.name) == initial)
      settings.erase(p.name);
  }
  result.addAttribute("strategy", b.getStringAttr(name));
  result.addAttribute("settings", settings.getDictionary(parser.getContext()));
  result.addAttribute("axes", b.getArrayAttr(axes));
  return success();
}

static void printStrategy(OpAsmPrinter &p, SearchOp op) {
  StringRef name = op.getStrategy();
  p << "strategy(" << name;
  if (const StrategyKind *kind = findStrategy(name))
    for (const StrategyParameter &parameter : kind->parameters)
      if (auto value = op.getSettings().getAs<IntegerAttr>(parameter.name)) {
        if (parameter.name != name)
          p << ' ' << parameter.name;
        p << '(' << value.getInt() << ')';
      }
  for (auto axis : op.getAxes().getAsRange<DictionaryAttr>()) {
    p << " axis(" << axis.get("quantity") << " in [" << formatDouble(axis.getAs<FloatAttr>("low").getValueAsDouble())
      << ", " << formatDouble(axis.getAs<FloatAttr>("high").getValueAsDouble()) << "] cells("
      << axis.getAs<IntegerAttr>("cells").getInt() << ')' << (axis.getAs<BoolAttr>("log").getValue() ? " log" : "")
      << ')';
  }
  p << ')';
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
  if (parseStrategy(parser, result))
    return failure();
  int64_t candidates;
  if (parser.parseKeyword("budget") || parser.parseLParen() || parser.parseKeyword("candidates") ||
      parser.parseEqual() || parseInteger(parser, candidates, "the number of candidates") || parser.parseRParen())
    return failure();
  result.addAttribute("candidates", b.getI64IntegerAttr(candidates));
  if (parseOptionalCount(parser, "in_flight", result) || parseOptionalCount(parser, "repeats", result))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("reuse"))) {
    StringRef key;
    if (parser.parseLParen() || parser.parseKeyword(&key) || parser.parseRParen())
      return failure();
    result.addAttribute("reuse", b.getStringAttr(key));
  }
  if (parser.parseKeyword("mutate"))
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
  p << "    ";
  printStrategy(p, *this);
  p << " budget(candidates = " << int64_t(getCandidates()) << ")";
  if (getInFlight() != 8)
    p << " in_flight(" << int64_t(getInFlight()) << ")";
  if (getRepeats() != 1)
    p << " repeats(" << int64_t(getRepeats()) << ")";
  if (getReuse() != "digest")
    p << " reuse(" << getReuse() << ")";
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
  p.printOptionalAttrDict((*this)->getAttrs(), {"sym_name", "program", "policy", "seed", "metric", "maximize",
                                                "minimize", "strategy", "settings", "axes", "candidates", "in_flight",
                                                "repeats", "reuse", "architecture", "pipeline", "objective"});
}

/// What the generic form could get wrong, and the numbers.
static LogicalResult verifyAxes(SearchOp op) {
  for (Attribute attr : op.getAxes()) {
    auto axis = dyn_cast<DictionaryAttr>(attr);
    auto quantity = axis ? axis.getAs<StringAttr>("quantity") : StringAttr();
    auto low = axis ? axis.getAs<FloatAttr>("low") : FloatAttr(), high = axis ? axis.getAs<FloatAttr>("high") : low;
    auto cells = axis ? axis.getAs<IntegerAttr>("cells") : IntegerAttr();
    auto log = axis ? axis.getAs<BoolAttr>("log") : BoolAttr();
    // search (C6)
    if (!quantity || !low || !high || !cells || !log)
      return op.emitOpError("expects an axis of quantity, low, high, cells and log, found ") << attr;
    if (quantity != "metric" && !llvm::is_contained(getCostQuantities(), quantity.getValue()))
      return op.emitOpError("expects an axis over metric, ")
             << llvm::join(getCostQuantities(), ", ") << "; found " << quantity;
    double from = low.getValueAsDouble(), to = high.getValueAsDouble();
    if (!(from < to) || !std::isfinite(to - from) || (log.getValue() && from <= 0))
      return op.emitOpError("expects the bounds of an axis in order, and above 0 where it is log; found [")
             << formatDouble(from) << ", " << formatDouble(to) << "]";
    if (cells.getInt() < 1 || cells.getInt() > 1000)
      return op.emitOpError("expects 1 to 1000 cells of an axis, found ") << cells.getInt();
  }
  return success();
}

LogicalResult SearchOp::verify() {
  // search (C1)
  if (int64_t(getCandidates()) < 1 || int64_t(getInFlight()) < 1 || int64_t(getRepeats()) < 1)
    return emitOpError("expects candidates, in_flight and repeats of at least 1");
  // search (C5)
  const StrategyKind *kind = findStrategy(getStrategy());
  if (!kind)
    return emitOpError("expects one of the known strategies, found ") << getStrategyAttr();
  size_t known = 0;
  for (const StrategyParameter &p : kind->parameters) {
    auto value = getSettings().getAs<IntegerAttr>(p.name);
    if (!value && p.optional)
      continue;
    ++known;
    if (!value)
      return emitOpError("expects ") << p.name << " among the settings of " << kind->name << ", found none";
    if (value.getInt() < p.low || value.getInt() > p.high)
      return emitOpError("expects ") << p.name << " of " << kind->name << " in [" << p.low << ", " << p.high
                                     << "], found " << value.getInt();
  }
  if (getSettings().size() != known)
    return emitOpError("expects ") << known << " settings of " << kind->name << ", found "
                                   << getSettings().size();
  // search (C2)
  if (getSettings().get("tournament") && getSetting("tournament") > getSetting("population"))
    return emitOpError("expects 1 <= tournament <= population, found ")
           << getSetting("tournament") << " and " << getSetting("population");
  // search (C6)
  if (kind->maxAxes ? getAxes().empty() || getAxes().size() > kind->maxAxes : !getAxes().empty())
    return emitOpError("expects ") << (kind->maxAxes ? "1 to " : "") << kind->maxAxes << " axes of " << kind->name
                                   << ", found " << getAxes().size();
  if (failed(verifyAxes(*this)))
    return failure();
  // search (C7)
  if (kind->name == "pbt" && int64_t(getInFlight()) > getSetting("population"))
    return emitOpError("expects in_flight of at most the population of pbt, ")
           << getSetting("population") << ", found " << int64_t(getInFlight());
  // search (C8)
  if (getReuse() != "digest" && getReuse() != "probe")
    return emitOpError("expects reuse of digest or probe, found ") << getReuseAttr();
  if (getReuse() == "probe" && kind->pauses)
    return emitOpError("expects reuse(digest) with ") << kind->name << ", whose trainings pause; found reuse(probe)";
  // search (C3)
  for (auto quantity : getMinimize().getAsRange<StringAttr>())
    if (!llvm::is_contained(getCostQuantities(), quantity.getValue()))
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
    if (failed(expect(symbol, {"selfopt.train", "selfopt.optimizer", "selfopt.schedule", "selfopt.sampler",
                               "selfopt.augment"})))
      return failure();
  for (auto symbol : getObjective().getAsRange<FlatSymbolRefAttr>())
    if (failed(expect(symbol, {"selfopt.loss", "selfopt.reward"})))
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
