//===- BoundPropagation.h - Scores of a trained model over a ball - -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Interval bound propagation (Gowal et al. 2018): with the weights of a trained model, every value of every layer is
// bounded over all inputs x + d, |d_i| <= radius, and an example is certified where the right class's score is above
// that of every other class for all of them.
//
//   x in [4.5, 5.5]  ->  dense -2 x + 9 : [-2, 0]  ->  relu : [0, 0]
//
// The last layers are not bounded one by one: as far back from the scores as the ops are linear (dense layers, sums,
// products with constants, concatenations) the difference y_a - y_b is one linear function of what stands before them,
// whose least value over a box is taken (linear elision). Intervals of the two scores alone would let the same hidden
// unit be high for the one and low for the other. Where that does not suffice, relu is replaced by lines above and
// below it, chosen by the signs of the coefficients, and the difference goes on to what stands before it, in the end to
// the input (Zhang et al. 2018, CROWN): the same input can't be high for one unit and low for another.
//
// Bounds hold for the model as f32 computes it, if every op rounds its result (or keeps more digits than that, fused
// with the next one), and a layer's products are added in any order: by Higham's gamma_n = n u / (1 - n u), u = 2^-24,
// times the sum of the magnitudes. The bounds themselves are computed in f64; what that rounds is some 2^-29 of the
// slack, and the slack is widened by 2^-4 of itself for it; ops with few roundings get 2^-36 of their operands on top.
// A subnormal number may be read as zero, and is 2^-126 at most. What a dense layer makes is
// taken to be computed once, or alike, for all that read it.
//
// An example of which any value may be infinite or NaN is not certified.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_BOUNDPROPAGATION_H
#define SELFOPT_SAFETY_BOUNDPROPAGATION_H

#include "SelfOpt/Runtime/Dataset.h"
#include "mlir/IR/Operation.h"
#include <optional>

namespace selfopt {

/// The parameters of a model in the order of its layers, as best.safetensors has them.
struct TrainedWeights {
  std::vector<std::vector<float>> parameters;
  std::string digest; ///< BLAKE3 of the file's bytes.

  /// Of a safetensors file with parameter.0, parameter.1, ...; errors speak of `path`.
  static llvm::Expected<TrainedWeights> decode(llvm::StringRef path, llvm::StringRef bytes);
  static llvm::Expected<TrainedWeights> read(llvm::StringRef path);
};

/// Bounds of all scores of some examples.
struct ScoreBounds {
  int64_t classes = 0;
  std::vector<double> low, high; ///< count x classes
  /// count: the least that the score of the right class is above any other one, at least; NaN where nothing is known.
  std::vector<double> margin;

  /// What the scores are taken to be at radius 0; not finite where nothing is known.
  double middle(int64_t row, int64_t k) const { return 0.5 * (low[row * classes + k] + high[row * classes + k]); }
};

class BoundPropagation {
public:
  /// Of a selfopt.model. An error names the op that has no rule, or the weights that are of another model.
  static llvm::Expected<BoundPropagation> create(mlir::Operation *model, const TrainedWeights &weights);

  /// Over the ball of `radius` around each example. Margins are of the classes in `labels`, where they are given.
  ScoreBounds bounds(llvm::ArrayRef<float> features, int64_t count, double radius,
                     llvm::ArrayRef<int32_t> labels) const;

  /// Scores of a row; of a regression, what it predicts.
  int64_t classes() const { return numClasses; }

private:
  /// rows x size of every value: its bounds, and for a linear op what its own rounding adds.
  struct Box {
    std::vector<double> low, high, slack;
  };
  struct Layer {
    std::vector<double> weight, magnitude, bias; ///< Of a dense layer, n x units; of a norm, scale and none and offset.
  };
  BoundPropagation() = default;
  llvm::Error check(mlir::Operation &op);
  void propagate(mlir::Operation &op, llvm::DenseMap<mlir::Value, Box> &boxes, int64_t rows,
                 std::vector<char> &known) const;
  /// The least that the score of `label` is above any other; with relu relaxed, or bounded by its interval.
  double margin(const llvm::DenseMap<mlir::Value, Box> &boxes, int64_t row, int64_t label, bool relax) const;

  mlir::Block *block = nullptr;
  int64_t numClasses = 0;
  llvm::DenseMap<mlir::Operation *, Layer> layers;
};

} // namespace selfopt
#endif // SELFOPT_SAFETY_BOUNDPROPAGATION_H
