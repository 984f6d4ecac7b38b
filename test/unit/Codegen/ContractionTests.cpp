//===- ContractionTests.cpp - Matrix products against plain loops -----------===//
#include "Harness.h"

namespace selfopt::codegen::test {
namespace {

using ContractionTest = LanesTest;
SELFOPT_ALL_LANES(ContractionTest);

const char *kMatmul = R"(
func.func @mm(%a: memref<?x?xf32>, %b: memref<?x?xf32>, %c: memref<?x?xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<?x?xf32>)
  linalg.matmul ins(%a, %b : memref<?x?xf32>, memref<?x?xf32>) outs(%c : memref<?x?xf32>)
  return
})";
const char *kMatmulAccumulate = R"(
func.func @mm(%a: memref<?x?xf32>, %b: memref<?x?xf32>, %c: memref<?x?xf32>) {
  linalg.matmul ins(%a, %b : memref<?x?xf32>, memref<?x?xf32>) outs(%c : memref<?x?xf32>)
  return
})";

std::string contraction(const std::string &aMap, const std::string &bMap, const std::string &out) {
  return R"(linalg.generic {indexing_maps = [affine_map<(m, n, k) -> )" + aMap + R"(>, affine_map<(m, n, k) -> )" +
         bMap +
         R"(>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%a, %b : memref<?x?xf32>, memref<?x?xf32>) outs()" +
         out + R"( : memref<?x?xf32>) {
    ^bb0(%x: f32, %y: f32, %o: f32):
      %p = arith.mulf %x, %y : f32
      %s = arith.addf %o, %p : f32
      linalg.yield %s : f32
    }
)";
}

/// fill + contraction into a local, then an epilogue with the given operands and body.
std::string withEpilogue(const std::string &args, const std::string &epilogue) {
  return "func.func @k(%a: memref<?x?xf32>, %b: memref<?x?xf32>, " + args + R"() {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = memref.dim %a, %c0 : memref<?x?xf32>
  %n = memref.dim %b, %c1 : memref<?x?xf32>
  %acc = memref.alloca(%m, %n) : memref<?x?xf32>
  linalg.fill ins(%zero : f32) outs(%acc : memref<?x?xf32>)
  )" + contraction("(m, k)", "(k, n)", "%acc") +
         epilogue + "\n  return\n}";
}

std::vector<double> product(Buffer<float> &a, Buffer<float> &b, size_t m, size_t n, size_t k, bool transposed) {
  std::vector<double> c(m * n, 0.0);
  for (size_t i = 0; i < m; ++i)
    for (size_t l = 0; l < k; ++l)
      for (size_t j = 0; j < n; ++j)
        c[i * n + j] += double(transposed ? a.at(l, i) : a.at(i, l)) * b.at(l, j);
  return c;
}

void expectMatrix(Buffer<float> &found, const std::vector<double> &expected, double bound, const std::string &where) {
  for (size_t i = 0; i < expected.size(); ++i) {
    expectClose(found[i], expected[i], 0, bound, where + " element " + std::to_string(i));
    if (testing::Test::HasFailure())
      return;
  }
  EXPECT_TRUE(found.guardIntact()) << where;
}

std::string sizes(size_t m, size_t n, size_t k) {
  return std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
}

TEST_P(ContractionTest, MatmulOfManySizes) {
  KernelFn fn = compile(kMatmul);
  for (size_t m : {0, 1, 2, 3, 5, 7, 8, 9, 10, 15, 16, 17, 23, 32, 40})
    for (size_t n : {0, 1, 3, 4, 5, 8, 9, 15, 16, 17, 23, 31, 32, 33, 40, 48, 49, 64, 65})
      for (size_t k : {0, 1, 2, 7, 16, 33}) {
        Buffer<float> a({m, k}), b({k, n}), c({m, n});
        a.random(1), b.random(2);
        (Call() << a << b << c).run(fn);
        expectMatrix(c, product(a, b, m, n, k, false), 1e-6 * (k + 1), sizes(m, n, k));
        if (HasFailure())
          return;
      }
}

