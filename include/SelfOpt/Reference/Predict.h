//===- Predict.h - A trained model on many examples --------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_REFERENCE_PREDICT_H
#define SELFOPT_REFERENCE_PREDICT_H

#include "mlir/IR/Operation.h"
#include <vector>

namespace selfopt::reference {

/// What a trained model says of some examples.
struct Predictions {
  int64_t classes = 0;        ///< Scores of a row; of a regression, what it predicts.
  std::vector<double> scores; ///< count x classes, numbers of f32.

  double score(int64_t row, int64_t k) const { return scores[row * classes + k]; }
  /// The class that a row's scores say, the first of equals, and its softmax; -1 where a score is not finite.
  std::pair<int64_t, double> answer(int64_t row) const;
};

/// Runs a program of one tensor, that ends in a vector, on one example after the other, in f32. `parameters` are those of
/// its layers, in the order of ProgramParameters, as large as these say. Fails with an error on the op at fault.
llvm::FailureOr<Predictions> predict(mlir::Operation *program, llvm::ArrayRef<std::vector<float>> parameters,
                                     llvm::ArrayRef<float> examples, int64_t count);

} // namespace selfopt::reference
#endif // SELFOPT_REFERENCE_PREDICT_H
