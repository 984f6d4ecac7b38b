//===- LimitsTest.cpp - What a program costs, and the limits on it ---------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PolicyHarness.h"
#include "SelfOpt/Dialect/Plan/Plan.h"
#include "SelfOpt/Safety/PolicyResults.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

TEST(ProgramCost, DigitsByHand) {
  auto spec = parse(digits());
  auto cost = programCost(*spec, "fit", trainRows);
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->parameters, 64 * 32 + 32 + 32 * 10 + 10);
  // A multiply-add for each weight, an addition for each bias, one for each relu.
  EXPECT_EQ(cost->flopsPerExample, 2 * 64 * 32 + 32 + 32 + 2 * 32 * 10 + 10);
  EXPECT_EQ(cost->parameters, 2410);
  EXPECT_EQ(cost->flopsPerExample, 4810);
  EXPECT_EQ(cost->trainFlops, int64_t(20) * (trainRows / 32) * 32 * 3 * 4810);
  EXPECT_FALSE(programCost(*spec, "nothing", trainRows));
}

TEST(ProgramCost, OverflowIsNoNumber) {
  // 2^20 units are dear, but a number; a thousand million epochs of them are none.
  std::string wide = digits();
  for (size_t at; (at = wide.find("tensor<32xf32>")) != std::string::npos;)
    wide.replace(at, 14, "tensor<1048576xf32>");
  wide = replaced(wide, "units(32)", "units(1048576)");
  auto spec = parse(wide);
  ASSERT_TRUE(spec);
  auto cost = programCost(*spec, "fit", trainRows);
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->parameters, int64_t(1048576) * 75 + 10);
  std::string forever = replaced(wide, "epochs = 20", "epochs = 1000000000");
  auto long_ = parse(forever);
  ASSERT_TRUE(long_);
  EXPECT_FALSE(programCost(*long_, "fit", trainRows));
  auto results = check(digits(), forever);
  const char *reason = "an op has no known cost, or the cost leaves 64 bits";
  expectResult(results, "limit parameters <= 20000", Verdict::Unknown, reason);
  expectResult(results, "limit flops_per_example <= 200000", Verdict::Unknown, reason);
  expectResult(results, "limit train_flops <= 20000000000", Verdict::Unknown, reason);
  EXPECT_FALSE(allHold(results));

  // Sizes near 2^62 are refused by the verifier, or have no cost; they never pass.
  for (const char *units : {"4611686018427387904", "4611686018427387903", "9223372036854775807", "3037000500"}) {
    Listener listener;
    std::string huge = digits();
    for (size_t at; (at = huge.find("tensor<32xf32>")) != std::string::npos;)
      huge.replace(at, 14, "tensor<" + std::string(units) + "xf32>");
    huge = replaced(huge, "units(32)", "units(" + std::string(units) + ")");
    auto module = parse(huge);
    if (!module) {
      EXPECT_FALSE(listener.text.empty());
      continue;
    }
    auto start = parse(digits());
    auto policy = Policy::fix(*start, "policy", "fit");
    ASSERT_TRUE(succeeded(policy));
    EXPECT_FALSE(allHold(policy->check(*module, factsOf(*module)))) << units;
  }
}

//===--- Depth, state, code -------------------------------------------------===//

std::string points() {
  auto buffer = llvm::MemoryBuffer::getFile(SELFOPT_SOURCE_DIR "/test/Inputs/points.mlir");
  return buffer ? replaced((*buffer)->getBuffer().str(), "\"points.csv\"",
                           "\"" SELFOPT_SOURCE_DIR "/test/Inputs/points.csv\"")
                : "";
}
/// The digits with another model, from its first layer to its return.
std::string netOf(const std::string &body) {
  return replacedProgram(digits(), "selfopt.model @net",
                         "selfopt.model @net(%x: tensor<64xf32>) -> tensor<10xf32> {\n" + body +
                             "    selfopt.return %y : tensor<10xf32>\n  }");
}

TEST(ProgramCost, DepthIsTheLongestChainOfTrainedLayers) {
  auto depth = [](const std::string &text) {
    auto spec = parse(text);
    auto cost = spec ? programCost(*spec, "fit", trainRows) : std::nullopt;
    return cost ? cost->depth : -1;
  };
  EXPECT_EQ(depth(digits()), 2);
  // Norms are trained, too; activations and sums are not.
  EXPECT_EQ(depth(netOf("    %n = nn.layer_norm %x : tensor<64xf32>\n"
                        "    %h = nn.dense %n units(10) : tensor<10xf32>\n"
                        "    %a = nn.activation relu %h : tensor<10xf32>\n"
                        "    %y = arith.addf %a, %h : tensor<10xf32>\n")),
            2);
  // Side by side they count once, behind one another each; a chain that nothing reads is none.
  EXPECT_EQ(depth(netOf("    %a = nn.dense %x units(4) : tensor<4xf32>\n"
                        "    %b = nn.dense %x units(6) : tensor<6xf32>\n"
                        "    %c = nn.rms_norm %b : tensor<6xf32>\n"
                        "    %d = nn.dense %x units(6) : tensor<6xf32>\n"
                        "    %e = nn.dense %d units(6) : tensor<6xf32>\n"
                        "    %f = nn.dense %e units(6) : tensor<6xf32>\n"
                        "    %y = nn.concat %a, %c : tensor<10xf32>\n")),
            2);
  // A layer that is applied three times is three deep, and has its parameters once.
  EXPECT_EQ(depth(netOf("    %h = nn.dense %x units(10) : tensor<10xf32>\n"
                        "    %a = nn.dense %h units(10) param(\"s\") : tensor<10xf32>\n"
                        "    %b = nn.dense %a units(10) param(\"s\") : tensor<10xf32>\n"
                        "    %y = nn.dense %b units(10) param(\"s\") : tensor<10xf32>\n")),
            4);
}

