//===- StructuredTest.cpp - Structured and tensor ops -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include <chrono>

using namespace selfopt::reference;
using namespace selfopt::reference::test;

namespace {

std::vector<double> list(const Tensor &t) { return {t.floats.begin(), t.floats.end()}; }
std::vector<int64_t> listInt(const Tensor &t) { return {t.integers.begin(), t.integers.end()}; }
using Doubles = std::vector<double>;
using Ints = std::vector<int64_t>;

TEST(Structured, Matmul) {
  std::mt19937 engine(1);
  Tensor a = randomTensor(engine, {3, 4}), b = randomTensor(engine, {4, 5}), c = randomTensor(engine, {3, 5});
  Tensors r = runText("func.func @f(%a: tensor<3x4xf32>, %b: tensor<4x5xf32>, %c: tensor<3x5xf32>) -> tensor<3x5xf32> {"
                      " %r = linalg.matmul ins(%a, %b : tensor<3x4xf32>, tensor<4x5xf32>) outs(%c : tensor<3x5xf32>) ->"
                      " tensor<3x5xf32> return %r : tensor<3x5xf32> }",
                      {a, b, c});
  ASSERT_EQ(r.size(), 1u);
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 5; ++j) {
      float sum = float(c.floats[i * 5 + j]);
      for (int k = 0; k < 4; ++k) {
        float product = float(a.floats[i * 4 + k]) * float(b.floats[k * 5 + j]);
        sum = sum + product;
      }
      EXPECT_EQ(r[0].floats[i * 5 + j], sum);
    }
}

