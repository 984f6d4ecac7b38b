//===- SelfOptTrain.cpp - Assembly and verification of what trains -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Dialect/AsmUtils.h"
#include "SymbolUses.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace selfopt;

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
    {"prediction", "prediction_bound"}, {"gradient", "gradient_bound"}, {"weight", "weight_bound"},
    {"rate", "rate_bound"}, {"loss", "loss_bound"}};

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
                           "metrics", "sampled", "prediction_bound", "gradient_bound", "weight_bound", "rate_bound",
                           "loss_bound"});
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
