//===- PlannerTest.cpp - Launch lists, kernels, and who shares bytes ----------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include "SelfOpt/Dialect/Plan/Plan.h"
#include "gtest/gtest.h"
#include <map>
#include <set>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

//===--- Plain functions ----------------------------------------------------===//

Tensor randomTensor(Type type, std::mt19937 &engine) {
  auto shaped = dyn_cast<RankedTensorType>(type);
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(type));
  Tensor t = Tensor::zeros(shaped ? shaped.getShape() : ArrayRef<int64_t>(), isFloat);
  std::uniform_real_distribution<double> real(-1.5, 1.5);
  for (double &x : t.floats)
    x = float(real(engine));
  bool bit = getElementTypeOrSelf(type).isInteger(1);
  for (int64_t &x : t.integers)
    x = bit ? int64_t(engine() % 2) : int64_t(engine() % 19) - 9;
  return t;
}

/// Plans and runs @f and compares it with the interpreter; returns its number of launches.
int64_t compareFunction(const std::string &text, double relative = 1e-5, unsigned seed = 1) {
  auto module = parse(text);
  if (!module) {
    ADD_FAILURE() << "does not parse: " << text;
    return -1;
  }
  auto f = module->lookupSymbol<func::FuncOp>("f");
  std::mt19937 engine(seed);
  Tensors arguments, expected;
  for (Type type : f.getArgumentTypes())
    arguments.push_back(randomTensor(type, engine));
  Interpreter interpreter;
  if (failed(interpreter.call(f, arguments, expected))) {
    ADD_FAILURE() << "the interpreter fails: " << text;
    return -1;
  }
  auto planned = plan::planFunction(*module, "f");
  if (failed(planned)) {
    ADD_FAILURE() << "is not planned: " << text;
    return -1;
  }
  auto compiler = processCompiler();
  if (!compiler) {
    ADD_FAILURE() << llvm::toString(compiler.takeError());
    return -1;
  }
  auto executable = Executable::create(**planned, "f", **compiler, nullptr);
  if (failed(executable)) {
    ADD_FAILURE() << "is not loaded: " << text;
    return -1;
  }
  // Twice: nothing may depend on a fresh arena, and arguments stay what they are.
  for (int round = 0; round < 2; ++round) {
    for (auto [i, argument] : llvm::enumerate(arguments)) {
      std::string name = "argument." + std::to_string(i);
      if ((*executable)->lookup(name))
        writeBuffer(**executable, name, argument);
    }
    EXPECT_TRUE((*executable)->run("call"));
    for (auto [i, want] : llvm::enumerate(expected)) {
      std::string name = "result." + std::to_string(i);
      if (!(*executable)->lookup(name)) {
        ADD_FAILURE() << name << " has no buffer: " << text;
        return -1;
      }
      Tensor found = readBuffer(**executable, name);
      EXPECT_LE(distance(found, want), relative * std::max(magnitude(want), 1e-30)) << name << " of\n" << text;
    }
  }
  int64_t launches = 0;
  (*planned)->walk([&](plan::LaunchOp) { ++launches; });
  return launches;
}

