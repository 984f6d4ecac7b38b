//===- OpsTest.cpp - Elementwise ops against the C library and the machine -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

using namespace selfopt::reference;
using namespace selfopt::reference::test;

namespace {

/// Runs `op` on scalars one by one and on one tensor of all, which must agree.
std::vector<double> runElementwise(const std::string &op, std::vector<std::vector<float>> x) {
  size_t n = x[0].size();
  auto text = [&](const std::string &type) {
    std::string arguments, operands;
    for (size_t i = 0; i < x.size(); ++i) {
      arguments += (i ? ", %a" : "%a") + std::to_string(i) + ": " + type;
      operands += (i ? ", %a" : "%a") + std::to_string(i);
    }
    return "func.func @f(" + arguments + ") -> " + type + " { %r = " + op + " " + operands + " : " + type +
           " return %r : " + type + " }";
  };
  Tensors whole;
  for (auto &v : x)
    whole.push_back(floats({int64_t(n)}, std::vector<double>(v.begin(), v.end())));
  Tensors result = runText(text("tensor<" + std::to_string(n) + "xf32>"), whole);
  if (result.empty())
    return std::vector<double>(n);
  auto scalar = parse(text("f32"));
  for (size_t i = 0; i < n; ++i) {
    Tensors arguments;
    for (auto &v : x)
      arguments.push_back(Tensor::scalar(v[i]));
    Interpreter interpreter;
    Tensors one = runSymbol(*scalar, "f", arguments, interpreter);
    EXPECT_TRUE(!one.empty() && same(one[0].floats[0], result[0].floats[i])) << op;
  }
  return std::vector<double>(result[0].floats.begin(), result[0].floats.end());
}

/// All pairs of edges.
void pairs(std::vector<float> &a, std::vector<float> &b) {
  for (float x : edges())
    for (float y : edges()) {
      a.push_back(x);
      b.push_back(y);
    }
}

/// Within `ulps` of what the C library computes in f32.
::testing::AssertionResult close(double found, float expected, int ulps) {
  if (same(found, expected))
    return ::testing::AssertionSuccess();
  float f = float(found);
  if (std::isfinite(f) && std::isfinite(expected) && std::signbit(f) == std::signbit(expected)) {
    float low = expected, high = expected;
    for (int i = 0; i < ulps; ++i) {
      low = std::nextafterf(low, -INFINITY);
      high = std::nextafterf(high, INFINITY);
    }
    if (f >= low && f <= high)
      return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << "expected " << expected << ", found " << found;
}

TEST(Ops, UnaryFloat) {
  struct Case {
    const char *op;
    float (*fn)(float);
    int ulps;
  };
  const Case cases[] = {
      {"arith.negf", [](float x) { return -x; }, 0},
      {"math.absf", std::fabs, 0},
      {"math.ceil", std::ceil, 0},
      {"math.floor", std::floor, 0},
      {"math.round", std::round, 0},
      {"math.roundeven", std::nearbyint, 0},
      {"math.trunc", std::trunc, 0},
      {"math.sqrt", std::sqrt, 0},
      {"math.rsqrt", [](float x) { return float(1 / std::sqrt(double(x))); }, 0},
      {"math.exp", std::exp, 2},
      {"math.exp2", std::exp2, 2},
      {"math.expm1", std::expm1, 2},
      {"math.log", std::log, 2},
      {"math.log2", std::log2, 2},
      {"math.log10", std::log10, 2},
      {"math.log1p", std::log1p, 2},
      {"math.cbrt", std::cbrt, 2},
      {"math.tanh", std::tanh, 2},
      {"math.sin", std::sin, 2},
      {"math.cos", std::cos, 2},
      {"math.tan", std::tan, 2},
      {"math.asin", std::asin, 2},
      {"math.acos", std::acos, 2},
      {"math.atan", std::atan, 2},
      {"math.sinh", std::sinh, 3},
      {"math.cosh", std::cosh, 3},
      {"math.asinh", std::asinh, 3},
      {"math.acosh", std::acosh, 3},
      {"math.atanh", std::atanh, 3},
      {"math.erf", std::erf, 2},
      {"math.erfc", std::erfc, 4},
  };
  for (const Case &c : cases) {
    std::vector<double> found = runElementwise(c.op, {edges()});
    for (size_t i = 0; i < edges().size(); ++i)
      EXPECT_TRUE(close(found[i], c.fn(edges()[i]), c.ulps)) << c.op << " of " << edges()[i];
  }
}

TEST(Ops, BinaryFloat) {
  struct Case {
    const char *op;
    float (*fn)(float, float);
    int ulps;
  };
  auto zeroAware = [](float x, float y, bool max) {
    if (x == y)
      return std::signbit(x) == max ? y : x;
    return (x > y) == max ? x : y;
  };
  static auto pick = zeroAware;
  const Case cases[] = {
      {"arith.addf", [](float x, float y) { return x + y; }, 0},
      {"arith.subf", [](float x, float y) { return x - y; }, 0},
      {"arith.mulf", [](float x, float y) { return x * y; }, 0},
      {"arith.divf", [](float x, float y) { return x / y; }, 0},
      {"arith.remf", std::fmod, 0},
      {"arith.maximumf",
       [](float x, float y) { return std::isnan(x + y) && (std::isnan(x) || std::isnan(y)) ? NAN : pick(x, y, true); },
       0},
      {"arith.minimumf", [](float x, float y) { return std::isnan(x) || std::isnan(y) ? NAN : pick(x, y, false); }, 0},
      {"arith.maxnumf", [](float x, float y) { return std::isnan(x)   ? y
                                                      : std::isnan(y) ? x
                                                                      : pick(x, y, true); }, 0},
      {"arith.minnumf", [](float x, float y) { return std::isnan(x)   ? y
                                                      : std::isnan(y) ? x
                                                                      : pick(x, y, false); }, 0},
      {"math.powf", std::pow, 2},
      {"math.atan2", std::atan2, 2},
      {"math.copysign", std::copysign, 0},
  };
  std::vector<float> a, b;
  pairs(a, b);
  for (const Case &c : cases) {
    std::vector<double> found = runElementwise(c.op, {a, b});
    for (size_t i = 0; i < a.size(); ++i) {
      if (std::string(c.op) == "math.copysign" && std::isnan(a[i]))
        continue; // the sign of a NaN
      EXPECT_TRUE(close(found[i], c.fn(a[i], b[i]), c.ulps)) << c.op << " of " << a[i] << ", " << b[i];
    }
  }
}

TEST(Ops, FmaRoundsOnce) {
  std::mt19937 engine(3);
  std::vector<float> a, b, c;
  for (int i = 0; i < 2000; ++i) {
    a.push_back(std::ldexp(float(engine()), -int(engine() % 64)));
    b.push_back(std::ldexp(float(engine()), -int(engine() % 64)));
    c.push_back(std::ldexp(-float(engine()), -int(engine() % 64)));
  }
  // (1 + 2^-12)^2 lies half way between two f32 numbers; only one rounding sees which side a tiny addend is on.
  for (float tiny : {0x1p-80f, -0x1p-80f}) {
    a.push_back(1 + 0x1p-12f);
    b.push_back(1 + 0x1p-12f);
    c.push_back(tiny);
  }
  std::vector<double> found = runElementwise("math.fma", {a, b, c});
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_TRUE(same(found[i], std::fma(a[i], b[i], c[i])));
}

TEST(Ops, CompareFloat) {
  struct Case {
    const char *predicate;
    bool less, equal, greater, unordered;
  };
  const Case cases[] = {{"false", 0, 0, 0, 0}, {"oeq", 0, 1, 0, 0}, {"ogt", 0, 0, 1, 0}, {"oge", 0, 1, 1, 0},
                        {"olt", 1, 0, 0, 0},   {"ole", 1, 1, 0, 0}, {"one", 1, 0, 1, 0}, {"ord", 1, 1, 1, 0},
                        {"ueq", 0, 1, 0, 1},   {"ugt", 0, 0, 1, 1}, {"uge", 0, 1, 1, 1}, {"ult", 1, 0, 0, 1},
                        {"ule", 1, 1, 0, 1},   {"une", 1, 0, 1, 1}, {"uno", 0, 0, 0, 1}, {"true", 1, 1, 1, 1}};
  std::vector<float> a, b;
  pairs(a, b);
  std::string n = std::to_string(a.size());
  for (const Case &c : cases) {
    Tensors found = runText("func.func @f(%a: tensor<" + n + "xf32>, %b: tensor<" + n + "xf32>) -> tensor<" + n +
                                "xi1> { %r = arith.cmpf " + c.predicate + ", %a, %b : tensor<" + n +
                                "xf32> return %r : tensor<" + n + "xi1> }",
                            {floats({int64_t(a.size())}, std::vector<double>(a.begin(), a.end())),
                             floats({int64_t(b.size())}, std::vector<double>(b.begin(), b.end()))});
    ASSERT_EQ(found.size(), 1u);
    for (size_t i = 0; i < a.size(); ++i) {
      bool expected = a[i] < b[i] ? c.less : a[i] > b[i] ? c.greater : a[i] == b[i] ? c.equal : c.unordered;
      EXPECT_EQ(found[0].integers[i], expected) << c.predicate << " " << a[i] << " " << b[i];
    }
  }
}

TEST(Ops, Integers) {
  struct Case {
    const char *op;
    int32_t (*fn)(int32_t, int32_t);
  };
  using U = uint32_t;
  const Case cases[] = {
      {"arith.addi", [](int32_t a, int32_t b) { return int32_t(U(a) + U(b)); }},
      {"arith.subi", [](int32_t a, int32_t b) { return int32_t(U(a) - U(b)); }},
      {"arith.muli", [](int32_t a, int32_t b) { return int32_t(U(a) * U(b)); }},
      {"arith.andi", [](int32_t a, int32_t b) { return a & b; }},
      {"arith.ori", [](int32_t a, int32_t b) { return a | b; }},
      {"arith.xori", [](int32_t a, int32_t b) { return a ^ b; }},
      {"arith.maxsi", [](int32_t a, int32_t b) { return std::max(a, b); }},
      {"arith.minsi", [](int32_t a, int32_t b) { return std::min(a, b); }},
      {"arith.maxui", [](int32_t a, int32_t b) { return int32_t(std::max(U(a), U(b))); }},
      {"arith.minui", [](int32_t a, int32_t b) { return int32_t(std::min(U(a), U(b))); }},
      {"arith.shli", [](int32_t a, int32_t b) { return U(b) >= 32 ? 0 : int32_t(U(a) << b); }},
      {"arith.shrui", [](int32_t a, int32_t b) { return U(b) >= 32 ? 0 : int32_t(U(a) >> b); }},
      {"arith.shrsi", [](int32_t a, int32_t b) { return U(b) >= 32 ? 0 : a >> b; }},
      {"arith.divsi", [](int32_t a, int32_t b) { return a / b; }},
      {"arith.remsi", [](int32_t a, int32_t b) { return a % b; }},
      {"arith.divui", [](int32_t a, int32_t b) { return int32_t(U(a) / U(b)); }},
      {"arith.remui", [](int32_t a, int32_t b) { return int32_t(U(a) % U(b)); }},
  };
  const int32_t values[] = {0, 1, -1, 2, -2, 7, -7, 31, 32, 33, 1000, INT32_MAX, INT32_MIN, INT32_MIN + 1, 0x55555555};
  for (const Case &c : cases) {
    bool divides =
        std::string(c.op).find("div") != std::string::npos || std::string(c.op).find("rem") != std::string::npos;
    auto module =
        parse(std::string("func.func @f(%a: i32, %b: i32) -> i32 { %r = ") + c.op + " %a, %b : i32 return %r : i32 }");
    for (int32_t a : values)
      for (int32_t b : values) {
        if (divides && (b == 0 || (a == INT32_MIN && b == -1)))
          continue;
        Interpreter interpreter;
        Tensors r = runSymbol(*module, "f", {Tensor::scalarInt(a), Tensor::scalarInt(b)}, interpreter);
        ASSERT_EQ(r.size(), 1u);
        EXPECT_EQ(r[0].integers[0], c.fn(a, b)) << c.op << " " << a << " " << b;
      }
  }
}

TEST(Ops, TruthValuesAreZeroAndOne) {
  auto run = [](const std::string &body, const std::string &type, int64_t a) {
    Tensors r = runText("func.func @f(%a: i1) -> " + type + " { " + body + " return %r : " + type + " }",
                        {Tensor::scalarInt(a)});
    return r.empty() ? -99.0 : r[0].isFloat ? r[0].floats[0] : double(r[0].integers[0]);
  };
  EXPECT_EQ(run("%r = arith.extui %a : i1 to i32", "i32", 1), 1);
  EXPECT_EQ(run("%r = arith.extsi %a : i1 to i32", "i32", 1), -1);
  EXPECT_EQ(run("%r = arith.uitofp %a : i1 to f32", "f32", 1), 1);
  EXPECT_EQ(run("%r = arith.sitofp %a : i1 to f32", "f32", 1), -1);
  EXPECT_EQ(run("%t = arith.constant true\n%r = arith.addi %a, %t : i1", "i1", 1), 0);
  EXPECT_EQ(run("%t = arith.constant false\n%r = arith.cmpi slt, %a, %t : i1", "i1", 1), 1);
  EXPECT_EQ(run("%t = arith.constant false\n%r = arith.cmpi ult, %a, %t : i1", "i1", 1), 0);
}

TEST(Ops, Casts) {
  auto run = [](const std::string &op, const std::string &from, const std::string &to, Tensor x) {
    Tensors r = runText("func.func @f(%a: " + from + ") -> " + to + " { %r = " + op + " %a : " + from + " to " + to +
                            " return %r : " + to + " }",
                        {x});
    return r.empty() ? Tensor::scalar(NAN) : r[0];
  };
  EXPECT_EQ(run("arith.trunci", "i64", "i32", Tensor::scalarInt(0x1ffffffffll)).integers[0], -1);
  EXPECT_EQ(run("arith.trunci", "i32", "i8", Tensor::scalarInt(200)).integers[0], -56);
  EXPECT_EQ(run("arith.extui", "i8", "i32", Tensor::scalarInt(-56)).integers[0], 200);
  EXPECT_EQ(run("arith.extsi", "i8", "i32", Tensor::scalarInt(-56)).integers[0], -56);
  EXPECT_EQ(run("arith.index_cast", "index", "i32", Tensor::scalarInt(5000000000ll)).integers[0],
            int32_t(5000000000ll));
  EXPECT_EQ(run("arith.uitofp", "i32", "f32", Tensor::scalarInt(-1)).floats[0], float(UINT32_MAX));
  // One rounding: through f64 this would be 2^61.
  int64_t halfway = (int64_t(1) << 61) + (int64_t(1) << 37) + 1;
  EXPECT_EQ(run("arith.sitofp", "i64", "f32", Tensor::scalarInt(halfway)).floats[0], float(halfway));
  EXPECT_EQ(run("arith.fptosi", "f32", "i32", Tensor::scalar(-2.75)).integers[0], -2);
  EXPECT_EQ(run("arith.fptosi", "f32", "i32", Tensor::scalar(3e9)).integers[0], INT32_MAX);
  EXPECT_EQ(run("arith.fptosi", "f32", "i32", Tensor::scalar(NAN)).integers[0], 0);
  EXPECT_EQ(run("arith.fptoui", "f32", "i32", Tensor::scalar(3e9)).integers[0], int32_t(3000000000u));
  EXPECT_EQ(run("arith.fptoui", "f32", "i32", Tensor::scalar(1e30)).integers[0], -1);
  EXPECT_EQ(run("arith.bitcast", "f32", "i32", Tensor::scalar(-1.5)).integers[0], int32_t(0xbfc00000));
  EXPECT_EQ(run("arith.bitcast", "i32", "f32", Tensor::scalarInt(0x40490fdb)).floats[0], float(M_PI));
  EXPECT_EQ(run("arith.truncf", "f64", "f32", Tensor::scalar(0.1)).floats[0], double(0.1f));
  EXPECT_EQ(run("arith.truncf", "f32", "bf16", Tensor::scalar(1.00390625)).floats[0], 1.0);
  EXPECT_EQ(run("arith.extf", "f32", "f64", Tensor::scalar(0.1f)).floats[0], double(0.1f));
}

TEST(Ops, ExtendedProducts) {
  for (int32_t a : {0, 1, -1, INT32_MAX, INT32_MIN, -766435501})
    for (int32_t b : {0, 1, -1, INT32_MAX, INT32_MIN, 12345}) {
      Tensors r = runText("func.func @f(%a: i32, %b: i32) -> (i32, i32, i32, i32) {"
                          " %l, %h = arith.mului_extended %a, %b : i32"
                          " %sl, %sh = arith.mulsi_extended %a, %b : i32"
                          " return %l, %h, %sl, %sh : i32, i32, i32, i32 }",
                          {Tensor::scalarInt(a), Tensor::scalarInt(b)});
      ASSERT_EQ(r.size(), 4u);
      uint64_t u = uint64_t(uint32_t(a)) * uint32_t(b);
      int64_t s = int64_t(a) * b;
      EXPECT_EQ(r[0].integers[0], int32_t(u));
      EXPECT_EQ(r[1].integers[0], int32_t(u >> 32));
      EXPECT_EQ(r[2].integers[0], int32_t(s));
      EXPECT_EQ(r[3].integers[0], int32_t(s >> 32));
    }
}

TEST(Ops, BitsAndIntegerMath) {
  Tensors r = runText("func.func @f(%a: i32) -> (i32, i32, i32, i32) { %p = math.ctpop %a : i32 %l = math.ctlz %a : i32"
                      " %t = math.cttz %a : i32 %b = math.absi %a : i32 return %p, %l, %t, %b : i32, i32, i32, i32 }",
                      {Tensor::scalarInt(-8)});
  ASSERT_EQ(r.size(), 4u);
  EXPECT_EQ(r[0].integers[0], 29);
  EXPECT_EQ(r[1].integers[0], 0);
  EXPECT_EQ(r[2].integers[0], 3);
  EXPECT_EQ(r[3].integers[0], 8);
}

TEST(Ops, PrecisionDoubleKeepsWhatF32Drops) {
  std::string text = "func.func @f(%a: f32, %b: f32) -> f32 { %s = arith.addf %a, %b : f32"
                     " %r = arith.subf %s, %a : f32 return %r : f32 }";
  EXPECT_EQ(runText(text, {Tensor::scalar(1), Tensor::scalar(1e-10)})[0].floats[0], 0);
  EXPECT_NEAR(runText(text, {Tensor::scalar(1), Tensor::scalar(1e-10)}, Precision::Double)[0].floats[0], 1e-10, 1e-15);
}

TEST(Ops, Errors) {
  EXPECT_NE(
      errorOf("func.func @f(%a: i32) -> i32 { %z = arith.constant 0 : i32 %r = arith.divsi %a, %z : i32 return %r "
              ": i32 }",
              {Tensor::scalarInt(1)})
          .find("divides by zero"),
      std::string::npos);
  EXPECT_NE(errorOf("func.func @f(%a: i32) -> i32 { %m = arith.constant -1 : i32 %r = arith.divsi %a, %m : i32 return "
                    "%r : i32 }",
                    {Tensor::scalarInt(INT32_MIN)})
                .find("overflows"),
            std::string::npos);
  EXPECT_NE(errorOf("func.func @f(%a: f32) -> f32 { %r = func.call @f(%a) : (f32) -> f32 return %r : f32 }",
                    {Tensor::scalar(1)})
                .find("recursive"),
            std::string::npos);
  std::string identity = "func.func @f(%a: tensor<3xf32>) -> tensor<3xf32> { return %a : tensor<3xf32> }";
  EXPECT_NE(errorOf(identity, {floats({2}, {1, 2})}).find("not of type"), std::string::npos);
  EXPECT_NE(errorOf(identity, {}).find("expects 1 arguments"), std::string::npos);
  EXPECT_NE(
      errorOf("func.func private @g(%a: f32) -> (f32) func.func @f(%a: f32) -> f32 { %r = func.call @g(%a) : (f32) "
              "-> f32 return %r : f32 }",
              {Tensor::scalar(1)})
          .find("has no body"),
      std::string::npos);
  EXPECT_NE(errorOf("func.func @g(%a: tensor<f32>) -> tensor<f32> { return %a : tensor<f32> } func.func @f(%a: "
                    "tensor<f32>) -> (tensor<f32>, tensor<f32>) { %r, %g = selfopt.gradient @g(%a) by 1 : "
                    "(tensor<f32>) -> (tensor<f32>, tensor<f32>) return %r, %g : tensor<f32>, tensor<f32> }",
                    {Tensor::scalar(1)})
                .find("no value in the reference interpreter"),
            std::string::npos);
}

} // namespace
