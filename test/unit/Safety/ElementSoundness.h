//===- ElementSoundness.h - Executions against ElementAnalysis -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_TEST_SAFETY_ELEMENTSOUNDNESS_H
#define SELFOPT_TEST_SAFETY_ELEMENTSOUNDNESS_H

#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Safety/ElementAnalysis.h"
#include "SelfOpt/Support/Philox.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace selfopt::test {

/// Draws boxes, and points of each, and looks for a value in f32 outside `rounded`, one in f64 outside `exact`, or a
/// difference quotient in f64 outside `slope`; of every value of the block. Adds what it compared to `checked`. Empty
/// where all hold.
inline std::string findUnsound(mlir::Block &block, Philox &random, unsigned boxes, unsigned points, unsigned &checked) {
  using namespace mlir;
  using reference::Interpreter;
  using reference::Precision;
  using reference::Tensor;
  ScopedDiagnosticHandler swallow(block.getParentOp()->getContext(), [](Diagnostic &) { return success(); });
  auto countOf = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor ? tensor.getNumElements() : int64_t(1);
  };
  int64_t labels = countOf(block.getArgument(0).getType());
  for (unsigned n = 0; n < boxes; ++n) {
    ElementCase assumed;
    double scale = std::array<double, 5>{1, 100, 0.01, 10, 1000}[random.below(5)];
    double width = std::array<double, 4>{0, 0.01, 0.3, 3}[random.below(4)];
    // Elements that are alike are analysed once, so half of the boxes have some.
    bool alike = random.below(2);
    for (BlockArgument argument : block.getArguments()) {
      auto &elements = assumed.box.emplace_back();
      bool isFloat = isa<FloatType>(getElementTypeOrSelf(argument.getType()));
      double label = double(random.below(uint64_t(labels)));
      for (int64_t i = 0; i < countOf(argument.getType()); ++i) {
        double low = double(float(scale * random.normal())), high = double(float(low + scale * width * random.uniform()));
        Interval fresh = isFloat ? Interval::of(low, std::max(low, high)) : Interval::point(label);
        elements.push_back(alike && i && random.below(3) ? elements[random.below(uint64_t(i))] : fresh);
      }
    }
    assumed.seed = {0, int64_t(random.below(uint64_t(labels)))};
    ElementAnalysis analysis(block, assumed);
    Interval seed = assumed.box[0][size_t(assumed.seed.element)];
    for (unsigned m = 0; m < points; ++m) {
      SmallVector<Tensor> inputs, moved, results;
      for (auto [argument, elements] : llvm::zip(block.getArguments(), assumed.box)) {
        auto tensor = dyn_cast<RankedTensorType>(argument.getType());
        bool isFloat = isa<FloatType>(getElementTypeOrSelf(argument.getType()));
        Tensor input = Tensor::zeros(tensor ? tensor.getShape() : ArrayRef<int64_t>(), isFloat);
        for (auto [i, x] : llvm::enumerate(elements)) {
          uint64_t way = random.below(6);
          double v = way == 0 ? x.low : way == 1 ? x.high : x.low + (x.high - x.low) * random.uniform();
          v = std::min(std::max(double(float(v)), x.low), x.high);
          isFloat ? void(input.floats[i] = v) : void(input.integers[i] = int64_t(v));
        }
        inputs.push_back(std::move(input));
      }
      moved = inputs;
      double &x = moved[0].floats[size_t(assumed.seed.element)];
      double from = x;
      x = random.below(2) ? seed.low + (seed.high - seed.low) * random.uniform() : std::clamp(from + 1e-4 * (seed.high - seed.low), seed.low, seed.high);
      Interpreter inF32, exact(Precision::Double), there(Precision::Double);
      if (failed(inF32.runBlock(block, inputs, results)) || failed(exact.runBlock(block, inputs, results)) ||
          failed(there.runBlock(block, moved, results)))
        return "";
      for (Operation &op : block.without_terminator())
        for (Value v : op.getResults()) {
          if (!isa<FloatType>(getElementTypeOrSelf(v.getType())))
            continue;
          const Tensor &a = inF32.lookup(v), &b = exact.lookup(v), &c = there.lookup(v);
          for (size_t i = 0; i < analysis[v].size(); ++i) {
            const Element &e = analysis[v][i];
            checked += 3;
            auto say = [&](const char *what, double found, const Interval &range) {
              std::string text;
              llvm::raw_string_ostream(text) << what << " of element " << i << " of " << op.getName().getStringRef()
                                             << llvm::format(" is %.17g, outside [%.17g, %.17g]", found, range.low, range.high)
                                             << (range.mayBeNaN ? " or NaN" : "");
              return text;
            };
            if (!e.rounded.contains(a.floats[i]))
              return say("the f32 value", a.floats[i], e.rounded);
            // f64 stands in for the reals: its rounding is off by some 2^-50 of what was added and multiplied.
            auto near = [](const Interval &range, double found, double slack) {
              return std::isnan(found) || std::isinf(found) || (range.low - slack <= found && found <= range.high + slack);
            };
            double size = std::max({1.0, std::fabs(e.exact.low), std::fabs(e.exact.high)});
            if (std::isfinite(size) && !near(e.exact, b.floats[i], 1e-12 * size))
              return say("the value", b.floats[i], e.exact);
            double quotient = (c.floats[i] - b.floats[i]) / (x - from);
            double noise = 1e-13 * (size + std::fabs(b.floats[i])) / std::fabs(x - from);
            if (x != from && std::isfinite(noise) && !near(e.slope, quotient, noise * 10 + 1e-9 * std::fabs(quotient)))
              return say("the slope", quotient, e.slope);
          }
        }
    }
  }
  return "";
}

} // namespace selfopt::test
#endif // SELFOPT_TEST_SAFETY_ELEMENTSOUNDNESS_H