TEST_P(ContractionTest, EveryResultIsSummedInOrder) {
  // Bitwise: the result of an element is the chain of fused multiply-adds over k, whichever tile it falls into.
  KernelFn fn = compile(kMatmul);
  size_t m = 13, n = 37, k = 50;
  Buffer<float> a({m, k}), b({k, n}), c({m, n});
  a.random(3), b.random(4);
  (Call() << a << b << c).run(fn);
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < n; ++j) {
      float sum = 0;
      for (size_t l = 0; l < k; ++l)
        sum = std::fma(a.at(i, l), b.at(l, j), sum);
      ASSERT_EQ(c.at(i, j), sum) << i << ", " << j;
    }
}

TEST_P(ContractionTest, WithoutAFillTheProductIsAdded) {
  KernelFn fn = compile(kMatmulAccumulate);
  for (size_t m : {1, 5, 8, 11, 19})
    for (size_t n : {3, 16, 20, 35}) {
      size_t k = 6;
      Buffer<float> a({m, k}), b({k, n}), c({m, n});
      a.random(1), b.random(2), c.random(3);
      std::vector<double> expected = product(a, b, m, n, k, false);
      for (size_t i = 0; i < m * n; ++i)
        expected[i] += c[i];
      (Call() << a << b << c).run(fn);
      expectMatrix(c, expected, 1e-5, sizes(m, n, k));
    }
}

TEST_P(ContractionTest, TransposedA) {
  KernelFn fn = compile("func.func @k(%a: memref<?x?xf32>, %b: memref<?x?xf32>, %c: memref<?x?xf32>) {\n"
                        "  %zero = arith.constant 0.0 : f32\n"
                        "  linalg.fill ins(%zero : f32) outs(%c : memref<?x?xf32>)\n" +
                        contraction("(k, m)", "(k, n)", "%c") + "  return\n}");
  for (size_t m : {1, 7, 8, 9, 12, 24, 33})
    for (size_t n : {1, 10, 16, 31, 32, 50}) {
      size_t k = 21;
      Buffer<float> a({k, m}), b({k, n}), c({m, n});
      a.random(1), b.random(2);
      (Call() << a << b << c).run(fn);
      expectMatrix(c, product(a, b, m, n, k, true), 1e-5, sizes(m, n, k));
    }
}

TEST_P(ContractionTest, BiasAndReluWithTwoOutputs) {
  KernelFn fn = compile(withEpilogue("%bias: memref<?xf32>, %pre: memref<?x?xf32>, %h: memref<?x?xf32>", R"(
  linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>,
                                   affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
    ins(%acc, %bias : memref<?x?xf32>, memref<?xf32>) outs(%pre, %h : memref<?x?xf32>, memref<?x?xf32>) {
    ^bb0(%x: f32, %y: f32, %o0: f32, %o1: f32):
      %s = arith.addf %x, %y : f32
      %r = arith.maximumf %s, %zero : f32
      linalg.yield %s, %r : f32, f32
    })"));
  for (size_t m : {1, 6, 8, 14, 32})
    for (size_t n : {1, 10, 16, 23, 40}) {
      size_t k = 17;
      Buffer<float> a({m, k}), b({k, n}), bias({n}), pre({m, n}), h({m, n});
      a.random(1), b.random(2), bias.random(3);
      (Call() << a << b << bias << pre << h).run(fn);
      std::vector<double> expected = product(a, b, m, n, k, false);
      for (size_t i = 0; i < m * n; ++i)
        expected[i] += bias[i % n];
      expectMatrix(pre, expected, 1e-5, sizes(m, n, k));
      for (double &x : expected)
        x = std::max(x, 0.0);
      expectMatrix(h, expected, 1e-5, sizes(m, n, k));
    }
}

TEST_P(ContractionTest, ReluOfNanIsNan) {
  KernelFn fn = compile(withEpilogue("%h: memref<?x?xf32>", R"(
  linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>],
                  iterator_types = ["parallel", "parallel"]}
    ins(%acc : memref<?x?xf32>) outs(%h : memref<?x?xf32>) {
    ^bb0(%x: f32, %o: f32):
      %r = arith.maximumf %x, %zero : f32
      linalg.yield %r : f32
    })"));
  Buffer<float> a({2, 1}, 1.0f), b({1, 20}, -1.0f), h({2, 20});
  b[7] = NAN, b[17] = 3;
  (Call() << a << b << h).run(fn);
  for (size_t i = 0; i < 40; ++i)
    if (i % 20 == 7)
      EXPECT_TRUE(std::isnan(h[i])) << i;
    else
      EXPECT_EQ(h[i], i % 20 == 17 ? 3.0f : 0.0f) << i;
}

