//===- RewardShapingTest.cpp - Rewards that change no best action, and others ---------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/RewardShaping.h"
#include "../Mutation/Specs.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Safety/ProofSearch.h"
#include "SelfOpt/Support/Philox.h"
#include "gtest/gtest.h"
#include "llvm/Support/Base64.h"
#include <cfloat>
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

[[maybe_unused]] const bool searches = (enableProofSearch(), true);

std::string show(const ProofResult &result) { return (stringifyVerdict(result.verdict) + ": " + result.detail).str(); }

#define EXPECT_SAYS(PART, SAID)                                                                                        \
  EXPECT_NE((SAID).find(PART), std::string::npos) << "expected " << (PART) << "\nfound    " << (SAID)

//===--- Tables -----------------------------------------------------------------===//

/// Values of all states, and of all actions at s * actions + a, by nothing but Bellman's equation, over and over.
struct ByIteration {
  std::vector<double> values, actions;
  ByIteration(const TransitionTable &table, bool withBonus)
      : values(size_t(table.states), 0), actions(table.transitions.size(), 0) {
    for (int round = 0; round < 1000; ++round) {
      for (size_t i = 0; i < actions.size(); ++i) {
        const auto &t = table.transitions[i];
        actions[i] = t.reward + (withBonus ? t.bonus : 0) + (t.done ? 0 : table.discount * values[size_t(t.next)]);
      }
      for (size_t s = 0; s < values.size(); ++s)
        values[s] = *std::max_element(actions.begin() + int64_t(s) * table.actions,
                                      actions.begin() + int64_t(s + 1) * table.actions);
    }
  }
};

TransitionTable drawTable(Philox &random) {
  TransitionTable table{int64_t(1 + random.below(6)), int64_t(2 + random.below(2)), 0.3 + 0.65 * random.uniform(), {}};
  for (int64_t i = 0; i < table.states * table.actions; ++i)
    table.transitions.push_back(
        {int32_t(random.below(uint64_t(table.states))), random.below(4) == 0, double(random.below(3)), 0});
  return table;
}
void shape(TransitionTable &table, Philox &random) {
  std::vector<float> potential;
  for (int64_t s = 0; s < table.states; ++s)
    potential.push_back(float(3 * random.normal()));
  float discount = float(table.discount);
  for (size_t i = 0; i < table.transitions.size(); ++i) {
    auto &t = table.transitions[i];
    t.bonus = (t.done ? 0.0f : discount * potential[size_t(t.next)]) - potential[i / size_t(table.actions)];
  }
}
/// What holds must mean, by another way of computing it.
void expectKept(const TransitionTable &table, const std::string &said) {
  ByIteration own(table, false), shaped(table, true);
  for (size_t i = 0; i < table.transitions.size(); ++i)
    if (size_t s = i / size_t(table.actions); shaped.actions[i] >= shaped.values[s] - 1e-12)
      EXPECT_NEAR(own.actions[i], own.values[s], 1e-9) << said;
}

TEST(RewardShaping, PotentialsHoldAndOthersDont) {
  Philox random(1);
  int held = 0, changed = 0, harmless = 0;
  for (int n = 0; n < 3000; ++n) {
    TransitionTable table = drawTable(random);
    shape(table, random);
    ProofResult result = provePotentialBased(table);
    ASSERT_EQ(result.verdict, Verdict::Holds) << show(result);
    expectKept(table, show(result));
    ++held;
    // One bonus more. What the other actions say of the potential stays, so there is none any more.
    size_t at = random.below(table.transitions.size());
    table.transitions[at].bonus +=
        (random.below(2) ? 1 : -1) * std::exp(4 * random.normal() - 4 < -7 ? -7 : random.normal());
    result = provePotentialBased(table);
    ASSERT_EQ(result.verdict, Verdict::Violated) << show(result);
    // A state in which the best action changed, if one is named, is one.
    int state, before, now;
    if (std::sscanf(result.detail.c_str(), "in state %d action %d is best, worth %*f against %*f of action %d", &state,
                    &before, &now) == 3) {
      ByIteration own(table, false), shaped(table, true);
      size_t row = size_t(state) * size_t(table.actions);
      EXPECT_NEAR(own.actions[row + size_t(before)], own.values[size_t(state)], 1e-9) << show(result);
      EXPECT_LT(own.actions[row + size_t(now)], own.values[size_t(state)] - 1e-9) << show(result);
      EXPECT_NEAR(shaped.actions[row + size_t(now)], shaped.values[size_t(state)], 1e-9) << show(result);
      ++changed;
    } else {
      EXPECT_SAYS("the discounted sum of the bonus is", show(result));
      ++harmless;
    }
  }
  EXPECT_EQ(held, 3000);
  EXPECT_GT(changed, 300);
  EXPECT_GT(harmless, 300);
}

