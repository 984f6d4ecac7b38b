//===- NNCost.cpp - Exact cost of the nn ops ------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/NN/NN.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::nn;

static std::optional<int64_t> elements(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return 1;
  int64_t n = 1;
  for (int64_t d : tensor.getShape())
    if (d < 0 || __builtin_mul_overflow(n, d, &n))
      return std::nullopt;
  return n;
}

/// `flopsPerElement` FLOPs for each element of the operand, four bytes for each element read or written.
static std::optional<Cost> perElement(Operation *op, int64_t flopsPerElement) {
  Cost cost;
  int64_t moved = 0;
  for (Value v : op->getOperands()) {
    auto n = elements(v.getType());
    if (!n || __builtin_add_overflow(moved, *n, &moved))
      return std::nullopt;
  }
  auto n = elements(op->getOperand(0).getType());
  auto out = elements(op->getResult(0).getType());
  if (!n || !out || __builtin_add_overflow(moved, *out, &moved) ||
      __builtin_mul_overflow(moved, int64_t(4), &cost.bytes) ||
      __builtin_mul_overflow(*n, flopsPerElement, &cost.flops))
    return std::nullopt;
  return cost;
}

std::optional<Cost> DenseOp::getCost() {
  auto in = elements(getInput().getType());
  int64_t out = getUnits();
  if (!in)
    return std::nullopt;
  auto weights = checkedProduct({*in, out});
  Cost cost;
  // A multiply-add for each weight, an addition for each bias.
  if (!weights || __builtin_add_overflow(*weights, out, &cost.parameters))
    return std::nullopt;
  auto multiplyAdds = checkedProduct({2, *weights});
  auto bytes = checkedProduct({4, cost.parameters});
  if (!multiplyAdds || !bytes || __builtin_add_overflow(*multiplyAdds, out, &cost.flops) ||
      __builtin_add_overflow(*bytes, 4 * (*in + out), &cost.bytes))
    return std::nullopt;
  return cost;
}

std::optional<Cost> ActivationOp::getCost() {
  switch (getKind()) {
  case Activation::Relu:
  case Activation::Tanh:
    return perElement(*this, 1);
  case Activation::Gelu:
    return perElement(*this, 5);
  case Activation::Sigmoid:
    return perElement(*this, 4);
  }
  return std::nullopt;
}
std::optional<Cost> SoftmaxOp::getCost() { return perElement(*this, 5); }    // max, subtract, exp, add, divide
std::optional<Cost> LogSoftmaxOp::getCost() { return perElement(*this, 5); } // max, subtract, exp, add, subtract
std::optional<Cost> PickOp::getCost() { return perElement(*this, 0); }
std::optional<Cost> OneHotOp::getCost() { return perElement(*this, 0); }
std::optional<Cost> ArgmaxOp::getCost() { return perElement(*this, 1); }
std::optional<Cost> ReduceOp::getCost() { return perElement(*this, 1); }
// Of the prediction: there they do nothing.
std::optional<Cost> NoiseOp::getCost() { return Cost(); }
std::optional<Cost> DropoutOp::getCost() { return Cost(); }
/// Of a normalisation: also its trained vectors.
static std::optional<Cost> norm(Operation *op, int64_t flopsPerElement, int64_t vectors) {
  std::optional<Cost> cost = perElement(op, flopsPerElement);
  auto n = elements(op->getOperand(0).getType());
  int64_t bytes = 0;
  if (!cost || !n || __builtin_mul_overflow(*n, vectors, &cost->parameters) ||
      __builtin_mul_overflow(cost->parameters, int64_t(4), &bytes) || __builtin_add_overflow(cost->bytes, bytes, &cost->bytes))
    return std::nullopt;
  return cost;
}
std::optional<Cost> LayerNormOp::getCost() { return norm(*this, 7, 2); } // sum, center, square, sum, divide, scale, shift
std::optional<Cost> RmsNormOp::getCost() { return norm(*this, 4, 1); }   // square, sum, divide, scale
std::optional<Cost> ConcatOp::getCost() { return perElement(*this, 0); }
