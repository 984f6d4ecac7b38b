//===- GradientBoundsTest.cpp - The gradient that trains against what was proved of it -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Signs of derivatives are proved with slopes that the analysis follows forward. What trains is another program: the one
// that S1 and S2 make of the loss. So that one's derivative is looked for outside the slopes. The model is one dense layer
// without weights, whose bias is the scores: the gradient by the bias, of one example, is the loss's own.
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Mutation/SpecDigester.h"
#include "SelfOpt/InitAll.h"
#include "SelfOpt/Mutation/Library.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Safety/ElementAnalysis.h"
#include "SelfOpt/Support/Philox.h"
#include "SelfOpt/Transforms/Passes.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace selfopt;
using reference::Interpreter;
using reference::Precision;
using reference::Tensor;

namespace {

MLIRContext &context() {
  static MLIRContext *context = [] {
    DialectRegistry registry;
    registerAllDialects(registry);
    auto *made = new MLIRContext(registry, MLIRContext::Threading::DISABLED);
    made->loadAllAvailableDialects();
    return made;
  }();
  return *context;
}

constexpr int64_t width = 4;

std::string replaced(std::string text, StringRef from, StringRef to) {
  for (size_t at = 0; (at = text.find(from.str(), at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to.str());
  return text;
}

/// A loss of the library, and what trains with it.
std::string specOf(StringRef loss, bool labelled) {
  std::string text = R"(
    selfopt.dataset @data from csv("data.csv") features(tensor<1xf32> in [0.0, 1.0]) ANSWER
        split(train = 0.6, validation = 0.2, test = 0.2, seed = 0)
    selfopt.model @net(%x: tensor<1xf32>) -> !P {
      %y = nn.dense %x units(4) : !P
      selfopt.return %y : !P
    }
    LOSS
    selfopt.optimizer @sgd(%w: f32, %g: f32, %lr: f32, %step: f32) {
      %u = arith.mulf %lr, %g : f32
      %w1 = arith.subf %w, %u : f32
      selfopt.return %w1 : f32
    }
    selfopt.train @fit model(@net) loss(@program) optimizer(@sgd) data(@data) hyper(lr = 0.5, batch = 1, epochs = 1))";
  text = replaced(text, "ANSWER", labelled ? "label(i32 in [0, 3])" : "target(!P in [-100.0, 100.0])");
  return replaced(replaced(replaced(text, "LOSS", loss), "!P", "tensor<4xf32>"), "!A", "tensor<4xf32>");
}

struct Counts {
  unsigned compared = 0, programs = 0, nonzero = 0, finite = 0;
};

/// Draws boxes and points for the spec's loss; what was found outside, or nothing.
std::string findOutside(ModuleOp spec, bool labelled, Philox &random, Counts &counts) {
  OwningOpRef<ModuleOp> lowered = spec.clone();
  // A mutant may have an op without a pullback; that is said where it is to be trained.
  ScopedDiagnosticHandler swallow(&context(), [](Diagnostic &) { return success(); });
  if (failed(instantiate(*lowered)) || failed(differentiate(*lowered)))
    return "";
  auto gradient = lowered->lookupSymbol<FunctionOpInterface>("fit.objective.gradient");
  if (!gradient)
    return "no gradient";
  ++counts.programs;
  Block &loss = cast<LossOp>(spec.lookupSymbol("program")).getBody().front();
  for (unsigned n = 0; n < 6; ++n) {
    ElementCase assumed;
    double scale = std::array<double, 3>{1, 10, 50}[random.below(3)], wide = std::array<double, 3>{0, 0.1, 1}[random.below(3)];
    for (unsigned a = 0; a < 2; ++a) {
      auto &elements = assumed.box.emplace_back();
      int64_t label = int64_t(random.below(width));
      for (int64_t i = 0; i < (a && labelled ? 1 : width); ++i) {
        double low = double(float(scale * random.normal())), high = double(float(low + scale * wide * random.uniform()));
        elements.push_back(a && labelled ? Interval::point(double(label)) : Interval::of(low, high));
      }
    }
    std::vector<ElementAnalysis> by;
    for (int64_t k = 0; k < width; ++k) {
      assumed.seed = {0, k};
      by.emplace_back(loss, assumed);
    }
    for (unsigned m = 0; m < 6; ++m) {
      auto draw = [&](const std::vector<Interval> &box) {
        Tensor t = Tensor::zeros({int64_t(box.size())}, true);
        for (auto [i, x] : llvm::enumerate(box))
          t.floats[i] = std::clamp(double(float(x.low + (x.high - x.low) * random.uniform())), x.low, x.high);
        return t;
      };
      Tensor bias = draw(assumed.box[0]), answer = Tensor::zeros({1}, false);
      if (labelled) {
        answer.integers[0] = int64_t(assumed.box[1][0].low);
      } else {
        answer = draw(assumed.box[1]);
        answer.shape = {1, width};
      }
      SmallVector<Tensor> arguments{Tensor::zeros({1, width}, true), bias, Tensor::zeros({1, 1}, true), answer}, results;
      Interpreter interpreter(Precision::Double);
      if (failed(interpreter.runBlock(gradient.getFunctionBody().front(), arguments, results)) || results.size() != 4)
        return "the gradient does not run";
      SmallVector<Tensor> inF32;
      if (failed(Interpreter().runBlock(gradient.getFunctionBody().front(), arguments, inF32)))
        return "the gradient does not run";
      for (int64_t k = 0; k < width; ++k) {
        // Of what `finite` asks, the gradient's own f32 is not proved. It was never seen to fail.
        const ElementAnalysis &analysis = by[size_t(k)];
        bool finite = !analysis.firstNotFinite() && !analysis.firstUnboundedSlope();
        counts.finite += finite;
        if (finite && !std::isfinite(inF32[3].floats[size_t(k)]))
          return "by score " + std::to_string(k) + " the gradient in f32 is not finite";
        double g = results[3].floats[size_t(k)];
        const Interval &slope = by[size_t(k)].result().slope;
        ++counts.compared;
        counts.nonzero += g != 0;
        double slack = 1e-6 * (1e-6 + std::fabs(g)); // f64, of formulas other than the analysis's
        if (std::isnan(g) ? !slope.mayBeNaN && slope.isFinite() : !(slope.low - slack <= g && g <= slope.high + slack))
          return "by score " + std::to_string(k) + " the gradient is " + std::to_string(g) + ", outside [" +
                 std::to_string(slope.low) + ", " + std::to_string(slope.high) + "] at box " + std::to_string(n);
      }
    }
  }
  return "";
}

TEST(GradientBounds, HoldTheGradientThatTrains) {
  Counts counts;
  const std::array<StringRef, 6> names{"cross_entropy", "focal", "brier", "mse", "mae", "pseudo_huber"};
  for (auto [number, name] : llvm::enumerate(names)) {
    bool labelled = number < 3;
    auto program = llvm::find_if(getLibrary(), [&, &name = name](const LibraryProgram &p) { return p.name == name; });
    ASSERT_NE(program, getLibrary().end()) << name.str();
    for (uint64_t chain = 0; chain < 6; ++chain) {
      OwningOpRef<ModuleOp> spec = parseSourceString<ModuleOp>(specOf(program->text, labelled), &context());
      ASSERT_TRUE(spec) << name.str();
      MutationScope scope;
      scope.objective.push_back(FlatSymbolRefAttr::get(&context(), "program"));
      Philox random(number, chain);
      Block lineage;
      for (int step = 0; step < 10; ++step) {
        std::string problem = findOutside(*spec, labelled, random, counts);
        ASSERT_EQ(problem, "") << printSpec(*spec);
        mutate(*spec, scope, random, lineage);
      }
    }
  }
  EXPECT_GT(counts.programs, 300u);
  EXPECT_GT(counts.nonzero, 20000u);
  EXPECT_GT(counts.finite, 20000u);
}

} // namespace
