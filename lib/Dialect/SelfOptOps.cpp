//===- SelfOptOps.cpp - Assembly and verification of the selfopt dialect ---------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Dialect/AsmUtils.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionImplementation.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;

#include "SelfOpt/Dialect/SelfOpt/SelfOptDialect.cpp.inc"
#define GET_OP_CLASSES
#include "SelfOpt/Dialect/SelfOpt/SelfOptOps.cpp.inc"

void SelfOptDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "SelfOpt/Dialect/SelfOpt/SelfOptOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// dataset
//===----------------------------------------------------------------------===//

/// Bounds of an integer domain print as integers.
static std::string formatBound(double x, bool integer) { return integer ? std::to_string(int64_t(x)) : formatDouble(x); }

static ParseResult parseDomain(OpAsmParser &parser, OperationState &result, StringRef type, StringRef low,
                               StringRef high) {
  Builder &b = parser.getBuilder();
  Type t;
  double lo, hi;
  if (parser.parseLParen() || parser.parseType(t) || parser.parseKeyword("in") || parseRange(parser, lo, hi) ||
      parser.parseRParen())
    return failure();
  result.addAttribute(type, TypeAttr::get(t));
  result.addAttribute(low, b.getF64FloatAttr(lo));
  result.addAttribute(high, b.getF64FloatAttr(hi));
  return success();
}

ParseResult DatasetOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &b = parser.getBuilder();
  StringAttr name;
  StringRef format;
  if (parser.parseSymbolName(name, "sym_name", result.attributes) || parser.parseKeyword("from") ||
      parser.parseKeyword(&format))
    return failure();
  result.addAttribute("format", b.getStringAttr(format));
  SmallVector<Attribute> files;
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&] {
        std::string file;
        if (parser.parseString(&file))
          return failure();
        files.push_back(b.getStringAttr(file));
        return success();
      }))
    return failure();
  result.addAttribute("files", b.getArrayAttr(files));
  if (parser.parseKeyword("features") ||
      parseDomain(parser, result, "feature_type", "feature_low", "feature_high"))
    return failure();
  if (failed(parser.parseOptionalKeyword("label")) && parser.parseKeyword("target", " or 'label'"))
    return failure();
  if (parseDomain(parser, result, "answer_type", "answer_low", "answer_high") || parser.parseKeyword("split") ||
      parser.parseLParen())
    return failure();
  for (StringRef part : {"train", "validation", "test"}) {
    double fraction;
    if (parser.parseKeyword(part) || parser.parseEqual() || parseNumber(parser, fraction) || parser.parseComma())
      return failure();
    result.addAttribute(part, b.getF64FloatAttr(fraction));
  }
  int64_t seed;
  if (parser.parseKeyword("seed") || parser.parseEqual() || parseInteger(parser, seed, "the seed") ||
      parser.parseRParen())
    return failure();
  result.addAttribute("seed", b.getI64IntegerAttr(seed));
  return parser.parseOptionalAttrDict(result.attributes);
}

void DatasetOp::print(OpAsmPrinter &p) {
  p << ' ';
  p.printSymbolName(getSymName());
  p << " from " << getFormat() << '(';
  llvm::interleaveComma(getFiles(), p, [&](Attribute f) { p << f; });
  p << ") features(" << getFeatureType() << " in [" << formatDouble(getFeatureLow().convertToDouble()) << ", "
    << formatDouble(getFeatureHigh().convertToDouble()) << "])";
  bool label = hasLabel();
  p << (label ? " label(" : " target(") << getAnswerType() << " in ["
    << formatBound(getAnswerLow().convertToDouble(), label) << ", "
    << formatBound(getAnswerHigh().convertToDouble(), label) << "])";
  p.printNewline();
  p << "    split(train = " << formatDouble(getTrain().convertToDouble())
    << ", validation = " << formatDouble(getValidation().convertToDouble())
    << ", test = " << formatDouble(getTest().convertToDouble()) << ", seed = " << int64_t(getSeed()) << ")";
  p.printOptionalAttrDict((*this)->getAttrs(),
                          {"sym_name", "format", "files", "feature_type", "feature_low", "feature_high", "answer_type",
                           "answer_low", "answer_high", "train", "validation", "test", "seed"});
}

