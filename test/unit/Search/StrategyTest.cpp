//===- StrategyTest.cpp - Who is the next parent ------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Search/Strategy.h"
#include "gtest/gtest.h"
#include <set>

using namespace selfopt;

namespace {

void tell(Strategy &strategy, int64_t id, Fitness fitness) { strategy.tell(id, &fitness); }

TEST(Strategy, RandomAlwaysMutatesTheSpec) {
  auto strategy = makeRandomStrategy();
  std::set<unsigned> mutations;
  for (int64_t id = 1; id < 200; ++id) {
    Philox random(1, id);
    Proposal p = strategy->ask(id, random);
    EXPECT_EQ(p.parent, 0);
    mutations.insert(p.mutations);
    tell(*strategy, id, {-double(id)});
  }
  EXPECT_EQ(mutations, (std::set<unsigned>{1, 2, 3, 4}));
}

TEST(Strategy, AgingFillsFromTheSpec) {
  auto strategy = makeAgingStrategy(10, 3);
  for (int64_t id = 1; id < 10; ++id) {
    Philox random(1, id);
    EXPECT_EQ(strategy->ask(id, random).parent, 0);
    tell(*strategy, id, {double(id)});
  }
  Philox random(1, 10);
  EXPECT_NE(strategy->ask(10, random).parent, 0);
  // A queue that stays empty has no parent to give.
  auto empty = makeAgingStrategy(2, 1);
  for (int64_t id = 0; id < 5; ++id)
    empty->tell(id, nullptr);
  Philox other(1, 5);
  EXPECT_EQ(empty->ask(5, other).parent, 0);
}

TEST(Strategy, AgingTakesTheBestOfItsTournament) {
  // A tournament of everybody: with 200 draws of 8 members, all are in it.
  auto strategy = makeAgingStrategy(8, 200);
  const double scores[] = {5, 3, 9, -2, 7, 8, 4, 6};
  for (int64_t id = 0; id < 8; ++id)
    tell(*strategy, id, {scores[id], 0});
  for (int64_t id = 8; id < 30; ++id) {
    Philox random(3, id);
    EXPECT_EQ(strategy->ask(id, random).parent, 3);
  }
  // The second number decides among equal firsts, and a smaller first beats any second.
  tell(*strategy, 8, {-2, -1});
  Philox random(3, 30);
  EXPECT_EQ(strategy->ask(30, random).parent, 8);
  tell(*strategy, 9, {-2.5, 1000});
  Philox again(3, 31);
  EXPECT_EQ(strategy->ask(31, again).parent, 9);
}

TEST(Strategy, AgingForgets) {
  auto strategy = makeAgingStrategy(4, 200);
  tell(*strategy, 0, {-100});
  for (int64_t id = 1; id < 4; ++id)
    tell(*strategy, id, {double(id)});
  Philox first(3, 4);
  EXPECT_EQ(strategy->ask(4, first).parent, 0);
  tell(*strategy, 4, {50}); // the fifth: number 0 is too old, however good it is
  Philox second(3, 5);
  EXPECT_EQ(strategy->ask(5, second).parent, 1);
}

TEST(Strategy, AgingIgnoresTheRejected) {
  auto strategy = makeAgingStrategy(4, 200);
  for (int64_t id = 0; id < 4; ++id)
    tell(*strategy, id, {double(id)});
  for (int64_t id = 4; id < 40; ++id)
    strategy->tell(id, nullptr); // they don't age the others, and are no parents
  Philox random(3, 40);
  EXPECT_EQ(strategy->ask(40, random).parent, 0);
}

TEST(Strategy, TiesGoToTheFirstDrawn) {
  auto strategy = makeAgingStrategy(5, 4);
  for (int64_t id = 0; id < 5; ++id)
    tell(*strategy, id, {1, 1});
  for (int64_t id = 5; id < 60; ++id) {
    Philox random(9, id), same(9, id);
    EXPECT_EQ(strategy->ask(id, random).parent, int64_t(same.below(5)));
  }
}

TEST(Strategy, SmallTournamentsAreNotAlwaysWon) {
  auto strategy = makeAgingStrategy(50, 2);
  for (int64_t id = 0; id < 50; ++id)
    tell(*strategy, id, {double(id)});
  std::set<int64_t> parents;
  for (int64_t id = 50; id < 250; ++id) {
    Philox random(1, id);
    Proposal p = strategy->ask(id, random);
    EXPECT_TRUE(p.mutations == 1 || p.mutations == 2);
    parents.insert(p.parent);
  }
  EXPECT_GT(parents.size(), 15u);
}

TEST(Strategy, SameResultsSameAnswers) {
  auto a = makeAgingStrategy(6, 3), b = makeAgingStrategy(6, 3);
  for (int64_t id = 0; id < 100; ++id) {
    Philox forA(5, id), forB(5, id);
    Proposal p = a->ask(id, forA), q = b->ask(id, forB);
    EXPECT_EQ(p.parent, q.parent);
    EXPECT_EQ(p.mutations, q.mutations);
    Philox score(6, id);
    Fitness fitness{score.uniform()};
    a->tell(id, id % 7 ? &fitness : nullptr);
    b->tell(id, id % 7 ? &fitness : nullptr);
  }
}

} // namespace
