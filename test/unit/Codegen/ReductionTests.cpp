//===- ReductionTests.cpp - Reductions against plain loops ------------------===//
#include "Harness.h"

namespace selfopt::codegen::test {
namespace {

using ReductionTest = LanesTest;
SELFOPT_ALL_LANES(ReductionTest);

const size_t kLengths[] = {0, 1, 2, 3, 4, 5, 8, 10, 15, 16, 17, 31, 33, 63, 64, 65, 100, 257};

/// One input of rank 2 reduced into `outMap` with iterators `kinds`, from `init` by `body`.
std::string reduction(const std::string &outMap, const std::string &outType, const std::string &kinds,
                      const std::string &init, const std::string &body) {
  return R"(
func.func @k(%x: memref<?x?xf32>, %out: )" +
         outType + R"() {
  %init = arith.constant )" +
         init + R"( : f32
  linalg.fill ins(%init : f32) outs(%out : )" +
         outType + R"()
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> )" +
         outMap + R"(>], iterator_types = [)" + kinds + R"(]}
    ins(%x : memref<?x?xf32>) outs(%out : )" +
         outType + R"() {
    ^bb0(%a: f32, %o: f32):
)" + body +
         R"(
      linalg.yield %r : f32
    }
  return
})";
}
const char *kRows = R"("parallel", "reduction")", *kColumns = R"("reduction", "parallel")",
           *kAll = R"("reduction", "reduction")";

TEST_P(ReductionTest, RowMaximum) {
  KernelFn fn = compile(reduction("(i)", "memref<?xf32>", kRows, "0xFF800000", "%r = arith.maximumf %o, %a : f32"));
  for (size_t n : kLengths) {
    Buffer<float> x({5, n}), out({5});
    x.random(n, -9, -1);
    if (n > 2)
      x.at(3, n - 2) = NAN;
    (Call() << x << out).run(fn);
    for (size_t i = 0; i < 5; ++i) {
      float expected = -INFINITY;
      for (size_t j = 0; j < n; ++j)
        expected = std::isnan(x.at(i, j)) || x.at(i, j) > expected ? x.at(i, j) : expected;
      if (n > 2 && i == 3)
        expected = NAN;
      expectClose(out[i], expected, 0, 0, "row of " + std::to_string(n));
    }
    ASSERT_TRUE(out.guardIntact());
  }
}

TEST_P(ReductionTest, NanAnywhereInARowReachesItsMaximum) {
  KernelFn fn = compile(reduction("(i)", "memref<?xf32>", kRows, "0xFF800000", "%r = arith.maximumf %o, %a : f32"));
  for (size_t n : {1, 10, 16, 70, 130})
    for (size_t at = 0; at < n; ++at) {
      Buffer<float> x({1, n}), out({1});
      x.random(1);
      x[at] = NAN;
      (Call() << x << out).run(fn);
      ASSERT_TRUE(std::isnan(out[0])) << at << " of " << n;
    }
}

TEST_P(ReductionTest, RowSumOfExponentials) {
  // The maximum of the row is a second input, read once per row.
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?x?xf32>, %max: memref<?xf32>, %e: memref<?x?xf32>, %sum: memref<?xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%sum : memref<?xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>,
                                   affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
    ins(%x, %max : memref<?x?xf32>, memref<?xf32>) outs(%e, %sum : memref<?x?xf32>, memref<?xf32>) {
    ^bb0(%a: f32, %m: f32, %o0: f32, %o1: f32):
      %0 = arith.subf %a, %m : f32
      %1 = math.exp %0 : f32
      %2 = arith.addf %1, %o1 : f32
      linalg.yield %1, %2 : f32, f32
    }
  return
})");
  for (size_t m : {0, 1, 32})
    for (size_t n : kLengths) {
      Buffer<float> x({m, n}), max({m}), e({m, n}), sum({m});
      x.random(1, -5, 5), max.random(2, 4, 5);
      (Call() << x << max << e << sum).run(fn);
      for (size_t i = 0; i < m; ++i) {
        double total = 0;
        for (size_t j = 0; j < n; ++j) {
          double value = std::exp(double(x.at(i, j) - max[i]));
          expectClose(e.at(i, j), value, 3e-7, 0, "exp");
          total += value;
        }
        expectClose(sum[i], total, 1e-6, 0, "sum");
      }
      ASSERT_TRUE(e.guardIntact() && sum.guardIntact());
      if (HasFailure())
        return;
    }
}

TEST_P(ReductionTest, ColumnSums) {
  KernelFn fn = compile(reduction("(j)", "memref<?xf32>", kColumns, "0.5", "%r = arith.addf %o, %a : f32"));
  for (size_t m : {0, 1, 2, 3, 4, 5, 9, 100})
    for (size_t n : kLengths) {
      Buffer<float> x({m, n}), out({n});
      x.random(1);
      (Call() << x << out).run(fn);
      for (size_t j = 0; j < n; ++j) {
        double expected = 0.5;
        for (size_t i = 0; i < m; ++i)
          expected += x.at(i, j);
        expectClose(out[j], expected, 1e-6, 1e-5, "column");
      }
      ASSERT_TRUE(out.guardIntact());
      if (HasFailure())
        return;
    }
}