TEST(PlanFunction, Elementwise) {
  // One kernel for the whole chain.
  EXPECT_EQ(compareFunction(function("(%a: tensor<7x5xf32>, %b: tensor<7x5xf32>) -> tensor<7x5xf32>", R"(
    %0 = arith.addf %a, %b : tensor<7x5xf32>
    %1 = math.tanh %0 : tensor<7x5xf32>
    %2 = arith.mulf %1, %a : tensor<7x5xf32>
    return %2 : tensor<7x5xf32>
  )")),
            1);
  compareFunction(function("(%a: tensor<9xi32>, %b: tensor<9xi32>) -> (tensor<9xi32>, tensor<9xf32>, tensor<9xi1>)", R"(
    %0 = arith.muli %a, %b : tensor<9xi32>
    %1 = arith.cmpi slt, %0, %a : tensor<9xi32>
    %2 = arith.select %1, %0, %b : tensor<9xi1>, tensor<9xi32>
    %3 = arith.sitofp %2 : tensor<9xi32> to tensor<9xf32>
    return %2, %3, %1 : tensor<9xi32>, tensor<9xf32>, tensor<9xi1>
  )"));
}

TEST(PlanFunction, MatmulBiasRelu) {
  for (int64_t m : {1, 3, 8, 17})
    for (int64_t n : {1, 6, 16, 33}) {
      std::string M = std::to_string(m), N = std::to_string(n), x = "tensor<" + M + "x9xf32>",
                  w = "tensor<9x" + N + "xf32>", y = "tensor<" + M + "x" + N + "xf32>", b = "tensor<" + N + "xf32>";
      EXPECT_EQ(compareFunction(function("(%x: " + x + ", %w: " + w + ", %b: " + b + ") -> " + y,
                                         "%zero = arith.constant 0.0 : f32\n%e = tensor.empty() : " + y +
                                             "\n%i = linalg.fill ins(%zero : f32) outs(%e : " + y + ") -> " + y +
                                             "\n%p = linalg.matmul ins(%x, %w : " + x + ", " + w + ") outs(%i : " + y +
                                             ") -> " + y + R"(
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
                                          affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%p, %b : )" + y + ", " + b + ") outs(%e : " + y + R"() {
    ^bb0(%u: f32, %v: f32, %o: f32):
      %s = arith.addf %u, %v : f32
      %c = arith.maximumf %s, %zero : f32
      linalg.yield %c : f32
    } -> )" + y + "\nreturn %r : " + y + "\n")),
                1);
    }
}

TEST(PlanFunction, ProductAndEpilogueBothReturned) {
  compareFunction(function("(%x: tensor<5x4xf32>, %w: tensor<4x6xf32>) -> (tensor<5x6xf32>, tensor<5x6xf32>, tensor<6x5xf32>)", R"(
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<5x6xf32>
    %i = linalg.fill ins(%zero : f32) outs(%e : tensor<5x6xf32>) -> tensor<5x6xf32>
    %p = linalg.matmul ins(%x, %w : tensor<5x4xf32>, tensor<4x6xf32>) outs(%i : tensor<5x6xf32>) -> tensor<5x6xf32>
    %t = math.tanh %p : tensor<5x6xf32>
    %te = tensor.empty() : tensor<6x5xf32>
    %q = linalg.transpose ins(%p : tensor<5x6xf32>) outs(%te : tensor<6x5xf32>) permutation = [1, 0]
    return %t, %p, %q : tensor<5x6xf32>, tensor<5x6xf32>, tensor<6x5xf32>
  )"));
}

TEST(PlanFunction, TransposedProducts) {
  // Every way round, with a destination that is not zero.
  for (StringRef a : {"(i, k)", "(k, i)"})
    for (StringRef b : {"(k, j)", "(j, k)"})
      for (bool accumulate : {false, true}) {
        // Kernels want B's rows contiguous; only the planner's own copy turns it, and only for a start of zero.
        if (accumulate && b == "(j, k)")
          continue;
        std::string ta = a == "(i, k)" ? "tensor<5x7xf32>" : "tensor<7x5xf32>",
                    tb = b == "(k, j)" ? "tensor<7x6xf32>" : "tensor<6x7xf32>";
        compareFunction(function("(%a: " + ta + ", %b: " + tb + ", %c: tensor<5x6xf32>) -> tensor<5x6xf32>",
                                 std::string("%zero = arith.constant 0.0 : f32\n") +
                                     "%e = tensor.empty() : tensor<5x6xf32>\n" +
                                     "%i = linalg.fill ins(%zero : f32) outs(%e : tensor<5x6xf32>) -> "
                                     "tensor<5x6xf32>\n%r = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> " +
                                     a.str() + ">, affine_map<(i, j, k) -> " + b.str() +
                                     ">, affine_map<(i, j, k) -> (i, j)>], iterator_types = [\"parallel\", "
                                     "\"parallel\", \"reduction\"]} ins(%a, %b : " +
                                     ta + ", " + tb + ") outs(" + (accumulate ? "%c" : "%i") + R"( : tensor<5x6xf32>) {
          ^bb0(%u: f32, %v: f32, %o: f32):
            %m = arith.mulf %u, %v : f32
            %s = arith.addf %o, %m : f32
            linalg.yield %s : f32
          } -> tensor<5x6xf32>
          return %r : tensor<5x6xf32>)"));
      }
}

TEST(PlanFunction, Reductions) {
  for (StringRef op : {"arith.addf", "arith.maximumf", "arith.mulf"})
    for (StringRef dim : {"0", "1"}) {
      std::string out = dim == "0" ? "tensor<11xf32>" : "tensor<6xf32>";
      for (StringRef init : {"0.0", "1.0", "-3.5"})
        compareFunction(function("(%a: tensor<6x11xf32>) -> " + out,
                                 "%c = arith.constant " + init.str() + " : f32\n%e = tensor.empty() : " + out +
                                     "\n%i = linalg.fill ins(%c : f32) outs(%e : " + out + ") -> " + out +
                                     "\n%r = linalg.reduce { " + op.str() +
                                     " } ins(%a : tensor<6x11xf32>) outs(%i : " + out + ") dimensions = [" +
                                     dim.str() + "]\nreturn %r : " + out + "\n"));
      // From a start that is an argument, which must stay what it is.
      compareFunction(function("(%a: tensor<6x11xf32>, %i: " + out + ") -> (" + out + ", " + out + ")",
                               "%r = linalg.reduce { " + op.str() + " } ins(%a : tensor<6x11xf32>) outs(%i : " + out +
                                   ") dimensions = [" + dim.str() + "]\nreturn %r, %i : " + out + ", " + out + "\n"));
    }
  compareFunction(function("(%a: tensor<13xf32>) -> tensor<f32>", R"(
    %c = arith.constant dense<0.0> : tensor<f32>
    %s = math.exp %a : tensor<13xf32>
    %r = linalg.reduce { arith.addf } ins(%s : tensor<13xf32>) outs(%c : tensor<f32>) dimensions = [0]
    return %r : tensor<f32>)"));
}

TEST(PlanFunction, FillWithAnArgument) {
  compareFunction(function("(%a: tensor<6x11xf32>, %s: f32) -> tensor<6xf32>", R"(
    %e = tensor.empty() : tensor<6xf32>
    %i = linalg.fill ins(%s : f32) outs(%e : tensor<6xf32>) -> tensor<6xf32>
    %r = linalg.reduce { arith.addf } ins(%a : tensor<6x11xf32>) outs(%i : tensor<6xf32>) dimensions = [1]
    return %r : tensor<6xf32>)"));
  compareFunction(function("(%a: tensor<4xf32>, %s: f32) -> (tensor<4xf32>, tensor<4xf32>)", R"(
    %t = math.tanh %s : f32
    %e = tensor.empty() : tensor<4xf32>
    %0 = linalg.fill ins(%t : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %1 = arith.addf %a, %0 : tensor<4xf32>
    return %1, %0 : tensor<4xf32>, tensor<4xf32>)"));
}

TEST(PlanFunction, ReshapesAndTransposes) {
  compareFunction(function("(%a: tensor<4x6xf32>) -> (tensor<24xf32>, tensor<6x4xf32>, tensor<2x2x6xf32>)", R"(
    %0 = math.exp %a : tensor<4x6xf32>
    %1 = tensor.collapse_shape %0 [[0, 1]] : tensor<4x6xf32> into tensor<24xf32>
    %2 = arith.negf %1 : tensor<24xf32>
    %e = tensor.empty() : tensor<6x4xf32>
    %3 = linalg.transpose ins(%0 : tensor<4x6xf32>) outs(%e : tensor<6x4xf32>) permutation = [1, 0]
    %4 = tensor.expand_shape %a [[0, 1], [2]] output_shape [2, 2, 6] : tensor<4x6xf32> into tensor<2x2x6xf32>
    return %2, %3, %4 : tensor<24xf32>, tensor<6x4xf32>, tensor<2x2x6xf32>)"));
}

/// One op behind two products, or three: it can be the epilogue of one only.
TEST(PlanFunction, ProductsThatMeet) {
  compareFunction(function("(%x: tensor<8x5xf32>, %v: tensor<5x6xf32>, %w: tensor<5x6xf32>, %u: tensor<5x6xf32>) -> "
                           "(tensor<8x6xf32>, tensor<8x6xf32>)",
                           R"(
    %z = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<8x6xf32>
    %f = linalg.fill ins(%z : f32) outs(%e : tensor<8x6xf32>) -> tensor<8x6xf32>
    %0 = linalg.matmul ins(%x, %v : tensor<8x5xf32>, tensor<5x6xf32>) outs(%f : tensor<8x6xf32>) -> tensor<8x6xf32>
    %1 = linalg.matmul ins(%x, %w : tensor<8x5xf32>, tensor<5x6xf32>) outs(%f : tensor<8x6xf32>) -> tensor<8x6xf32>
    %2 = linalg.matmul ins(%x, %u : tensor<8x5xf32>, tensor<5x6xf32>) outs(%f : tensor<8x6xf32>) -> tensor<8x6xf32>
    %3 = arith.addf %0, %1 : tensor<8x6xf32>
    %4 = math.tanh %3 : tensor<8x6xf32>
    %5 = arith.mulf %4, %2 : tensor<8x6xf32>
    %6 = arith.subf %1, %2 : tensor<8x6xf32>
    return %5, %6 : tensor<8x6xf32>, tensor<8x6xf32>)"));
}

TEST(PlanFunction, ConcatenationsAndSlices) {
  compareFunction(function("(%a: tensor<4x6xf32>, %b: tensor<4x3xf32>) -> (tensor<4x15xf32>, tensor<4x2xf32>, "
                           "tensor<2x15xf32>, tensor<8x6xf32>, tensor<1xf32>)",
                           R"(
    %0 = math.exp %b : tensor<4x3xf32>
    %1 = tensor.concat dim(1) %a, %0, %a : (tensor<4x6xf32>, tensor<4x3xf32>, tensor<4x6xf32>) -> tensor<4x15xf32>
    %2 = arith.negf %1 : tensor<4x15xf32>
    %3 = tensor.extract_slice %2[0, 5] [4, 2] [1, 1] : tensor<4x15xf32> to tensor<4x2xf32>
    %4 = tensor.extract_slice %1[1, 0] [2, 15] [1, 1] : tensor<4x15xf32> to tensor<2x15xf32>
    %5 = tensor.concat dim(0) %a, %a : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<8x6xf32>
    %6 = tensor.extract_slice %2[3, 0] [1, 15] [1, 1] : tensor<4x15xf32> to tensor<15xf32>
    %7 = tensor.extract_slice %6[14] [1] [1] : tensor<15xf32> to tensor<1xf32>
    return %2, %3, %4, %5, %7 : tensor<4x15xf32>, tensor<4x2xf32>, tensor<2x15xf32>, tensor<8x6xf32>, tensor<1xf32>)"));
}

TEST(PlanFunction, Scalars) {
  compareFunction(function("(%a: f32, %b: f32, %n: i32) -> (f32, f32, i32)", R"(
    %half = arith.constant 0.5 : f32
    %0 = arith.mulf %a, %half : f32
    %1 = math.cos %0 : f32
    %2 = arith.addf %1, %b : f32
    %three = arith.constant 3 : i32
    %3 = arith.addi %n, %three : i32
    return %2, %1, %3 : f32, f32, i32)"));
  // A scalar from a tensor and back.
  compareFunction(function("(%a: tensor<f32>) -> (tensor<f32>, f32)", R"(
    %0 = tensor.extract %a[] : tensor<f32>
    %1 = arith.addf %0, %0 : f32
    %2 = tensor.from_elements %1 : tensor<f32>
    return %2, %1 : tensor<f32>, f32)"));
}

TEST(PlanFunction, ResultsThatAreSomethingElse) {
  compareFunction(function("(%a: tensor<5xf32>) -> tensor<5xf32>", "return %a : tensor<5xf32>\n"));
  compareFunction(function("(%a: tensor<5xf32>, %b: tensor<5xf32>) -> (tensor<5xf32>, tensor<5xf32>)",
                           "return %b, %a : tensor<5xf32>, tensor<5xf32>\n"));
  compareFunction(function("(%a: tensor<5xf32>) -> (tensor<5xf32>, tensor<5xf32>, tensor<5xf32>)", R"(
    %0 = math.tanh %a : tensor<5xf32>
    return %0, %0, %a : tensor<5xf32>, tensor<5xf32>, tensor<5xf32>)"));
  compareFunction(function("(%a: tensor<2x3xf32>) -> (tensor<6xf32>, tensor<2x3xf32>)", R"(
    %0 = tensor.collapse_shape %a [[0, 1]] : tensor<2x3xf32> into tensor<6xf32>
    return %0, %a : tensor<6xf32>, tensor<2x3xf32>)"));
  // An argument that nothing reads.
  compareFunction(function("(%a: tensor<5xf32>, %b: tensor<7xf32>) -> tensor<5xf32>",
                           "%0 = arith.negf %a : tensor<5xf32>\nreturn %0 : tensor<5xf32>\n"));
}

TEST(PlanFunction, ShapeOfAResult) {
  // The name of a result has the result's type.
  std::string text = function("(%a: tensor<2x3xf32>) -> tensor<6xf32>", R"(
    %0 = math.tanh %a : tensor<2x3xf32>
    %1 = tensor.collapse_shape %0 [[0, 1]] : tensor<2x3xf32> into tensor<6xf32>
    return %1 : tensor<6xf32>)");
  compareFunction(text);
  auto module = parse(text);
  auto planned = plan::planFunction(*module, "f");
  ASSERT_TRUE(succeeded(planned));
  MemRefType type;
  (*planned)->walk([&](plan::ViewOp view) {
    if (view.getName() == "result.0" && !type)
      type = cast<MemRefType>(view.getType());
  });
  EXPECT_EQ(type.getRank(), 1);
}

TEST(PlanFunction, Constants) {
  compareFunction(function("() -> (tensor<4xf32>, tensor<3xf32>, tensor<2xi32>, f32)", R"(
    %0 = arith.constant dense<2.5> : tensor<4xf32>
    %1 = arith.constant dense<[1.0, -2.0, 3.5]> : tensor<3xf32>
    %2 = arith.constant dense<[7, -8]> : tensor<2xi32>
    %3 = arith.constant 4.25 : f32
    return %0, %1, %2, %3 : tensor<4xf32>, tensor<3xf32>, tensor<2xi32>, f32)"));
  compareFunction(function("(%a: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)", R"(
    %0 = arith.constant dense<[[1.0, -2.0, 3.5], [0.25, 8.0, -0.0]]> : tensor<2x3xf32>
    %1 = arith.constant dense<0.3> : tensor<2x3xf32>
    %2 = arith.addf %a, %0 : tensor<2x3xf32>
    %3 = arith.mulf %2, %1 : tensor<2x3xf32>
    return %3, %0 : tensor<2x3xf32>, tensor<2x3xf32>)"));
  compareFunction(function("(%a: tensor<4xf32>) -> tensor<4xf32>", R"(
    %m = arith.constant dense<[true, false, true, false]> : tensor<4xi1>
    %z = arith.constant dense<0.0> : tensor<4xf32>
    %0 = arith.select %m, %a, %z : tensor<4xi1>, tensor<4xf32>
    return %0 : tensor<4xf32>)"));
}

TEST(PlanFunction, Calls) {
  compareFunction(R"(
func.func private @g(%a: tensor<5xf32>) -> tensor<5xf32> {
  %0 = math.sin %a : tensor<5xf32>
  return %0 : tensor<5xf32>
}
func.func @f(%a: tensor<5xf32>) -> tensor<5xf32> {
  %0 = func.call @g(%a) : (tensor<5xf32>) -> tensor<5xf32>
  %1 = func.call @g(%0) : (tensor<5xf32>) -> tensor<5xf32>
  return %1 : tensor<5xf32>
})");
}

TEST(PlanFunction, UnsupportedIsAnError) {
  const char *texts[] = {
      "func.func @f(%a: tensor<?xf32>) -> tensor<?xf32> { %0 = math.exp %a : tensor<?xf32> return %0 : tensor<?xf32> }",
      "func.func @f(%a: tensor<*xf32>) -> tensor<*xf32> { return %a : tensor<*xf32> }",
      "func.func @f(%a: memref<4xf32>) { return }",
      "func.func @f(%a: index) -> index { return %a : index }",
      "func.func private @f(%a: tensor<4xf32>) -> tensor<4xf32>",
      R"(func.func @f(%a: tensor<4xf32>) -> tensor<6xf32> {
        %z = arith.constant 0.0 : f32
        %0 = tensor.pad %a low[1] high[1] { ^bb0(%i: index): tensor.yield %z : f32 } : tensor<4xf32> to tensor<6xf32>
        return %0 : tensor<6xf32> })",
      R"(func.func @f(%a: tensor<4x4xf32>) -> tensor<2x2xf32> {
        %0 = tensor.extract_slice %a[0, 0] [2, 2] [1, 1] : tensor<4x4xf32> to tensor<2x2xf32>
        return %0 : tensor<2x2xf32> })",
      R"(func.func @f(%a: tensor<4xf32>) -> f32 {
        %c = arith.constant 2 : index
        %0 = tensor.extract %a[%c] : tensor<4xf32>
        return %0 : f32 })",
      R"(func.func @f(%a: f32) -> tensor<2xf32> {
        %0 = tensor.from_elements %a, %a : tensor<2xf32>
        return %0 : tensor<2xf32> })",
      R"(func.func @f(%a: tensor<4xf32>, %s: f32) -> tensor<4xf32> {
        %0 = tensor.splat %s : tensor<4xf32>
        %1 = arith.addf %a, %0 : tensor<4xf32>
        return %1 : tensor<4xf32> })",
      R"(func.func @f(%a: tensor<4xf32>, %s: f32) -> tensor<4xf32> {
        %e = tensor.empty() : tensor<4xf32>
        %0 = linalg.map ins(%a : tensor<4xf32>) outs(%e : tensor<4xf32>)
          (%u: f32, %o: f32) { %m = arith.mulf %u, %s : f32 linalg.yield %m : f32 }
        return %0 : tensor<4xf32> })",
      R"(func.func @f(%a: tensor<1x8xf32>, %k: tensor<3xf32>) -> tensor<6xf32> {
        %z = arith.constant dense<0.0> : tensor<6xf32>
        %b = tensor.collapse_shape %a [[0, 1]] : tensor<1x8xf32> into tensor<8xf32>
        %0 = linalg.conv_1d ins(%b, %k : tensor<8xf32>, tensor<3xf32>) outs(%z : tensor<6xf32>) -> tensor<6xf32>
        return %0 : tensor<6xf32> })",
      R"(func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {
        cf.br ^bb1
      ^bb1:
        return %a : tensor<4xf32> })",
      R"(func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {
        %0 = func.call @f(%a) : (tensor<4xf32>) -> tensor<4xf32>
        return %0 : tensor<4xf32> })",
      R"(func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {
        %0 = func.call @g(%a) : (tensor<4xf32>) -> tensor<4xf32>
        return %0 : tensor<4xf32> }
      func.func @g(%a: tensor<4xf32>) -> tensor<4xf32> {
        %0 = func.call @h(%a) : (tensor<4xf32>) -> tensor<4xf32>
        return %0 : tensor<4xf32> }
      func.func @h(%a: tensor<4xf32>) -> tensor<4xf32> {
        %0 = func.call @g(%a) : (tensor<4xf32>) -> tensor<4xf32>
        return %0 : tensor<4xf32> })",
      R"(func.func private @g(tensor<4xf32>) -> tensor<4xf32>
      func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {
        %0 = func.call @g(%a) : (tensor<4xf32>) -> tensor<4xf32>
        return %0 : tensor<4xf32> })",
  };
  for (const char *text : texts) {
    SCOPED_TRACE(text);
    Listener listener;
    auto module = parse(text);
    if (!module)
      continue; // a dialect that is not loaded
    EXPECT_TRUE(failed(plan::planFunction(*module, "f")));
    EXPECT_FALSE(listener.text.empty());
  }
  Listener listener;
  auto module = parse("func.func @f() { return }");
  EXPECT_TRUE(failed(plan::planFunction(*module, "g")));
  EXPECT_NE(listener.text.find("expects a func.func @g to plan, found none"), std::string::npos);
}

