//===- BoundPropagation.h - Scores of a trained model over a ball - -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which examples a trained model gets right, whatever is added to each feature within a radius: the margins of the right
// class over the ball around each example, by the programs that BoundProgram.h derives. They are functions of upstream
// ops, and whoever asks says who runs them: a worker compiles them, as it does what trains; the checker interprets them.
//
//   x in [4.5, 5.5]  ->  dense -2 x + 9 : [-2, 0]  ->  relu : [0, 0]
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_BOUNDPROPAGATION_H
#define SELFOPT_SAFETY_BOUNDPROPAGATION_H

#include "SelfOpt/Safety/BoundProgram.h"
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace selfopt {

/// The parameters of a model in the order of its layers, as best.safetensors has them.
struct TrainedWeights {
  std::vector<std::vector<float>> parameters;
  std::string digest; ///< BLAKE3 of the file's bytes.

  /// Of a safetensors file with parameter.0, parameter.1, ...; errors speak of `path`.
  static llvm::Expected<TrainedWeights> decode(llvm::StringRef path, llvm::StringRef bytes);
  static llvm::Expected<TrainedWeights> read(llvm::StringRef path);
  /// Whether they are of this model; an error otherwise.
  llvm::Error expectModel(ModelOp model) const;
};

/// A function of BoundProgram.h with its parameters, ready to run.
class BoundFunction {
public:
  virtual ~BoundFunction() = default;
  /// Where an argument behind the parameters is to be put before each run: features and radii, then labels and rivals
  /// where it takes them, of as many examples as it was derived for. Null behind the last one.
  virtual void *argument(size_t i) = 0;
  virtual llvm::LogicalResult run() = 0;
  /// What the last run found.
  virtual llvm::ArrayRef<float> result(size_t i) = 0;
};
/// Makes one of a model, for BoundPropagation::slice examples; an error names the op that has no rule. `weights` outlive
/// it.
using BoundEngine = std::function<llvm::Expected<std::unique_ptr<BoundFunction>>(ModelOp model, BoundProgram kind,
                                                                                const TrainedWeights &weights)>;
/// By the reference interpreter.
llvm::Expected<std::unique_ptr<BoundFunction>> interpretBounds(ModelOp model, BoundProgram kind,
                                                               const TrainedWeights &weights);

/// Bounds of all scores of some examples, count x classes; infinite where nothing is known.
struct ScoreBounds {
  std::vector<float> low, high;
};

class BoundPropagation {
public:
  /// An error says what is no vector, or that the weights are of another model. `weights` outlive it.
  static llvm::Expected<BoundPropagation> create(ModelOp model, const TrainedWeights &weights,
                                                 BoundEngine engine = interpretBounds);

  /// Over the ball of `radius` around each example.
  llvm::Expected<ScoreBounds> bounds(llvm::ArrayRef<float> features, int64_t count, double radius);
  /// By how much the score of each label is above any other one, at least: certified where it is above 0. Otherwise
  /// that of a rival which can't be shown to lose, not of the worst one; NaN where nothing is known of it, and where
  /// there is no score for the label.
  ///
  /// In two phases: those rivals of an example that @net.margins leaves open are asked of @net.relaxed, the most
  /// dangerous ones first, until one stays open.
  llvm::Expected<std::vector<float>> margins(llvm::ArrayRef<float> features, int64_t count, double radius,
                                             llvm::ArrayRef<int32_t> labels);

  /// Calls of functions by now: what a check costs, in slices of `slice` examples.
  int64_t calls() const { return numCalls; }
  static constexpr int64_t slice = 64;

private:
  BoundPropagation() = default;
  /// An example, and classes that its label may lose against.
  struct Duel {
    int64_t row;
    std::array<int32_t, rivalsAtOnce> rivals = {};
  };
  /// Of `slice` duels at most. Results have one of `slice` columns for each. No labels are read where none are taken.
  llvm::Expected<BoundFunction *> run(BoundProgram kind, llvm::ArrayRef<float> features, double radius,
                                      llvm::ArrayRef<Duel> duels, llvm::ArrayRef<int32_t> labels);

  ModelOp model;
  const TrainedWeights *weights = nullptr;
  BoundEngine engine;
  std::map<BoundProgram, std::unique_ptr<BoundFunction>> functions;
  int64_t numClasses = 0, numFeatures = 0, numCalls = 0;
};

} // namespace selfopt
#endif // SELFOPT_SAFETY_BOUNDPROPAGATION_H