LogicalResult DatasetOp::verify() {
  // dataset (C1)
  if (getFormat() != "csv" && getFormat() != "idx")
    return emitOpError("expects the format csv or idx, found ") << getFormat();
  // dataset (C2)
  size_t n = getFiles().size();
  bool csv = getFormat() == "csv";
  if (csv ? (n != 1 && n != 2) : (n != 2 && n != 4))
    return emitOpError("expects ") << (csv ? "1 or 2" : "2 or 4") << " files for " << getFormat() << ", found " << n;
  // dataset (C3)
  auto features = dyn_cast<RankedTensorType>(getFeatureType());
  if (!features || !features.hasStaticShape() || !features.getElementType().isF32() || features.getNumElements() < 1)
    return emitOpError("expects features of a static, non-empty f32 tensor type, found ") << getFeatureType();
  // dataset (C4)
  auto target = dyn_cast<RankedTensorType>(getAnswerType());
  bool goodTarget = target && target.getRank() == 1 && target.hasStaticShape() && target.getElementType().isF32() &&
                    target.getNumElements() > 0;
  if (!getAnswerType().isInteger(32) && !goodTarget)
    return emitOpError("expects a label of type i32 or a target of type tensor<NxF32>, found ") << getAnswerType();
  // dataset (C5)
  auto empty = [](const APFloat &lo, const APFloat &hi) { return !(lo.convertToDouble() <= hi.convertToDouble()); };
  if (empty(getFeatureLow(), getFeatureHigh()) || empty(getAnswerLow(), getAnswerHigh()))
    return emitOpError("expects domains [low, high] with low <= high");
  // dataset (C6)
  double train = getTrain().convertToDouble(), validation = getValidation().convertToDouble(),
         test = getTest().convertToDouble();
  if (!(train >= 0) || !(validation >= 0) || !(test >= 0) || !(std::fabs(train + validation + test - 1) < 1e-9))
    return emitOpError("expects no negative part, and parts that sum to 1, found ")
           << formatDouble(train) << ", " << formatDouble(validation) << ", " << formatDouble(test);
  return success();
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/// What a program may contain: upstream scalar and tensor arithmetic and our layers. No memory, no calls, no IO.
static LogicalResult verifyProgramBody(Operation *op, bool layers) {
  Block &block = op->getRegion(0).front();
  if (block.empty() || !isa<ReturnOp>(block.back()))
    return op->emitOpError("expects a body that ends in selfopt.return");
  for (Operation &inner : block.without_terminator()) {
    StringRef dialect = inner.getName().getDialectNamespace();
    bool known = dialect == "arith" || dialect == "math" || (layers && dialect == "nn");
    if (!known || !isMemoryEffectFree(&inner)) {
      InFlightDiagnostic d = inner.emitOpError("is not allowed in ") << op->getName() << " @"
                                                                     << SymbolTable::getSymbolName(op).getValue();
      d.attachNote() << "expected an op of " << (layers ? "arith, math or nn" : "arith or math")
                     << " without side effects";
      return d;
    }
    // Only layers that own parameters or draw random numbers belong to the model alone.
    if (auto layer = dyn_cast<LayerOpInterface>(inner); layer && !isa<ModelOp>(op)) {
      SmallVector<ParameterSpec> parameters;
      layer.getParameters(parameters);
      if (!parameters.empty())
        return inner.emitOpError("owns parameters, which only a selfopt.model may have");
    }
    if (isa<StochasticLayerOpInterface>(inner) && !isa<ModelOp>(op))
      return inner.emitOpError("draws random numbers, which only a selfopt.model may do");
  }
  return success();
}

static LogicalResult verifyReturn(Operation *op, TypeRange expected) {
  Operation *terminator = &op->getRegion(0).front().back();
  if (TypeRange(terminator->getOperandTypes()) == expected)
    return success();
  InFlightDiagnostic d = terminator->emitOpError("returns other types than its program declares");
  d.attachNote() << "expected " << expected;
  d.attachNote() << "found " << terminator->getOperandTypes();
  return d;
}

static bool isStaticF32Tensor(Type t) {
  auto r = dyn_cast<RankedTensorType>(t);
  return r && r.hasStaticShape() && r.getElementType().isF32();
}

/// `clauses` stand between the type and the attributes.
static ParseResult parseFunctionLike(OpAsmParser &parser, OperationState &result,
                                     function_ref<ParseResult()> clauses = nullptr) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<Type> results, inputs;
  if (parser.parseSymbolName(name, "sym_name", result.attributes) ||
      parser.parseArgumentList(arguments, AsmParser::Delimiter::Paren, /*allowType=*/true) ||
      parser.parseArrowTypeList(results))
    return failure();
  for (auto &argument : arguments)
    inputs.push_back(argument.type);
  result.addAttribute("function_type", TypeAttr::get(parser.getBuilder().getFunctionType(inputs, results)));
  if (clauses && clauses())
    return failure();
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  return parser.parseRegion(*result.addRegion(), arguments);
}