/// So many points that they are computed in lanes, more than once through: operands with their dimensions exchanged and
/// left out, two dimensions to sum over, two results. Sums are in the order of the loops, bit for bit.
TEST(Structured, ManyPointsInLanes) {
  std::mt19937 engine(2);
  const int I = 70, K = 65, J = 2, L = 3;
  Tensor a = randomTensor(engine, {J, I, L}), b = randomTensor(engine, {K}), start = randomTensor(engine, {K, I});
  Tensors r = runText(R"(
    #a = affine_map<(i, j, k, l) -> (j, i, l)>
    #b = affine_map<(i, j, k, l) -> (k)>
    #o = affine_map<(i, j, k, l) -> (k, i)>
    func.func @f(%a: tensor<2x70x3xf32>, %b: tensor<65xf32>, %s: tensor<65x70xf32>) -> (tensor<65x70xf32>, tensor<65x70xf32>) {
      %r:2 = linalg.generic {indexing_maps = [#a, #b, #o, #o], iterator_types = ["parallel", "reduction", "parallel", "reduction"]}
          ins(%a, %b : tensor<2x70x3xf32>, tensor<65xf32>) outs(%s, %s : tensor<65x70xf32>, tensor<65x70xf32>) {
        ^bb0(%x: f32, %y: f32, %sum: f32, %most: f32):
          %p = arith.mulf %x, %y : f32
          %n = arith.addf %sum, %p : f32
          %d = arith.subf %x, %y : f32
          %m = arith.maximumf %most, %d : f32
          linalg.yield %n, %m : f32, f32
      } -> (tensor<65x70xf32>, tensor<65x70xf32>)
      return %r#0, %r#1 : tensor<65x70xf32>, tensor<65x70xf32>
    })",
                      {a, b, start});
  ASSERT_EQ(r.size(), 2u);
  for (int i = 0; i < I; ++i)
    for (int k = 0; k < K; ++k) {
      float sum = float(start.floats[k * I + i]), most = sum;
      for (int j = 0; j < J; ++j)
        for (int l = 0; l < L; ++l) {
          float x = float(a.floats[(j * I + i) * L + l]), y = float(b.floats[k]), product = x * y;
          sum = sum + product;
          most = std::max(most, x - y);
        }
      ASSERT_EQ(r[0].floats[k * I + i], sum) << i << " " << k;
      ASSERT_EQ(r[1].floats[k * I + i], most) << i << " " << k;
    }
}

TEST(Structured, NamedOps) {
  Tensors r = runText(R"(
    func.func @f(%m: tensor<2x3xf32>, %v: tensor<3xf32>, %u: tensor<2xf32>) ->
        (tensor<2xf32>, tensor<3xf32>, tensor<3x2xf32>, tensor<2x3xf32>, tensor<2xf32>, tensor<2x3xf32>, tensor<f32>) {
      %z = arith.constant 0.0 : f32
      %e2 = tensor.empty() : tensor<2xf32>
      %z2 = linalg.fill ins(%z : f32) outs(%e2 : tensor<2xf32>) -> tensor<2xf32>
      %e3 = tensor.empty() : tensor<3xf32>
      %z3 = linalg.fill ins(%z : f32) outs(%e3 : tensor<3xf32>) -> tensor<3xf32>
      %mv = linalg.matvec ins(%m, %v : tensor<2x3xf32>, tensor<3xf32>) outs(%z2 : tensor<2xf32>) -> tensor<2xf32>
      %vm = linalg.vecmat ins(%u, %m : tensor<2xf32>, tensor<2x3xf32>) outs(%z3 : tensor<3xf32>) -> tensor<3xf32>
      %e32 = tensor.empty() : tensor<3x2xf32>
      %t = linalg.transpose ins(%m : tensor<2x3xf32>) outs(%e32 : tensor<3x2xf32>) permutation = [1, 0]
      %e23 = tensor.empty() : tensor<2x3xf32>
      %b = linalg.broadcast ins(%v : tensor<3xf32>) outs(%e23 : tensor<2x3xf32>) dimensions = [0]
      %s = linalg.reduce { arith.addf } ins(%m : tensor<2x3xf32>) outs(%z2 : tensor<2xf32>) dimensions = [1]
      %x = linalg.map { arith.mulf } ins(%m, %b : tensor<2x3xf32>, tensor<2x3xf32>) outs(%e23 : tensor<2x3xf32>)
      %e = tensor.empty() : tensor<f32>
      %z0 = linalg.fill ins(%z : f32) outs(%e : tensor<f32>) -> tensor<f32>
      %d = linalg.dot ins(%v, %v : tensor<3xf32>, tensor<3xf32>) outs(%z0 : tensor<f32>) -> tensor<f32>
      return %mv, %vm, %t, %b, %s, %x, %d : tensor<2xf32>, tensor<3xf32>, tensor<3x2xf32>, tensor<2x3xf32>,
          tensor<2xf32>, tensor<2x3xf32>, tensor<f32>
    })",
                      {floats({2, 3}, {1, 2, 3, 4, 5, 6}), floats({3}, {1, 10, 100}), floats({2}, {1, -1})});
  ASSERT_EQ(r.size(), 7u);
  EXPECT_EQ(list(r[0]), (Doubles{321, 654}));
  EXPECT_EQ(list(r[1]), (Doubles{-3, -3, -3}));
  EXPECT_EQ(list(r[2]), (Doubles{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(list(r[3]), (Doubles{1, 10, 100, 1, 10, 100}));
  EXPECT_EQ(list(r[4]), (Doubles{6, 15}));
  EXPECT_EQ(list(r[5]), (Doubles{1, 20, 300, 4, 50, 600}));
  EXPECT_EQ(list(r[6]), (Doubles{10101}));
}

TEST(Structured, GenericWithIndexWindowAndTwoOutputs) {
  // A convolution's window is no projected permutation; the second output says where the largest product was.
  Tensors r = runText(R"(
    func.func @f(%x: tensor<5xf32>, %k: tensor<2xf32>, %scale: f32) -> (tensor<4xf32>, tensor<4xi32>) {
      %z = arith.constant dense<0.0> : tensor<4xf32>
      %zi = arith.constant dense<0> : tensor<4xi32>
      %r:2 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0 + d1)>, affine_map<(d0, d1) -> (d1)>,
                                              affine_map<(d0, d1) -> ()>, affine_map<(d0, d1) -> (d0)>,
                                              affine_map<(d0, d1) -> (d0)>],
                             iterator_types = ["parallel", "reduction"]}
          ins(%x, %k, %scale : tensor<5xf32>, tensor<2xf32>, f32) outs(%z, %zi : tensor<4xf32>, tensor<4xi32>) {
      ^bb0(%a: f32, %b: f32, %s: f32, %sum: f32, %where: i32):
        %p = arith.mulf %a, %b : f32
        %q = arith.mulf %p, %s : f32
        %t = arith.addf %sum, %q : f32
        %i = linalg.index 0 : index
        %j = linalg.index 1 : index
        %ij = arith.addi %i, %j : index
        %c = arith.index_cast %ij : index to i32
        %w = arith.addi %where, %c : i32
        linalg.yield %t, %w : f32, i32
      } -> (tensor<4xf32>, tensor<4xi32>)
      return %r#0, %r#1 : tensor<4xf32>, tensor<4xi32>
    })",
                      {floats({5}, {1, 2, 3, 4, 5}), floats({2}, {1, -1}), Tensor::scalar(2)});
  ASSERT_EQ(r.size(), 2u);
  EXPECT_EQ(list(r[0]), (Doubles{-2, -2, -2, -2}));
  EXPECT_EQ(listInt(r[1]), (Ints{1, 3, 5, 7}));
}

