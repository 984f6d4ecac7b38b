//===- RandomTest.cpp - What training steps draw ---------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include "SelfOpt/Dialect/RandomBuilder.h"
#include "mlir/IR/Verifier.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reference;
using namespace selfopt::reference::test;

namespace {

/// What buildRandomTensor draws for a step, by the interpreter.
std::vector<double> draw(RandomKind kind, ArrayRef<int64_t> shape, int64_t seed, double number, int64_t stream) {
  MLIRContext &c = context();
  OpBuilder b(&c);
  Location loc = b.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  b.setInsertionPointToStart(module->getBody());
  auto type = RankedTensorType::get(shape, b.getF32Type());
  Type seedType = RankedTensorType::get({}, b.getI64Type()), numberType = RankedTensorType::get({}, b.getF32Type());
  auto f = func::FuncOp::create(b, loc, "draw", b.getFunctionType({seedType, numberType}, {type}));
  b.setInsertionPointToStart(f.addEntryBlock());
  Value drawn = buildRandomTensor(b, loc, type, kind, f.getArgument(0), f.getArgument(1), stream);
  func::ReturnOp::create(b, loc, drawn);
  EXPECT_TRUE(succeeded(verify(*module)));
  Interpreter interpreter;
  SmallVector<Tensor> results;
  EXPECT_TRUE(succeeded(interpreter.call(f, {Tensor::scalarInt(seed), Tensor::scalar(number)}, results)));
  return std::vector<double>(results[0].floats.begin(), results[0].floats.end());
}

/// The largest distance between the sample's distribution and `cumulative` (Kolmogorov and Smirnov), times sqrt(n).
double kolmogorov(std::vector<double> x, double (*cumulative)(double)) {
  std::sort(x.begin(), x.end());
  double most = 0, n = double(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    double p = cumulative(x[i]);
    most = std::max({most, std::fabs(p - double(i) / n), std::fabs(double(i + 1) / n - p)});
  }
  return most * std::sqrt(n);
}

double correlation(ArrayRef<double> x, ArrayRef<double> y) {
  double sx = 0, sy = 0, xx = 0, yy = 0, xy = 0, n = double(x.size());
  for (auto [a, b] : llvm::zip(x, y)) {
    sx += a, sy += b, xx += a * a, yy += b * b, xy += a * b;
  }
  return (xy - sx * sy / n) / std::sqrt((xx - sx * sx / n) * (yy - sy * sy / n));
}

// 1.95 is passed once in a thousand samples; the seeds are fixed.
TEST(Random, UniformIsUniform) {
  std::vector<double> x = draw(RandomKind::Uniform, {100, 200}, 1, 1, 0);
  for (double v : x)
    ASSERT_TRUE(v >= 0 && v < 1) << v;
  EXPECT_LT(kolmogorov(x, [](double v) { return v; }), 1.95);
}

TEST(Random, NormalIsNormal) {
  std::vector<double> x = draw(RandomKind::Normal, {200, 200}, 2, 7, 3);
  EXPECT_LT(kolmogorov(x, [](double v) { return 0.5 * std::erfc(-v * M_SQRT1_2); }), 1.95);
  double sum = 0, squares = 0, fourth = 0;
  for (double v : x) {
    ASSERT_LE(std::fabs(v), maxNormal);
    sum += v, squares += v * v, fourth += v * v * v * v;
  }
  double n = double(x.size());
  EXPECT_NEAR(sum / n, 0, 4 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 4 * std::sqrt(2 / n));
  EXPECT_NEAR(fourth / n, 3, 4 * std::sqrt(96 / n));
}

/// Neighbours in position, step, stream and seed have nothing to do with each other.
TEST(Random, DrawsAreIndependent) {
  constexpr int64_t n = 20000;
  double limit = 4 / std::sqrt(double(n));
  for (RandomKind kind : {RandomKind::Uniform, RandomKind::Normal}) {
    std::vector<double> x = draw(kind, {n}, 5, 1, 2);
    EXPECT_EQ(x, draw(kind, {n}, 5, 1, 2));
    EXPECT_LT(std::fabs(correlation(x, draw(kind, {n}, 5, 2, 2))), limit);
    EXPECT_LT(std::fabs(correlation(x, draw(kind, {n}, 5, 1, 3))), limit);
    EXPECT_LT(std::fabs(correlation(x, draw(kind, {n}, 6, 1, 2))), limit);
    EXPECT_LT(std::fabs(correlation(x, draw(kind, {n}, 5 + (int64_t(1) << 32), 1, 2))), limit);
    for (size_t lag : {1, 2, 64}) {
      ArrayRef<double> all(x);
      EXPECT_LT(std::fabs(correlation(all.drop_back(lag), all.drop_front(lag))), limit) << lag;
    }
  }
}

/// The approximation against the inverse that bisection finds, at the ends too.
TEST(Random, NormalFollowsItsFormula) {
  MLIRContext &c = context();
  OpBuilder b(&c);
  Location loc = b.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  b.setInsertionPointToStart(module->getBody());
  auto f = func::FuncOp::create(b, loc, "normal", b.getFunctionType({b.getI32Type()}, {b.getF32Type()}));
  b.setInsertionPointToStart(f.addEntryBlock());
  ScalarBuilder s{b, loc};
  func::ReturnOp::create(b, loc, s.normal(f.getArgument(0)));
  Interpreter interpreter;
  for (int64_t k : {int64_t(0), int64_t(1), int64_t(100), int64_t(28000), int64_t(30000), int64_t(1) << 20, int64_t(1) << 22,
                    (int64_t(1) << 23) - 1, int64_t(1) << 23, int64_t(12345678), (int64_t(1) << 24) - 2, (int64_t(1) << 24) - 1}) {
    SmallVector<Tensor> results;
    ASSERT_TRUE(succeeded(interpreter.call(f, {Tensor::scalarInt(k)}, results)));
    double u = (double(k) + 0.5) * 0x1p-23 - 1, low = -7, high = 7;
    for (int i = 0; i < 100; ++i)
      (std::erf((low + high) / 2 * M_SQRT1_2) < u ? low : high) = (low + high) / 2;
    EXPECT_NEAR(results[0].floats[0], low, 2e-6 * std::fabs(low) + 1e-7) << k;
  }
}

} // namespace