static void printArguments(OpAsmPrinter &p, Block::BlockArgListType arguments) {
  p << '(';
  llvm::interleaveComma(arguments, p, [&](BlockArgument a) { p.printRegionArgument(a); });
  p << ')';
}

static void printFunctionLike(Operation *op, OpAsmPrinter &p, function_ref<void()> clauses = nullptr,
                              ArrayRef<StringRef> inClauses = {}) {
  auto type = cast<FunctionType>(op->getAttrOfType<TypeAttr>("function_type").getValue());
  p << ' ';
  p.printSymbolName(SymbolTable::getSymbolName(op).getValue());
  printArguments(p, op->getRegion(0).getArguments());
  p << " -> ";
  if (type.getNumResults() == 1)
    p << type.getResult(0);
  else
    p << '(' << type.getResults() << ')';
  if (clauses)
    clauses();
  SmallVector<StringRef> elided{"sym_name", "function_type"};
  llvm::append_range(elided, inClauses);
  p.printOptionalAttrDictWithKeyword(op->getAttrs(), elided);
  p << ' ';
  p.printRegion(op->getRegion(0), /*printEntryBlockArgs=*/false);
}

static LogicalResult verifyFunctionLike(Operation *op, bool layers) {
  auto type = cast<FunctionType>(op->getAttrOfType<TypeAttr>("function_type").getValue());
  Block &block = op->getRegion(0).front();
  if (block.getArgumentTypes() != TypeRange(type.getInputs()))
    return op->emitOpError("has a body whose arguments differ from its type");
  if (failed(verifyProgramBody(op, layers)))
    return failure();
  return verifyReturn(op, type.getResults());
}

static LogicalResult verifySignature(Operation *op, TypeRange inputs, TypeRange results) {
  auto type = cast<FunctionType>(op->getAttrOfType<TypeAttr>("function_type").getValue());
  auto expected = FunctionType::get(op->getContext(), inputs, results);
  if (type == expected)
    return success();
  InFlightDiagnostic d = op->emitOpError("has another signature than its kind of program");
  d.attachNote() << "expected " << expected;
  d.attachNote() << "found " << type;
  return d;
}

/// The signature of a scalar program.
static LogicalResult verifyScalars(Operation *op, unsigned inputs) {
  Type f32 = Float32Type::get(op->getContext());
  return verifySignature(op, SmallVector<Type>(inputs, f32), f32);
}

#define SELFOPT_FUNCTION_LIKE(OP)                                                                                      \
  ParseResult OP::parse(OpAsmParser &parser, OperationState &result) { return parseFunctionLike(parser, result); }     \
  void OP::print(OpAsmPrinter &p) { printFunctionLike(*this, p); }                                                     \
  SmallVector<Type> OP::getProgramResultTypes() { return llvm::to_vector(getFunctionType().getResults()); }
