//===- SelfOptOps.cpp - Assembly and verification of programs ---------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Dialect/AsmUtils.h"
#include "SymbolUses.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
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
// Programs
//===----------------------------------------------------------------------===//

/// Proofs, the interpreter and the compiler look at every element of a value.
static constexpr int64_t maxElements = 1 << 24;

/// A number, or a static tensor of not too many of them.
static bool isProgramValue(Type type) {
  if (auto tensor = dyn_cast<RankedTensorType>(type)) {
    int64_t count = 1;
    for (int64_t size : tensor.getShape()) {
      if (ShapedType::isDynamic(size)) // What makes it says so: of static operands only a layer can.
        continue;
      if (size && count > maxElements / size)
        return false;
      count *= size;
    }
    if (tensor.getEncoding())
      return false;
    type = tensor.getElementType();
  }
  return isa<Float16Type, BFloat16Type, Float32Type, Float64Type, IndexType>(type) ||
         (type.isSignlessInteger() && type.getIntOrFloatBitWidth() >= 1 && type.getIntOrFloatBitWidth() <= 64);
}

/// What an op computes, and that nothing but its operands decides it. The op itself is verified later, and may lack attributes.
static LogicalResult verifyMeaning(Operation &op) {
  for (Type type : op.getResultTypes())
    if (!isProgramValue(type)) {
      InFlightDiagnostic d = op.emitOpError("makes a value that no program may have");
      d.attachNote() << "expected f16, bf16, f32, f64, index, an integer of 1 to 64 bits, or a static tensor of at most " << maxElements
                     << " of them";
      d.attachNote() << "found " << type;
      return d;
    }
  auto inherent = [&](StringRef name) { return op.getInherentAttr(name).value_or(Attribute()); };
  Attribute value = isa<arith::ConstantOp>(op) ? inherent("value") : Attribute();
  if (value && !isa<IntegerAttr, FloatAttr, DenseElementsAttr>(value))
    return op.emitOpError("expects a value that is written out, found ") << value;
  // No proof knows of them, and the compiler makes use of them.
  if (auto flags = dyn_cast_or_null<arith::FastMathFlagsAttr>(inherent("fastmath")); flags && flags.getValue() != arith::FastMathFlags::none)
    return op.emitOpError("expects no fast-math flags, found ") << stringifyFastMathFlags(flags.getValue());
  if (auto flags = dyn_cast_or_null<arith::IntegerOverflowFlagsAttr>(inherent("overflowFlags"));
      flags && flags.getValue() != arith::IntegerOverflowFlags::none)
    return op.emitOpError("expects no overflow flags, found ") << stringifyIntegerOverflowFlags(flags.getValue());
  if (inherent("isExact"))
    return op.emitOpError("expects no flag exact, found one");
  return success();
}

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
    if (failed(verifyMeaning(inner)))
      return failure();
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
  llvm::SmallDenseSet<Value, 16> seen;
  while (!pending.empty()) {
    Value v = pending.pop_back_val();
    if (!seen.insert(v).second)
      continue;
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

LogicalResult RewardOp::verifySymbolUses(SymbolTableCollection &tables) {
  // reward (C4)
  LogicalResult ok = success();
  lookup<EnvironmentOp>(*this, tables, getEnvironmentAttr(), ok);
  return ok;
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
