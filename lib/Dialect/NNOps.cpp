//===- NNOps.cpp - Assembly, types and verification of the nn dialect ------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/AsmUtils.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::nn;

#include "SelfOpt/Dialect/NN/NNDialect.cpp.inc"
#include "SelfOpt/Dialect/NN/NNEnums.cpp.inc"
#define GET_OP_CLASSES
#include "SelfOpt/Dialect/NN/NNOps.cpp.inc"

void NNDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "SelfOpt/Dialect/NN/NNOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Shared parts
//===----------------------------------------------------------------------===//

/// `attr-dict : result-type`, after the operands.
static ParseResult parseTail(OpAsmParser &parser, ArrayRef<OpAsmParser::UnresolvedOperand> operands,
                             OperationState &result) {
  Type type;
  if (parser.parseOptionalAttrDict(result.attributes) || parser.parseColonType(type))
    return failure();
  result.addTypes(type);
  for (const auto &operand : operands)
    if (resolveDefined(parser, operand, result.operands))
      return failure();
  return success();
}

static void printTail(OpAsmPrinter &p, Operation *op, ArrayRef<StringRef> elided = {}) {
  p.printOptionalAttrDict(op->getAttrs(), elided);
  p << " : " << op->getResult(0).getType();
}

template <typename EnumT>
static ParseResult parseEnum(OpAsmParser &parser, OperationState &result, StringRef name,
                             std::optional<EnumT> (*symbolize)(StringRef), StringRef expected) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<EnumT> value = symbolize(keyword);
  if (!value)
    return parser.emitError(loc, "expected ") << expected << ", found '" << keyword << "'";
  result.addAttribute(name, parser.getBuilder().getI32IntegerAttr(int32_t(*value)));
  return success();
}

static LogicalResult typeMismatch(Operation *op, StringRef what, Type expected, Type found) {
  InFlightDiagnostic d = op->emitOpError() << what;
  d.attachNote() << "expected " << expected;
  d.attachNote() << "found " << found;
  return d;
}

static LogicalResult verifyStatic(Operation *op) {
  for (Value v : op->getOperands())
    if (auto t = dyn_cast<RankedTensorType>(v.getType()); t && !t.hasStaticShape())
      return op->emitOpError("expects operands with a static shape, found ") << t;
  for (Type type : op->getResultTypes())
    if (auto t = dyn_cast<RankedTensorType>(type); t && !t.hasStaticShape())
      return op->emitOpError("expects results with a static shape, found ") << t;
  return success();
}

static bool isNonEmptyVector(Type type) {
  auto t = dyn_cast<RankedTensorType>(type);
  return t && t.getRank() == 1 && t.hasStaticShape() && t.getDimSize(0) > 0;
}

/// Infers the single result from the operand: used by builders and by mutation repair, so it checks its input.
static LogicalResult inferSame(std::optional<Location> loc, ValueRange operands, SmallVectorImpl<Type> &types) {
  if (operands.empty() || !isa<RankedTensorType>(operands[0].getType()))
    return emitOptionalError(loc, "expects a ranked tensor operand");
  types.push_back(operands[0].getType());
  return success();
}

//===----------------------------------------------------------------------===//
// dense
//===----------------------------------------------------------------------===//

LogicalResult DenseOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                        DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                        SmallVectorImpl<Type> &types) {
  DenseOp::Adaptor adaptor(operands, attributes, properties, regions);
  if (!isNonEmptyVector(adaptor.getInput().getType()) || int64_t(adaptor.getUnits()) < 1)
    return emitOptionalError(loc, "'nn.dense' expects a non-empty vector and at least one unit");
  types.push_back(RankedTensorType::get({int64_t(adaptor.getUnits())}, Float32Type::get(context)));
  return success();
}

