//===- ObjectiveWitness.cpp - Points that refute a goal -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ObjectiveWitness.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace selfopt;

static std::string textOf(ArrayRef<Interval> point) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << (point.size() > 1 ? "[" : "");
  llvm::interleaveComma(point, os, [&](const Interval &x) { os << llvm::format("%.6g", x.low); });
  os << (point.size() > 1 ? "]" : "");
  return text;
}

static std::string textOf(const ElementCase &point, bool labelled) {
  if (labelled)
    return "label " + std::to_string(int64_t(point.box[1][0].low)) + ", scores " + textOf(point.box[0]);
  return llvm::join(llvm::map_range(point.box, [](const auto &elements) { return textOf(elements); }), ", ");
}

/// What the interpreter computes at a point; nullopt where it can't.
static std::optional<double> compute(Operation *program, const ElementCase &point) {
  Block &block = program->getRegion(0).front();
  SmallVector<reference::Tensor> inputs, results;
  for (auto [argument, elements] : llvm::zip(block.getArguments(), point.box)) {
    auto tensor = dyn_cast<RankedTensorType>(argument.getType());
    bool isFloat = isa<FloatType>(getElementTypeOrSelf(argument.getType()));
    auto input = reference::Tensor::zeros(tensor ? tensor.getShape() : ArrayRef<int64_t>(), isFloat);
    for (auto [i, x] : llvm::enumerate(elements))
      isFloat ? void(input.floats[i] = x.low) : void(input.integers[i] = int64_t(x.low));
    inputs.push_back(std::move(input));
  }
  ScopedDiagnosticHandler swallow(program->getContext(), [](Diagnostic &) { return success(); });
  if (failed(reference::Interpreter().runBlock(block, inputs, results)) || results.empty())
    return std::nullopt;
  return results[0].floats[0];
}

/// A point at which the program computes what is no finite number.
static std::optional<ProofResult> findBadValue(Operation *program, const Goal &goal, unsigned from, unsigned to) {
  std::optional<ProofResult> violated;
  forEachPoint(goal, [&](const ElementCase &point) {
    std::optional<double> x = compute(program, point);
    if (!x || std::isfinite(*x))
      return false;
    std::string value = std::isnan(*x) ? "NaN" : *x > 0 ? "infinite" : "-infinite";
    violated = ProofResult{Verdict::Violated, "interpreter",
                           "the result is " + value + " at (" + textOf(point, goal.labelled) + ")"};
    return true;
  }, from, to);
  return violated;
}

std::optional<ProofResult> selfopt::findGoalWitness(Operation *program, const Goal &goal, bool slope, unsigned from,
                                                    unsigned to) {
  if (!goal.fails)
    return findBadValue(program, goal, from, to);
  std::optional<ProofResult> violated;
  forEachPoint(goal, [&](const ElementCase &point) {
    ElementAnalysis at(program->getRegion(0).front(), point);
    if (!goal.fails(at))
      return false;
    const Interval &x = slope ? at.result().slope : at.result().rounded;
    std::string value = llvm::formatv("{0:f6}", x.low + (x.high - x.low) / 2).str();
    violated = ProofResult{Verdict::Violated, "intervals",
                           goal.what + " is " + value + " at (" + textOf(point, goal.labelled) + ")"};
    return true;
  }, from, to);
  // In the end: where there is no value, there is none that would do.
  return violated || to < allPoints ? violated : findBadValue(program, goal, 0, to);
}