const char *kGate = R"(
  linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m)>,
                                   affine_map<(m, n) -> ()>, affine_map<(m, n) -> (m, n)>],
                  iterator_types = ["parallel", "parallel"]}
    ins(%acc, %h, %row, %scale : memref<?x?xf32>, memref<?x?xf32>, memref<?xf32>, f32) outs(%out : memref<?x?xf32>) {
    ^bb0(%x: f32, %g: f32, %r: f32, %s: f32, %o: f32):
      %on = arith.cmpf ogt, %g, %zero : f32
      %v = arith.select %on, %x, %zero : f32
      %w = arith.mulf %v, %s : f32
      %u = arith.addf %w, %r : f32
      %t = arith.addf %u, %g : f32
      linalg.yield %t : f32
    })";

TEST_P(ContractionTest, GateAlsoInPlace) {
  KernelFn fn =
      compile(withEpilogue("%h: memref<?x?xf32>, %row: memref<?xf32>, %scale: f32, %out: memref<?x?xf32>", kGate));
  for (bool inPlace : {false, true})
    for (size_t m : {3, 8, 13, 21, 32})
      for (size_t n : {5, 16, 29, 32, 37}) {
        size_t k = 9;
        Buffer<float> a({m, k}), b({k, n}), h({m, n}), row({m}), out({m, n});
        a.random(1), b.random(2), h.random(3), row.random(4);
        std::vector<double> expected = product(a, b, m, n, k, false);
        for (size_t i = 0; i < m * n; ++i)
          expected[i] = (h[i] > 0 ? expected[i] * 0.25 : 0) + row[i / n] + h[i];
        (Call() << a << b << h << row << 0.25f << (inPlace ? h : out)).run(fn);
        expectMatrix(inPlace ? h : out, expected, 1e-5, sizes(m, n, k) + (inPlace ? " in place" : ""));
      }
}

TEST_P(ContractionTest, EpilogueReadsWhatItOverwrites) {
  // w = 2 w - rate * a b, as an optimiser fused into the product would do: rows must not be computed twice.
  KernelFn fn = compile(withEpilogue("%rate: memref<f32>, %w: memref<?x?xf32>", R"(
  linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> ()>, affine_map<(m, n) -> (m, n)>],
                  iterator_types = ["parallel", "parallel"]}
    ins(%acc, %rate : memref<?x?xf32>, memref<f32>) outs(%w : memref<?x?xf32>) {
    ^bb0(%x: f32, %r: f32, %o: f32):
      %v = arith.mulf %x, %r : f32
      %d = arith.addf %o, %o : f32
      %t = arith.subf %d, %v : f32
      linalg.yield %t : f32
    })"));
  for (size_t m : {3, 8, 13, 21})
    for (size_t n : {5, 16, 29, 37}) {
      size_t k = 9;
      Buffer<float> a({m, k}), b({k, n}), w({m, n}), rate({}, 0.5f);
      a.random(1), b.random(2), w.random(3);
      std::vector<double> expected = product(a, b, m, n, k, false);
      for (size_t i = 0; i < m * n; ++i)
        expected[i] = 2 * w[i] - 0.5 * expected[i];
      (Call() << a << b << rate << w).run(fn);
      expectMatrix(w, expected, 1e-5, sizes(m, n, k));
    }
}

