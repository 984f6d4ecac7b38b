//===- SelfOptDataset.cpp - Assembly and verification of datasets -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Dialect/AsmUtils.h"

using namespace mlir;
using namespace selfopt;

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
