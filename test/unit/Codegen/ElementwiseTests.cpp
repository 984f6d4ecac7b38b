//===- ElementwiseTests.cpp - Elementwise kernels against plain loops -------===//
#include "Harness.h"

namespace selfopt::codegen::test {
namespace {

using ElementwiseTest = LanesTest;
SELFOPT_ALL_LANES(ElementwiseTest);

const size_t kLengths[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 241};

TEST_P(ElementwiseTest, BroadcastInBothDirections) {
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?x?xf32>, %col: memref<?xf32>, %row: memref<?xf32>, %s: f32, %t: memref<f32>, %out: memref<?x?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i)>,
                                   affine_map<(i, j) -> ()>, affine_map<(i, j) -> ()>, affine_map<(i, j) -> (i, j)>],
                  iterator_types = ["parallel", "parallel"]}
    ins(%x, %col, %row, %s, %t : memref<?x?xf32>, memref<?xf32>, memref<?xf32>, f32, memref<f32>)
    outs(%out : memref<?x?xf32>) {
    ^bb0(%a: f32, %c: f32, %r: f32, %u: f32, %v: f32, %o: f32):
      %0 = arith.addf %a, %c : f32
      %1 = arith.divf %0, %r : f32
      %2 = arith.mulf %u, %v : f32
      %3 = arith.subf %1, %2 : f32
      linalg.yield %3 : f32
    }
  return
})");
  for (size_t m : {0, 1, 3, 8})
    for (size_t n : kLengths) {
      Buffer<float> x({m, n}), col({n}), row({m}), t({}, 3.0f), out({m, n});
      x.random(1), col.random(2), row.random(3, 1, 2);
      (Call() << x << col << row << 0.5f << t << out).run(fn);
      for (size_t i = 0; i < m * n; ++i)
        expectClose(out[i], (double(x[i]) + col[i % n]) / row[i / n] - 1.5, 1e-6, 1e-6, std::to_string(i));
      ASSERT_TRUE(out.guardIntact());
      if (HasFailure())
        return;
    }
}

TEST_P(ElementwiseTest, DivideRows) {
  // Only the row is missing from an operand: the loops may not become one.
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?x?xf32>, %row: memref<?xf32>, %out: memref<?x?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
                  iterator_types = ["parallel", "parallel"]}
    ins(%x, %row : memref<?x?xf32>, memref<?xf32>) outs(%out : memref<?x?xf32>) {
    ^bb0(%a: f32, %r: f32, %o: f32):
      %0 = arith.divf %a, %r : f32
      linalg.yield %0 : f32
    }
  return
})");
  for (size_t n : kLengths) {
    Buffer<float> x({5, n}), row({5}), out({5, n});
    x.random(1), row.random(2, 1, 2);
    (Call() << x << row << out).run(fn);
    for (size_t i = 0; i < 5 * n; ++i)
      ASSERT_EQ(out[i], x[i] / row[i / n]);
    ASSERT_TRUE(out.guardIntact());
  }
}

TEST_P(ElementwiseTest, FlatLoopOverThreeDimensionsWithTwoOutputs) {
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?x?x?xf32>, %unused: memref<?x?x?xf32>, %p: memref<?x?x?xf32>, %q: memref<?x?x?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, j, k)>,
                                   affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, j, k)>],
                  iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%x, %unused : memref<?x?x?xf32>, memref<?x?x?xf32>) outs(%p, %q : memref<?x?x?xf32>, memref<?x?x?xf32>) {
    ^bb0(%a: f32, %b: f32, %o0: f32, %o1: f32):
      %0 = arith.mulf %a, %a : f32
      %1 = arith.negf %a : f32
      linalg.yield %0, %1 : f32, f32
    }
  return
})");
  for (size_t n : {0, 1, 3, 7, 10}) {
    Buffer<float> x({3, n, 5}), p({3, n, 5}), q({3, n, 5}), unused({3, n, 5});
    x.random(1);
    (Call() << x << unused << p << q).run(fn);
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(p[i], x[i] * x[i]);
      EXPECT_EQ(q[i], -x[i]);
    }
    EXPECT_TRUE(p.guardIntact() && q.guardIntact());
  }
}

