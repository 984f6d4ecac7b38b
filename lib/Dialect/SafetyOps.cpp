//===- SafetyOps.cpp - Assembly and verification of the safety dialect ------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/AsmUtils.h"
#include "SelfOpt/Dialect/Safety/Properties.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSet.h"
#include <cmath>
#include <limits>

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

LogicalResult SafetyDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() != certificateAttr)
    return success();
  auto digest = dyn_cast<StringAttr>(attribute.getValue());
  if (!isa<ModuleOp>(op) || !digest || digest.size() != 64)
    return op->emitOpError("expects ") << certificateAttr << " on a module, as a digest of 64 hexadecimal digits; found "
                                       << attribute.getValue();
  return success();
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
  if (!quantity) {
    InFlightDiagnostic d = parser.emitError(loc, "expected a quantity (");
    for (unsigned i = 0; i <= getMaxEnumValForQuantity(); ++i)
      d << (i ? ", " : "") << stringifyQuantity(Quantity(i));
    return d << "), found '" << keyword << "'";
  }
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

ArrayRef<PropertyInfo> safety::getPropertyTable() {
  constexpr double must = std::numeric_limits<double>::quiet_NaN(), large = 3.4e38;
  static const PropertyParameter domain{"domain", 100, 1e-6, large,
                                        "predictions and targets are at most so large, in magnitude"};
  static const PropertyParameter gradient{"gradient", 1e4, 1e-6, large, "gradients are at most so large, in magnitude"};
  static const PropertyInfo properties[] = {
      {Property::Finite, "every value that the program computes is finite, and so is its derivative", {domain}},
      {Property::Aligned,
       "more score for the right class never raises the loss, and somewhere lowers it; of a regression, a prediction "
       "nearer to the target never does",
       {domain, {"until", 1, 1e-6, 1, "required up to that probability of the right class"}}},
      {Property::NoFlow, "nothing that the sink reaches reads the source", {}},
      {Property::Monotone,
       "as aligned, and more score for a wrong class never lowers the loss; a schedule never rises; a sampler's weight "
       "never falls with the loss",
       {domain}},
      {Property::BoundedBelow,
       "the program is never below a bound",
       {domain, {"at_least", 0, -large, large, "the bound"}}},
      {Property::Proper, "the expected loss is least where the prediction is the truth: a proper scoring rule", {}},
      {Property::BoundedStep,
       "no parameter moves further than a multiple of the learning rate in one step",
       {gradient, {"at_most", must, 0, large, "the multiple"}}},
      {Property::FiniteState, "the state of the update rule stays finite for ever", {gradient}},
      {Property::Robust,
       "of so many examples of the split, the trained model says the right class whatever is added to each feature within "
       "the radius",
       {{"radius", must, 0, large, "the most that is added to a feature, in its units"},
        {"at_least", must, 0, 1, "the share of the examples"}},
       /*ofWeights=*/true},
      {Property::ClassAccuracy,
       "the trained model is right on so many examples of every class",
       {{"at_least", must, 0, 1, "the share of the examples of a class"}},
       /*ofWeights=*/true},
      {Property::CalibrationError,
       "the trained model's probability of what it says is how often it is right: expected calibration error, ten bins",
       {{"at_most", must, 0, 1, "the error"}},
       /*ofWeights=*/true},
      {Property::Agreement,
       "the trained model says what the incumbent did, on so many examples of a sealed probe set, whose labels or "
       "targets are the incumbent's answers",
       {{"at_least", must, 0, 1, "the share of the examples"},
        {"within", 0, 0, large, "how far each number that a regression predicts may be from the incumbent's"}},
       /*ofWeights=*/true},
      {Property::PotentialBased,
       "what is added to a task's reward is the discounted difference of a potential of its states: it changes no best action",
       {}},
  };
  return properties;
}
const PropertyInfo &safety::getInfo(Property property) { return getPropertyTable()[size_t(property)]; }