TEST(RewardShaping, WhateverTheBonusIs) {
  // Of every size, from far below what f32 can tell to far above: what holds keeps the best actions.
  Philox random(2);
  int verdicts[3] = {};
  for (int n = 0; n < 3000; ++n) {
    TransitionTable table = drawTable(random);
    if (random.below(2))
      shape(table, random);
    double size = std::exp(-30 * random.uniform());
    for (auto &t : table.transitions)
      t.bonus = float(t.bonus + size * random.normal());
    // Rewards as small as that, now and then: then it matters.
    if (random.below(2))
      for (auto &t : table.transitions)
        t.reward = float(t.reward * size);
    ProofResult result = provePotentialBased(table);
    ++verdicts[int(result.verdict)];
    if (result.verdict == Verdict::Holds)
      expectKept(table, show(result));
  }
  EXPECT_GT(verdicts[int(Verdict::Holds)], 200);
  EXPECT_GT(verdicts[int(Verdict::Violated)], 1000);
}

TEST(RewardShaping, EqualRewardsInAnotherOrderOfStates) {
  // Two ways of two steps to the end, and a third that takes three: the first two are equally good, exactly.
  TransitionTable table{5, 3, 0.9, {}};
  for (auto [a, b, c] : {std::array<int32_t, 3>{1, 2, 3}, {4, 4, 4}, {4, 4, 4}, {1, 1, 2}, {0, 0, 0}})
    for (int32_t next : {a, b, c})
      table.transitions.push_back({next, next == 4, -1, 0});
  ProofResult result = provePotentialBased(table);
  EXPECT_EQ(result.verdict, Verdict::Holds) << show(result);
  EXPECT_GT(result.evidence.getAsObject()->getInteger("ties"), 3);
  // Equally good by a coincidence, 1 + 2 / 2 = 2 + 0 / 2, which no number of f64 can tell from nearly.
  table = {3,
           2,
           0.5,
           {{1, false, 1, 0}, {2, false, 2, 0}, {1, true, 2, 0}, {1, true, 2, 0}, {2, true, 0, 0}, {2, true, 0, 0}}};
  result = provePotentialBased(table);
  EXPECT_EQ(result.verdict, Verdict::Unknown) << show(result);
  EXPECT_SAYS("too near to be told from equally good ones", show(result));
}

TEST(RewardShaping, Bandit) {
  // One state whose every action ends the episode: a bonus of an action is what best is about.
  TransitionTable table{1, 2, 0.9, {{0, true, 1, 0}, {0, true, 0, 0}}};
  EXPECT_EQ(provePotentialBased(table).verdict, Verdict::Holds);
  // The same for both is no potential's difference, is it? Of a start with potential -3, it is.
  table.transitions[0].bonus = table.transitions[1].bonus = 3;
  EXPECT_EQ(provePotentialBased(table).verdict, Verdict::Holds);
  table.transitions[0].bonus = 0;
  EXPECT_EQ(show(provePotentialBased(table)), "violated: in state 0 action 0 is best, worth 1 against 0 of action 1; "
                                              "with the bonus action 1 is, worth 3 against 1, and the way "
                                              "becomes 1 to an end; from state 0 the discounted sum of the bonus is 3 "
                                              "by actions 1 to an end, and 0 by actions 0 to an end; of "
                                              "a potential, all ways have the same");
}