ParseResult DenseOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand input;
  int64_t units;
  if (parser.parseOperand(input) || parser.parseKeyword("units") || parser.parseLParen() ||
      parseInteger(parser, units, "the number of units") || parser.parseRParen())
    return failure();
  result.addAttribute("units", parser.getBuilder().getI64IntegerAttr(units));
  if (succeeded(parser.parseOptionalKeyword("init"))) {
    if (parser.parseLParen() ||
        parseEnum<Init>(parser, result, "init", symbolizeInit,
                        "an initialisation (fan_in_uniform, glorot_uniform, he_normal, lecun_normal, zeros, "
                        "identity)") ||
        parser.parseRParen())
      return failure();
  }
  if (succeeded(parser.parseOptionalKeyword("param"))) {
    StringAttr param;
    if (parser.parseLParen() || parser.parseAttribute(param) || parser.parseRParen())
      return failure();
    result.addAttribute("param", param);
  }
  return parseTail(parser, input, result);
}

void DenseOp::print(OpAsmPrinter &p) {
  p << ' ' << getInput() << " units(" << getUnits() << ")";
  if (getInit() != Init::FanInUniform)
    p << " init(" << stringifyInit(getInit()) << ")";
  if (getParamAttr())
    p << " param(" << getParamAttr() << ")";
  printTail(p, *this, {"units", "init", "param"});
}

LogicalResult DenseOp::verify() {
  // dense (C1): the bound keeps every product of sizes far inside 64 bits.
  if (int64_t(getUnits()) < 1 || int64_t(getUnits()) > (int64_t(1) << 24))
    return emitOpError("expects between 1 and 16777216 units, found ") << int64_t(getUnits());
  // dense (C2)
  if (!isNonEmptyVector(getInput().getType()))
    return emitOpError("expects a non-empty vector of static size, found ") << getInput().getType();
  // dense (C3)
  auto expected = RankedTensorType::get({int64_t(getUnits())}, Float32Type::get(getContext()));
  if (getResult().getType() != expected)
    return typeMismatch(*this, "has a result that does not fit its units", expected, getResult().getType());
  // dense (C4): every layer looks at the ones above it.
  if (getParamAttr())
    for (auto other : (*this)->getBlock()->getOps<DenseOp>()) {
      if (other == *this)
        break;
      if (other.getParamAttr() == getParamAttr() && !sharesWith(other)) {
        InFlightDiagnostic d = emitOpError("can't share the parameters ") << getParamAttr();
        d.attachNote(other.getLoc()) << "expected " << other.getInput().getType() << " to " << other.getType()
                                     << " with init(" << stringifyInit(other.getInit()) << ")";
        d.attachNote() << "found " << getInput().getType() << " to " << getType() << " with init("
                       << stringifyInit(getInit()) << ")";
        return d;
      }
    }
  return success();
}

bool DenseOp::sharesWith(DenseOp other) {
  return getInput().getType() == other.getInput().getType() && getUnits() == other.getUnits() &&
         getInit() == other.getInit();
}
StringAttr DenseOp::getSharedName() { return getParamAttr(); }

void DenseOp::getParameters(SmallVectorImpl<ParameterSpec> &parameters) {
  int64_t in = cast<RankedTensorType>(getInput().getType()).getDimSize(0), out = getUnits();
  auto f32 = Float32Type::get(getContext());
  ParameterInit init = ParameterInit::FanInUniform;
  switch (getInit()) {
  case Init::FanInUniform:
    break;
  case Init::GlorotUniform:
    init = ParameterInit::GlorotUniform;
    break;
  case Init::HeNormal:
    init = ParameterInit::HeNormal;
    break;
  case Init::LecunNormal:
    init = ParameterInit::LecunNormal;
    break;
  case Init::Zeros:
    init = ParameterInit::Zeros;
    break;
  case Init::Identity:
    init = ParameterInit::Identity;
    break;
  }
  parameters.push_back({"weight", RankedTensorType::get({in, out}, f32), init, in, out});
  parameters.push_back({"bias", RankedTensorType::get({out}, f32), ParameterInit::Zeros, in, out});
}

void DenseOp::getAttributeChoices(SmallVectorImpl<AttributeChoice> &choices) {
  choices.push_back({getUnitsAttrName(), {}, 1, 4096});
  AttributeChoice init{getInitAttrName(), {}};
  for (Init kind : {Init::FanInUniform, Init::GlorotUniform, Init::HeNormal, Init::LecunNormal})
    init.values.push_back(InitAttr::get(getContext(), kind));
  choices.push_back(init);
}