TEST(ProgramCost, StateIsWhatThePlanKeeps) {
  std::string sgd = replacedProgram(digits(), "selfopt.optimizer @adam",
                                    "selfopt.optimizer @adam(%w: f32, %g: f32, %lr: f32, %step: f32) {\n"
                                    "    %m = arith.mulf %lr, %g : f32\n    %w1 = arith.subf %w, %m : f32\n"
                                    "    selfopt.return %w1 : f32\n  }");
  std::string shared = netOf("    %h = nn.dense %x units(10) : tensor<10xf32>\n"
                             "    %a = nn.dense %h units(10) param(\"s\") : tensor<10xf32>\n"
                             "    %b = nn.layer_norm %a : tensor<10xf32>\n"
                             "    %unread = nn.dense %a units(3) : tensor<3xf32>\n"
                             "    %y = nn.dense %b units(10) param(\"s\") : tensor<10xf32>\n");
  std::string noise = netOf("    %n = nn.noise %x scale(0.1) : tensor<64xf32>\n"
                            "    %y = nn.dense %n units(10) : tensor<10xf32>\n");
  for (const std::string &text : {digits(), points(), sgd, shared, noise}) {
    auto twin = Twin::make(text);
    ASSERT_TRUE(twin);
    Executable &run = *twin->executable;
    auto cost = programCost(*twin->spec, "fit", twin->planned.trainRows);
    ASSERT_TRUE(cost);
    std::vector<std::string> kept = twin->names;
    for (const char *name : {"seed", "lr", "number", "fraction", "order"})
      kept.push_back(name);
    if (run.lookup("losses"))
      for (const char *name : {"losses", "age", "epoch_fraction"})
        kept.push_back(name);
    int64_t bytes = 0;
    std::vector<std::pair<int64_t, int64_t>> ranges;
    std::map<std::string, plan::ViewOp> views;
    twin->planned.module->walk([&](plan::ViewOp view) { views.try_emplace(view.getName().str(), view); });
    auto sizeOf = [](Value v) {
      auto type = cast<MemRefType>(v.getType());
      return type.getNumElements() * std::max<int64_t>(1, type.getElementTypeBitWidth() / 8);
    };
    run.initialize(7);
    run.train(1);
    Checkpoint pause = run.pause("");
    for (const std::string &name : kept) {
      ASSERT_TRUE(views.count(name)) << name;
      ranges.push_back({int64_t(views[name].getOffset()), sizeOf(views[name])});
      bytes += ranges.back().second;
    }
    EXPECT_EQ(cost->stateBytes, bytes);
    // With anything else in all the other bytes, but the constants of the program, it goes on to the same weights.
    twin->planned.module->walk(
        [&](plan::LiteralOp literal) { ranges.push_back({int64_t(literal.getOffset()), sizeOf(literal)}); });
    Checkpoint scribbled = pause;
    scribbled.arena.assign(pause.arena.size(), '\x5a');
    for (auto [offset, size] : ranges)
      scribbled.arena.replace(offset, size, pause.arena, offset, size);
    ASSERT_NE(scribbled.arena, pause.arena);
    run.train();
    std::string straight = encodeParameters(run, twin->planned);
    run.initialize(1);
    run.resume(scribbled, "");
    run.train();
    EXPECT_EQ(encodeParameters(run, twin->planned), straight);
  }
}