SELFOPT_FUNCTION_LIKE(ModelOp)
SELFOPT_FUNCTION_LIKE(LossOp)
SELFOPT_FUNCTION_LIKE(MetricOp)
SELFOPT_FUNCTION_LIKE(ScheduleOp)
SELFOPT_FUNCTION_LIKE(SamplerOp)
SELFOPT_FUNCTION_LIKE(AugmentOp)

LogicalResult ModelOp::verify() {
  // model (C1)
  FunctionType type = getFunctionType();
  if (type.getNumInputs() != 1 || type.getNumResults() != 1 || !isStaticF32Tensor(type.getInput(0)) ||
      !isStaticF32Tensor(type.getResult(0)))
    return emitOpError("expects one static f32 tensor in and one out, found ") << type;
  return verifyFunctionLike(*this, /*layers=*/true); // model (C2), (C3)
}

// loss (C1), metric (C1): a prediction and an answer in, a scalar out.
static LogicalResult verifyJudge(Operation *op, FunctionType type) {
  if (type.getNumInputs() != 2 || type.getNumResults() != 1 || !isStaticF32Tensor(type.getInput(0)) ||
      !(type.getInput(1).isInteger(32) || isStaticF32Tensor(type.getInput(1))) || !type.getResult(0).isF32()) {
    InFlightDiagnostic d = op->emitOpError("has another signature than its kind of program");
    d.attachNote() << "expected (prediction: a static f32 tensor, answer: i32 or a static f32 tensor) -> f32";
    d.attachNote() << "found " << type;
    return d;
  }
  return verifyFunctionLike(op, /*layers=*/true); // loss (C2), (C3), metric (C2), (C3)
}
LogicalResult LossOp::verify() { return verifyJudge(*this, getFunctionType()); }
LogicalResult MetricOp::verify() { return verifyJudge(*this, getFunctionType()); }

LogicalResult ScheduleOp::verify() {
  // schedule (C1)
  if (failed(verifyScalars(*this, 1)))
    return failure();
  return verifyFunctionLike(*this, /*layers=*/false); // schedule (C2), (C3)
}
bool SamplerOp::looksAtArguments() {
  SmallVector<Value> pending(getBody().front().getTerminator()->getOperands());
  while (!pending.empty()) {
    Value v = pending.pop_back_val();
    if (isa<BlockArgument>(v))
      return true;
    llvm::append_range(pending, v.getDefiningOp()->getOperands());
  }
  return false;
}
LogicalResult SamplerOp::verify() {
  // sampler (C1)
  if (failed(verifyScalars(*this, 3)))
    return failure();
  return verifyFunctionLike(*this, /*layers=*/false); // sampler (C2), (C3)
}

LogicalResult AugmentOp::verify() {
  // augment (C1)
  if (failed(verifyScalars(*this, 4)))
    return failure();
  return verifyFunctionLike(*this, /*layers=*/false); // augment (C2), (C3)
}

//===----------------------------------------------------------------------===//
// environment and reward
//===----------------------------------------------------------------------===//

ParseResult EnvironmentOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseFunctionLike(parser, result, [&]() -> ParseResult {
    Builder &b = parser.getBuilder();
    for (StringRef count : {"states", "actions"}) {
      int64_t n;
      if (parser.parseKeyword(count) || parser.parseLParen() || parseInteger(parser, n, count) || parser.parseRParen())
        return failure();
      result.addAttribute(count, b.getI64IntegerAttr(n));
    }
    double discount;
    if (parser.parseKeyword("discount") || parser.parseLParen() || parseNumber(parser, discount) || parser.parseRParen())
      return failure();
    result.addAttribute("discount", b.getF64FloatAttr(discount));
    return success();
  });
}

void EnvironmentOp::print(OpAsmPrinter &p) {
  auto clauses = [&] {
    p << " states(" << int64_t(getStates()) << ") actions(" << int64_t(getActions()) << ") discount("
      << formatDouble(getDiscount().convertToDouble()) << ")";
  };
  printFunctionLike(*this, p, clauses, {"states", "actions", "discount"});
}

SmallVector<Type> EnvironmentOp::getProgramResultTypes() { return llvm::to_vector(getFunctionType().getResults()); }