//===----------------------------------------------------------------------===//
// activation
//===----------------------------------------------------------------------===//

LogicalResult ActivationOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, ValueRange operands,
                                             DictionaryAttr, OpaqueProperties, RegionRange,
                                             SmallVectorImpl<Type> &types) {
  return inferSame(loc, operands, types);
}

ParseResult ActivationOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand input;
  if (parseEnum<Activation>(parser, result, "kind", symbolizeActivation,
                            "an activation (relu, tanh, gelu, sigmoid)") ||
      parser.parseOperand(input))
    return failure();
  return parseTail(parser, input, result);
}

void ActivationOp::print(OpAsmPrinter &p) {
  p << ' ' << stringifyActivation(getKind()) << ' ' << getInput();
  printTail(p, *this, {"kind"});
}

LogicalResult ActivationOp::verify() {
  // activation (C1)
  if (failed(verifyStatic(*this)))
    return failure();
  // activation (C2)
  if (getResult().getType() != getInput().getType())
    return typeMismatch(*this, "has a result of another type than its operand", getInput().getType(),
                        getResult().getType());
  return success();
}

void ActivationOp::getAttributeChoices(SmallVectorImpl<AttributeChoice> &choices) {
  AttributeChoice kind{getKindAttrName(), {}};
  for (Activation a : {Activation::Relu, Activation::Tanh, Activation::Gelu, Activation::Sigmoid})
    kind.values.push_back(ActivationAttr::get(getContext(), a));
  choices.push_back(kind);
}

//===----------------------------------------------------------------------===//
// softmax, log_softmax
//===----------------------------------------------------------------------===//

template <typename OpT> static ParseResult parseRow(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand input;
  if (parser.parseOperand(input))
    return failure();
  return parseTail(parser, input, result);
}
static void printRow(Operation *op, OpAsmPrinter &p) {
  p << ' ' << op->getOperand(0);
  printTail(p, op);
}
static LogicalResult verifyRow(Operation *op) {
  // softmax (C1), log_softmax (C1), layer_norm (C1), rms_norm (C1)
  if (!isNonEmptyVector(op->getOperand(0).getType()))
    return op->emitOpError("expects a non-empty vector of static size, found ") << op->getOperand(0).getType();
  // softmax (C2), log_softmax (C2), layer_norm (C2), rms_norm (C2)
  if (op->getResult(0).getType() != op->getOperand(0).getType())
    return typeMismatch(op, "has a result of another type than its operand", op->getOperand(0).getType(),
                        op->getResult(0).getType());
  return success();
}

#define SELFOPT_ROW_OP(OP)                                                                                             \
  LogicalResult OP::inferReturnTypes(MLIRContext *, std::optional<Location> loc, ValueRange operands, DictionaryAttr,  \
                                     OpaqueProperties, RegionRange, SmallVectorImpl<Type> &types) {                    \
    return inferSame(loc, operands, types);                                                                            \
  }                                                                                                                    \
  ParseResult OP::parse(OpAsmParser &parser, OperationState &result) { return parseRow<OP>(parser, result); }          \
  void OP::print(OpAsmPrinter &p) { printRow(*this, p); }                                                              \
  LogicalResult OP::verify() { return verifyRow(*this); }
SELFOPT_ROW_OP(SoftmaxOp)
SELFOPT_ROW_OP(LogSoftmaxOp)
SELFOPT_ROW_OP(LayerNormOp)
SELFOPT_ROW_OP(RmsNormOp)

static ParameterSpec perElement(StringRef name, Value v, ParameterInit init) {
  auto type = cast<RankedTensorType>(v.getType());
  return {name, type, init, type.getDimSize(0), type.getDimSize(0)};
}
void LayerNormOp::getParameters(SmallVectorImpl<ParameterSpec> &parameters) {
  parameters.push_back(perElement("scale", getInput(), ParameterInit::Ones));
  parameters.push_back(perElement("offset", getInput(), ParameterInit::Zeros));
}
void RmsNormOp::getParameters(SmallVectorImpl<ParameterSpec> &parameters) {
  parameters.push_back(perElement("scale", getInput(), ParameterInit::Ones));
}

