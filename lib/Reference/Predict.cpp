//===- Predict.cpp - A trained model on many examples ----------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Reference/Predict.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Reference/Interpreter.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reference;

std::pair<int64_t, double> Predictions::answer(int64_t row) const {
  int64_t best = 0;
  for (int64_t k = 0; k < classes; ++k) {
    if (!std::isfinite(score(row, k)))
      return {-1, 1};
    best = score(row, k) > score(row, best) ? k : best;
  }
  double sum = 0;
  for (int64_t k = 0; k < classes; ++k)
    sum += std::exp(score(row, k) - score(row, best));
  return {best, 1 / sum};
}

FailureOr<Predictions> selfopt::reference::predict(Operation *program, ArrayRef<std::vector<float>> parameters,
                                                   ArrayRef<float> examples, int64_t count) {
  Interpreter interpreter;
  Block &block = program->getRegion(0).front();
  auto input = dyn_cast<RankedTensorType>(block.getArgument(0).getType());
  auto output = dyn_cast<RankedTensorType>(block.getTerminator()->getOperand(0).getType());
  if (!input || !output || output.getRank() != 1)
    return program->emitError("expected a model that ends in a vector, found one that ends in something else");
  ProgramParameters layers = ProgramParameters::of(block);
  for (const ProgramParameters::Range &range : layers.layers) {
    SmallVector<Tensor> values;
    for (size_t i = range.first; i < range.first + range.count; ++i) {
      values.push_back(Tensor::zeros(layers.specs[i].type.getShape(), /*isFloat=*/true));
      llvm::copy(parameters[i], values.back().floats.begin());
    }
    interpreter.setParameters(range.layer, std::move(values));
  }
  Tensor x = Tensor::zeros(input.getShape(), /*isFloat=*/true);
  Predictions found{output.getDimSize(0), {}};
  for (int64_t i = 0, n = x.size(); i < count; ++i) {
    llvm::copy(examples.slice(i * n, n), x.floats.begin());
    SmallVector<Tensor> results;
    if (failed(interpreter.call(program, x, results)))
      return failure();
    llvm::append_range(found.scores, results[0].floats);
  }
  return found;
}