TEST_P(ElementwiseTest, PartlyMergedDimensions) {
  // (b, i) is one loop, j the vector.
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?x?x?xf32>, %bias: memref<?xf32>, %out: memref<?x?x?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(b, i, j) -> (b, i, j)>, affine_map<(b, i, j) -> (j)>,
                                   affine_map<(b, i, j) -> (b, i, j)>],
                  iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%x, %bias : memref<?x?x?xf32>, memref<?xf32>) outs(%out : memref<?x?x?xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %0 = arith.addf %a, %b : f32
      linalg.yield %0 : f32
    }
  return
})");
  for (size_t n : {1, 6, 16, 21}) {
    Buffer<float> x({2, 3, n}), bias({n}), out({2, 3, n});
    x.random(1), bias.random(2);
    (Call() << x << bias << out).run(fn);
    for (size_t i = 0; i < x.size(); ++i)
      EXPECT_EQ(out[i], x[i] + bias[i % n]);
    EXPECT_TRUE(out.guardIntact());
  }
}

const char *kAdam = R"(
func.func @adam(%g: memref<?xf32>, %step: i32, %lr: memref<f32>, %w: memref<?xf32>, %m: memref<?xf32>, %v: memref<?xf32>,
                %w1: memref<?xf32>, %m1: memref<?xf32>, %v1: memref<?xf32>) {
  %one = arith.constant 1.0 : f32
  %b1 = arith.constant 0.9 : f32
  %b2 = arith.constant 0.999 : f32
  %eps = arith.constant 1.0e-8 : f32
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>, affine_map<(i) -> ()>, affine_map<(i) -> (i)>,
                                   affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>,
                                   affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%g, %step, %lr, %w, %m, %v : memref<?xf32>, i32, memref<f32>, memref<?xf32>, memref<?xf32>, memref<?xf32>)
    outs(%w1, %m1, %v1 : memref<?xf32>, memref<?xf32>, memref<?xf32>) {
    ^bb0(%gi: f32, %t: i32, %rate: f32, %wi: f32, %mi: f32, %vi: f32, %o0: f32, %o1: f32, %o2: f32):
      %tf = arith.sitofp %t : i32 to f32
      %p1 = math.powf %b1, %tf : f32
      %p2 = math.powf %b2, %tf : f32
      %q1 = arith.subf %one, %p1 : f32
      %q2 = arith.subf %one, %p2 : f32
      %n1 = arith.subf %one, %b1 : f32
      %n2 = arith.subf %one, %b2 : f32
      %a0 = arith.mulf %b1, %mi : f32
      %a1 = arith.mulf %n1, %gi : f32
      %mn = arith.addf %a0, %a1 : f32
      %c0 = arith.mulf %b2, %vi : f32
      %c1 = arith.mulf %gi, %gi : f32
      %c2 = arith.mulf %n2, %c1 : f32
      %vn = arith.addf %c0, %c2 : f32
      %mh = arith.divf %mn, %q1 : f32
      %vh = arith.divf %vn, %q2 : f32
      %s = math.sqrt %vh : f32
      %d = arith.addf %s, %eps : f32
      %u = arith.divf %mh, %d : f32
      %r = arith.mulf %rate, %u : f32
      %wn = arith.subf %wi, %r : f32
      linalg.yield %wn, %mn, %vn : f32, f32, f32
    }
  return
})";

