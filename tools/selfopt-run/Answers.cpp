//===- Answers.cpp - selfopt-run answers ------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a trained model says of a split, as a dataset: features, and its answer as label or target. It is the probe set
// that `safety.require agreement` holds candidates to, so answers come from the scores that the check counts.
//
//===----------------------------------------------------------------------===//

#include "Commands.h"
#include "Options.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Runtime/DatasetFromOp.h"
#include "SelfOpt/Reference/Predict.h"
#include "SelfOpt/Safety/BoundPropagation.h"
#include "SelfOpt/Support/Digest.h"
#include "SelfOpt/Support/File.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::run;
namespace cl = llvm::cl;

namespace selfopt::run {
cl::SubCommand answersCommand("answers", "writes what a trained model says of a split, as a dataset for "
                                         "safety.require agreement");
} // namespace selfopt::run

static cl::opt<std::string> weightsFile("weights", cl::desc("the trained weights (safetensors)"), cl::Required,
                                        cl::value_desc("FILE"), cl::sub(answersCommand));
static cl::opt<std::string> splitName("split", cl::desc("train, validation or test (default: test)"), cl::init("test"),
                                      cl::sub(answersCommand));
static cl::opt<std::string> outFile("out",
                                    cl::desc("where they go (.csv): the features of an example, then its answer"),
                                    cl::Required, cl::value_desc("FILE"), cl::sub(answersCommand));

namespace {
struct Domain {
  double low = INFINITY, high = -INFINITY;
};
} // namespace

/// In the fewest digits that read back as the same f32. As a f64 that is another number, which the domain must hold.
static std::string numberIn(Domain &domain, float x) {
  std::string text = fmt::format("{}", x);
  double read = std::strtod(text.c_str(), nullptr);
  domain.low = std::min(domain.low, read);
  domain.high = std::max(domain.high, read);
  return text;
}

/// The op that reads the file, to be put into a spec.
static std::string probeOp(DatasetOp dataset, Domain features, Domain answers) {
  OpBuilder b(dataset);
  auto probe = cast<DatasetOp>(b.clone(*dataset));
  probe.setSymName("probe");
  probe.setFormat("csv");
  probe.setFilesAttr(b.getStrArrayAttr({llvm::sys::path::filename(outFile)}));
  probe.setFeatureLowAttr(b.getF64FloatAttr(features.low));
  probe.setFeatureHighAttr(b.getF64FloatAttr(features.high));
  probe.setAnswerLowAttr(b.getF64FloatAttr(answers.low));
  probe.setAnswerHighAttr(b.getF64FloatAttr(answers.high));
  probe.setTrainAttr(b.getF64FloatAttr(0));
  probe.setValidationAttr(b.getF64FloatAttr(0));
  probe.setTestAttr(b.getF64FloatAttr(1));
  probe.setSeedAttr(b.getI64IntegerAttr(0));
  std::string text;
  llvm::raw_string_ostream(text) << *probe.getOperation();
  probe.erase();
  return text;
}

int run::answersMain() {
  auto fail = [](const llvm::Twine &message) {
    llvm::errs() << "error: " << message << "\n";
    return refused;
  };
  if (splitName != "train" && splitName != "validation" && splitName != "test") {
    llvm::errs() << "error: --split expects train, validation or test, found '" << splitName << "'\n";
    return usage;
  }
  auto spec = loadSpec(specFile);
  if (!spec)
    return refused;
  std::string name = StringRef(program).ltrim('@').str();
  if (name.empty())
    name = defaultProgram(*spec->module);
  if (name.empty())
    return refused;
  auto train = spec->module->lookupSymbol<TrainOp>(name);
  if (!train)
    return fail(specFile + ": expects a selfopt.train @" + name + ", found none");
  auto dataset = spec->module->lookupSymbol<DatasetOp>(train.getDataAttr().getRootReference());
  auto data = loadDataset(dataset, {});
  if (failed(data))
    return refused;
  auto weights = TrainedWeights::read(weightsFile);
  if (!weights)
    return fail(llvm::toString(weights.takeError()));
  auto model = spec->module->lookupSymbol<ModelOp>(train.getModel());
  const Split &split = (*data)->split(splitName);
  if (split.count == 0)
    return fail("@" + dataset.getSymName() + " has no examples to " + splitName);
  if (auto wrong = weights->expectModel(model))
    return fail("@" + train.getModel() + " has no answers: " + llvm::toString(std::move(wrong)));
  auto points = reference::predict(model, weights->parameters, split.features, split.count);
  if (failed(points))
    return refused;
  if (dataset.hasLabel() && points->classes < 2)
    return fail("@" + train.getModel() + " has no answers: expected one score per class, found one score");
  std::string text;
  Domain features{dataset.getFeatureLow().convertToDouble(), dataset.getFeatureHigh().convertToDouble()}, answers;
  // Of classes, all that there are; of a regression, from the least to the greatest prediction.
  if (dataset.hasLabel())
    answers = {0, double(points->classes - 1)};
  for (int64_t r = 0, n = (*data)->featureSize; r < split.count; ++r) {
    int64_t answer = points->answer(r).first;
    // Nothing is the answer, and another candidate that says nothing either must not agree with it.
    if (answer < 0)
      return fail("@" + train.getModel() + " has no answer for example " + llvm::Twine(r) + " to " + splitName +
                  ": a score is not finite");
    for (float x : ArrayRef(split.features).slice(r * n, n))
      text += numberIn(features, x) + ",";
    if (dataset.hasLabel()) {
      text += fmt::format("{}\n", answer);
      continue;
    }
    for (int64_t k = 0; k < points->classes; ++k)
      text += numberIn(answers, float(points->score(r, k))) + (k + 1 < points->classes ? "," : "\n");
  }
  if (auto error = writeFileAtomically(outFile, text))
    return fail(llvm::toString(std::move(error)));
  if (json)
    printJson(llvm::json::Object{{"event", "done"},
                                 {"rows", split.count},
                                 {dataset.hasLabel() ? "classes" : "numbers", points->classes},
                                 {"weights", weights->digest},
                                 {"digest", digestHex(text)}});
  else
    llvm::outs() << split.count << " answers of @" << train.getModel() << " to @" << dataset.getSymName()
                 << "::" << splitName << ", weights " << StringRef(weights->digest).take_front(16) << "\n\n  "
                 << probeOp(dataset, features, answers) << "\n";
  return done;
}