double safety::getParameter(Property property, ArrayRef<double> values, StringRef name) {
  for (auto [parameter, value] : llvm::zip(getInfo(property).parameters, values))
    if (parameter.name == name)
      return value;
  llvm_unreachable("a property has the parameters of its table");
}
double RequireOp::getParameter(StringRef name) { return safety::getParameter(getProperty(), getParameters(), name); }

std::string RequireOp::getOn() {
  return (getDataAttr() ? "@" + getData()->str() + "::" : std::string()) + getSplit().value_or("").str();
}

bool RequireOp::takes(StringRef name) {
  return llvm::any_of(getInfo(getProperty()).parameters, [&](const PropertyParameter &p) { return p.name == name; });
}
bool RequireOp::needsWeights() { return getInfo(getProperty()).ofWeights; }

ParseResult RequireOp::parse(OpAsmParser &parser, OperationState &result) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<Property> property = symbolizeProperty(keyword);
  if (!property) {
    InFlightDiagnostic d = parser.emitError(loc, "expected a property (");
    llvm::interleaveComma(getPropertyTable(), d, [&](const PropertyInfo &p) { d << stringifyProperty(p.property); });
    return d << "), found '" << keyword << "'";
  }
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
  if (succeeded(parser.parseOptionalKeyword("on"))) {
    // A split of what the model trains on, or `@dataset::split` of another one.
    StringAttr data;
    StringRef split;
    if (succeeded(parser.parseOptionalSymbolName(data))) {
      result.addAttribute("data", FlatSymbolRefAttr::get(data));
      if (parser.parseColon() || parser.parseColon())
        return failure();
    }
    if (parser.parseKeyword(&split))
      return failure();
    result.addAttribute("split", parser.getBuilder().getStringAttr(split));
  }
  if (parser.parseRParen())
    return failure();
  ArrayRef<PropertyParameter> known = getInfo(*property).parameters;
  SmallVector<std::optional<double>> given(known.size());
  // The name of the next op would be a keyword, too.
  SmallVector<StringRef> names;
  for (const PropertyInfo &info : getPropertyTable())
    for (const PropertyParameter &parameter : info.parameters)
      names.push_back(parameter.name);
  loc = parser.getCurrentLocation();
  while (succeeded(parser.parseOptionalKeyword(&keyword, names))) {
    auto at = llvm::find_if(known, [&](const PropertyParameter &p) { return p.name == keyword; });
    if (at == known.end()) {
      InFlightDiagnostic d = parser.emitError(loc);
      d << stringifyProperty(*property) << " has no parameter '" << keyword << "'; expected ";
      if (known.empty())
        return d << "none";
      llvm::interleaveComma(known, d, [&](const PropertyParameter &p) { d << p.name; });
      return d;
    }
    std::optional<double> &value = given[at - known.begin()];
    if (value)
      return parser.emitError(loc, "expected each parameter once, found '") << keyword << "' again";
    value.emplace();
    if (parser.parseLParen() || parseNumber(parser, *value) || parser.parseRParen())
      return failure();
    loc = parser.getCurrentLocation();
  }
  SmallVector<double> values;
  for (auto [parameter, value] : llvm::zip(known, given)) {
    if (!value && std::isnan(parameter.initial))
      return parser.emitError(loc, "expected the parameter ")
             << parameter.name << "(NUMBER) of " << stringifyProperty(*property) << ": " << parameter.meaning;
    values.push_back(value.value_or(parameter.initial));
  }
  result.addAttribute("parameters", parser.getBuilder().getDenseF64ArrayAttr(values));
  return parser.parseOptionalAttrDict(result.attributes);
}
void RequireOp::print(OpAsmPrinter &p) {
  p << ' ' << stringifyProperty(getProperty()) << '(';
  printSplitRef(p, getSubjectAttr());
  if (getTargetAttr())
    p << " -> " << getTargetAttr();
  if (getSplitAttr())
    p << " on " << getOn();
  p << ')';
  for (auto [parameter, value] : llvm::zip(getInfo(getProperty()).parameters, getParameters()))
    p << ' ' << parameter.name << '(' << formatDouble(value) << ')';
  p.printOptionalAttrDict((*this)->getAttrs(), {"property", "subject", "target", "split", "data", "parameters"});
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
  // require (C4)
  ArrayRef<PropertyParameter> known = getInfo(getProperty()).parameters;
  if (getParameters().size() != known.size())
    return emitOpError("expects ") << known.size() << " parameters, found " << getParameters().size();
  for (auto [parameter, value] : llvm::zip(known, getParameters()))
    if (!(parameter.low <= value && value <= parameter.high))
      return emitOpError("expects ") << parameter.name << " in [" << formatDouble(parameter.low) << ", "
                                     << formatDouble(parameter.high) << "], found " << formatDouble(value);
  // require (C5)
  StringRef split = getSplit().value_or("");
  if (needsWeights() ? split != "train" && split != "validation" && split != "test" : !split.empty())
    return emitOpError() << (needsWeights() ? "expects @model on train, validation or test"
                                            : "expects no 'on' of a split")
                         << ", found " << (getSplit() ? "'on " + getOn() + "'" : std::string("no split"));
  // require (C6)
  if (getDataAttr() ? !needsWeights() : getProperty() == Property::Agreement)
    return emitOpError(needsWeights() ? "expects the probe set, 'on @dataset::split', found 'on "
                                      : "expects no dataset, found 'on ")
           << getOn() << "'";
  return success();
}
LogicalResult RequireOp::verifySymbolUses(SymbolTableCollection &tables) {
  // require (C3)
  if (failed(verifySymbol(*this, tables, getSubjectAttr())))
    return failure();
  if (getTargetAttr() && failed(verifySymbol(*this, tables, getTargetAttr())))
    return failure();
  if (!getDataAttr())
    return success();
  // require (C7)
  Operation *module = getOperation()->getParentOp()->getParentOp();
  auto dataset = module ? tables.lookupNearestSymbolFrom<DatasetOp>(module, getDataAttr()) : DatasetOp();
  auto model = module ? tables.lookupNearestSymbolFrom<ModelOp>(module, getSubjectAttr()) : ModelOp();
  if (!dataset || !model)
    return emitOpError("expects a selfopt.") << (dataset ? "model, found " : "dataset, found ")
                                             << (dataset ? getSubjectAttr() : SymbolRefAttr(getDataAttr()));
  auto seals = getOperation()->getParentOfType<PolicyOp>().getOps<SealOp>();
  if (llvm::none_of(seals, [&](SealOp seal) { return llvm::is_contained(seal.getSymbols(), getDataAttr()); })) {
    InFlightDiagnostic d = emitOpError("is judged by ")
                           << getDataAttr() << ", which nothing seals: a candidate could edit it";
    d.attachNote() << "expected safety.seal " << getDataAttr() << " in this policy";
    return d;
  }
  FunctionType type = model.getFunctionType();
  if (type.getInput(0) != dataset.getFeatureType())
    return emitOpError("expects features that ") << getSubjectAttr() << " takes, " << type.getInput(0) << ", found "
                                                 << dataset.getFeatureType() << " in " << getDataAttr();
  if (!dataset.hasLabel() && getProperty() == Property::Agreement) {
    if (type.getResult(0) == dataset.getAnswerType())
      return success();
    return emitOpError("expects targets that ") << getSubjectAttr() << " predicts, " << type.getResult(0) << ", found "
                                                << dataset.getAnswerType() << " in " << getDataAttr();
  }
  // require (C8)
  if (getProperty() == Property::Agreement && getParameter("within") != 0)
    return emitOpError("expects no within of classes, found ") << formatDouble(getParameter("within"));
  auto scores = cast<RankedTensorType>(type.getResult(0));
  int64_t classes = scores.getRank() == 1 ? scores.getDimSize(0) : 0;
  double low = dataset.getAnswerLow().convertToDouble(), high = dataset.getAnswerHigh().convertToDouble();
  if (!dataset.hasLabel() || low < 0 || high >= double(classes))
    return emitOpError("expects labels that are classes of ")
           << getSubjectAttr() << ", in [0, " << classes - 1 << "], found " << dataset.getAnswerType() << " in ["
           << formatDouble(low) << ", " << formatDouble(high) << "]";
  return success();
}
