//===- CostTest.cpp - Costs of upstream ops, and the table of coverage -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Autodiff/Autodiff.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Reference/Register.h"
#include "SelfOpt/Safety/CostModels.h"
#include "SelfOpt/Safety/Coverage.h"
#include "SelfOpt/Safety/RangeModels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace selfopt;

namespace {

DialectRegistry &registry(bool costs) {
  static DialectRegistry all[2];
  DialectRegistry &r = all[costs];
  static bool filled[2];
  if (!filled[costs]) {
    filled[costs] = true;
    r.insert<SelfOptDialect, nn::NNDialect, arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect,
             math::MathDialect, tensor::TensorDialect>();
    registerArithPullbacks(r);
    registerMathPullbacks(r);
    registerLinalgPullbacks(r);
    registerTensorPullbacks(r);
    registerReferenceModels(r);
    registerRangeModels(r);
    if (costs)
      registerCostModels(r);
  }
  return r;
}

std::optional<Cost> costOf(const std::string &text) {
  MLIRContext context(registry(true), MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto module = parseSourceString<ModuleOp>(text, ParserConfig(&context));
  if (!module) {
    ADD_FAILURE() << "does not parse: " << text;
    return std::nullopt;
  }
  return costOfBlock(module->lookupSymbol<func::FuncOp>("f").getBody().front());
}

TEST(Cost, ElementwiseCountsFloatOps) {
  auto cost = costOf("func.func @f(%a: tensor<3x4xf32>, %i: tensor<3x4xi32>) -> tensor<3x4xf32> {"
                     " %x = arith.addf %a, %a : tensor<3x4xf32> %y = math.exp %x : tensor<3x4xf32>"
                     " %z = math.fma %a, %x, %y : tensor<3x4xf32> %j = arith.addi %i, %i : tensor<3x4xi32>"
                     " return %z : tensor<3x4xf32> }");
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->flops, 12 + 12 + 24);
  EXPECT_EQ(cost->bytes, 4 * 12 * (3 + 2 + 4 + 3));
  EXPECT_EQ(cost->parameters, 0);
}

TEST(Cost, MatmulIsTwoPerMultiplyAdd) {
  auto cost =
      costOf("func.func @f(%a: tensor<8x16xf32>, %b: tensor<16x4xf32>, %c: tensor<8x4xf32>) -> tensor<8x4xf32> {"
             " %r = linalg.matmul ins(%a, %b : tensor<8x16xf32>, tensor<16x4xf32>) outs(%c : tensor<8x4xf32>) ->"
             " tensor<8x4xf32> return %r : tensor<8x4xf32> }");
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->flops, 2 * 8 * 16 * 4);
  EXPECT_EQ(cost->bytes, 4 * (8 * 16 + 16 * 4 + 2 * 8 * 4));
}

TEST(Cost, CallsInBodiesCount) {
  auto cost = costOf(R"(
    func.func @f(%x: tensor<10xf32>) -> tensor<10xf32> {
      %r = linalg.map ins(%x : tensor<10xf32>) outs(%x : tensor<10xf32>) (%e: f32, %o: f32) {
        %y = func.call @g(%e) : (f32) -> f32
        linalg.yield %y : f32
      }
      return %r : tensor<10xf32>
    }
    func.func @g(%x: f32) -> f32 { %y = arith.mulf %x, %x : f32 %z = arith.divf %y, %x : f32 return %z : f32 })");
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->flops, 20);
}

TEST(Cost, FailsClosed) {
  EXPECT_FALSE(
      costOf("func.func @f(%a: tensor<?xf32>) -> tensor<?xf32> { %r = arith.addf %a, %a : tensor<?xf32> return "
             "%r : tensor<?xf32> }"));
  EXPECT_FALSE(costOf("func.func @f(%a: tensor<4294967296x4294967296xf32>) -> tensor<4294967296x4294967296xf32> { %r = "
                      "arith.addf %a, %a : tensor<4294967296x4294967296xf32> return %r : "
                      "tensor<4294967296x4294967296xf32> }"));
  EXPECT_FALSE(costOf("func.func @f(%a: tensor<2097152x2097152xf32>, %b: tensor<2097152x2097152xf32>) -> "
                      "tensor<2097152x2097152xf32> { %r = linalg.matmul ins(%a, %b : tensor<2097152x2097152xf32>, "
                      "tensor<2097152x2097152xf32>) outs(%a : tensor<2097152x2097152xf32>) -> "
                      "tensor<2097152x2097152xf32> return %r : tensor<2097152x2097152xf32> }"));
  EXPECT_FALSE(costOf("func.func @f(%a: f32) -> f32 { %r = func.call @f(%a) : (f32) -> f32 return %r : f32 }"));
}

TEST(Coverage, NothingIsMissing) {
  MLIRContext context(registry(true), MLIRContext::Threading::DISABLED);
  std::string text;
  llvm::raw_string_ostream os(text);
  EXPECT_EQ(printCoverage(context, os), 0u) << text;
  EXPECT_NE(text.find(" 0 missing\n"), std::string::npos);
  for (const char *op : {"nn.dense", "nn.activation", "nn.softmax", "nn.log_softmax", "nn.pick", "nn.one_hot",
                         "nn.argmax", "nn.reduce", "nn.layer_norm", "nn.rms_norm", "nn.concat", "nn.noise", "nn.dropout", "arith.addf", "linalg.generic"})
    EXPECT_NE(text.find(std::string("\n") + op + " "), std::string::npos) << op;
}

TEST(Coverage, SeesWhatIsMissing) {
  MLIRContext context(registry(false), MLIRContext::Threading::DISABLED);
  std::string text;
  llvm::raw_string_ostream os(text);
  // Every upstream op lacks its cost, but for selfopt.gradient, whose gap is declared.
  EXPECT_GT(printCoverage(context, os), 80u);
  EXPECT_NE(text.find("MISSING"), std::string::npos);
}

} // namespace