TEST(RewardShaping, RoundingsDoNotExplainABonus) {
  // Each action leads to its state, for ever. -1.5 and -0.5 are -1 to within the roundings of a potential of 10^7, which is
  // what -1 is the discounted difference of; so would be any bonus.
  TransitionTable table{2, 2, 0.9999999, {{0, false, 10, -1.5}, {1, false, 0, -0.5}, {0, false, 10, -1.5}, {1, false, 0, -0.5}}};
  EXPECT_NE(provePotentialBased(table).verdict, Verdict::Holds) << show(provePotentialBased(table));
  for (TransitionTable::Transition &t : table.transitions)
    t.bonus = -1;
  EXPECT_EQ(provePotentialBased(table).verdict, Verdict::Holds) << show(provePotentialBased(table));
}

//===--- Evidence ---------------------------------------------------------------===//

/// As a table with these values would have them.
llvm::json::Value claim(ArrayRef<double> potential, ArrayRef<double> values, ArrayRef<double> shaped) {
  auto encode = [](ArrayRef<double> x) {
    return llvm::encodeBase64(ArrayRef(reinterpret_cast<const char *>(x.data()), 8 * x.size()));
  };
  return llvm::json::Object{{"values", llvm::json::Object{{"potential", encode(potential)},
                                                          {"without_bonus", encode(values)},
                                                          {"with_bonus", encode(shaped)}}}};
}

TEST(RewardShaping, EvidenceIsEnough) {
  Philox random(4);
  for (int n = 0; n < 300; ++n) {
    TransitionTable table = drawTable(random);
    shape(table, random);
    ProofResult found = provePotentialBased(table), verified = provePotentialBased(table, &found.evidence);
    EXPECT_EQ(show(verified), show(found));
    EXPECT_EQ(verified.evidence, found.evidence);
  }
}

TEST(RewardShaping, WrongEvidenceProvesNothing) {
  // One state and an end: going on earns 1, staying nothing.
  TransitionTable table{1, 2, 0.5, {{0, true, 1, 0}, {0, false, 0, 0}}};
  auto said = [&](llvm::json::Value claimed) { return show(provePotentialBased(table, &claimed)); };
  EXPECT_SAYS("holds: ", said(claim({0}, {1}, {1})));
  // Values need not be exact: their error is what they leave of Bellman's equation.
  EXPECT_SAYS("holds: ", said(claim({0}, {0.9}, {1.1})));
  // What is no evidence.
  for (llvm::json::Value none : {llvm::json::Value(nullptr), llvm::json::Value(3), llvm::json::Value(llvm::json::Object()),
                                 llvm::json::Value(llvm::json::Object{{"values", "AAAA"}}), claim({}, {}, {}),
                                 claim({0, 0}, {1}, {1}), claim({0}, {1, 1}, {1}), claim({0}, {1}, {1, 1})})
    EXPECT_SAYS("unknown: expected evidence of 1 states", said(none));
  for (double bad : {double(NAN), double(INFINITY), -double(INFINITY)})
    for (llvm::json::Value none : {claim({bad}, {1}, {1}), claim({0}, {bad}, {1}), claim({0}, {1}, {bad})})
      EXPECT_SAYS("unknown: expected evidence of 1 states", said(none));
  // A potential that is none; values that solve nothing, in either direction; and so large that sums overflow.
  EXPECT_SAYS("unknown: no potential was found that is off by less than 0.01", said(claim({0.01}, {1}, {1})));
  for (double wrong : {0.0, 2.0, -1e6, 1e6, 1e300, -1e300}) {
    EXPECT_SAYS("unknown: in state 0", said(claim({0}, {wrong}, {1})));
    EXPECT_SAYS("unknown: in state 0", said(claim({0}, {1}, {wrong})));
  }
  EXPECT_SAYS("expected finite numbers", said(claim({0}, {1}, {-DBL_MAX})));
  EXPECT_SAYS("expected finite numbers", said(claim({0}, {DBL_MAX}, {1})));
  EXPECT_SAYS("unknown: ", said(claim({DBL_MAX}, {1}, {1})));
  // With a bonus for staying, no evidence will do; with one that is no potential's and harmless, neither.
  for (double bonus : {0.8, 0.01}) {
    table.transitions[1].bonus = bonus;
    for (double p : {0.0, -0.01, 0.01, -0.8, 1e9})
      for (double v : {0.0, 1.0, 1.6, 1e9})
        EXPECT_SAYS("unknown: no potential was found", said(claim({p}, {1}, {v})));
  }
}