LogicalResult EnvironmentOp::verify() {
  Builder b(getContext());
  // environment (C1)
  if (failed(verifySignature(*this, {b.getI32Type(), b.getI32Type()}, {b.getI32Type(), b.getF32Type(), b.getI1Type()})))
    return failure();
  // environment (C4)
  int64_t states = getStates(), actions = getActions();
  if (states < 1 || actions < 1 || states > maxTransitions || actions > maxTransitions / states)
    return emitOpError("expects at least one state and one action, and at most ")
           << maxTransitions << " pairs of them, found " << states << " states and " << actions << " actions";
  // environment (C5): without a discount, what a task earns in episodes without an end is no number.
  double discount = getDiscount().convertToDouble();
  if (!(discount > 0 && discount < 1))
    return emitOpError("expects a discount above 0 and below 1, found ") << formatDouble(discount);
  return verifyFunctionLike(*this, /*layers=*/false); // environment (C2), (C3)
}

ParseResult RewardOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseFunctionLike(parser, result,
                           [&] { return parseKeywordSymbol(parser, "environment", result, "environment"); });
}

void RewardOp::print(OpAsmPrinter &p) {
  printFunctionLike(*this, p, [&] { p << " environment(" << getEnvironmentAttr() << ")"; }, {"environment"});
}

SmallVector<Type> RewardOp::getProgramResultTypes() { return llvm::to_vector(getFunctionType().getResults()); }

LogicalResult RewardOp::verify() {
  Builder b(getContext());
  // reward (C1)
  if (failed(verifySignature(*this, SmallVector<Type>(3, b.getI32Type()), b.getF32Type())))
    return failure();
  return verifyFunctionLike(*this, /*layers=*/false); // reward (C2), (C3)
}

//===----------------------------------------------------------------------===//
// optimizer
//===----------------------------------------------------------------------===//

ParseResult OptimizerOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<double> init;
  if (parser.parseSymbolName(name, "sym_name", result.attributes) ||
      parser.parseArgumentList(arguments, AsmParser::Delimiter::Paren, /*allowType=*/true))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("state")) &&
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&] {
        if (parser.parseArgument(arguments.emplace_back(), /*allowType=*/true) || parser.parseEqual() ||
            parseNumber(parser, init.emplace_back()))
          return failure();
        return success();
      }))
    return failure();
  result.addAttribute("state_init", parser.getBuilder().getDenseF64ArrayAttr(init));
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  return parser.parseRegion(*result.addRegion(), arguments);
}

void OptimizerOp::print(OpAsmPrinter &p) {
  auto arguments = getBody().getArguments();
  unsigned fixed = arguments.size() - std::min<size_t>(getNumState(), arguments.size());
  p << ' ';
  p.printSymbolName(getSymName());
  printArguments(p, arguments.take_front(fixed));
  if (getNumState()) {
    p << " state(";
    llvm::interleaveComma(llvm::zip(arguments.drop_front(fixed), getStateInit()), p, [&](auto pair) {
      p.printRegionArgument(std::get<0>(pair));
      p << " = " << formatDouble(std::get<1>(pair));
    });
    p << ')';
  }
  p.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {"sym_name", "state_init"});
  p << ' ';
  p.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

SmallVector<Type> OptimizerOp::getProgramResultTypes() {
  return SmallVector<Type>(1 + getNumState(), Float32Type::get(getContext()));
}

LogicalResult OptimizerOp::verify() {
  // optimizer (C1)
  auto arguments = getBody().getArguments();
  if (arguments.size() != 4 + getNumState())
    return emitOpError("expects (parameter, gradient, learning rate, step) before its ")
           << getNumState() << " state values, found " << arguments.size() << " arguments in all";
  // optimizer (C2)
  for (BlockArgument a : arguments)
    if (!a.getType().isF32())
      return emitOpError("expects arguments of type f32, found ") << a.getType();
  if (failed(verifyProgramBody(*this, /*layers=*/false))) // optimizer (C3)
    return failure();
  return verifyReturn(*this, getProgramResultTypes()); // optimizer (C4)
}

