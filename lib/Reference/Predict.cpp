//===- Predict.cpp - A trained model on many examples ----------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Reference/Predict.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Reference/Interpreter.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reference;

FailureOr<std::vector<double>> selfopt::reference::predict(Operation *program, ArrayRef<std::vector<float>> parameters,
                                                           ArrayRef<float> examples, int64_t count) {
  Interpreter interpreter;
  Block &block = program->getRegion(0).front();
  ProgramParameters layers = ProgramParameters::of(block);
  for (const ProgramParameters::Range &range : layers.layers) {
    SmallVector<Tensor> values;
    for (size_t i = range.first; i < range.first + range.count; ++i) {
      values.push_back(Tensor::zeros(layers.specs[i].type.getShape(), /*isFloat=*/true));
      llvm::copy(parameters[i], values.back().floats.begin());
    }
    interpreter.setParameters(range.layer, std::move(values));
  }
  Tensor x = Tensor::zeros(cast<RankedTensorType>(block.getArgument(0).getType()).getShape(), /*isFloat=*/true);
  std::vector<double> found;
  for (int64_t i = 0, n = x.size(); i < count; ++i) {
    llvm::copy(examples.slice(i * n, n), x.floats.begin());
    SmallVector<Tensor> results;
    if (failed(interpreter.call(program, x, results)))
      return failure();
    llvm::append_range(found, results[0].floats);
  }
  return found;
}