TEST(RewardShaping, ALargeConstantExplainsNothing) {
  // A ring whose discount is so near to 1 that any constant is nearly a potential of 0; the bonus is of one step only.
  TransitionTable table{2, 1, 1 - 0x1p-23, {{1, false, 0, 0.01}, {0, false, 0, 0}}};
  for (double constant : {0.0, 1.0, 1e3, 1e6, 1e9, 1e12}) {
    std::vector<double> all(2, constant), none(2, 0);
    llvm::json::Value claimed = claim(all, none, none);
    EXPECT_SAYS("unknown: no potential was found", show(provePotentialBased(table, &claimed)));
  }
}

TEST(RewardShaping, EditedEvidenceHoldsOfNothingElse) {
  // Evidence of a table, edited at random, for another one whose bonus has no potential.
  Philox random(5);
  for (int n = 0; n < 2000; ++n) {
    TransitionTable table = drawTable(random);
    shape(table, random);
    TransitionTable other = table;
    other.transitions[random.below(table.transitions.size())].bonus += random.below(2) ? 1e-3 : -1e-3;
    ByIteration own(other, false), shaped(other, true);
    std::vector<double> potential;
    for (size_t s = 0; s < own.values.size(); ++s)
      potential.push_back(own.values[s] - shaped.values[s]);
    std::vector<double> *lists[] = {&potential, &own.values, &shaped.values};
    for (uint64_t edits = random.below(4); edits; --edits) {
      std::vector<double> &list = *lists[random.below(3)];
      list[random.below(list.size())] += std::exp(10 * random.normal() - 5) * (random.below(2) ? 1 : -1);
    }
    llvm::json::Value claimed = claim(potential, own.values, shaped.values);
    EXPECT_SAYS("unknown: ", show(provePotentialBased(other, &claimed)));
  }
}

//===--- Programs ---------------------------------------------------------------===//

std::string gridworld() {
  auto buffer = llvm::MemoryBuffer::getFile(SELFOPT_SOURCE_DIR "/docs/examples/gridworld.mlir");
  return buffer ? (*buffer)->getBuffer().str() : "";
}
std::string replaced(std::string text, StringRef from, StringRef to) {
  size_t at = text.find(from.str());
  EXPECT_NE(at, std::string::npos) << from.str();
  return at == std::string::npos ? text : text.replace(at, from.size(), to.str());
}
/// The example with another end of its reward, behind %before and %after, which are minus the steps that are left.
std::string withEnd(StringRef end) {
  std::string text = gridworld();
  size_t from = text.find("    %p = arith.sitofp"), to = text.find("    selfopt.return %f : f32");
  return text.substr(0, from) + end.str() + "\n" + text.substr(to);
}
std::string prove(const std::string &text, bool isSealed = true) {
  OwningOpRef<ModuleOp> spec = parse(text);
  if (!spec)
    return "does not parse:\n" + text;
  SmallVector<Operation *> sealed;
  if (isSealed)
    sealed.push_back(spec->lookupSymbol("grid"));
  return show(provePotentialBased(spec->lookupSymbol("nearer"), *spec, sealed));
}