TEST_P(ElementwiseTest, AdamInPlace) {
  KernelFn fn = compile(kAdam);
  for (size_t n : kLengths) {
    Buffer<float> g({n}), w({n}), m({n}, 0.0f), v({n}, 0.0f), lr({}, 0.01f);
    w.random(1);
    std::vector<double> we(n), me(n, 0.0), ve(n, 0.0);
    for (size_t i = 0; i < n; ++i)
      we[i] = w[i];
    for (int32_t step = 1; step <= 5; ++step) {
      g.random(step);
      (Call() << g << step << lr << w << m << v << w << m << v).run(fn);
      for (size_t i = 0; i < n; ++i) {
        me[i] = 0.9 * me[i] + 0.1 * g[i];
        ve[i] = 0.999 * ve[i] + 0.001 * g[i] * g[i];
        we[i] -= 0.01 * (me[i] / (1 - std::pow(0.9, step))) / (std::sqrt(ve[i] / (1 - std::pow(0.999, step))) + 1e-8);
      }
    }
    for (size_t i = 0; i < n; ++i) {
      expectClose(w[i], we[i], 1e-5, 2e-6, "w" + std::to_string(i));
      expectClose(m[i], me[i], 1e-5, 1e-6, "m");
      expectClose(v[i], ve[i], 1e-4, 1e-8, "v");
    }
    ASSERT_TRUE(w.guardIntact() && m.guardIntact() && v.guardIntact());
  }
}

/// One Philox 4x32 round by hand: the integer ops that a counter-based generator needs.
TEST_P(ElementwiseTest, PhiloxRoundsFromTheIndex) {
  KernelFn fn = compile(R"(
func.func @k(%key: i32, %seed: memref<i64>, %out: memref<?x?xf32>, %bits: memref<?x?xi32>) {
  %mult = arith.constant 0xD2511F53 : i32
  %weyl = arith.constant 0x9E3779B9 : i32
  %c16 = arith.constant 16 : i32
  %c8 = arith.constant 8 : i32
  %scale = arith.constant 5.9604645e-08 : f32
  %c1 = arith.constant 1 : index
  %n = memref.dim %out, %c1 : memref<?x?xf32>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> ()>, affine_map<(i, j) -> ()>, affine_map<(i, j) -> (i, j)>,
                                   affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    ins(%key, %seed : i32, memref<i64>) outs(%out, %bits : memref<?x?xf32>, memref<?x?xi32>) {
    ^bb0(%k0: i32, %s: i64, %o0: f32, %o1: i32):
      %i = linalg.index 0 : index
      %j = linalg.index 1 : index
      %r = arith.muli %i, %n : index
      %l = arith.addi %r, %j : index
      %x = arith.index_cast %l : index to i32
      %ji = arith.index_cast %j : index to i32
      %st = arith.trunci %s : i64 to i32
      %k = arith.xori %k0, %st : i32
      %lo, %hi = arith.mului_extended %x, %mult : i32
      %a = arith.xori %hi, %k : i32
      %b = arith.xori %a, %ji : i32
      %k1 = arith.addi %k, %weyl : i32
      %lo1, %hi1 = arith.mului_extended %b, %mult : i32
      %c = arith.xori %hi1, %k1 : i32
      %d = arith.xori %c, %lo : i32
      %e = arith.shrui %d, %c8 : i32
      %g = arith.shli %lo1, %c16 : i32
      %h = arith.ori %g, %e : i32
      %u = arith.uitofp %e : i32 to f32
      %f = arith.mulf %u, %scale : f32
      linalg.yield %f, %h : f32, i32
    }
  return
})");
  for (size_t m : {0, 1, 3})
    for (size_t n : kLengths) {
      Buffer<float> out({m, n});
      Buffer<int32_t> bits({m, n});
      Buffer<int64_t> seed({}, 0x123456789abcdefll);
      int32_t key = 0x7badcafe;
      (Call() << key << seed << out << bits).run(fn);
      for (size_t i = 0; i < m * n; ++i) {
        const uint64_t mult = 0xD2511F53u;
        uint32_t k = uint32_t(key) ^ uint32_t(0x123456789abcdefull);
        uint64_t p = uint64_t(uint32_t(i)) * mult;
        uint32_t b = uint32_t(p >> 32) ^ k ^ uint32_t(i % n);
        uint64_t p1 = uint64_t(b) * mult;
        uint32_t d = uint32_t(p1 >> 32) ^ (k + 0x9E3779B9u) ^ uint32_t(p), e = d >> 8;
        ASSERT_EQ(out[i], float(e) * 5.9604645e-08f);
        ASSERT_EQ(uint32_t(bits[i]), (uint32_t(p1) << 16) | e);
      }
      ASSERT_TRUE(out.guardIntact() && bits.guardIntact());
    }
}