TEST_P(ReductionTest, FullSumToRankZero) {
  KernelFn fn = compile(reduction("()", "memref<f32>", kAll, "1.0",
                                  "%s = arith.mulf %a, %a : f32\n"
                                  "%r = arith.addf %o, %s : f32"));
  for (size_t m : {0, 1, 3, 10})
    for (size_t n : kLengths) {
      Buffer<float> x({m, n}), out({});
      x.random(1);
      (Call() << x << out).run(fn);
      double expected = 1;
      for (size_t i = 0; i < m * n; ++i)
        expected += double(x[i]) * x[i];
      expectClose(out[0], expected, 2e-6, 0, std::to_string(m) + "x" + std::to_string(n));
      Buffer<float> again({});
      (Call() << x << again).run(fn);
      EXPECT_EQ(out[0], again[0]);
    }
}

TEST_P(ReductionTest, WithoutAFillTheOutputIsTheStart) {
  std::string text = reduction("(i)", "memref<?xf32>", kRows, "0.0", "%r = arith.addf %o, %a : f32");
  size_t at = text.find("linalg.fill");
  text.erase(at, text.find('\n', at) - at);
  KernelFn fn = compile(text);
  Buffer<float> x({3, 21}, 1.0f), out({3}, 10.0f);
  (Call() << x << out).run(fn);
  for (size_t i = 0; i < 3; ++i)
    EXPECT_EQ(out[i], 31.0f);
}

TEST_P(ReductionTest, RowMeanWithEpilogue) {
  // out[i] = (sum of row i) * scale + row number: the sum is a local.
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?x?xf32>, %scale: f32, %out: memref<?xf32>, %raw: memref<?xf32>) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %m = memref.dim %x, %c0 : memref<?x?xf32>
  %acc = memref.alloca(%m) : memref<?xf32>
  linalg.fill ins(%zero : f32) outs(%acc : memref<?xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
                  iterator_types = ["parallel", "reduction"]}
    ins(%x : memref<?x?xf32>) outs(%acc : memref<?xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.addf %o, %a : f32
      linalg.yield %0 : f32
    }
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>, affine_map<(i) -> (i)>,
                                   affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%acc, %scale : memref<?xf32>, f32) outs(%out, %raw : memref<?xf32>, memref<?xf32>) {
    ^bb0(%a: f32, %s: f32, %o0: f32, %o1: f32):
      %i = linalg.index 0 : index
      %n = arith.index_cast %i : index to i32
      %f = arith.sitofp %n : i32 to f32
      %0 = arith.mulf %a, %s : f32
      %1 = arith.addf %0, %f : f32
      linalg.yield %1, %a : f32, f32
    }
  return
})");
  for (size_t m : {0, 1, 20})
    for (size_t n : {0, 1, 16, 50}) {
      Buffer<float> x({m, n}), out({m}), raw({m});
      x.random(1);
      (Call() << x << 0.125f << out << raw).run(fn);
      for (size_t i = 0; i < m; ++i) {
        double sum = 0;
        for (size_t j = 0; j < n; ++j)
          sum += x.at(i, j);
        expectClose(raw[i], sum, 1e-6, 1e-5, "raw");
        expectClose(out[i], sum * 0.125 + i, 1e-6, 1e-5, "scaled");
      }
    }
}

TEST_P(ReductionTest, ColumnEpilogueInVectors) {
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?x?xf32>, %w: memref<?xf32>) {
  %zero = arith.constant 0.0 : f32
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c1 : memref<?x?xf32>
  %acc = memref.alloca(%n) : memref<?xf32>
  linalg.fill ins(%zero : f32) outs(%acc : memref<?xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>],
                  iterator_types = ["reduction", "parallel"]}
    ins(%x : memref<?x?xf32>) outs(%acc : memref<?xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.addf %o, %a : f32
      linalg.yield %0 : f32
    }
  linalg.generic {indexing_maps = [affine_map<(j) -> (j)>, affine_map<(j) -> (j)>], iterator_types = ["parallel"]}
    ins(%acc : memref<?xf32>) outs(%w : memref<?xf32>) {
    ^bb0(%a: f32, %o: f32):
      %d = arith.addf %o, %o : f32
      %0 = arith.subf %d, %a : f32
      linalg.yield %0 : f32
    }
  return
})");
  for (size_t n : {1, 16, 23, 40}) {
    Buffer<float> x({7, n}), w({n}, 100.0f);
    x.random(1);
    (Call() << x << w).run(fn);
    for (size_t j = 0; j < n; ++j) {
      double sum = 200;
      for (size_t i = 0; i < 7; ++i)
        sum -= x.at(i, j);
      expectClose(w[j], sum, 1e-6, 1e-5, "column");
    }
    ASSERT_TRUE(w.guardIntact());
  }
}