TEST(ProgramCost, StateThatLeaves64BitsIsNoNumber) {
  std::string text = replaced(replaced(digits(), "batch = 32", "batch = 1"), "epochs = 20", "epochs = 1");
  // 3500 layers of 2^24 units, each of 2^48 weights.
  std::string layers = "    %h0 = nn.dense %x units(16777216) : tensor<16777216xf32>\n";
  for (int i = 1; i < 3500; ++i)
    layers += "    %h" + std::to_string(i) + " = nn.dense %h" + std::to_string(i - 1) +
              " units(16777216) : tensor<16777216xf32>\n";
  text = replacedProgram(text, "selfopt.model @net",
                         "selfopt.model @net(%x: tensor<64xf32>) -> tensor<10xf32> {\n" + layers +
                             "    %y = nn.dense %h3499 units(10) : tensor<10xf32>\n"
                             "    selfopt.return %y : tensor<10xf32>\n  }");
  auto costOf = [](const std::string &text) {
    auto spec = parse(text);
    EXPECT_TRUE(spec);
    return spec ? programCost(*spec, "fit", 1) : std::nullopt;
  };
  EXPECT_FALSE(costOf(text)); // 12 bytes for each of 9.8e17 parameters
  auto fits = costOf(replacedProgram(text, "selfopt.optimizer @adam",
                                     "selfopt.optimizer @adam(%w: f32, %g: f32, %lr: f32, %step: f32) {\n"
                                     "    selfopt.return %w : f32\n  }"));
  ASSERT_TRUE(fits);
  EXPECT_EQ(fits->stateBytes, 4 * fits->parameters + 20 + 4);
  EXPECT_EQ(fits->depth, 3501);
}

TEST(Policy, LimitsOfDepthStateAndCode) {
  std::string text = replaced(digits(), "    safety.limit parameters <= 20000\n",
                              "    safety.limit depth <= 2\n    safety.limit depth <= 1\n"
                              "    safety.limit state_bytes <= 33252\n    safety.limit state_bytes <= 33251\n"
                              "    safety.limit code_bytes <= 5000\n    safety.limit code_bytes <= 4999\n");
  auto spec = parse(text);
  ASSERT_TRUE(spec);
  auto policy = Policy::fix(*spec, "policy", "fit");
  ASSERT_TRUE(succeeded(policy));
  ProgramFacts facts = factsOf(*spec);
  // Adam: three numbers for each of 2410 parameters; 1078 places in the order; 20 bytes of the run.
  ASSERT_EQ(3 * 4 * 2410 + 4 * 1078 + 20, 33252);
  auto results = policy->check(*spec, facts);
  expectResult(results, "limit depth <= 2", Verdict::Holds, "2 <= 2");
  expectResult(results, "limit depth <= 1", Verdict::Violated, "2 > 1");
  expectResult(results, "limit state_bytes <= 33252", Verdict::Holds, "33252 <= 33252");
  expectResult(results, "limit state_bytes <= 33251", Verdict::Violated, "33252 > 33251");
  expectResult(results, "limit code_bytes <= 5000", Verdict::Unknown, "the program has not been compiled");
  facts.codeBytes = 5000;
  facts.target = "a machine";
  results = policy->check(*spec, facts);
  expectResult(results, "limit code_bytes <= 5000", Verdict::Holds, "5000 <= 5000");
  expectResult(results, "limit code_bytes <= 4999", Verdict::Violated, "5000 > 4999");
  for (const CheckResult &r : results)
    if (r.needs == Needs::Code) {
      EXPECT_EQ(r.engine, "compiler");
      EXPECT_EQ(r.evidence.getAsObject()->getInteger("bytes"), 5000);
      EXPECT_EQ(r.evidence.getAsObject()->getString("target"), StringRef("a machine"));
    }
  // A cost that is not known decides nothing.
  facts.cost.reset();
  const char *reason = "an op has no known cost, or the cost leaves 64 bits";
  results = policy->check(*spec, facts);
  expectResult(results, "limit depth <= 2", Verdict::Unknown, reason);
  expectResult(results, "limit state_bytes <= 33252", Verdict::Unknown, reason);
  EXPECT_TRUE(asksFor(*spec, "policy", Needs::Code));
  EXPECT_FALSE(asksFor(*parse(digits()), "policy", Needs::Code));
}

TEST(Policy, CodeIsThatOfTheKernelsOfTheProgram) {
  auto twin = Twin::make(digits());
  ASSERT_TRUE(twin);
  int64_t bytes = twin->executable->codeBytes();
  EXPECT_GT(bytes, 1000);
  // Loaded again, from what is compiled already: the same.
  EXPECT_EQ(Twin::make(digits())->executable->codeBytes(), bytes);
  // Other programs, compiled before and after it, change nothing; one with a kernel more has more.
  auto deeper = Twin::make(replaced(digits(), "%a = nn.activation relu %h : tensor<32xf32>",
                                    "%g = nn.activation gelu %h : tensor<32xf32>\n"
                                    "    %a = nn.activation relu %g : tensor<32xf32>"));
  ASSERT_TRUE(deeper);
  EXPECT_GT(deeper->executable->codeBytes(), bytes);
  std::string limited = replaced(digits(), "limit parameters <= 20000", "limit code_bytes <= " + std::to_string(bytes));
  auto spec = parse(limited);
  auto planned = planTraining(*spec, "fit");
  ASSERT_TRUE(succeeded(planned));
  auto facts = programFacts(*spec, *planned, "policy");
  ASSERT_TRUE(succeeded(facts));
  EXPECT_EQ(facts->codeBytes, bytes);
  EXPECT_NE(facts->target, "");
  // Nothing is compiled where nothing is asked of it.
  EXPECT_FALSE(programFacts(*parse(digits()), *planned, "policy")->codeBytes);
}

} // namespace
