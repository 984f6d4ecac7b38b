//===- EquivalenceTest.cpp - Wrong rewrites are refused ---------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Mutation/Equivalence.h"
#include "Specs.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

/// A schedule of one line.
std::string schedule(const std::string &body) {
  return "selfopt.schedule @s(%t: f32) -> f32 {\n" + body + "\nselfopt.return %r : f32\n}";
}
std::string sampler(const std::string &body) {
  return "selfopt.sampler @s(%a: f32, %b: f32, %t: f32) -> f32 {\n" + body + "\nselfopt.return %r : f32\n}";
}

/// What the validator says of two programs @s; empty where they agree.
std::string compare(const std::string &before, const std::string &after) {
  OwningOpRef<ModuleOp> one = parse(before), other = parse(after);
  if (!one || !other)
    return "does not parse";
  std::string text;
  ScopedDiagnosticHandler listen(&context(), [&](Diagnostic &d) {
    text += d.str();
    return success();
  });
  bool ok = succeeded(validateEquivalence(one->lookupSymbol("s"), other->lookupSymbol("s")));
  EXPECT_EQ(ok, text.empty());
  return text;
}

TEST(Equivalence, SamePrograms) {
  for (StringRef text : {StringRef(regression), StringRef(noisy), StringRef(classification)}) {
    OwningOpRef<ModuleOp> one = parse(text), other = parse(text);
    for (Operation &op : *one->getBody())
      if (isa<LossOp, RewardOp, OptimizerOp, ScheduleOp, SamplerOp, AugmentOp>(op))
        EXPECT_TRUE(succeeded(
            validateEquivalence(&op, other->lookupSymbol(SymbolTable::getSymbolName(&op).getValue()))));
  }
}

/// Rewrites that are right in exact arithmetic, and others that look right. Each is refused, and has a twin that holds.
struct Pair {
  const char *before, *wrong, *right;
};
TEST(Equivalence, WrongRewritesAreRefused) {
  const char *constants = "%zero = arith.constant 0.0 : f32\n%minus = arith.constant -0.0 : f32\n"
                          "%one = arith.constant 1.0 : f32\n%two = arith.constant 2.0 : f32\n";
  Pair pairs[] = {
      // -0 + 0 is 0.
      {"%r = arith.addf %t, %zero : f32", "%r = arith.addf %t, %minus : f32", "%r = arith.addf %zero, %t : f32"},
      // Infinity and NaN times 0.
      {"%r = arith.mulf %t, %zero : f32", "%r = arith.mulf %zero, %zero : f32", "%r = arith.mulf %zero, %t : f32"},
      {"%r = arith.subf %t, %t : f32", "%r = arith.subf %one, %one : f32",
       "%k = arith.negf %t : f32\n%r = arith.addf %t, %k : f32"},
      {"%r = arith.divf %t, %t : f32", "%r = arith.divf %one, %one : f32", "%r = arith.divf %t, %t : f32"},
      // 0 - x of 0 is 0, the negation is -0.
      {"%r = arith.subf %zero, %t : f32", "%r = arith.negf %t : f32", "%k = arith.negf %t : f32\n"
                                                                     "%r = arith.addf %k, %zero : f32"},
      // Twice and half overflow.
      {"%k = arith.mulf %t, %two : f32\n%r = arith.divf %k, %two : f32", "%r = arith.mulf %t, %one : f32",
       "%k = arith.addf %t, %t : f32\n%r = arith.divf %k, %two : f32"},
      // The root of a square.
      {"%k = arith.mulf %t, %t : f32\n%r = math.sqrt %k : f32", "%r = math.absf %t : f32",
       "%n = arith.negf %t : f32\n%k = arith.mulf %n, %n : f32\n%r = math.sqrt %k : f32"}};
  for (const Pair &pair : pairs) {
    std::string before = schedule(std::string(constants) + pair.before);
    EXPECT_NE(compare(before, schedule(std::string(constants) + pair.wrong)).find("is not equivalent: expected result 0"),
              std::string::npos)
        << pair.wrong;
    EXPECT_EQ(compare(before, schedule(std::string(constants) + pair.right)), "") << pair.right;
  }
  // Neither sums nor products associate.
  EXPECT_NE(compare(sampler("%k = arith.addf %a, %b : f32\n%r = arith.addf %k, %t : f32"),
                    sampler("%k = arith.addf %b, %t : f32\n%r = arith.addf %a, %k : f32")),
            "");
  EXPECT_EQ(compare(sampler("%k = arith.addf %a, %b : f32\n%r = arith.addf %k, %t : f32"),
                    sampler("%k = arith.addf %b, %a : f32\n%r = arith.addf %t, %k : f32")),
            "");
  // Only a pair of special values tells these apart: 0 and -0.
  EXPECT_NE(compare(sampler("%r = arith.maximumf %a, %b : f32"),
                    sampler("%c = arith.cmpf oge, %a, %b : f32\n%m = arith.select %c, %a, %b : f32\n"
                            "%n = arith.cmpf uno, %a, %b : f32\n%s = arith.addf %a, %b : f32\n"
                            "%r = arith.select %n, %s, %m : f32")),
            "");
}