TEST_P(ReductionTest, ArgMaxIsNoKnownCombinerButWorks) {
  std::string head = R"(
func.func @k(%x: memref<?x?xf32>, %best: memref<?xf32>, %at: memref<?xi32>) {
  %low = arith.constant -1.0e30 : f32
  %none = arith.constant -1 : i32
  linalg.fill ins(%low : f32) outs(%best : memref<?xf32>)
  linalg.fill ins(%none : i32) outs(%at : memref<?xi32>)
  linalg.generic {indexing_maps = )",
              body = R"(
    ins(%x : memref<?x?xf32>) outs(%best, %at : memref<?xf32>, memref<?xi32>) {
    ^bb0(%a: f32, %b: f32, %i: i32):
      %j = linalg.index DIM : index
      %ji = arith.index_cast %j : index to i32
      %more = arith.cmpf ogt, %a, %b : f32
      %0 = arith.select %more, %a, %b : f32
      %1 = arith.select %more, %ji, %i : i32
      linalg.yield %0, %1 : f32, i32
    }
  return
})";
  for (bool rows : {true, false}) {
    std::string text = head +
                       (rows ? R"([affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i)>],
                                          iterator_types = ["parallel", "reduction"]})"
                             : R"([affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (j)>],
                                          iterator_types = ["reduction", "parallel"]})") +
                       body;
    text.replace(text.find("DIM"), 3, rows ? "1" : "0");
    KernelFn fn = compile(text);
    for (size_t m : {1, 20})
      for (size_t n : {0, 1, 10, 37}) {
        size_t results = rows ? m : n, length = rows ? n : m;
        Buffer<float> x({m, n}), best({results});
        Buffer<int32_t> at({results});
        x.random(1);
        (Call() << x << best << at).run(fn);
        for (size_t r = 0; r < results; ++r) {
          int expected = -1;
          float top = -1e30f;
          for (size_t l = 0; l < length; ++l)
            if (float v = rows ? x.at(r, l) : x.at(l, r); v > top)
              top = v, expected = int(l);
          ASSERT_EQ(at[r], expected);
          ASSERT_EQ(best[r], top);
        }
      }
  }
}

TEST_P(ReductionTest, IntegerSumAndTwoReductionsAtOnce) {
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?x?xi32>, %y: memref<?x?xi32>, %equal: memref<?xi32>, %largest: memref<?xi32>) {
  %zero = arith.constant 0 : i32
  %low = arith.constant -2147483648 : i32
  linalg.fill ins(%zero : i32) outs(%equal : memref<?xi32>)
  linalg.fill ins(%low : i32) outs(%largest : memref<?xi32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>,
                                   affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
    ins(%x, %y : memref<?x?xi32>, memref<?x?xi32>) outs(%equal, %largest : memref<?xi32>, memref<?xi32>) {
    ^bb0(%a: i32, %b: i32, %o0: i32, %o1: i32):
      %0 = arith.cmpi eq, %a, %b : i32
      %1 = arith.extui %0 : i1 to i32
      %2 = arith.addi %1, %o0 : i32
      %3 = arith.maxsi %o1, %a : i32
      linalg.yield %2, %3 : i32, i32
    }
  return
})");
  for (size_t n : kLengths) {
    Buffer<int32_t> x({3, n}), y({3, n}), equal({3}), largest({3});
    x.random(1, -4, 4), y.random(2, -4, 4);
    (Call() << x << y << equal << largest).run(fn);
    for (size_t i = 0; i < 3; ++i) {
      int count = 0, top = std::numeric_limits<int>::min();
      for (size_t j = 0; j < n; ++j)
        count += x.at(i, j) == y.at(i, j), top = std::max(top, x.at(i, j));
      ASSERT_EQ(equal[i], count);
      ASSERT_EQ(largest[i], top);
    }
  }
}

TEST_P(ReductionTest, BatchedProductWithoutACodePathOfItsOwn) {
  KernelFn fn = compile(R"(
func.func @k(%a: memref<?x?x?xf32>, %b: memref<?x?x?xf32>, %c: memref<?x?x?xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<?x?x?xf32>)
  linalg.batch_matmul ins(%a, %b : memref<?x?x?xf32>, memref<?x?x?xf32>) outs(%c : memref<?x?x?xf32>)
  return
})");
  size_t s = 3, m = 5, n = 19, k = 7;
  Buffer<float> a({s, m, k}), b({s, k, n}), c({s, m, n});
  a.random(1), b.random(2);
  (Call() << a << b << c).run(fn);
  for (size_t q = 0; q < s; ++q)
    for (size_t i = 0; i < m; ++i)
      for (size_t j = 0; j < n; ++j) {
        double sum = 0;
        for (size_t l = 0; l < k; ++l)
          sum += double(a[(q * m + i) * k + l]) * b[(q * k + l) * n + j];
        expectClose(c[(q * m + i) * n + j], sum, 1e-6, 1e-5, "batch");
      }
  EXPECT_TRUE(c.guardIntact());
}

} // namespace
} // namespace selfopt::codegen::test