//===----------------------------------------------------------------------===//
// train
//===----------------------------------------------------------------------===//

ParseResult TrainOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &b = parser.getBuilder();
  StringAttr name;
  if (parser.parseSymbolName(name, "sym_name", result.attributes))
    return failure();
  for (StringRef part : {"model", "loss", "optimizer"})
    if (parseKeywordSymbol(parser, part, result, part))
      return failure();
  for (StringRef part : {"schedule", "sampler", "augment"})
    if (succeeded(parser.parseOptionalKeyword(part))) {
      FlatSymbolRefAttr symbol;
      if (parser.parseLParen() || parser.parseAttribute(symbol) || parser.parseRParen())
        return failure();
      result.addAttribute(part, symbol);
    }
  SymbolRefAttr data;
  if (parser.parseKeyword("data") || parser.parseLParen() || parseSplitRef(parser, data) || parser.parseRParen() ||
      parser.parseKeyword("hyper"))
    return failure();
  result.addAttribute("data", data);
  auto parseHyper = [&]() -> ParseResult {
    StringRef key;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&key) || parser.parseEqual())
      return failure();
    if (result.attributes.get(key))
      return parser.emitError(loc, "hyperparameter '") << key << "' is given twice";
    if (key == "lr") {
      double lr;
      if (parseNumber(parser, lr))
        return failure();
      result.addAttribute(key, b.getF64FloatAttr(lr));
    } else if (key == "batch" || key == "epochs") {
      int64_t n;
      if (parseInteger(parser, n, key))
        return failure();
      result.addAttribute(key, b.getI64IntegerAttr(n));
    } else {
      return parser.emitError(loc, "expected a hyperparameter (lr, batch, epochs), found '") << key << "'";
    }
    return success();
  };
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseHyper))
    return failure();
  for (StringRef key : {"lr", "batch", "epochs"})
    if (!result.attributes.get(key))
      return parser.emitError(loc, "expected the hyperparameters lr, batch and epochs, found no '") << key << "'";
  return parser.parseOptionalAttrDict(result.attributes);
}

void TrainOp::print(OpAsmPrinter &p) {
  p << ' ';
  p.printSymbolName(getSymName());
  p << " model(" << getModelAttr() << ") loss(" << getLossAttr() << ") optimizer(" << getOptimizerAttr() << ")";
  if (getScheduleAttr())
    p << " schedule(" << getScheduleAttr() << ")";
  if (getSamplerAttr())
    p << " sampler(" << getSamplerAttr() << ")";
  if (getAugmentAttr())
    p << " augment(" << getAugmentAttr() << ")";
  p.printNewline();
  p << "    data(";
  printSplitRef(p, getDataAttr());
  p << ") hyper(lr = " << formatDouble(getLr().convertToDouble())
    << ", batch = " << int64_t(getBatch()) << ", epochs = " << int64_t(getEpochs()) << ")";
  p.printOptionalAttrDict((*this)->getAttrs(), {"sym_name", "model", "loss", "optimizer", "schedule", "sampler",
                                                "augment", "data", "lr", "batch", "epochs"});
}

LogicalResult TrainOp::verify() {
  // train (C1)
  double lr = getLr().convertToDouble();
  if (!(lr > 0) || !std::isfinite(lr))
    return emitOpError("expects a learning rate above 0, found ") << formatDouble(lr);
  // train (C2)
  if (int64_t(getBatch()) < 1 || int64_t(getEpochs()) < 1)
    return emitOpError("expects a batch and epochs of at least 1, found ")
           << int64_t(getBatch()) << " and " << int64_t(getEpochs());
  return success();
}

template <typename OpT>
static OpT lookup(Operation *op, SymbolTableCollection &tables, SymbolRefAttr symbol, LogicalResult &ok) {
  Operation *found = tables.lookupNearestSymbolFrom(op, FlatSymbolRefAttr::get(symbol.getRootReference()));
  auto typed = dyn_cast_or_null<OpT>(found);
  if (!typed) {
    InFlightDiagnostic d = op->emitOpError("expects ") << symbol << " to name a " << OpT::getOperationName();
    if (found)
      d.attachNote(found->getLoc()) << "found a " << found->getName();
    else
      d.attachNote() << "found no such symbol";
    ok = failure();
  }
  return typed;
}