TEST(Structured, NestedCallsSeeTheirOwnIndices) {
  // The body captures a tensor, and the index after an inner structured op is the outer one again.
  Tensors r = runText(R"(
    func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> {
      %e = tensor.empty() : tensor<3xf32>
      %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
          outs(%e : tensor<3xf32>) {
      ^bb0(%o: f32):
        %i = linalg.index 0 : index
        %v = tensor.extract %x[%i] : tensor<3xf32>
        %s = func.call @total(%x) : (tensor<3xf32>) -> f32
        %j = linalg.index 0 : index
        %w = tensor.extract %x[%j] : tensor<3xf32>
        %q = arith.mulf %s, %w : f32
        %y = arith.addf %q, %v : f32
        linalg.yield %y : f32
      } -> tensor<3xf32>
      return %r : tensor<3xf32>
    }
    func.func @total(%x: tensor<3xf32>) -> f32 {
      %z = arith.constant dense<0.0> : tensor<f32>
      %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>],
                           iterator_types = ["reduction"]} ins(%x : tensor<3xf32>) outs(%z : tensor<f32>) {
      ^bb0(%a: f32, %o: f32):
        %s = arith.addf %o, %a : f32
        linalg.yield %s : f32
      } -> tensor<f32>
      %v = tensor.extract %r[] : tensor<f32>
      return %v : f32
    })",
                      {floats({3}, {1, 2, 4})});
  ASSERT_EQ(r.size(), 1u);
  EXPECT_EQ(list(r[0]), (Doubles{8, 16, 32}));
}

TEST(Structured, EmptySpaceKeepsTheInit) {
  Tensors r = runText("func.func @f(%x: tensor<0x2xf32>, %i: tensor<2xf32>) -> tensor<2xf32> { %r = linalg.reduce { "
                      "arith.addf } ins(%x : tensor<0x2xf32>) outs(%i : tensor<2xf32>) dimensions = [0] return %r : "
                      "tensor<2xf32> }",
                      {floats({0, 2}, {}), floats({2}, {3, 4})});
  ASSERT_EQ(r.size(), 1u);
  EXPECT_EQ(list(r[0]), (Doubles{3, 4}));
}

TEST(Structured, DynamicShapesThatDisagreeAreAnError) {
  std::string text =
      "func.func @f(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> { %r = linalg.add ins(%a, %b : "
      "tensor<?xf32>, tensor<?xf32>) outs(%a : tensor<?xf32>) -> tensor<?xf32> return %r : "
      "tensor<?xf32> }";
  EXPECT_EQ(list(runText(text, {floats({2}, {1, 2}), floats({2}, {5, 6})})[0]), (Doubles{6, 8}));
  EXPECT_NE(errorOf(text, {floats({2}, {1, 2}), floats({3}, {5, 6, 7})}).find("disagree"), std::string::npos);
}

TEST(Structured, AMillionBodies) {
  auto module = parse(R"(
    func.func @f(%x: tensor<1000x1000xf32>, %e: tensor<1000x1000xf32>) -> tensor<1000x1000xf32> {
      %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>],
                           iterator_types = ["parallel", "parallel"]}
          ins(%x : tensor<1000x1000xf32>) outs(%e : tensor<1000x1000xf32>) {
      ^bb0(%a: f32, %o: f32):
        %p = arith.mulf %a, %a : f32
        %q = arith.addf %p, %a : f32
        %s = arith.maximumf %q, %a : f32
        linalg.yield %s : f32
      } -> tensor<1000x1000xf32>
      return %r : tensor<1000x1000xf32>
    })");
  Tensor x = Tensor::zeros({1000, 1000}, true);
  Interpreter interpreter;
  runSymbol(*module, "f", {x, x}, interpreter);
}

