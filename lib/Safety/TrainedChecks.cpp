//===- TrainedChecks.cpp - What a policy requires of trained weights ------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/TrainedChecks.h"
#include "SelfOpt/Dialect/AsmUtils.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Reference/Predict.h"
#include "SelfOpt/Runtime/DatasetFromOp.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::safety;

/// Four digits: what was found beside its bound.
static std::string fourDigits(double x) { return formatDouble(std::round(x * 1e4) / 1e4); }

static ProofResult compared(RequireOp require, double found, StringRef parameter, const Twine &counted,
                            llvm::json::Object evidence) {
  double bound = require.getParameter(parameter);
  bool above = parameter == "at_least", holds = above ? found >= bound : found <= bound;
  ProofResult result;
  result.verdict = holds ? Verdict::Holds : Verdict::Violated;
  StringRef sign = above ? (holds ? " >= " : " < ") : (holds ? " <= " : " > ");
  result.detail = (fourDigits(found) + sign + formatDouble(bound) + " (" + counted + ")").str();
  result.evidence = std::move(evidence);
  return result;
}

/// So many of the examples, as the evidence calls them.
static ProofResult share(RequireOp require, StringRef what, int64_t count, int64_t rows, const Twine &of = "") {
  return compared(require, double(count) / double(rows), "at_least",
                  of + Twine(count) + " of " + Twine(rows) + " examples",
                  llvm::json::Object{{what, count}, {"rows", rows}});
}

static llvm::Expected<ProofResult> checkRobust(RequireOp require, ModelOp model, const TrainedWeights &weights,
                                               const Split &split, const BoundEngine &engine) {
  auto propagation = BoundPropagation::create(model, weights, engine);
  if (!propagation)
    return propagation.takeError();
  double radius = require.getParameter("radius");
  auto margins = propagation->margins(split.features, split.count, radius, split.labels);
  if (!margins)
    return margins.takeError();
  ProofResult result = share(require, "certified", llvm::count_if(*margins, [](float m) { return m > 0; }), split.count);
  (*result.evidence.getAsObject())["radius"] = radius;
  return result;
}

static ProofResult checkClassAccuracy(RequireOp require, const reference::Predictions &points, const Split &split) {
  std::vector<int64_t> right(points.classes), all(points.classes);
  for (int64_t r = 0; r < split.count; ++r) {
    int64_t label = split.labels[r];
    // One that no score stands for is never right.
    if (label < 0 || label >= points.classes)
      return compared(require, 0, "at_least", "no score for class " + Twine(label), llvm::json::Object());
    ++all[label];
    right[label] += points.answer(r).first == label;
  }
  // A class without examples says nothing.
  int64_t worst = -1;
  for (int64_t k = 0; k < points.classes; ++k)
    if (all[k] && (worst < 0 || right[k] * all[worst] < right[worst] * all[k]))
      worst = k;
  ProofResult result = share(require, "right", right[worst], all[worst], "class " + Twine(worst) + ": ");
  (*result.evidence.getAsObject())["class"] = worst;
  return result;
}

/// Labels or targets are what the incumbent says. A score that is not finite says nothing, and agrees with nobody.
static ProofResult checkAgreement(RequireOp require, const reference::Predictions &points, const Split &split) {
  double within = require.getParameter("within");
  int64_t same = 0;
  for (int64_t r = 0; r < split.count; ++r) {
      auto isNear = [&](int64_t k) {
      return std::fabs(points.score(r, k) - split.targets[r * points.classes + k]) <= within;
    };
    same += split.labels.empty() ? llvm::all_of(llvm::seq(points.classes), isNear)
                                 : points.answer(r).first == split.labels[r];
  }
  return share(require, "same", same, split.count);
}

static ProofResult checkCalibration(RequireOp require, const reference::Predictions &points, const Split &split) {
  // Naeini, Cooper and Hauskrecht 2015: bins of equal width of the probability of what is said.
  constexpr int64_t bins = 10;
  double excess[bins] = {};
  for (int64_t r = 0; r < split.count; ++r) {
    auto [said, probability] = points.answer(r);
    int64_t bin = std::min(bins - 1, int64_t(probability * bins));
    excess[bin] += probability - (said == split.labels[r]);
  }
  double error = 0;
  for (double e : excess)
    error += std::fabs(e) / double(split.count);
  return compared(require, error, "at_most", Twine(split.count) + " examples, " + Twine(bins) + " bins",
                  llvm::json::Object{{"error", fourDigits(error)}, {"rows", split.count}});
}

ProofResult selfopt::checkTrained(ModuleOp spec, StringRef program, RequireOp require, const TrainedWeights &weights,
                                  const BoundEngine &engine) {
  bool measured = require.getProperty() != Property::Robust;
  StringRef engineName = measured ? "measured" : "interval bound propagation";
  auto unknown = [&](const Twine &why) { return ProofResult{Verdict::Unknown, engineName.str(), why.str()}; };
  StringRef name = require.getSubjectAttr().getRootReference();
  auto train = spec.lookupSymbol<TrainOp>(program);
  auto model = spec.lookupSymbol<ModelOp>(name);
  if (!train || !model || train.getModel() != name)
    return unknown("@" + name + " is not the model that @" + program + " trains");
  // What the verifier asks of a dataset after `on` holds: it is sealed, and fits the model.
  auto dataset = spec.lookupSymbol<DatasetOp>(require.getDataAttr() ? require.getDataAttr().getRootReference()
                                                                    : train.getDataAttr().getRootReference());
  if (!dataset || (!dataset.hasLabel() && require.getProperty() != Property::Agreement))
    return unknown("@" + program + " learns from no data with a label");
  auto data = loadDataset(dataset, {});
  if (failed(data))
    return unknown("@" + dataset.getSymName() + " can't be read");
  StringRef on = *require.getSplit();
  const Split &split = (*data)->split(on);
  if (split.count == 0)
    return unknown("@" + dataset.getSymName() + " has no examples to " + on);
  auto scores = dyn_cast<RankedTensorType>(model.getBody().front().getTerminator()->getOperand(0).getType());
  if (dataset.hasLabel() && (!scores || scores.getNumElements() < 2))
    return unknown("@" + name + " has no score for each of two classes or more");
  ProofResult result;
  if (measured) {
    if (auto wrong = weights.expectModel(model))
      return unknown(llvm::toString(std::move(wrong)));
    auto points = reference::predict(model, weights.parameters, split.features, split.count);
    if (failed(points))
      return unknown("@" + name + " can't be run by the reference interpreter");
    result = require.getProperty() == Property::ClassAccuracy      ? checkClassAccuracy(require, *points, split)
             : require.getProperty() == Property::CalibrationError ? checkCalibration(require, *points, split)
                                                                   : checkAgreement(require, *points, split);
  } else {
    auto robust = checkRobust(require, model, weights, split, engine);
    if (!robust)
      return unknown(llvm::toString(robust.takeError()));
    result = std::move(*robust);
  }
  result.engine = engineName;
  (*result.evidence.getAsObject())["weights"] = weights.digest;
  return result;
}