TEST_P(ContractionTest, EpilogueWithIndicesAndMath) {
  KernelFn fn = compile(withEpilogue("%out: memref<?x?xf32>", R"(
  linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>],
                  iterator_types = ["parallel", "parallel"]}
    ins(%acc : memref<?x?xf32>) outs(%out : memref<?x?xf32>) {
    ^bb0(%x: f32, %o: f32):
      %i = linalg.index 0 : index
      %j = linalg.index 1 : index
      %ii = arith.index_cast %i : index to i32
      %jj = arith.index_cast %j : index to i32
      %ten = arith.constant 10 : i32
      %t = arith.muli %ii, %ten : i32
      %u = arith.addi %t, %jj : i32
      %f = arith.sitofp %u : i32 to f32
      %e = math.tanh %x : f32
      %r = arith.addf %e, %f : f32
      linalg.yield %r : f32
    })"));
  size_t m = 11, n = 21, k = 4;
  Buffer<float> a({m, k}), b({k, n}), out({m, n});
  a.random(1), b.random(2);
  std::vector<double> expected = product(a, b, m, n, k, false);
  for (size_t i = 0; i < m * n; ++i)
    expected[i] = std::tanh(expected[i]) + 10.0 * (i / n) + i % n;
  (Call() << a << b << out).run(fn);
  expectMatrix(out, expected, 2e-5, "tanh");
}

TEST_P(ContractionTest, MatrixVectorWithEpilogue) {
  KernelFn fn = compile(R"(
func.func @mv(%a: memref<?x?xf32>, %x: memref<?xf32>, %bias: memref<?xf32>, %out: memref<?xf32>) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %m = memref.dim %a, %c0 : memref<?x?xf32>
  %acc = memref.alloca(%m) : memref<?xf32>
  linalg.fill ins(%zero : f32) outs(%acc : memref<?xf32>)
  linalg.matvec ins(%a, %x : memref<?x?xf32>, memref<?xf32>) outs(%acc : memref<?xf32>)
  linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>, affine_map<(m) -> (m)>],
                  iterator_types = ["parallel"]}
    ins(%acc, %bias : memref<?xf32>, memref<?xf32>) outs(%out : memref<?xf32>) {
    ^bb0(%s: f32, %b: f32, %o: f32):
      %t = arith.addf %s, %b : f32
      %r = arith.maximumf %t, %zero : f32
      linalg.yield %r : f32
    }
  return
})");
  for (size_t m : {0, 1, 5, 33})
    for (size_t k : {0, 1, 15, 16, 17, 64, 100}) {
      Buffer<float> a({m, k}), x({k}), bias({m}), out({m});
      a.random(1), x.random(2), bias.random(3);
      (Call() << a << x << bias << out).run(fn);
      std::vector<double> expected(m);
      for (size_t i = 0; i < m; ++i) {
        double s = bias[i];
        for (size_t l = 0; l < k; ++l)
          s += double(a.at(i, l)) * x[l];
        expected[i] = std::max(s, 0.0);
      }
      expectMatrix(out, expected, 1e-5, sizes(m, 1, k));
    }
}

TEST(ContractionErrors, TransposedBIsRefused) {
  std::string error = compileError("func.func @k(%a: memref<?x?xf32>, %b: memref<?x?xf32>, %c: memref<?x?xf32>) {\n"
                                   "  %zero = arith.constant 0.0 : f32\n"
                                   "  linalg.fill ins(%zero : f32) outs(%c : memref<?x?xf32>)\n" +
                                   contraction("(m, k)", "(n, k)", "%c") + "  return\n}");
  EXPECT_NE(error.find("contraction needs B's rows contiguous"), std::string::npos) << error;
}

TEST(ContractionErrors, ALocalMustBeFilled) {
  std::string text = withEpilogue("%out: memref<?x?xf32>", R"(
  linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>],
                  iterator_types = ["parallel", "parallel"]}
    ins(%acc : memref<?x?xf32>) outs(%out : memref<?x?xf32>) {
    ^bb0(%x: f32, %o: f32):
      linalg.yield %x : f32
    })");
  size_t at = text.find("linalg.fill");
  text.erase(at, text.find('\n', at) - at);
  EXPECT_NE(compileError(text).find("was not filled"), std::string::npos);
}

} // namespace
} // namespace selfopt::codegen::test