TEST_P(ElementwiseTest, Transpose) {
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?x?xf32>, %out: memref<?x?xf32>) {
  linalg.transpose ins(%x : memref<?x?xf32>) outs(%out : memref<?x?xf32>) permutation = [1, 0]
  return
})");
  for (size_t m : {0, 1, 5, 16, 17, 33, 48})
    for (size_t n : kLengths) {
      Buffer<float> x({m, n}), out({n, m});
      x.random(1);
      (Call() << x << out).run(fn);
      for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j)
          ASSERT_EQ(out.at(j, i), x.at(i, j)) << m << "x" << n;
      ASSERT_TRUE(out.guardIntact());
    }
}

TEST_P(ElementwiseTest, TransposedOperandInAnExpression) {
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?x?xf32>, %y: memref<?x?xf32>, %out: memref<?x?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>,
                                   affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    ins(%x, %y : memref<?x?xf32>, memref<?x?xf32>) outs(%out : memref<?x?xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %0 = arith.subf %a, %b : f32
      linalg.yield %0 : f32
    }
  return
})");
  for (size_t m : {1, 7, 16, 19})
    for (size_t n : {1, 5, 16, 35}) {
      Buffer<float> x({n, m}), y({m, n}), out({m, n});
      x.random(1), y.random(2);
      (Call() << x << y << out).run(fn);
      for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j)
          ASSERT_EQ(out.at(i, j), x.at(j, i) - y.at(i, j));
    }
}

TEST_P(ElementwiseTest, BatchedTransposeOfIntegers) {
  // The middle loop runs outside of the square blocks, whatever its place among the dimensions.
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?x?x?xi32>, %row: memref<?xi32>, %out: memref<?x?x?xi32>) {
  linalg.generic {indexing_maps = [affine_map<(i, s, j) -> (s, j, i)>, affine_map<(i, s, j) -> (i)>,
                                   affine_map<(i, s, j) -> (i, s, j)>],
                  iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%x, %row : memref<?x?x?xi32>, memref<?xi32>) outs(%out : memref<?x?x?xi32>) {
    ^bb0(%a: i32, %r: i32, %o: i32):
      %0 = arith.addi %a, %r : i32
      linalg.yield %0 : i32
    }
  return
})");
  for (size_t m : {1, 4, 8, 16, 21, 32})
    for (size_t n : {1, 5, 16, 35}) {
      Buffer<int32_t> x({3, n, m}), row({m}), out({m, 3, n});
      x.random(1, -1000, 1000), row.random(2, -1000, 1000);
      (Call() << x << row << out).run(fn);
      for (size_t i = 0; i < m; ++i)
        for (size_t s = 0; s < 3; ++s)
          for (size_t j = 0; j < n; ++j)
            ASSERT_EQ(out[(i * 3 + s) * n + j], x[(s * n + j) * m + i] + row[i]);
      ASSERT_TRUE(out.guardIntact());
    }
}

TEST_P(ElementwiseTest, OutputsInTwoLayouts) {
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?x?xf32>, %p: memref<?x?xf32>, %q: memref<?x?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>,
                                   affine_map<(i, j) -> (j, i)>], iterator_types = ["parallel", "parallel"]}
    ins(%x : memref<?x?xf32>) outs(%p, %q : memref<?x?xf32>, memref<?x?xf32>) {
    ^bb0(%a: f32, %o0: f32, %o1: f32):
      %0 = arith.addf %a, %a : f32
      linalg.yield %0, %a : f32, f32
    }
  return
})");
  for (size_t m : {1, 5, 20})
    for (size_t n : {1, 16, 37}) {
      Buffer<float> x({m, n}), p({m, n}), q({n, m});
      x.random(1);
      (Call() << x << p << q).run(fn);
      for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j) {
          ASSERT_EQ(p.at(i, j), 2 * x.at(i, j));
          ASSERT_EQ(q.at(j, i), x.at(i, j));
        }
      ASSERT_TRUE(p.guardIntact() && q.guardIntact());
    }
}