TEST(RewardShaping, Gridworld) {
  EXPECT_SAYS("holds: a potential in [-18, ", prove(gridworld()));
  // Without f32's roundings there would be no potential but this.
  for (const char *discount : {"0.5", "0.99", "0.999", "0.9999"}) {
    std::string text = replaced(replaced(gridworld(), "discount(0.95)", std::string("discount(") + discount + ")"),
                                "0.95 : f32", std::string(discount) + " : f32");
    EXPECT_SAYS("holds: ", prove(text));
  }
  // Steps forward pay, steps back cost nothing: to and fro is better than there.
  std::string progress = prove(withEnd(R"(
    %steps = arith.subi %after, %before : i32
    %s = arith.sitofp %steps : i32 to f32
    %zero = arith.constant 0.0 : f32
    %most = arith.constant 2.5 : f32
    %forward = arith.maximumf %s, %zero : f32
    %f = arith.mulf %most, %forward : f32)"));
  EXPECT_SAYS("violated: in state 89 action 2 is best, worth 1 against 0.9025 of action 0; with the bonus action 0 is, "
              "worth 24.359 against "
              "3.5, and the way becomes 0 2 0, round 79 -> 89 -> 79 for ever",
              progress);
  // Nothing is a potential's, too.
  EXPECT_SAYS("holds: a potential in [0, 0]", prove(withEnd("    %f = arith.constant 0.0 : f32")));
  // A living, or what it costs, is none where episodes end; the bonus of an action nowhere.
  EXPECT_SAYS("violated: in state", prove(withEnd("    %f = arith.constant 1.0 : f32")));
  EXPECT_SAYS("violated: from state", prove(withEnd("    %f = arith.constant -0.01 : f32")));
  EXPECT_SAYS("violated: ", prove(withEnd("    %f = arith.sitofp %action : i32 to f32")));
  // A potential that is not 0 at the end.
  EXPECT_SAYS("violated: ", prove(replaced(gridworld(), "arith.constant 18", "arith.constant 17")));
  // Without its discount, it is another bonus.
  EXPECT_SAYS("violated: ", prove(replaced(gridworld(), "0.95 : f32", "1.0 : f32")));
}

TEST(RewardShaping, TheTableIsWhatTheInterpreterSays) {
  OwningOpRef<ModuleOp> spec = parse(gridworld());
  auto reward = spec->lookupSymbol<RewardOp>("nearer");
  auto environment = spec->lookupSymbol<EnvironmentOp>("grid");
  std::string why;
  std::optional<TransitionTable> table = readTable(reward, environment, why);
  ASSERT_TRUE(table) << why;
  ASSERT_EQ(table->transitions.size(), 400u);
  for (int64_t s = 0; s < 100; ++s)
    for (int64_t a = 0; a < 4; ++a) {
      using reference::Tensor;
      SmallVector<Tensor> told, paid;
      ASSERT_TRUE(
          succeeded(reference::Interpreter().call(environment, {Tensor::scalarInt(s), Tensor::scalarInt(a)}, told)));
      ASSERT_TRUE(succeeded(
          reference::Interpreter().call(reward, {Tensor::scalarInt(s), Tensor::scalarInt(a), told[0]}, paid)));
      const auto &t = table->transitions[size_t(4 * s + a)];
      EXPECT_EQ(t.next, told[0].integers[0]);
      EXPECT_EQ(t.reward, told[1].floats[0]);
      EXPECT_EQ(t.done, told[2].integers[0] != 0);
      EXPECT_EQ(t.bonus, paid[0].floats[0]);
    }
}

TEST(RewardShaping, Mutants) {
  // What a search makes of it: chains of edits, until one leads out of what can be repaired. What holds of them does by
  // another way of computing it.
  int verdicts[3] = {}, others = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    OwningOpRef<ModuleOp> spec = parse(gridworld()), lineage = ModuleOp::create(UnknownLoc::get(&context()));
    Philox random(seed);
    MutationScope scope;
    scope.objective.push_back(FlatSymbolRefAttr::get(&context(), "nearer"));
    for (uint64_t n = 0; n <= seed % 3; ++n)
      mutate(*spec, scope, random, *lineage->getBody());
    auto reward = spec->lookupSymbol<RewardOp>("nearer");
    ProofResult result = provePotentialBased(reward, *spec, {spec->lookupSymbol("grid")});
    ++verdicts[int(result.verdict)];
    std::string why;
    std::optional<TransitionTable> table = readTable(reward, spec->lookupSymbol<EnvironmentOp>("grid"), why);
    if (result.verdict != Verdict::Holds)
      continue;
    ASSERT_TRUE(table) << why;
    expectKept(*table, printSpec(*lineage));
    others += std::abs(table->transitions[0].bonus - 0.9) > 1e-6;
  }
  // Most edits touch one side of the difference, which makes another potential of it, or none.
  EXPECT_GT(verdicts[int(Verdict::Holds)], 5);
  EXPECT_GT(verdicts[int(Verdict::Violated)], 200);
  EXPECT_GT(others, 0);
}