//===--- Random functions ---------------------------------------------------===//

/// Straight-line functions on matrices of a few sizes.
class Generator {
public:
  explicit Generator(unsigned seed) : engine(seed) {}

  std::string make() {
    std::string signature = "(";
    unsigned arguments = 2 + engine() % 3;
    for (unsigned i = 0; i < arguments; ++i) {
      Value v{"a" + std::to_string(i), size(), size()};
      values.push_back(v);
      signature += (i ? ", %" : "%") + v.name + ": " + type(v);
    }
    unsigned count = 3 + engine() % 10;
    for (unsigned i = 0; i < count; ++i)
      emit();
    std::string types, names;
    unsigned results = 1 + engine() % 3;
    for (unsigned i = 0; i < results; ++i) {
      const Value &v = i == 0 ? values.back() : any();
      names += (i ? ", %" : "%") + v.name;
      types += (i ? ", " : "") + type(v);
    }
    return "func.func @f" + signature + ") -> (" + types + ") {\n" + body + "  return " + names + " : " + types + "\n}\n";
  }

private:
  struct Value {
    std::string name;
    int64_t rows, columns;
  };
  int64_t size() {
    static const int64_t sizes[] = {1, 3, 4, 9, 17};
    return sizes[engine() % 5];
  }
  static std::string type(int64_t r, int64_t c) {
    return "tensor<" + std::to_string(r) + "x" + std::to_string(c) + "xf32>";
  }
  static std::string type(const Value &v) { return type(v.rows, v.columns); }
  Value any() { return values[engine() % values.size()]; }
  const Value *find(llvm::function_ref<bool(const Value &)> fits) {
    std::vector<const Value *> all;
    for (const Value &v : values)
      if (fits(v))
        all.push_back(&v);
    return all.empty() ? nullptr : all[engine() % all.size()];
  }
  std::string fresh() { return "v" + std::to_string(next++); }
  void add(int64_t r, int64_t c, const std::string &name) { values.push_back({name, r, c}); }
  std::string zero(int64_t r, int64_t c) {
    std::string t = type(r, c), n = fresh();
    body += "  %" + n + "c = arith.constant 0.0 : f32\n  %" + n + "e = tensor.empty() : " + t + "\n  %" + n +
            " = linalg.fill ins(%" + n + "c : f32) outs(%" + n + "e : " + t + ") -> " + t + "\n";
    return n;
  }

