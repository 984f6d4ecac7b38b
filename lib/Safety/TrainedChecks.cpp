//===- TrainedChecks.cpp - What a policy requires of trained weights ------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/TrainedChecks.h"
#include "SelfOpt/Dialect/AsmUtils.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
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

static ProofResult checkRobust(RequireOp require, const BoundPropagation &model, const Split &split,
                               const TrainedWeights &weights) {
  double radius = require.getParameter("radius");
  ScoreBounds bounds = model.bounds(split.features, split.count, radius, split.labels);
  int64_t certified = llvm::count_if(bounds.margin, [](double m) { return m > 0; });
  ProofResult result =
      compared(require, double(certified) / double(split.count), "at_least",
               Twine(certified) + " of " + Twine(split.count) + " examples",
               llvm::json::Object{
                   {"certified", certified}, {"rows", split.count}, {"radius", radius}, {"weights", weights.digest}});
  result.engine = "interval bound propagation";
  return result;
}

/// The class that the scores say and its softmax, or -1.
static std::pair<int64_t, double> prediction(const ScoreBounds &points, int64_t row) {
  int64_t K = points.classes, best = 0;
  std::vector<double> score(K);
  for (int64_t k = 0; k < K; ++k) {
    score[k] = 0.5 * (points.low[row * K + k] + points.high[row * K + k]);
    if (!std::isfinite(score[k]))
      return {-1, 1};
    best = score[k] > score[best] ? k : best;
  }
  double sum = 0;
  for (double s : score)
    sum += std::exp(s - score[best]);
  return {best, 1 / sum};
}

static ProofResult checkClassAccuracy(RequireOp require, const ScoreBounds &points, const Split &split,
                                      const TrainedWeights &weights) {
  std::vector<int64_t> right(points.classes), all(points.classes);
  for (int64_t r = 0; r < split.count; ++r) {
    int64_t label = split.labels[r];
    // One that no score stands for is never right.
    if (label < 0 || label >= points.classes)
      return compared(require, 0, "at_least", "no score for class " + Twine(label), llvm::json::Object());
    ++all[label];
    right[label] += prediction(points, r).first == label;
  }
  // A class without examples says nothing.
  int64_t worst = -1;
  for (int64_t k = 0; k < points.classes; ++k)
    if (all[k] && (worst < 0 || right[k] * all[worst] < right[worst] * all[k]))
      worst = k;
  return compared(
      require, double(right[worst]) / double(all[worst]), "at_least",
      "class " + Twine(worst) + ": " + Twine(right[worst]) + " of " + Twine(all[worst]) + " examples",
      llvm::json::Object{{"class", worst}, {"right", right[worst]}, {"rows", all[worst]}, {"weights", weights.digest}});
}

static ProofResult checkCalibration(RequireOp require, const ScoreBounds &points, const Split &split,
                                    const TrainedWeights &weights) {
  // Naeini, Cooper and Hauskrecht 2015: bins of equal width of the probability of what is said.
  constexpr int64_t bins = 10;
  double excess[bins] = {};
  for (int64_t r = 0; r < split.count; ++r) {
    auto [said, probability] = prediction(points, r);
    int64_t bin = std::min(bins - 1, int64_t(probability * bins));
    excess[bin] += probability - (said == split.labels[r]);
  }
  double error = 0;
  for (double e : excess)
    error += std::fabs(e) / double(split.count);
  return compared(require, error, "at_most", Twine(split.count) + " examples, " + Twine(bins) + " bins",
                  llvm::json::Object{{"error", fourDigits(error)}, {"rows", split.count}, {"weights", weights.digest}});
}

ProofResult selfopt::checkTrained(ModuleOp spec, StringRef program, RequireOp require, const TrainedWeights &weights) {
  bool measured = require.getProperty() != Property::Robust;
  auto unknown = [&](const Twine &why) {
    return ProofResult{Verdict::Unknown, measured ? "measured" : "interval bound propagation", why.str()};
  };
  StringRef name = require.getSubjectAttr().getRootReference();
  auto train = spec.lookupSymbol<TrainOp>(program);
  auto model = spec.lookupSymbol<ModelOp>(name);
  if (!train || !model || train.getModel() != name)
    return unknown("@" + name + " is not the model that @" + program + " trains");
  auto dataset = spec.lookupSymbol<DatasetOp>(train.getDataAttr().getRootReference());
  if (!dataset || !dataset.hasLabel())
    return unknown("@" + program + " learns from no data with a label");
  auto data = loadDataset(dataset, {});
  if (failed(data))
    return unknown("@" + dataset.getSymName() + " can't be read");
  StringRef on = *require.getSplit();
  const Split &split = on == "train" ? (*data)->train : on == "test" ? (*data)->test : (*data)->validation;
  if (split.count == 0)
    return unknown("@" + dataset.getSymName() + " has no examples to " + on);
  auto propagation = BoundPropagation::create(model, weights);
  if (!propagation)
    return unknown(llvm::toString(propagation.takeError()));
  if (!measured)
    return checkRobust(require, *propagation, split, weights);
  ScoreBounds points = propagation->bounds(split.features, split.count, 0, {});
  ProofResult result = require.getProperty() == Property::ClassAccuracy
                           ? checkClassAccuracy(require, points, split, weights)
                           : checkCalibration(require, points, split, weights);
  result.engine = "measured";
  return result;
}
