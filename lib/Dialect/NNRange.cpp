//===- NNRange.cpp - Ranges of the nn ops ---------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Plain intervals, rounded outward. Where operands may be NaN or infinite, so may the results.
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/RandomBuilder.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::nn;

static int64_t length(Value v) { return cast<RankedTensorType>(v.getType()).getNumElements(); }

void DenseOp::inferRanges(ArrayRef<Interval>, SmallVectorImpl<Interval> &results) {
  // The weights are trained: nothing bounds them here.
  results.push_back(Interval::top());
}

void ActivationOp::inferRanges(ArrayRef<Interval> operands, SmallVectorImpl<Interval> &results) {
  const Interval &x = operands[0];
  Interval y = x;
  switch (getKind()) {
  case Activation::Relu:
    y.low = std::max(x.low, 0.0);
    y.high = std::max(x.high, 0.0);
    break;
  case Activation::Tanh:
    // Within a few ulp of the true value, and never beyond one.
    y.low = std::max(-1.0, Interval::point(std::tanh(x.low)).roundedOutward().low - 1e-6);
    y.high = std::min(1.0, Interval::point(std::tanh(x.high)).roundedOutward().high + 1e-6);
    break;
  case Activation::Gelu:
    // Its minimum is -0.17 near -0.75; an infinite operand makes 0 * inf.
    y.low = x.low >= 0 ? 0.0 : -0.1701;
    y.high = std::max(x.high, 0.0);
    y.mayBeNaN = !x.isFinite();
    y = y.roundedOutward();
    break;
  case Activation::Sigmoid:
    y.low = 0;
    y.high = 1;
    break;
  }
  results.push_back(y);
}

void SoftmaxOp::inferRanges(ArrayRef<Interval> operands, SmallVectorImpl<Interval> &results) {
  Interval y = Interval::of(0, 1).roundedOutward();
  y.low = 0;
  y.mayBeNaN = !operands[0].isFinite();
  results.push_back(y);
}

void LogSoftmaxOp::inferRanges(ArrayRef<Interval> operands, SmallVectorImpl<Interval> &results) {
  const Interval &x = operands[0];
  if (!x.isFinite()) {
    results.push_back(Interval::top());
    return;
  }
  // x - max is at least low - high, and log(sum) at most log(n), each with its rounding.
  double n = double(length(getInput()));
  double low = (x.low - x.high) * (1 + 1e-6) - std::log(n) * (1 + 1e-5) - 1e-5;
  Interval y = Interval::of(low, 1e-6).roundedOutward();
  if (!std::isfinite(y.low))
    y = Interval::top();
  results.push_back(y);
}

void PickOp::inferRanges(ArrayRef<Interval> operands, SmallVectorImpl<Interval> &results) {
  const Interval &index = operands[1];
  bool inside = !index.mayBeNaN && index.low >= 0 && index.high < double(length(getInput()));
  results.push_back(inside ? operands[0] : operands[0].join(Interval::point(0)));
}

void OneHotOp::inferRanges(ArrayRef<Interval>, SmallVectorImpl<Interval> &results) {
  results.push_back(Interval::of(0, 1));
}

void ArgmaxOp::inferRanges(ArrayRef<Interval>, SmallVectorImpl<Interval> &results) {
  results.push_back(Interval::of(-1, double(length(getInput()) - 1)));
}

void ReduceOp::inferRanges(ArrayRef<Interval> operands, SmallVectorImpl<Interval> &results) {
  Interval y = operands[0];
  double n = double(length(getInput()));
  // A sum of n terms carries at most n rounding errors of relative size 2^-24, whatever its order.
  double slack = (1 + n * 0x1p-23);
  if (getKind() == Reduction::Sum) {
    y.low = y.low * n * (y.low < 0 ? slack : 1 / slack);
    y.high = y.high * n * (y.high > 0 ? slack : 1 / slack);
  } else if (getKind() == Reduction::Mean) {
    double m = std::max(std::fabs(y.low), std::fabs(y.high)) * (slack - 1);
    y.low -= m;
    y.high += m;
  }
  if (getKind() != Reduction::Max)
    y = y.roundedOutward();
  if (!operands[0].isFinite() || !std::isfinite(y.low) || !std::isfinite(y.high))
    y = Interval::top();
  results.push_back(y);
}

// What a training step may see, which holds the identity too.
void NoiseOp::inferRanges(ArrayRef<Interval> operands, SmallVectorImpl<Interval> &results) {
  Interval y = operands[0];
  double reach = getScale().convertToDouble() * maxNormal;
  y.low -= reach;
  y.high += reach;
  y = y.roundedOutward();
  if (!operands[0].isFinite() || !std::isfinite(y.low) || !std::isfinite(y.high))
    y = Interval::top();
  results.push_back(y);
}

void DropoutOp::inferRanges(ArrayRef<Interval> operands, SmallVectorImpl<Interval> &results) {
  Interval y = operands[0];
  // The factor is rounded to f32, and so is the product.
  double factor = 1 / (1 - getRate().convertToDouble()) * (1 + 1e-6);
  y.low = std::min(0.0, y.low * factor);
  y.high = std::max(0.0, y.high * factor);
  y = y.roundedOutward();
  if (!operands[0].isFinite() || !std::isfinite(y.low) || !std::isfinite(y.high))
    y = Interval::top();
  results.push_back(y);
}

void LayerNormOp::inferRanges(ArrayRef<Interval>, SmallVectorImpl<Interval> &results) {
  // Scale and offset are trained: nothing bounds them here.
  results.push_back(Interval::top());
}
void RmsNormOp::inferRanges(ArrayRef<Interval>, SmallVectorImpl<Interval> &results) {
  results.push_back(Interval::top());
}
void ConcatOp::inferRanges(ArrayRef<Interval> operands, SmallVectorImpl<Interval> &results) {
  Interval y = operands[0];
  for (const Interval &x : operands.drop_front())
    y = y.join(x);
  results.push_back(y);
}
