//===- BoundOpsTest.cpp - Bounds of single ops, and where f32 ends --------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Models of one or two ops with parameters and inputs that are chosen for where rounding is worst. Nothing trains.
//
//===----------------------------------------------------------------------===//

#include "TrainedHarness.h"
#include "SelfOpt/Safety/BoundPropagation.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reference;
using namespace selfopt::test;

namespace {

/// What sums, differences and products with constants cancel is gone, however far the inputs are apart.
TEST(BoundPropagation, FollowsLinearOps) {
  auto margin = [](const std::string &body, double radius) {
    auto module = parse("selfopt.model @net(%x: tensor<2xf32>) -> tensor<2xf32> {\n"
                        "%c = arith.constant dense<[3.0, 1.0]> : tensor<2xf32>\n%k = arith.constant dense<[2.0, -4.0]> : tensor<2xf32>\n"
                        "%s = arith.constant dense<[1.0e-39, 1.0]> : tensor<2xf32>\n" +
                        body + "\nselfopt.return %y : tensor<2xf32> }");
    TrainedWeights weights;
    std::vector<float> found;
    for (BoundEngine run : {BoundEngine(interpretBounds), BoundEngine(BoundCompiler())})
      found = llvm::cantFail(llvm::cantFail(BoundPropagation::create(*module->getOps<ModelOp>().begin(), weights, run))
                                 .margins({5, -7}, 1, radius, {0}));
    return found[0];
  };
  std::string twice = "%a = arith.mulf %x, %k : tensor<2xf32>\n%n = arith.negf %x : tensor<2xf32>\n"
                      "%b = arith.mulf %k, %n : tensor<2xf32>\n%z = arith.addf %a, %b : tensor<2xf32>\n";
  EXPECT_NEAR(margin(twice + "%y = arith.addf %z, %c : tensor<2xf32>", 100), 2, 1e-2);
  EXPECT_NEAR(margin("%z = arith.subf %x, %x : tensor<2xf32>\n%y = arith.subf %c, %z : tensor<2xf32>", 1000), 2, 1e-2);
  // 2 (5 - r) + 3 against -4 (-7 - r) + 1.
  EXPECT_NEAR(margin("%a = arith.mulf %x, %k : tensor<2xf32>\n%y = arith.addf %a, %c : tensor<2xf32>", 1), (8 + 3) - (32 + 1), 1e-3);
  // A factor that may be taken for zero: nothing cancels.
  EXPECT_LT(margin("%a = arith.mulf %x, %s : tensor<2xf32>\n%b = arith.mulf %s, %x : tensor<2xf32>\n"
                   "%z = arith.subf %a, %b : tensor<2xf32>\n%y = arith.addf %z, %c : tensor<2xf32>", 100),
            -100);
}

/// Where numbers are so large, or products so small, that less is known than the arithmetic seems to say. Of label 0.
TEST(BoundPropagation, KnowsNothingWhereNumbersEnd) {
  auto expectOpen = [](const std::string &body, int64_t in, std::vector<std::vector<float>> parameters, std::vector<float> x,
                       double radius) {
    auto module = parse("selfopt.model @net(%x: tensor<" + std::to_string(in) + "xf32>) -> tensor<2xf32> {\n" + body +
                        "%y = nn.dense %h units(2) : tensor<2xf32>\nselfopt.return %y : tensor<2xf32> }");
    TrainedWeights weights;
    weights.parameters = std::move(parameters);
    for (BoundEngine run : {BoundEngine(interpretBounds), BoundEngine(BoundCompiler())}) {
      auto p = llvm::cantFail(BoundPropagation::create(*module->getOps<ModelOp>().begin(), weights, run));
      float margin = llvm::cantFail(p.margins(x, 1, radius, {0}))[0];
      EXPECT_FALSE(margin > 0) << body << margin;
    }
  };
  // Both weights together underflow, and at x = -1e30 the scores are -0.6e-11 and 0.
  float small = 0x1p-75f, weight = 0.999f * small;
  float bias = float(0.6 * 1e30 * double(weight));
  expectOpen("%h = nn.dense %x units(1) : tensor<1xf32>\n", 1, {{weight}, {bias}, {small, 0}, {0, 0}}, {0}, 1e30);
  // 400 x 400 products that go back are each below the least normal number; of 2^59.55 they add up to more than the bias.
  constexpr int64_t n = 400;
  float feature = std::exp2(59.55f);
  std::vector<float> second(2 * n);
  for (int64_t i = 0; i < n; ++i)
    second[2 * i] = -0x1p-60f;
  float sum = float(n * n * 0.99 * 0x1p-126 * double(feature));
  expectOpen("%h = nn.dense %x units(400) : tensor<400xf32>\n", n,
             {std::vector<float>(n * n, 0.99f * 0x1p-66f), std::vector<float>(n, 0.0f), second, {0.97f * sum, 0}},
             std::vector<float>(n, feature), 0);
  // Squares whose sum overflows in one order, and does not in another.
  std::vector<float> large(1024, std::exp2(51.4f));
  std::fill_n(large.begin(), 257, 0x1p60f * (1 - 0x1p-10f));
  std::vector<float> pick(2048);
  pick[2047] = 1; // class 1 has the last feature's score
  for (const char *norm : {"rms_norm", "layer_norm"}) {
    std::vector<std::vector<float>> parameters{std::vector<float>(1024, 1.0f)};
    if (StringRef(norm) == "layer_norm")
      parameters.emplace_back(1024, 0.0f);
    parameters.insert(parameters.end(), {pick, {0.5f, 0}});
    expectOpen("%h = nn." + std::string(norm) + " %x : tensor<1024xf32>\n", 1024, parameters, large, 0);
  }
}

/// Elementwise ops by themselves, also those that have no derivative: no net trains with them.
TEST(BoundPropagation, HoldsForEveryElementwiseOp) {
  struct Rule {
    const char *body;
    double center, spread; ///< Of what it is applied to.
  };
  const Rule rules[] = {
      {"arith.addf %x, %c", 0, 3},          {"arith.subf %c, %x", 0, 3},     {"arith.mulf %x, %x", 0, 3},
      {"arith.divf %c, %x", 4, 1},          {"arith.negf %x", 0, 3},         {"arith.maximumf %x, %c", 0, 3},
      {"arith.minimumf %x, %c", 0, 3},      {"arith.maxnumf %x, %c", 0, 3},  {"arith.minnumf %x, %c", 0, 3},
      {"math.absf %x", 0, 3},               {"math.ceil %x", 0, 3},          {"math.floor %x", 0, 3},
      {"math.round %x", 0, 3},              {"math.roundeven %x", 0, 3},     {"math.trunc %x", 0, 3},
      {"math.sqrt %x", 3, 1},               {"math.cbrt %x", 0, 3},          {"math.exp %x", 0, 9},
      {"math.exp2 %x", 0, 9},               {"math.expm1 %x", 0, 3},         {"math.log %x", 3, 1},
      {"math.log2 %x", 3, 1},               {"math.log10 %x", 3, 1},         {"math.log1p %x", 1, 0.5},
      {"math.tanh %x", 0, 3},               {"math.erf %x", 0, 3},           {"math.erfc %x", 0, 3},
      {"math.sinh %x", 0, 3},               {"math.cosh %x", 0, 3},          {"math.asinh %x", 0, 3},
      {"math.acosh %x", 4, 1},              {"math.atanh %x", 0, 0.3},       {"math.atan %x", 0, 3},
      {"math.asin %x", 0, 0.3},             {"math.acos %x", 0, 0.3},        {"math.fma %x, %c, %x", 0, 3},
      {"math.clampf %x to [%d, %c]", 0, 3},
  };
  std::mt19937 engine(3);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (const Rule &rule : rules) {
    std::string text = "selfopt.model @net(%x: tensor<4xf32>) -> tensor<4xf32> {\n"
                       "%c = arith.constant dense<[0.5, -1.25, 2.0, 1.0e-39]> : tensor<4xf32>\n"
                       "%d = arith.constant dense<-2.0> : tensor<4xf32>\n %y = " +
                       std::string(rule.body) + " : tensor<4xf32>\n selfopt.return %y : tensor<4xf32> }";
    auto module = parse(text);
    ASSERT_TRUE(module) << rule.body;
    ModelOp model = *module->getOps<ModelOp>().begin();
    TrainedWeights weights;
    int64_t count = BoundPropagation::slice;
    for (double radius : {0.0, 1e-3, 0.3}) {
      std::vector<float> x;
      for (int64_t i = 0; i < 4 * count; ++i)
        x.push_back(float(rule.center + rule.spread * uniform(engine)));
      // Of numbers that may be taken for zero, and of the largest.
      for (size_t i = 0; i < 12 && rule.center == 0; ++i)
        x[i] = float(std::pow(10, -44 + 0.6 * double(i)) * (i % 2 ? 1 : -1));
      std::vector<ScoreBounds> bounds;
      for (BoundEngine run : {BoundEngine(interpretBounds), BoundEngine(BoundCompiler())})
        bounds.push_back(llvm::cantFail(
            llvm::cantFail(BoundPropagation::create(model, weights, run)).bounds(x, count, radius)));
      int64_t known = 0, narrow = 0;
      for (int64_t point = 0; point < 20 * count; ++point) {
        int64_t row = point % count;
        Tensor at = Tensor::zeros({4}, true);
        for (int64_t i = 0; i < 4; ++i)
          at.floats[i] = float(std::clamp(x[row * 4 + i] + radius * uniform(engine), x[row * 4 + i] - radius,
                                          x[row * 4 + i] + radius));
        if (radius > 0)
          for (int64_t i = 0; i < 4; ++i)
            while (std::fabs(at.floats[i] - x[row * 4 + i]) > radius)
              at.floats[i] = std::nextafter(float(at.floats[i]), x[row * 4 + i]);
        for (Precision precision : {Precision::AsTyped, Precision::Double}) {
          Tensors y;
          ASSERT_TRUE(succeeded(Interpreter(precision).call(model, {at}, y)));
          for (int64_t i = 0; i < 4; ++i)
            for (const ScoreBounds &b : bounds) {
              float low = b.low[row * 4 + i], high = b.high[row * 4 + i];
              ASSERT_TRUE(y[0].floats[i] >= low && y[0].floats[i] <= high)
                  << rule.body << " of " << at.floats[i] << ", radius " << radius << ": " << y[0].floats[i]
                  << " not in [" << low << ", " << high << "]";
              known += std::isfinite(low) && std::isfinite(high);
              narrow += high - low < 1e-4 * (1 + std::fabs(low));
            }
        }
      }
      EXPECT_GT(known, 20 * count * 4 * 4 * 9 / 10) << rule.body;
      EXPECT_TRUE(radius > 0 || narrow > 20 * count * 4 * 4 * 9 / 10) << rule.body;
    }
  }
}

} // namespace