//===----------------------------------------------------------------------===//
// concat
//===----------------------------------------------------------------------===//

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, ValueRange operands,
                                         DictionaryAttr, OpaqueProperties, RegionRange, SmallVectorImpl<Type> &types) {
  int64_t size = 0;
  for (Value v : operands)
    if (!isNonEmptyVector(v.getType()) ||
        __builtin_add_overflow(size, cast<RankedTensorType>(v.getType()).getDimSize(0), &size))
      return emitOptionalError(loc, "'nn.concat' expects non-empty vectors of static size");
  if (operands.empty())
    return emitOptionalError(loc, "'nn.concat' expects at least one operand");
  types.push_back(RankedTensorType::get({size}, Float32Type::get(context)));
  return success();
}
ParseResult ConcatOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand, 2> operands;
  if (parser.parseOperandList(operands))
    return failure();
  return parseTail(parser, operands, result);
}
void ConcatOp::print(OpAsmPrinter &p) {
  p << ' ';
  p.printOperands(getInputs());
  printTail(p, *this);
}
LogicalResult ConcatOp::verify() {
  // concat (C1)
  if (getInputs().empty())
    return emitOpError("expects at least one operand, found none");
  int64_t size = 0;
  for (Value v : getInputs()) {
    // concat (C2)
    if (!isNonEmptyVector(v.getType()))
      return emitOpError("expects non-empty vectors of static size, found ") << v.getType();
    if (__builtin_add_overflow(size, cast<RankedTensorType>(v.getType()).getDimSize(0), &size))
      return emitOpError("expects sizes whose sum fits into 64 bits");
  }
  // concat (C3)
  auto expected = RankedTensorType::get({size}, Float32Type::get(getContext()));
  if (getResult().getType() != expected)
    return typeMismatch(*this, "has a result that does not fit its operands", expected, getResult().getType());
  return success();
}

//===----------------------------------------------------------------------===//
// pick, one_hot, argmax, reduce
//===----------------------------------------------------------------------===//

ParseResult PickOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand, 2> operands(2);
  if (parser.parseOperand(operands[0]) || parser.parseLSquare() || parser.parseOperand(operands[1]) ||
      parser.parseRSquare())
    return failure();
  return parseTail(parser, operands, result);
}

void PickOp::print(OpAsmPrinter &p) {
  p << ' ' << getInput() << '[' << getIndex() << ']';
  printTail(p, *this);
}

LogicalResult PickOp::verify() {
  // pick (C1)
  if (!isNonEmptyVector(getInput().getType()))
    return emitOpError("expects a non-empty vector of static size, found ") << getInput().getType();
  return success();
}

ParseResult OneHotOp::parse(OpAsmParser &parser, OperationState &result) { return parseRow<OneHotOp>(parser, result); }
void OneHotOp::print(OpAsmPrinter &p) { printRow(*this, p); }
LogicalResult OneHotOp::verify() {
  // one_hot (C1)
  if (!isNonEmptyVector(getResult().getType()))
    return emitOpError("expects a non-empty result of static size, found ") << getResult().getType();
  return success();
}

ParseResult ArgmaxOp::parse(OpAsmParser &parser, OperationState &result) { return parseRow<ArgmaxOp>(parser, result); }
void ArgmaxOp::print(OpAsmPrinter &p) { printRow(*this, p); }
LogicalResult ArgmaxOp::verify() {
  // argmax (C1)
  if (!isNonEmptyVector(getInput().getType()))
    return emitOpError("expects a non-empty vector of static size, found ") << getInput().getType();
  return success();
}