TEST(RewardShaping, Roundings) {
  // Another potential, of numbers that f32 can't hold: a third of the squared steps that are left.
  std::string text = withEnd(R"(
    %b = arith.sitofp %before : i32 to f32
    %a = arith.sitofp %after : i32 to f32
    %three = arith.constant 3.0 : f32
    %bb = arith.mulf %b, %b : f32
    %aa = arith.mulf %a, %a : f32
    %p = arith.divf %bb, %three : f32
    %q = arith.divf %aa, %three : f32
    %d = arith.mulf %discount, %q : f32
    %f = arith.subf %d, %p : f32)");
  EXPECT_SAYS("holds: ", prove(text));
  // What is earned may be so little that even roundings change what is best.
  std::string poor = replaced(text, "%reward = arith.uitofp %done : i1 to f32",
                              "%some = arith.uitofp %done : i1 to f32\n%little = arith.constant 1.0e-7 : f32\n%reward "
                              "= arith.mulf %some, %little : f32");
  std::string said = prove(poor);
  EXPECT_SAYS("violated: in state ", said);
  EXPECT_EQ(said.find("of a potential, all ways"), std::string::npos) << said;
}

TEST(RewardShaping, EndlessAndApart) {
  // Two rings of five states: forward or stay. Nothing ends, so a constant is the difference of a constant potential.
  std::string text = R"(
    selfopt.environment @grid(%state: i32, %action: i32) -> (i32, f32, i1) states(10) actions(2) discount(0.9) {
      %five = arith.constant 5 : i32
      %ring = arith.divui %state, %five : i32
      %start = arith.muli %ring, %five : i32
      %to = arith.addi %state, %action : i32
      %place = arith.remui %to, %five : i32
      %next = arith.addi %start, %place : i32
      %done = arith.constant false
      %home = arith.cmpi eq, %place, %ring : i32
      %reward = arith.uitofp %home : i1 to f32
      selfopt.return %next, %reward, %done : i32, f32, i1
    }
    selfopt.reward @nearer(%state: i32, %action: i32, %next: i32) -> f32 environment(@grid) {
      %f = arith.constant -0.1 : f32
      selfopt.return %f : f32
    })";
  EXPECT_SAYS("holds: a potential in [1, 1] gives the bonus of all 20 transitions", prove(text));
  // Of the second ring alone, too; but not on one of its steps.
  std::string ring = replaced(text, "%f = arith.constant -0.1 : f32",
                              "%four = arith.constant 4 : i32\n%second = arith.cmpi sgt, %state, %four : i32\n%f = "
                              "arith.uitofp %second : i1 to f32");
  EXPECT_SAYS("holds: a potential in [-10, 0]", prove(ring));
  EXPECT_SAYS("violated: ", prove(replaced(ring, "sgt, %state, %four", "eq, %next, %four")));
}

