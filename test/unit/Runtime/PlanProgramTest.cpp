//===- PlanProgramTest.cpp - Whole programs: sections, arenas, kernels that are shared ---===//
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

OwningOpRef<ModuleOp> planned(const std::string &text) {
  auto spec = parse(text);
  auto program = spec ? planTraining(*spec, "fit") : FailureOr<PlannedProgram>(failure());
  return succeeded(program) ? std::move(program->module) : OwningOpRef<ModuleOp>();
}

std::set<std::string> digests(ModuleOp module) {
  std::set<std::string> all;
  for (auto f : module.getOps<func::FuncOp>())
    all.insert(f->getAttrOfType<StringAttr>("plan.digest").str());
  return all;
}

TEST(PlanProgram, InPlaceOnlyWhereNothingIsLost) {
  // The result belongs into the bytes of the argument. How many copies does that take?
  auto copies = [](const std::string &body) {
    auto module = parse(function("(%a: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>)", body));
    OwningOpRef<ModuleOp> kernels(ModuleOp::create(UnknownLoc::get(&context()))),
        scratch(ModuleOp::create(UnknownLoc::get(&context())));
    plan::Planner planner(*kernels);
    auto argument = RankedTensorType::get({4, 4}, Float32Type::get(&context()));
    int buffer = planner.makeBuffer(argument, "a", /*persistent=*/true);
    auto plan = planner.plan(copyOf(*module, *scratch, "f"), {buffer}, {{0u, buffer}});
    if (failed(plan))
      return -1;
    EXPECT_EQ(plan->results[0], buffer);
    int count = 0;
    for (const plan::Launch &launch : plan->launches)
      count += launch.kernel.empty();
    return count;
  };
  // Element by element.
  EXPECT_EQ(copies(R"(
    %0 = math.tanh %a : tensor<4x4xf32>
    return %0, %0 : tensor<4x4xf32>, tensor<4x4xf32>)"),
            1); // the second result's own bytes
  // A launch that reads elements it has overwritten.
  EXPECT_EQ(copies(R"(
    %e = tensor.empty() : tensor<4x4xf32>
    %0 = linalg.transpose ins(%a : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) permutation = [1, 0]
    %1 = math.tanh %a : tensor<4x4xf32>
    return %0, %1 : tensor<4x4xf32>, tensor<4x4xf32>)"),
            1);
  // The product is the last to read the argument, and still may not write over it.
  EXPECT_EQ(copies(R"(
    %z = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<4x4xf32>
    %1 = math.tanh %a : tensor<4x4xf32>
    %i = linalg.fill ins(%z : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
    %0 = linalg.matmul ins(%a, %1 : tensor<4x4xf32>, tensor<4x4xf32>) outs(%i : tensor<4x4xf32>) -> tensor<4x4xf32>
    return %0, %1 : tensor<4x4xf32>, tensor<4x4xf32>)"),
            1);
}

TEST(PlanProgram, StepSharesBytesCorrectly) {
  for (const char *name : {"digits.mlir", "digits_static.mlir", "diabetes.mlir"}) {
    SCOPED_TRACE(name);
    auto module = parse(readExample(name));
    ASSERT_TRUE(succeeded(instantiate(*module)) && succeeded(differentiate(*module)));
    OwningOpRef<ModuleOp> kernels(ModuleOp::create(UnknownLoc::get(&context()))),
        scratch(ModuleOp::create(UnknownLoc::get(&context())));
    plan::Planner planner(*kernels);
    func::FuncOp step = copyOf(*module, *scratch, "fit.step"), score = copyOf(*module, *scratch, "fit.score");
    auto pipeline = *module->getOps<PipelineOp>().begin();
    unsigned kept = pipeline.getParameters() * (1 + pipeline.getStateInit().size());
    SmallVector<int> arguments;
    SmallVector<std::pair<unsigned, int>> bound;
    for (unsigned i = 0; i < kept; ++i) {
      arguments.push_back(planner.makeBuffer(step.getArgumentTypes()[i], "p" + Twine(i), true));
      bound.push_back({i, arguments.back()});
    }
    auto plan = planner.plan(step, arguments, bound);
    ASSERT_TRUE(succeeded(plan));
    arguments.resize(pipeline.getParameters());
    auto other = planner.plan(score, arguments, {});
    ASSERT_TRUE(succeeded(other));
    int64_t arena = planner.allocate({&*plan, &*other});
    checkPlaces(planner, {&*plan, &*other}, arena);
    // The update happens in place: no copies.
    for (const plan::Launch &launch : plan->launches)
      EXPECT_FALSE(launch.kernel.empty());
  }
}

TEST(PlanProgram, Structure) {
  for (const char *name : {"digits.mlir", "digits_static.mlir", "diabetes.mlir"}) {
    SCOPED_TRACE(name);
    auto module = planned(readExample(name));
    ASSERT_TRUE(module);
    auto program = module->lookupSymbol<plan::ProgramOp>("fit");
    int64_t end = 0;
    program.walk([&](Operation *op) {
      int64_t offset = -1;
      if (auto view = dyn_cast<plan::ViewOp>(op))
        offset = view.getOffset();
      else if (auto literal = dyn_cast<plan::LiteralOp>(op))
        offset = literal.getOffset();
      else
        return;
      auto type = cast<MemRefType>(op->getResult(0).getType());
      EXPECT_GE(offset, 0);
      end = std::max(end, offset + type.getNumElements() * (int64_t(type.getElementTypeBitWidth() + 7) / 8));
    });
    // Exact: the last buffer ends in the arena's last line.
    EXPECT_LE(end, int64_t(program.getArena()));
    EXPECT_LT(int64_t(program.getArena()) - end, 64);
    std::set<std::string> used;
    program.walk([&](plan::LaunchOp launch) {
      auto kernel = module->lookupSymbol<func::FuncOp>(launch.getKernel());
      ASSERT_TRUE(kernel);
      EXPECT_EQ(kernel.getNumArguments(), launch.getOperands().size());
      used.insert(launch.getKernel().str());
    });
    EXPECT_LE(used.size(), 32u);
    EXPECT_EQ(used.size(), digests(*module).size()) << "kernels that nothing launches";
  }
}

TEST(PlanProgram, WidthsAndConstantsShareKernels) {
  std::string digits = readExample("digits.mlir");
  auto base = planned(digits);
  ASSERT_TRUE(base);
  std::set<std::string> want = digests(*base);
  auto same = [&](const std::string &text, const char *what) {
    SCOPED_TRACE(what);
    auto module = planned(text);
    ASSERT_TRUE(module);
    EXPECT_EQ(digests(*module), want);
  };
  for (int64_t units : {8, 33, 65, 100}) {
    std::string n = std::to_string(units), text = digits;
    for (size_t at; (at = text.find("tensor<32xf32>")) != std::string::npos;)
      text.replace(at, 14, "tensor<" + n + "xf32>");
    same(replaced(text, "units(32)", "units(" + n + ")"), "width");
  }
  same(replaced(digits, "lr = 1.0e-3", "lr = 3.0e-2"), "lr");
  same(replaced(digits, "batch = 32", "batch = 48"), "batch");
  same(replaced(digits, "epochs = 20", "epochs = 3"), "epochs");
  same(replaced(digits, "arith.constant 0.9 :", "arith.constant 0.85 :"), "beta 1");
  same(replaced(digits, "arith.constant 0.999 :", "arith.constant 0.99 :"), "beta 2");
  same(replaced(digits, "arith.constant 3.14159274 :", "arith.constant 1.5 :"), "schedule");
  // And another expression is another kernel.
  auto other = planned(replaced(digits, "nn.activation relu", "nn.activation tanh"));
  ASSERT_TRUE(other);
  EXPECT_NE(digests(*other), want);
}

} // namespace
