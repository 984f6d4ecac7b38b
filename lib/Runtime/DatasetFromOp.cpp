//===- DatasetFromOp.cpp - The data that a dataset op names --------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Runtime/DatasetFromOp.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Support/Digest.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace selfopt;

DatasetSpec selfopt::datasetSpec(DatasetOp op, ArrayRef<std::string> searchPath) {
  DatasetSpec spec;
  spec.format = op.getFormat() == "idx" ? DatasetSpec::Format::Idx : DatasetSpec::Format::Csv;
  for (auto file : op.getFiles().getAsRange<StringAttr>())
    spec.files.push_back(file.str());
  llvm::append_range(spec.featureShape, cast<RankedTensorType>(op.getFeatureType()).getShape());
  spec.featureLow = op.getFeatureLow().convertToDouble();
  spec.featureHigh = op.getFeatureHigh().convertToDouble();
  double low = op.getAnswerLow().convertToDouble(), high = op.getAnswerHigh().convertToDouble();
  spec.hasLabel = op.hasLabel();
  if (spec.hasLabel) {
    spec.labelLow = int64_t(low);
    spec.labelHigh = int64_t(high);
  } else {
    spec.targetSize = cast<RankedTensorType>(op.getAnswerType()).getNumElements();
    spec.targetLow = low;
    spec.targetHigh = high;
  }
  spec.train = op.getTrain().convertToDouble();
  spec.validation = op.getValidation().convertToDouble();
  spec.test = op.getTest().convertToDouble();
  spec.seed = op.getSeed();
  spec.searchPath.assign(searchPath.begin(), searchPath.end());
  // Names are relative to the spec.
  if (auto loc = op.getLoc()->findInstanceOf<FileLineColLoc>())
    spec.searchPath.push_back(std::string(llvm::sys::path::parent_path(loc.getFilename().getValue())));
  return spec;
}

FailureOr<std::shared_ptr<Dataset>> selfopt::loadDataset(DatasetOp op, ArrayRef<std::string> searchPath) {
  if (!op)
    return failure();
  // The same spec is asked for by the policy, the planner and the runtime.
  static llvm::StringMap<std::shared_ptr<Dataset>> loaded;
  DatasetSpec spec = datasetSpec(op, searchPath);
  std::string key;
  llvm::raw_string_ostream os(key);
  op->print(os, OpPrintingFlags().useLocalScope());
  for (const std::string &path : spec.searchPath)
    os << '\n' << path;
  auto it = loaded.find(key);
  if (it != loaded.end())
    return it->second;
  auto data = loadDataset(spec);
  if (!data) {
    op.emitOpError() << llvm::toString(data.takeError());
    return failure();
  }
  loaded[key] = *data;
  return *data;
}

bool selfopt::judgeAlike(DatasetOp a, DatasetOp b) {
  auto x = loadDataset(a, {}), y = loadDataset(b, {});
  auto same = [](const Split &s, const Split &t) {
    return s.features == t.features && s.labels == t.labels && s.targets == t.targets;
  };
  return succeeded(x) && succeeded(y) && same((*x)->validation, (*y)->validation) && same((*x)->test, (*y)->test);
}

plan::SplitSizes selfopt::splitSizes(const Dataset &data, SymbolRefAttr symbol) {
  plan::SplitSizes sizes{data.train.count, data.validation.count, data.test.count};
  StringRef split = symbol && !symbol.getNestedReferences().empty() ? symbol.getLeafReference().getValue() : "train";
  if (split == "validation")
    sizes.train = sizes.validation;
  else if (split == "test")
    sizes.train = sizes.test;
  return sizes;
}