LogicalResult RewardOp::verifySymbolUses(SymbolTableCollection &tables) {
  // reward (C4)
  LogicalResult ok = success();
  lookup<EnvironmentOp>(*this, tables, getEnvironmentAttr(), ok);
  return ok;
}

LogicalResult TrainOp::verifySymbolUses(SymbolTableCollection &tables) {
  // train (C3)
  LogicalResult ok = success();
  auto model = lookup<ModelOp>(*this, tables, getModelAttr(), ok);
  auto loss = lookup<LossOp>(*this, tables, getLossAttr(), ok);
  lookup<OptimizerOp>(*this, tables, getOptimizerAttr(), ok);
  if (getScheduleAttr())
    lookup<ScheduleOp>(*this, tables, getScheduleAttr(), ok);
  if (getSamplerAttr())
    lookup<SamplerOp>(*this, tables, getSamplerAttr(), ok);
  if (getAugmentAttr())
    lookup<AugmentOp>(*this, tables, getAugmentAttr(), ok);
  auto data = lookup<DatasetOp>(*this, tables, getDataAttr(), ok);
  if (failed(ok))
    return failure();
  // train (C4)
  auto mismatch = [&](StringRef what, Type expected, Type found) {
    InFlightDiagnostic d = emitOpError() << what;
    d.attachNote() << "expected " << expected;
    d.attachNote() << "found " << found;
    return d;
  };
  if (model.getFunctionType().getInput(0) != data.getFeatureType())
    return mismatch("has a model that does not take the dataset's features", data.getFeatureType(),
                    model.getFunctionType().getInput(0));
  if (loss.getFunctionType().getInput(0) != model.getFunctionType().getResult(0))
    return mismatch("has a loss that does not take the model's prediction", model.getFunctionType().getResult(0),
                    loss.getFunctionType().getInput(0));
  if (loss.getFunctionType().getInput(1) != data.getAnswerType())
    return mismatch("has a loss that does not take the dataset's answers", data.getAnswerType(),
                    loss.getFunctionType().getInput(1));
  // train (C5): a nested reference names the split that trains.
  if (!getDataAttr().getNestedReferences().empty()) {
    StringRef split = getDataAttr().getLeafReference();
    if (getDataAttr().getNestedReferences().size() > 1 ||
        (split != "train" && split != "validation" && split != "test"))
      return emitOpError("expects a split train, validation or test of ")
             << FlatSymbolRefAttr::get(getDataAttr().getRootReference()) << ", found '" << split << "'";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// pipeline
//===----------------------------------------------------------------------===//

/// What a monitor watches, and the attributes that hold the bounds.
static constexpr std::pair<llvm::StringLiteral, llvm::StringLiteral> monitored[] = {
    {"prediction", "prediction_bound"}, {"gradient", "gradient_bound"}, {"weight", "weight_bound"}};

ParseResult PipelineOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &b = parser.getBuilder();
  StringAttr name;
  SymbolRefAttr data;
  SmallVector<double> state;
  double lr;
  auto count = [&](StringRef keyword, StringRef attribute) -> ParseResult {
    int64_t n;
    if (parser.parseKeyword(keyword) || parser.parseLParen() || parseInteger(parser, n, keyword) ||
        parser.parseRParen())
      return failure();
    result.addAttribute(attribute, b.getI64IntegerAttr(n));
    return success();
  };
  if (parser.parseSymbolName(name, "sym_name", result.attributes) || parser.parseKeyword("data") ||
      parser.parseLParen() || parseSplitRef(parser, data) || parser.parseRParen() ||
      count("parameters", "parameters") || parser.parseKeyword("state") || parser.parseLParen() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                     [&] { return parseNumber(parser, state.emplace_back()); }) ||
      parser.parseRParen() || parser.parseKeyword("lr") || parser.parseLParen() || parseNumber(parser, lr) ||
      parser.parseRParen() || count("batch", "batch") || count("epochs", "epochs") || count("score", "score_batch"))
    return failure();
  ArrayAttr metrics;
  if (parser.parseKeyword("metrics") || parser.parseLParen() || parser.parseAttribute(metrics) || parser.parseRParen())
    return failure();
  result.addAttribute("data", data);
  result.addAttribute("state_init", b.getDenseF64ArrayAttr(state));
  result.addAttribute("lr", b.getF64FloatAttr(lr));
  result.addAttribute("metrics", metrics);
  result.addAttribute("sampled", b.getBoolAttr(succeeded(parser.parseOptionalKeyword("sampled"))));
  if (succeeded(parser.parseOptionalKeyword("monitor"))) {
    if (parser.parseLParen())
      return failure();
    for (auto [keyword, attribute] : monitored) {
      double bound;
      if (failed(parser.parseOptionalKeyword(keyword)))
        continue;
      if (parser.parseLParen() || parseNumber(parser, bound) || parser.parseRParen())
        return failure();
      result.addAttribute(attribute, b.getF64FloatAttr(bound));
    }
    if (parser.parseRParen())
      return failure();
  }
  return parser.parseOptionalAttrDict(result.attributes);
}