TEST(Equivalence, SaysWhere) {
  std::string text = compare(schedule("%one = arith.constant 1.0 : f32\n%r = arith.addf %t, %one : f32"),
                             schedule("%one = arith.constant 1.0 : f32\n%r = arith.subf %t, %one : f32"));
  EXPECT_EQ(text, "'selfopt.schedule' op is not equivalent: expected result 0 to be 1 on the input (0), found -1");
  text = compare(schedule("%r = arith.addf %t, %t : f32"), sampler("%r = arith.addf %t, %t : f32"));
  EXPECT_NE(text.find("is not equivalent: expected the types that it took and returned, found others"), std::string::npos);
}

/// Tensors and labels.
TEST(Equivalence, Losses) {
  auto loss = [](StringRef body) {
    return ("selfopt.loss @s(%p: tensor<3xf32>, %label: i32) -> f32 {\n" + body + "\nselfopt.return %r : f32\n}").str();
  };
  StringRef pick = "%l = nn.log_softmax %p : tensor<3xf32>\n%k = nn.pick %l[%label] : f32\n";
  EXPECT_EQ(compare(loss((pick + "%r = arith.negf %k : f32").str()),
                    loss((pick + "%n = arith.negf %k : f32\n%z = arith.negf %n : f32\n%r = arith.negf %z : f32").str())),
            "");
  EXPECT_NE(compare(loss((pick + "%r = arith.negf %k : f32").str()),
                    loss("%l = nn.log_softmax %p : tensor<3xf32>\n%n = arith.constant 1 : i32\n"
                         "%k = nn.pick %l[%n] : f32\n%r = arith.negf %k : f32")),
            "");
}

/// In the frame of a mutation, what does not validate is taken back.
TEST(Equivalence, WrongMutationsAreTakenBack) {
  OwningOpRef<ModuleOp> spec = parse(regression), list = parse("evolve.simplify @momentum");
  std::string before = printSpec(*spec), text;
  ScopedDiagnosticHandler listen(&context(), [&](Diagnostic &d) {
    text += d.str();
    return success();
  });
  Operation *mutation = &list->getBody()->front();
  EXPECT_TRUE(failed(editEquivalently(mutation, spec->lookupSymbol("momentum"), [&](Operation *program) {
    // beta m + g, with the gradient twice.
    auto sum = *program->getRegion(0).getOps<arith::AddFOp>().begin();
    sum.setOperand(0, sum.getRhs());
    return success();
  })));
  EXPECT_EQ(printSpec(*spec), before);
  EXPECT_TRUE(StringRef(text).starts_with("'evolve.simplify' op does not apply: 'selfopt.optimizer' op is not equivalent: expected "
                                         "result "))
      << text;
}

/// Mutants of every example, simplified: it validates each time, and does not change the canonical form.
TEST(Simplify, Mutants) {
  int applied = 0;
  for (const std::string &text : specTexts())
    for (uint64_t seed = 0; seed < 6; ++seed) {
      Philox random(seed);
      OwningOpRef<ModuleOp> spec = parse(text);
      MutationScope scope = scopeOf(*spec);
      scope.architecture.clear();
      Block list;
      for (int i = 0; i < 12; ++i)
        mutate(*spec, scope, random, list);
      std::string digest = canonicalDigest(*spec);
      for (int i = 0; i < 3; ++i) {
        Operation *mutation = mutate(*spec, scope, random, list, {"simplify"});
        if (!mutation)
          break;
        ++applied;
        EXPECT_EQ(canonicalDigest(*spec), digest);
      }
    }
  EXPECT_GT(applied, 20);
}

TEST(Equivalence, Rewards) {
  // Their integers are the states and actions that there are, each of them.
  auto reward = [](const std::string &body) {
    return R"(selfopt.environment @e(%s: i32, %a: i32) -> (i32, f32, i1) states(250) actions(4) discount(0.9) {
      %r = arith.constant 0.0 : f32
      %d = arith.constant false
      selfopt.return %s, %r, %d : i32, f32, i1
    }
    selfopt.reward @s(%a: i32, %b: i32, %n: i32) -> f32 environment(@e) {
      %states = arith.constant 250 : i32
      %actions = arith.constant 4 : i32
      %one = arith.constant 1 : i32
)" + body + "\nselfopt.return %r : f32\n}";
  };
  std::string before = reward("%x = arith.addi %a, %n : i32\n%r = arith.sitofp %x : i32 to f32");
  EXPECT_EQ(compare(before, reward("%k = arith.remui %a, %states : i32\n%x = arith.addi %n, %k : i32\n%r = arith.sitofp %x : i32 to f32")), "");
  for (const char *wrong : {"%last = arith.subi %states, %one : i32\n%k = arith.remui %a, %last : i32\n%x = arith.addi %n, %k : i32",
                            "%last = arith.subi %states, %one : i32\n%k = arith.remui %n, %last : i32\n%x = arith.addi %a, %k : i32",
                            "%last = arith.subi %actions, %one : i32\n%k = arith.divui %b, %last : i32\n%y = arith.addi %a, %k : i32\n"
                            "%x = arith.addi %y, %n : i32"})
    EXPECT_NE(compare(before, reward(std::string(wrong) + "\n%r = arith.sitofp %x : i32 to f32")).find("is not equivalent: expected result 0"),
              std::string::npos)
        << wrong;
}

} // namespace