TEST(TensorOps, AllOfThem) {
  Tensors r = runText(R"(
    func.func @f(%x: tensor<2x3xf32>, %i: index, %s: f32) -> (tensor<2x3xf32>, tensor<6xf32>, tensor<2x3xf32>,
        tensor<2xf32>, tensor<2x3xf32>, tensor<4x3xf32>, tensor<2xf32>, tensor<3x5xf32>, index, tensor<?x3xf32>) {
      %c1 = arith.constant 1 : index
      %v = tensor.extract %x[%c1, %i] : tensor<2x3xf32>
      %ins = tensor.insert %s into %x[%c1, %i] : tensor<2x3xf32>
      %flat = tensor.collapse_shape %x [[0, 1]] : tensor<2x3xf32> into tensor<6xf32>
      %back = tensor.expand_shape %flat [[0, 1]] output_shape [2, 3] : tensor<6xf32> into tensor<2x3xf32>
      %column = tensor.extract_slice %x[0, %i] [2, 1] [1, 1] : tensor<2x3xf32> to tensor<2xf32>
      %into = tensor.insert_slice %column into %ins[0, 0] [2, 1] [1, 1] : tensor<2xf32> into tensor<2x3xf32>
      %both = tensor.concat dim(0) %x, %back : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
      %pair = tensor.from_elements %v, %s : tensor<2xf32>
      %pad = tensor.pad %x low[0, 1] high[1, 1] {
      ^bb0(%a: index, %b: index):
        tensor.yield %s : f32
      } : tensor<2x3xf32> to tensor<3x5xf32>
      %splat = tensor.splat %s : tensor<2x3xf32>
      %dyn = tensor.cast %splat : tensor<2x3xf32> to tensor<?x3xf32>
      %c0 = arith.constant 0 : index
      %d = tensor.dim %dyn, %c0 : tensor<?x3xf32>
      return %ins, %flat, %back, %column, %into, %both, %pair, %pad, %d, %dyn : tensor<2x3xf32>, tensor<6xf32>,
          tensor<2x3xf32>, tensor<2xf32>, tensor<2x3xf32>, tensor<4x3xf32>, tensor<2xf32>, tensor<3x5xf32>, index,
          tensor<?x3xf32>
    })",
                      {floats({2, 3}, {1, 2, 3, 4, 5, 6}), Tensor::scalarInt(2), Tensor::scalar(9)});
  ASSERT_EQ(r.size(), 10u);
  EXPECT_EQ(list(r[0]), (Doubles{1, 2, 3, 4, 5, 9}));
  EXPECT_EQ(list(r[1]), (Doubles{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(r[1].shape.size(), 1u);
  EXPECT_EQ(r[2].shape.size(), 2u);
  EXPECT_EQ(list(r[3]), (Doubles{3, 6}));
  EXPECT_EQ(list(r[4]), (Doubles{3, 2, 3, 6, 5, 9}));
  EXPECT_EQ(list(r[5]), (Doubles{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(list(r[6]), (Doubles{6, 9}));
  EXPECT_EQ(list(r[7]), (Doubles{9, 1, 2, 3, 9, 9, 4, 5, 6, 9, 9, 9, 9, 9, 9}));
  EXPECT_EQ(r[8].integers[0], 2);
  EXPECT_EQ(list(r[9]), (Doubles{9, 9, 9, 9, 9, 9}));
}

TEST(TensorOps, IndicesOutsideAreErrors) {
  std::string text = "func.func @f(%x: tensor<3xf32>, %i: index) -> f32 { %v = tensor.extract %x[%i] : tensor<3xf32> "
                     "return %v : f32 }";
  EXPECT_NE(errorOf(text, {floats({3}, {1, 2, 3}), Tensor::scalarInt(3)}).find("outside"), std::string::npos);
  EXPECT_NE(errorOf(text, {floats({3}, {1, 2, 3}), Tensor::scalarInt(-1)}).find("outside"), std::string::npos);
  std::string slice = "func.func @f(%x: tensor<3xf32>, %i: index) -> tensor<2xf32> { %v = tensor.extract_slice %x[%i] "
                      "[2] [1] : tensor<3xf32> to tensor<2xf32> return %v : tensor<2xf32> }";
  EXPECT_NE(errorOf(slice, {floats({3}, {1, 2, 3}), Tensor::scalarInt(2)}).find("leaves"), std::string::npos);
}

} // namespace
