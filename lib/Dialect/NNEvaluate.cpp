//===- NNEvaluate.cpp - Values of the nn ops, for the reference interpreter ------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Reference/Interpreter.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::nn;
using reference::Interpreter;
using reference::Tensor;

LogicalResult DenseOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  ArrayRef<Tensor> parameters = interpreter.getParameters(*this);
  if (parameters.size() != 2)
    return emitOpError("expects a weight and a bias to be given to the interpreter, found ")
           << parameters.size() << " parameters";
  int64_t in = operands[0].size(), units = getUnits();
  Type f32 = Float32Type::get(getContext());
  Tensor y = Tensor::zeros({units}, true);
  for (int64_t u = 0; u < units; ++u) {
    double sum = 0;
    for (int64_t i = 0; i < in; ++i)
      sum = interpreter.round(sum + interpreter.round(operands[0].floats[i] * parameters[0].floats[i * units + u], f32),
                              f32);
    y.floats[u] = interpreter.round(sum + parameters[1].floats[u], f32);
  }
  results.push_back(std::move(y));
  return success();
}

LogicalResult ActivationOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                     SmallVectorImpl<Tensor> &results) {
  Type f32 = Float32Type::get(getContext());
  Tensor y = operands[0];
  for (double &x : y.floats) {
    switch (getKind()) {
    case Activation::Relu:
      x = x > 0 || std::isnan(x) ? x : 0;
      break;
    case Activation::Tanh:
      x = std::tanh(x);
      break;
    case Activation::Gelu:
      x = 0.5 * x * (1 + std::erf(x * M_SQRT1_2));
      break;
    case Activation::Sigmoid:
      x = 1 / (1 + std::exp(-x));
      break;
    }
    x = interpreter.round(x, f32);
  }
  results.push_back(std::move(y));
  return success();
}

/// The maximum of a vector; NaN where an element is NaN.
static double maximum(ArrayRef<double> x) {
  double m = -INFINITY;
  for (double v : x)
    m = std::isnan(v) || v > m ? v : m;
  return m;
}

LogicalResult SoftmaxOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                  SmallVectorImpl<Tensor> &results) {
  Type f32 = Float32Type::get(getContext());
  Tensor y = operands[0];
  double max = maximum(y.floats), sum = 0;
  for (double &x : y.floats)
    sum = interpreter.round(sum + (x = interpreter.round(std::exp(interpreter.round(x - max, f32)), f32)), f32);
  for (double &x : y.floats)
    x = interpreter.round(x / sum, f32);
  results.push_back(std::move(y));
  return success();
}

LogicalResult LogSoftmaxOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                     SmallVectorImpl<Tensor> &results) {
  Type f32 = Float32Type::get(getContext());
  Tensor y = operands[0];
  double max = maximum(y.floats), sum = 0;
  for (double &x : y.floats) {
    x = interpreter.round(x - max, f32);
    sum = interpreter.round(sum + interpreter.round(std::exp(x), f32), f32);
  }
  double log = interpreter.round(std::log(sum), f32);
  for (double &x : y.floats)
    x = interpreter.round(x - log, f32);
  results.push_back(std::move(y));
  return success();
}

LogicalResult PickOp::evaluate(Interpreter &, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  int64_t i = operands[1].integers[0];
  results.push_back(Tensor::scalar(i >= 0 && i < operands[0].size() ? operands[0].floats[i] : 0));
  return success();
}

LogicalResult OneHotOp::evaluate(Interpreter &, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  Tensor y = Tensor::zeros(cast<RankedTensorType>(getType()).getShape(), true);
  int64_t i = operands[0].integers[0];
  if (i >= 0 && i < y.size())
    y.floats[i] = 1;
  results.push_back(std::move(y));
  return success();
}

LogicalResult ArgmaxOp::evaluate(Interpreter &, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  int64_t best = -1;
  ArrayRef<double> x = operands[0].floats;
  for (int64_t i = 0; i < int64_t(x.size()); ++i)
    if (!std::isnan(x[i]) && (best < 0 || x[i] > x[best]))
      best = i;
  results.push_back(Tensor::scalarInt(best));
  return success();
}

LogicalResult ReduceOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                 SmallVectorImpl<Tensor> &results) {
  Type f32 = Float32Type::get(getContext());
  double value = 0;
  if (getKind() == Reduction::Max)
    value = maximum(operands[0].floats);
  else
    for (double x : operands[0].floats)
      value = interpreter.round(value + x, f32);
  if (getKind() == Reduction::Mean)
    value = interpreter.round(value * interpreter.round(1.0 / operands[0].size(), f32), f32);
  results.push_back(Tensor::scalar(value));
  return success();
}

// The interpreter runs the program as it predicts, not as it trains.
LogicalResult NoiseOp::evaluate(Interpreter &, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  results.push_back(operands[0]);
  return success();
}
LogicalResult DropoutOp::evaluate(Interpreter &, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  results.push_back(operands[0]);
  return success();
}

/// x / sqrt(mean(x^2) + 1e-5) * scale
static void scaleVector(Interpreter &interpreter, Type f32, MutableArrayRef<double> x, ArrayRef<double> scale) {
  double sum = 0, n = interpreter.round(1.0 / double(x.size()), f32);
  for (double v : x)
    sum = interpreter.round(sum + interpreter.round(v * v, f32), f32);
  double mean = interpreter.round(sum * n, f32);
  double positive = interpreter.round(mean + interpreter.round(normEpsilon, f32), f32);
  double root = interpreter.round(std::sqrt(positive), f32);
  for (auto [v, s] : llvm::zip(x, scale))
    v = interpreter.round(interpreter.round(v / root, f32) * s, f32);
}

LogicalResult LayerNormOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                    SmallVectorImpl<Tensor> &results) {
  ArrayRef<Tensor> parameters = interpreter.getParameters(*this);
  if (parameters.size() != 2)
    return emitOpError("expects a scale and an offset to be given to the interpreter, found ")
           << parameters.size() << " parameters";
  Type f32 = Float32Type::get(getContext());
  Tensor y = operands[0];
  double sum = 0;
  for (double v : y.floats)
    sum = interpreter.round(sum + v, f32);
  double mean = interpreter.round(sum * interpreter.round(1.0 / double(y.size()), f32), f32);
  for (double &v : y.floats)
    v = interpreter.round(v - mean, f32);
  scaleVector(interpreter, f32, y.floats, parameters[0].floats);
  for (auto [v, offset] : llvm::zip(y.floats, parameters[1].floats))
    v = interpreter.round(v + offset, f32);
  results.push_back(std::move(y));
  return success();
}

LogicalResult RmsNormOp::evaluate(Interpreter &interpreter, ArrayRef<Tensor> operands,
                                  SmallVectorImpl<Tensor> &results) {
  ArrayRef<Tensor> parameters = interpreter.getParameters(*this);
  if (parameters.size() != 1)
    return emitOpError("expects a scale to be given to the interpreter, found ") << parameters.size() << " parameters";
  Tensor y = operands[0];
  scaleVector(interpreter, Float32Type::get(getContext()), y.floats, parameters[0].floats);
  results.push_back(std::move(y));
  return success();
}

LogicalResult ConcatOp::evaluate(Interpreter &, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results) {
  Tensor y = Tensor::zeros(getType().getShape(), true);
  auto *to = y.floats.begin();
  for (const Tensor &x : operands)
    to = std::copy(x.floats.begin(), x.floats.end(), to);
  results.push_back(std::move(y));
  return success();
}