ParseResult ReduceOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand input;
  if (parseEnum<Reduction>(parser, result, "kind", symbolizeReduction, "a reduction (sum, mean, max)") ||
      parser.parseOperand(input))
    return failure();
  return parseTail(parser, input, result);
}
void ReduceOp::print(OpAsmPrinter &p) {
  p << ' ' << stringifyReduction(getKind()) << ' ' << getInput();
  printTail(p, *this, {"kind"});
}
LogicalResult ReduceOp::verify() {
  // reduce (C1)
  if (!isNonEmptyVector(getInput().getType()))
    return emitOpError("expects a non-empty vector of static size, found ") << getInput().getType();
  return success();
}
void ReduceOp::getAttributeChoices(SmallVectorImpl<AttributeChoice> &choices) {
  AttributeChoice kind{getKindAttrName(), {}};
  for (Reduction r : {Reduction::Sum, Reduction::Mean, Reduction::Max})
    kind.values.push_back(ReductionAttr::get(getContext(), r));
  choices.push_back(kind);
}

//===----------------------------------------------------------------------===//
// noise, dropout
//===----------------------------------------------------------------------===//

/// `%x keyword(number)`, the number kept as the f64 attribute of the same name.
static ParseResult parseScaled(OpAsmParser &parser, OperationState &result, StringRef keyword) {
  OpAsmParser::UnresolvedOperand input;
  double value;
  if (parser.parseOperand(input) || parser.parseKeyword(keyword) || parser.parseLParen() ||
      parseNumber(parser, value) || parser.parseRParen())
    return failure();
  result.addAttribute(keyword, parser.getBuilder().getF64FloatAttr(value));
  return parseTail(parser, input, result);
}
static void printScaled(Operation *op, OpAsmPrinter &p, StringRef keyword, const APFloat &value) {
  p << ' ' << op->getOperand(0) << ' ' << keyword << '(' << formatDouble(value.convertToDouble()) << ')';
  printTail(p, op, {keyword});
}
/// Of layers that keep the operand's type.
static LogicalResult verifySameType(Operation *op) {
  if (failed(verifyStatic(op)))
    return failure();
  if (op->getResult(0).getType() != op->getOperand(0).getType())
    return typeMismatch(op, "has a result of another type than its operand", op->getOperand(0).getType(),
                        op->getResult(0).getType());
  return success();
}

LogicalResult NoiseOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, ValueRange operands, DictionaryAttr,
                                        OpaqueProperties, RegionRange, SmallVectorImpl<Type> &types) {
  return inferSame(loc, operands, types);
}
ParseResult NoiseOp::parse(OpAsmParser &parser, OperationState &result) { return parseScaled(parser, result, "scale"); }
void NoiseOp::print(OpAsmPrinter &p) { printScaled(*this, p, "scale", getScale()); }
LogicalResult NoiseOp::verify() {
  // noise (C1)
  double scale = getScale().convertToDouble();
  if (!(scale >= 0 && scale <= 1e6))
    return emitOpError("expects a scale in [0, 1e6], found ") << scale;
  // noise (C2)
  return verifySameType(*this);
}
void NoiseOp::getAttributeChoices(SmallVectorImpl<AttributeChoice> &choices) {
  AttributeChoice scale{getScaleAttrName(), {}};
  for (double x : {0.01, 0.03, 0.1, 0.3, 1.0, 3.0})
    scale.values.push_back(FloatAttr::get(Float64Type::get(getContext()), x));
  choices.push_back(scale);
}

LogicalResult DropoutOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, ValueRange operands,
                                          DictionaryAttr, OpaqueProperties, RegionRange,
                                          SmallVectorImpl<Type> &types) {
  return inferSame(loc, operands, types);
}
ParseResult DropoutOp::parse(OpAsmParser &parser, OperationState &result) { return parseScaled(parser, result, "rate"); }
void DropoutOp::print(OpAsmPrinter &p) { printScaled(*this, p, "rate", getRate()); }
LogicalResult DropoutOp::verify() {
  // dropout (C1)
  double rate = getRate().convertToDouble();
  if (!(rate >= 0 && rate <= 0.99))
    return emitOpError("expects a rate in [0, 0.99], found ") << rate;
  // dropout (C2)
  return verifySameType(*this);
}
void DropoutOp::getAttributeChoices(SmallVectorImpl<AttributeChoice> &choices) {
  AttributeChoice rate{getRateAttrName(), {}};
  for (double x : {0.02, 0.05, 0.1, 0.2, 0.3, 0.5})
    rate.values.push_back(FloatAttr::get(Float64Type::get(getContext()), x));
  choices.push_back(rate);
}