TEST(RewardShaping, Refusals) {
  EXPECT_EQ(prove(gridworld(), false),
            "unknown: its environment @grid is not sealed: what judges a reward must not change");
  OwningOpRef<ModuleOp> spec = parse(gridworld());
  EXPECT_EQ(show(provePotentialBased(spec->lookupSymbol("grid"), *spec, {spec->lookupSymbol("grid")})),
            "unknown: @grid is no selfopt.reward");
  // Another environment than the reward had when the policy was fixed.
  OwningOpRef<ModuleOp> other = parse(replaced(
      replaced(replaced(gridworld(), "@grid(%state", "@other(%state"), "environment(@grid)", "environment(@other)"),
      "seal @grid", "seal @other"));
  ASSERT_TRUE(other);
  EXPECT_EQ(show(provePotentialBased(other->lookupSymbol("nearer"), *spec, {spec->lookupSymbol("grid"), spec->lookupSymbol("other")})),
            "unknown: expected a reward of @grid, found one of @other");
  // A bonus that is no number, and one that can't be computed.
  EXPECT_EQ(prove(withEnd("    %zero = arith.constant 0.0 : f32\n    %f = arith.divf %zero, %zero : f32")),
            "violated: the bonus is NaN in state 0 by action 0");
  EXPECT_EQ(prove(withEnd("    %b = arith.sitofp %before : i32 to f32\n    %one = arith.constant 1.0 : f32\n    %f = "
                          "arith.divf %one, %b : f32")),
            "violated: the bonus is infinite in state 99 by action 0");
  EXPECT_SAYS("unknown: the bonus can't be computed in state 0 by action 0: ",
              prove(withEnd("    %k = arith.divui %ten, %action : i32\n    %f = arith.sitofp %k : i32 to f32")));
  EXPECT_EQ(prove(withEnd("    %v = arith.constant dense<1.0> : tensor<2xf32>\n    %w = arith.negf %v : tensor<2xf32>\n    "
                          "%f = arith.sitofp %before : i32 to f32")),
            "unknown: the bonus can't be computed in state 0 by action 0: expected ops on scalars, element by element");
  // An environment that is none.
  EXPECT_EQ(prove(replaced(gridworld(), "%nine = arith.constant 9", "%nine = arith.constant 10")),
            "unknown: expected next states of @grid from 0 to 99, found 100 in state 90 by action 2");
  EXPECT_EQ(prove(replaced(gridworld(), "%reward = arith.uitofp %done : i1 to f32",
                           "%k = arith.uitofp %done : i1 to f32\n%reward = math.log %k : f32")),
            "unknown: expected finite rewards of @grid, found -infinite in state 0 by action 0");
  EXPECT_SAYS(
      "unknown: @grid can't be run in state 3 by action 0: ",
      prove(replaced(
          gridworld(), "%row = arith.muli %y3, %ten : i32",
          "%k = arith.subi %x, %three : i32\n%e = arith.divsi %ten, %k : i32\n%row = arith.muli %y3, %ten : i32")));
  // Numbers at the edge of f32: sums of them are still numbers of f64.
  EXPECT_SAYS("violated: ", prove(withEnd("    %a = arith.sitofp %action : i32 to f32\n    %huge = arith.constant "
                                          "1.0e38 : f32\n    %f = arith.mulf %a, %huge : f32")));
  // By way of an index, which is a number as others are.
  EXPECT_SAYS("holds: ", prove(replaced(gridworld(), "    %row = arith.muli %y3, %ten : i32",
                                        "    %i = arith.index_cast %y3 : i32 to index\n    %y4 = arith.index_cast %i : "
                                        "index to i32\n    %row = arith.muli %y4, %ten : i32")));
}

} // namespace
