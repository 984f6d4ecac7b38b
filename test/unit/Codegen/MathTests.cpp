//===- MathTests.cpp - Accuracy of math functions against libm --------------===//
#include "Harness.h"
#include <immintrin.h>

namespace selfopt::codegen::test {
namespace {

using MathTest = LanesTest;
SELFOPT_ALL_LANES(MathTest);

struct Function {
  const char *op;
  double (*reference)(double);
  double low, high; // sampled uniformly
  double ulps;      // bound on the error in units of the last place of the result
};

double rsqrt(double x) { return 1 / std::sqrt(x); }

const Function kFunctions[] = {
    {"math.exp", std::exp, -80, 80, 4},       {"math.exp", std::exp, -1, 1, 4},
    {"math.expm1", std::expm1, -10, 10, 4},   {"math.expm1", std::expm1, -0.01, 0.01, 4},
    {"math.log", std::log, 1e-30, 1e3, 4},    {"math.log", std::log, 0.5, 2, 4},
    {"math.log1p", std::log1p, -0.99, 10, 4}, {"math.log1p", std::log1p, -0.01, 0.01, 4},
    {"math.log2", std::log2, 1e-3, 1e3, 4},   {"math.exp2", std::exp2, -20, 20, 4},
    {"math.tanh", std::tanh, -10, 10, 4},     {"math.tanh", std::tanh, -0.1, 0.1, 4},
    {"math.erf", std::erf, -4, 4, 4},         {"math.erf", std::erf, -0.1, 0.1, 4},
    {"math.sin", std::sin, -7, 7, 4},         {"math.cos", std::cos, -7, 7, 4},
    {"math.sin", std::sin, -1000, 1000, 4},   {"math.cos", std::cos, -1000, 1000, 4},
    {"math.sqrt", std::sqrt, 0, 100, 0.5},    {"math.rsqrt", rsqrt, 0.01, 100, 2},
    {"math.absf", std::fabs, -3, 3, 0},       {"math.floor", std::floor, -9, 9, 0},
    {"math.ceil", std::ceil, -9, 9, 0},       {"math.atan", std::atan, -20, 20, 4},
    {"math.tan", std::tan, -1.5, 1.5, 4},     {"math.sinh", std::sinh, -5, 5, 4},
    {"math.cosh", std::cosh, -5, 5, 4},       {"math.round", std::round, -9, 9, 0},
    {"math.cbrt", std::cbrt, -20, 20, 4},     {"math.roundeven", std::nearbyint, -9, 9, 0},
};

std::string unary(const std::string &op) {
  return R"(
func.func @k(%x: memref<?xf32>, %out: memref<?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%x : memref<?xf32>) outs(%out : memref<?xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = )" +
         op + R"( %a : f32
      linalg.yield %0 : f32
    }
  return
})";
}

TEST_P(MathTest, AccuracyAgainstLibm) {
  for (const Function &function : kFunctions) {
    KernelFn fn = compile(unary(function.op));
    Buffer<float> x({20011}), out({20011});
    x.random(7, function.low, function.high);
    (Call() << x << out).run(fn);
    double worst = 0;
    float at = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      double expected = function.reference(double(x[i]));
      float rounded = std::fabs(float(expected));
      double ulp = std::nextafter(rounded, INFINITY) - rounded;
      // Near a zero of sine and logarithm what counts is the absolute error.
      double error = std::abs(out[i] - expected) / std::max(ulp, 1.2e-7 * 0.25);
      if (std::string(function.op) == "math.erf" || std::string(function.op) == "math.exp")
        error = std::abs(out[i] - expected) / ulp;
      if (!(error <= worst))
        worst = error, at = x[i];
    }
    EXPECT_LE(worst, function.ulps) << function.op << " at " << at;
    if (getenv("SELFOPT_PRINT_ACCURACY"))
      printf("%-14s [%g, %g] worst %.2f ulp at %g\n", function.op, function.low, function.high, worst, double(at));
  }
}

TEST_P(MathTest, SpecialValues) {
  const float values[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, -1.0f, 1e-30f, 200.0f, -200.0f, 3e38f};
  for (const char *op : {"math.exp", "math.log", "math.tanh", "math.sqrt", "math.erf", "math.log1p", "math.expm1",
                         "math.sin", "math.cos", "math.rsqrt"}) {
    KernelFn fn = compile(unary(op));
    Buffer<float> x({10}), out({10});
    for (size_t i = 0; i < 10; ++i)
      x[i] = values[i];
    (Call() << x << out).run(fn);
    double (*reference)(double) = nullptr;
    for (const Function &function : kFunctions)
      if (std::string(function.op) == op)
        reference = function.reference;
    for (size_t i = 0; i < 10; ++i)
      expectClose(out[i], float(reference(x[i])), 1e-6, 1e-6, std::string(op) + " of " + std::to_string(x[i]));
  }
}

/// Trained programs run with subnormal numbers flushed: a function of one is that of zero, or its own.
TEST_P(MathTest, SubnormalOperandsAreZero) {
  const float values[] = {0.0f, -0.0f, 1e-40f, -1e-40f, 1.1e-38f, -1.1e-38f, 1e-45f, -1e-45f};
  for (const char *op : {"math.cbrt", "math.exp", "math.expm1", "math.log", "math.log1p", "math.log2", "math.log10", "math.exp2", "math.tanh",
                         "math.erf", "math.sin", "math.cos", "math.tan", "math.atan", "math.sinh", "math.cosh", "math.sqrt", "math.rsqrt",
                         "math.asin", "math.acos", "math.asinh", "math.atanh", "math.erfc", "math.floor", "math.ceil", "math.round"}) {
    KernelFn fn = compile(unary(op));
    Buffer<float> x({8}), out({8});
    for (size_t i = 0; i < 8; ++i)
      x[i] = values[i];
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    (Call() << x << out).run(fn);
    _mm_setcsr(before);
    for (size_t i = 0; i < 8; ++i)
      EXPECT_TRUE(out[i] == out[i % 2] || std::fabs(out[i] - out[i % 2]) < 1.2e-38f)
          << op << " of " << values[i] << " is " << out[i] << ", and of zero " << out[i % 2];
  }
}

TEST_P(MathTest, PowersPerElement) {
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?xf32>, %y: memref<?xf32>, %out: memref<?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                  iterator_types = ["parallel"]}
    ins(%x, %y : memref<?xf32>, memref<?xf32>) outs(%out : memref<?xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %0 = math.powf %a, %b : f32
      linalg.yield %0 : f32
    }
  return
})");
  Buffer<float> x({100}), y({100}), out({100});
  x.random(1, 0.01, 5), y.random(2, -4, 4);
  (Call() << x << y << out).run(fn);
  for (size_t i = 0; i < 100; ++i)
    expectClose(out[i], std::pow(double(x[i]), double(y[i])), 3e-7, 0, "pow");
}

} // namespace
} // namespace selfopt::codegen::test