  void emit() {
    Value x = any();
    std::string n = fresh(), t = type(x);
    switch (engine() % 8) {
    case 0: {
      static const char *ops[] = {"math.tanh", "math.sin", "arith.negf", "math.absf"};
      body += "  %" + n + " = " + ops[engine() % 4] + " %" + x.name + " : " + t + "\n";
      return add(x.rows, x.columns, n);
    }
    case 1:
    case 2: {
      static const char *ops[] = {"arith.addf", "arith.subf", "arith.mulf", "arith.maximumf"};
      const Value *y = find([&](const Value &v) { return v.rows == x.rows && v.columns == x.columns; });
      body += std::string("  %") + n + " = " + ops[engine() % 4] + " %" + x.name + ", %" + y->name + " : " + t + "\n";
      return add(x.rows, x.columns, n);
    }
    case 3: { // a constant
      static const char *constants[] = {"0.5", "-1.25", "1.0", "0.0"};
      body += "  %" + n + "k = arith.constant dense<" + constants[engine() % 4] + "> : " + t + "\n  %" + n +
              " = arith.addf %" + x.name + ", %" + n + "k : " + t + "\n";
      return add(x.rows, x.columns, n);
    }
    case 4: { // a product, scaled down
      const Value *y = find([&](const Value &v) { return v.rows == x.columns; });
      bool turned = false;
      if (!y) {
        y = find([&](const Value &v) { return v.columns == x.columns; });
        turned = true;
      }
      if (!y)
        return;
      Value w = *y;
      int64_t columns = turned ? w.rows : w.columns;
      std::string i = zero(x.rows, columns), out = type(x.rows, columns);
      body += "  %" + n + "p = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> " +
              (turned ? "(j, k)" : "(k, j)") +
              ">, affine_map<(i, j, k) -> (i, j)>], iterator_types = [\"parallel\", \"parallel\", \"reduction\"]} ins(%" +
              x.name + ", %" + w.name + " : " + t + ", " + type(w) + ") outs(%" + i + " : " + out +
              ") {\n  ^bb0(%u: f32, %v: f32, %o: f32):\n    %m = arith.mulf %u, %v : f32\n    %s = arith.addf %o, %m : "
              "f32\n    linalg.yield %s : f32\n  } -> " +
              out + "\n";
      body += "  %" + n + "k = arith.constant dense<0.25> : " + out + "\n  %" + n + " = arith.mulf %" + n + "p, %" + n +
              "k : " + out + "\n";
      add(x.rows, columns, n + "p");
      return add(x.rows, columns, n);
    }
    case 5: { // rows summed, then broadcast over another matrix
      std::string r = std::to_string(x.rows), v = "tensor<" + r + "xf32>";
      body += "  %" + n + "z = arith.constant dense<0.0> : " + v + "\n  %" + n + "r = linalg.reduce { " +
              (engine() % 2 ? "arith.addf" : "arith.maximumf") + " } ins(%" + x.name + " : " + t + ") outs(%" + n +
              "z : " + v + ") dimensions = [1]\n";
      const Value *y = find([&](const Value &o) { return o.rows == x.rows; });
      Value w = *y;
      body += "  %" + n + "e = tensor.empty() : " + type(w) + "\n  %" + n +
              "b = linalg.broadcast ins(%" + n + "r : " + v + ") outs(%" + n + "e : " + type(w) + ") dimensions = [1]\n  %" +
              n + " = arith.subf %" + w.name + ", %" + n + "b : " + type(w) + "\n";
      return add(w.rows, w.columns, n);
    }
    case 6: {
      std::string out = type(x.columns, x.rows);
      body += "  %" + n + "e = tensor.empty() : " + out + "\n  %" + n + " = linalg.transpose ins(%" + x.name + " : " + t +
              ") outs(%" + n + "e : " + out + ") permutation = [1, 0]\n";
      return add(x.columns, x.rows, n);
    }
    case 7: {
      int64_t all = x.rows * x.columns;
      std::string flat = "tensor<" + std::to_string(all) + "xf32>";
      body += "  %" + n + "f = tensor.collapse_shape %" + x.name + " [[0, 1]] : " + t + " into " + flat + "\n  %" + n +
              " = tensor.expand_shape %" + n + "f [[0, 1]] output_shape [1, " + std::to_string(all) + "] : " + flat +
              " into " + type(1, all) + "\n";
      return add(1, all, n);
    }
    }
  }

  std::mt19937 engine;
  std::vector<Value> values;
  std::string body;
  unsigned next = 0;
};

TEST(PlanFunction, RandomFunctions) {
  int64_t sharing = 0;
  for (unsigned seed = 0; seed < 120 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    std::string text = Generator(seed).make();
    compareFunction(text, 2e-5, seed);
    auto module = parse(text);
    OwningOpRef<ModuleOp> kernels(ModuleOp::create(UnknownLoc::get(&context()))),
        scratch(ModuleOp::create(UnknownLoc::get(&context())));
    plan::Planner planner(*kernels);
    auto plan = planner.plan(copyOf(*module, *scratch, "f"), {}, {});
    ASSERT_TRUE(succeeded(plan));
    int64_t arena = planner.allocate({&*plan});
    checkPlaces(planner, {&*plan}, arena);
    int64_t total = 0;
    for (const plan::Buffer &buffer : planner.buffers)
      if (buffer.offset >= 0)
        total += buffer.bytes();
    sharing += arena < total;
  }
  EXPECT_GT(sharing, 10); // else the check of lives has seen nothing
}

} // namespace