TEST_P(ElementwiseTest, BoolsAreBytes) {
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?xf32>, %y: memref<?xf32>, %in: memref<?xi1>, %out: memref<?xi1>, %sel: memref<?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>,
                                   affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%x, %y, %in : memref<?xf32>, memref<?xf32>, memref<?xi1>) outs(%out, %sel : memref<?xi1>, memref<?xf32>) {
    ^bb0(%a: f32, %b: f32, %c: i1, %o0: i1, %o1: f32):
      %0 = arith.cmpf olt, %a, %b : f32
      %1 = arith.xori %0, %c : i1
      %2 = arith.select %c, %a, %b : f32
      linalg.yield %1, %2 : i1, f32
    }
  return
})");
  for (size_t n : kLengths) {
    Buffer<float> x({n}), y({n}), sel({n});
    Buffer<int8_t> in({n}), out({n});
    x.random(1), y.random(2);
    for (size_t i = 0; i < n; ++i)
      in[i] = i % 3 == 0;
    (Call() << x << y << in << out << sel).run(fn);
    for (size_t i = 0; i < n; ++i) {
      ASSERT_EQ(out[i], (x[i] < y[i]) != (i % 3 == 0) ? 1 : 0);
      ASSERT_EQ(sel[i], i % 3 == 0 ? x[i] : y[i]);
    }
    ASSERT_TRUE(out.guardIntact() && sel.guardIntact());
  }
}

TEST_P(ElementwiseTest, IntegerDivisionInLanesThatAreOffDoesNotTrap) {
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?xi32>, %y: memref<?xi32>, %z: i32, %out: memref<?xi32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> ()>,
                                   affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%x, %y, %z : memref<?xi32>, memref<?xi32>, i32) outs(%out : memref<?xi32>) {
    ^bb0(%a: i32, %b: i32, %c: i32, %o: i32):
      %0 = arith.divsi %a, %b : i32
      %1 = arith.remui %a, %c : i32
      %2 = arith.addi %0, %1 : i32
      linalg.yield %2 : i32
    }
  return
})");
  for (size_t n : {0, 1, 5, 16, 19}) {
    Buffer<int32_t> x({n}), y({n}), out({n});
    for (size_t i = 0; i < n; ++i)
      x[i] = int(i) * 17 + 3, y[i] = int(i) - 40;
    (Call() << x << y << int32_t(n ? 7 : 0) << out).run(fn);
    for (size_t i = 0; i < n; ++i)
      ASSERT_EQ(out[i], x[i] / y[i] + x[i] % 7);
  }
}

TEST_P(ElementwiseTest, MaximumPropagatesNan) {
  KernelFn fn = compile(R"(
func.func @k(%x: memref<?xf32>, %y: memref<?xf32>, %p: memref<?xf32>, %q: memref<?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>,
                                   affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%x, %y : memref<?xf32>, memref<?xf32>) outs(%p, %q : memref<?xf32>, memref<?xf32>) {
    ^bb0(%a: f32, %b: f32, %o0: f32, %o1: f32):
      %0 = arith.maximumf %a, %b : f32
      %1 = arith.minimumf %a, %b : f32
      linalg.yield %0, %1 : f32, f32
    }
  return
})");
  const float values[] = {NAN, -INFINITY, -2, 0, 3, INFINITY};
  Buffer<float> x({36}), y({36}), p({36}), q({36});
  for (size_t i = 0; i < 36; ++i)
    x[i] = values[i / 6], y[i] = values[i % 6];
  (Call() << x << y << p << q).run(fn);
  for (size_t i = 0; i < 36; ++i) {
    bool nan = std::isnan(x[i]) || std::isnan(y[i]);
    expectClose(p[i], nan ? NAN : std::max(x[i], y[i]), 0, 0, "max");
    expectClose(q[i], nan ? NAN : std::min(x[i], y[i]), 0, 0, "min");
  }
}