void PipelineOp::print(OpAsmPrinter &p) {
  p << ' ';
  p.printSymbolName(getSymName());
  p << " data(";
  printSplitRef(p, getDataAttr());
  p << ") parameters(" << int64_t(getParameters()) << ") state([";
  llvm::interleaveComma(getStateInit(), p, [&](double x) { p << formatDouble(x); });
  p << "]) lr(" << formatDouble(getLr().convertToDouble()) << ") batch(" << int64_t(getBatch()) << ") epochs("
    << int64_t(getEpochs()) << ")";
  p.printNewline();
  p << "    score(" << int64_t(getScoreBatch()) << ") metrics(" << getMetrics() << ")";
  if (getSampled())
    p << " sampled";
  std::string bounds;
  for (auto [keyword, attribute] : monitored)
    if (auto bound = (*this)->getAttrOfType<FloatAttr>(attribute))
      bounds += (bounds.empty() ? "" : " ") + keyword.str() + "(" + formatDouble(bound.getValueAsDouble()) + ")";
  if (!bounds.empty())
    p << " monitor(" << bounds << ")";
  p.printOptionalAttrDict((*this)->getAttrs(),
                          {"sym_name", "data", "parameters", "state_init", "lr", "batch", "epochs", "score_batch",
                           "metrics", "sampled", "prediction_bound", "gradient_bound", "weight_bound"});
}

//===----------------------------------------------------------------------===//
// gradient
//===----------------------------------------------------------------------===//

LogicalResult GradientOp::verify() {
  // gradient (C1)
  if (int64_t(getCount()) < 0 || int64_t(getCount()) > int64_t(getOperands().size()))
    return emitOpError("expects a count between 0 and its ") << getOperands().size() << " operands, found "
                                                             << int64_t(getCount());
  return success();
}

LogicalResult GradientOp::verifySymbolUses(SymbolTableCollection &tables) {
  // gradient (C2)
  Operation *callee = tables.lookupNearestSymbolFrom(*this, getCalleeAttr());
  auto function = dyn_cast_or_null<FunctionOpInterface>(callee);
  if (!function)
    return emitOpError("expects ") << getCalleeAttr() << " to name a function";
  // gradient (C3)
  SmallVector<Type> results(function.getResultTypes());
  for (Value operand : getOperands().take_front(getCount()))
    results.push_back(operand.getType());
  if (getOperandTypes() != TypeRange(function.getArgumentTypes()) || getResultTypes() != TypeRange(results)) {
    InFlightDiagnostic d = emitOpError("has types that do not fit its callee");
    d.attachNote() << "expected " << FunctionType::get(getContext(), function.getArgumentTypes(), results);
    d.attachNote() << "found " << FunctionType::get(getContext(), getOperandTypes(), getResultTypes());
    return d;
  }
  return success();
}