TEST_P(ElementwiseTest, AnOutputMayBeReadAndMayHaveAFill) {
  for (bool filled : {false, true}) {
    KernelFn fn = compile(std::string(R"(
func.func @k(%x: memref<?xf32>, %v: f32, %out: memref<?xf32>) {)") +
                          (filled ? "linalg.fill ins(%v : f32) outs(%out : memref<?xf32>)" : "") + R"(
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%x : memref<?xf32>) outs(%out : memref<?xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.mulf %o, %o : f32
      %1 = arith.addf %0, %a : f32
      linalg.yield %1 : f32
    }
  return
})");
    for (size_t n : kLengths) {
      Buffer<float> x({n}), out({n}, 2.0f);
      x.random(1);
      (Call() << x << 3.0f << out).run(fn);
      for (size_t i = 0; i < n; ++i)
        ASSERT_EQ(out[i], (filled ? 9.0f : 4.0f) + x[i]);
      ASSERT_TRUE(out.guardIntact());
    }
  }
}

TEST_P(ElementwiseTest, FillAlone) {
  KernelFn fn = compile(R"(
func.func @k(%v: f32, %out: memref<?x?xf32>) {
  linalg.fill ins(%v : f32) outs(%out : memref<?x?xf32>)
  return
})");
  for (size_t n : kLengths) {
    Buffer<float> out({2, n});
    (Call() << 2.5f << out).run(fn);
    for (size_t i = 0; i < 2 * n; ++i)
      ASSERT_EQ(out[i], 2.5f);
    ASSERT_TRUE(out.guardIntact());
  }
}

TEST_P(ElementwiseTest, RankZeroThroughout) {
  KernelFn fn = compile(R"(
func.func @k(%x: memref<f32>, %n: memref<i32>, %out: memref<f32>, %m: memref<i32>) {
  %one = arith.constant 1 : i32
  linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>],
                  iterator_types = []}
    ins(%x, %n : memref<f32>, memref<i32>) outs(%out, %m : memref<f32>, memref<i32>) {
    ^bb0(%a: f32, %b: i32, %o0: f32, %o1: i32):
      %c = arith.addi %b, %one : i32
      %f = arith.sitofp %c : i32 to f32
      %d = arith.divf %a, %f : f32
      linalg.yield %d, %c : f32, i32
    }
  return
})");
  Buffer<float> x({}, 6.0f), out({});
  Buffer<int32_t> n({}, 3);
  (Call() << x << n << out << n).run(fn);
  EXPECT_EQ(out[0], 1.5f);
  EXPECT_EQ(n[0], 4);
}

TEST(ElementwiseErrors, SayWhatIsExpectedAndFound) {
  std::string error = compileError("func.func @k(%x: memref<?x8xf32>) {\n  return\n}");
  EXPECT_NE(error.find("'func.func' op argument 0 has a type that no kernel takes"), std::string::npos) << error;
  EXPECT_NE(error.find("found 'memref<?x8xf32>'"), std::string::npos) << error;
  EXPECT_NE(compileError("func.func @k(%x: memref<?xf32>) {\n  return\n}").find("expected a linalg op"),
            std::string::npos);
  error = compileError(R"(
func.func @k(%x: memref<?xf32>, %out: memref<?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%x : memref<?xf32>) outs(%out : memref<?xf32>) {
    ^bb0(%a: f32, %o: f32):
      %c0 = arith.constant 0 : index
      %0 = memref.load %x[%c0] : memref<?xf32>
      linalg.yield %0 : f32
    }
  return
})");
  EXPECT_NE(error.find("'memref.load' op is not supported in a kernel"), std::string::npos) << error;
}

} // namespace
} // namespace selfopt::codegen::test
