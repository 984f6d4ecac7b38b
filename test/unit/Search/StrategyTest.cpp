//===- StrategyTest.cpp - Who is the next parent ------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Search/Strategy.h"
#include "SelfOpt/Dialect/Evolve/Strategies.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"
#include <cmath>
#include <set>

using namespace selfopt;

namespace {

TrialResult resultWith(Fitness fitness) {
  TrialResult result;
  result.fitness = std::move(fitness);
  return result;
}
void tell(Strategy &strategy, int64_t id, Fitness fitness) {
  TrialResult result = resultWith(std::move(fitness));
  strategy.tell(id, &result);
}
/// Asks for candidate `id`, with the random numbers that a search of seed 3 has for it.
Proposal ask(Strategy &strategy, int64_t id) {
  Philox random(3, id);
  return strategy.ask(id, random);
}

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
    TrialResult result = resultWith({score.uniform()});
    a->tell(id, id % 7 ? &result : nullptr);
    b->tell(id, id % 7 ? &result : nullptr);
  }
}

//===--- Hill climbing -------------------------------------------------------===//

TEST(Strategy, HillAcceptsWhatIsNotWorse) {
  auto strategy = makeHillStrategy(100);
  EXPECT_EQ(ask(*strategy, 0).parent, 0);
  tell(*strategy, 0, {5});
  EXPECT_EQ(ask(*strategy, 1).parent, 0);
  tell(*strategy, 1, {6}); // worse
  EXPECT_EQ(ask(*strategy, 2).parent, 0);
  tell(*strategy, 2, {5}); // equal
  EXPECT_EQ(ask(*strategy, 3).parent, 2);
  tell(*strategy, 3, {4}); // better
  EXPECT_EQ(ask(*strategy, 4).parent, 3);
  strategy->tell(4, nullptr);
  EXPECT_EQ(ask(*strategy, 5).parent, 3);
}

TEST(Strategy, HillStartsAgainWhereItIsStuck) {
  auto strategy = makeHillStrategy(3);
  ask(*strategy, 0);
  tell(*strategy, 0, {5});
  ask(*strategy, 1);
  tell(*strategy, 1, {1});
  // A plateau is no improvement, though it may be walked on; nor is what fails.
  for (int64_t id = 2; id < 4; ++id) {
    EXPECT_EQ(ask(*strategy, id).parent, id - 1);
    tell(*strategy, id, {1});
  }
  EXPECT_EQ(ask(*strategy, 4).parent, 3);
  EXPECT_EQ(ask(*strategy, 5).parent, 3);
  strategy->tell(4, nullptr); // the third without an improvement
  EXPECT_EQ(ask(*strategy, 6).parent, 0);
  // Number 5 was a child of the old climb: it does not drag the new one back.
  tell(*strategy, 5, {0});
  EXPECT_EQ(ask(*strategy, 7).parent, 0);
  tell(*strategy, 6, {4});
  EXPECT_EQ(ask(*strategy, 8).parent, 6);
}

//===--- Several objectives --------------------------------------------------===//

TEST(Strategy, Dominance) {
  EXPECT_TRUE(dominates({1, 2}, {1, 3}));
  EXPECT_TRUE(dominates({0, 2}, {1, 3}));
  EXPECT_FALSE(dominates({1, 2}, {1, 2}));
  EXPECT_FALSE(dominates({0, 4}, {1, 3}));
}

TEST(Strategy, Fronts) {
  // By hand: (1,4), (2,2), (4,1) are beaten by nobody; (3,3) and (2,5) by somebody of the first front; (5,5) by all.
  std::vector<Fitness> members{{3, 3}, {1, 4}, {5, 5}, {2, 2}, {4, 1}, {2, 5}};
  EXPECT_EQ(nonDominatedFronts(members), (std::vector<int64_t>{1, 0, 2, 0, 0, 1}));
  // Against the definition: a front is what is left undominated when the ones before it are gone.
  for (int trial = 0; trial < 50; ++trial) {
    Philox random(7, trial);
    std::vector<Fitness> points;
    for (int i = 0; i < 30; ++i)
      points.push_back({double(random.below(6)), double(random.below(6)), double(random.below(3))});
    std::vector<int64_t> front = nonDominatedFronts(points);
    for (size_t i = 0; i < points.size(); ++i) {
      int64_t deepest = -1;
      for (size_t j = 0; j < points.size(); ++j)
        if (dominates(points[j], points[i]))
          deepest = std::max(deepest, front[j]);
      EXPECT_EQ(front[i], deepest + 1);
    }
  }
}

TEST(Strategy, TheParetoFrontIsWhatNothingDominates) {
  Philox random(3);
  std::vector<Fitness> members;
  ParetoFront front;
  for (int64_t i = 0; i < 300; ++i) {
    members.push_back({double(random.below(9)), double(random.below(9)), double(random.below(9))});
    front.add(i, members.back());
  }
  std::set<int64_t> listed;
  std::vector<ParetoFront::Entry> sorted = front.sorted();
  for (size_t k = 0; k < sorted.size(); ++k) {
    listed.insert(sorted[k].id);
    EXPECT_EQ(sorted[k].fitness, members[size_t(sorted[k].id)]);
    if (k)
      EXPECT_LT(sorted[k - 1].fitness, sorted[k].fitness);
  }
  for (int64_t i = 0; i < 300; ++i) {
    const Fitness &own = members[size_t(i)];
    bool beaten = llvm::any_of(members, [&](const Fitness &other) { return dominates(other, own); });
    bool first = llvm::find(members, own) - members.begin() == i;
    EXPECT_EQ(listed.count(i) != 0, !beaten && first) << i;
  }
}

TEST(Strategy, Crowding) {
  // Along x: 0, 1, 4, 10; along y: 9, 6, 5, 0. Ends are infinite; the others the sides of their box, over the extents.
  std::vector<double> distance = crowdingDistances({{0, 9}, {4, 5}, {1, 6}, {10, 0}});
  EXPECT_EQ(distance[0], HUGE_VAL);
  EXPECT_EQ(distance[3], HUGE_VAL);
  EXPECT_DOUBLE_EQ(distance[1], 9.0 / 10 + 6.0 / 9);
  EXPECT_DOUBLE_EQ(distance[2], 4.0 / 10 + 4.0 / 9);
  // Of equals, one is the end.
  distance = crowdingDistances({{0, 1}, {0, 1}, {1, 0}});
  EXPECT_EQ(std::isinf(distance[0]) + std::isinf(distance[1]), 1);
}

TEST(Strategy, Nsga2KeepsTheFront) {
  auto strategy = makeNsga2Strategy(4);
  // Five that nobody beats and some that are beaten; the crowded one of the five goes.
  const Fitness results[] = {{0, 10}, {20, 20}, {10, 0}, {30, 30}, {5, 5}, {5.1, 4.9}, {2, 7}};
  for (int64_t id = 0; id < 7; ++id)
    tell(*strategy, id, results[id]);
  std::set<int64_t> parents;
  for (int64_t id = 7; id < 200; ++id)
    parents.insert(ask(*strategy, id).parent);
  EXPECT_TRUE(parents.count(0) && parents.count(2) && parents.count(6));
  EXPECT_FALSE(parents.count(1) || parents.count(3));
  EXPECT_EQ(parents.size(), 4u);
}

TEST(Strategy, MapElitesKeepsTheBestOfEachCell) {
  auto strategy = makeMapElitesStrategy(1, {{"parameters", 10, 1000, 2, true}});
  auto trial = [&](int64_t id, int64_t parameters, double fitness) {
    TrialResult result = resultWith({fitness});
    result.parameters = parameters;
    strategy->tell(id, &result);
  };
  trial(0, 10, 5);
  trial(1, 99, 4);  // the same cell, better
  trial(2, 99, 4);  // equal: the first stays
  trial(3, 101, 9); // the other cell
  trial(4, 50, 8);  // the first one, worse
  std::set<int64_t> parents;
  for (int64_t id = 5; id < 100; ++id)
    parents.insert(ask(*strategy, id).parent);
  EXPECT_EQ(parents, (std::set<int64_t>{1, 3}));
}

TEST(Strategy, CellsOfAnAxis) {
  TrialResult r;
  StrategyAxis linear{"metric", 0, 1, 4, false};
  for (auto [metric, cell] :
       {std::pair<double, int64_t>(0, 0), {0.24, 0}, {0.25, 1}, {0.99, 3}, {1, 3}, {-1e300, 0}, {1e300, 3}}) {
    r.metric = metric;
    EXPECT_EQ(linear.cellOf(r), cell) << metric;
  }
  StrategyAxis log{"memory", 1, 1000, 3, true};
  for (auto [memory, cell] : {std::pair<int64_t, int64_t>(0, 0), {5, 0}, {11, 1}, {101, 2}, {1000000, 2}}) {
    r.memory = memory;
    EXPECT_EQ(log.cellOf(r), cell) << memory;
  }
}

//===--- Islands -------------------------------------------------------------===//

TEST(Strategy, IslandsKeepApartUntilTheyMigrate) {
  auto strategy = makeIslandsStrategy(2, 8, 3, 50);
  for (int64_t id = 0; id < 6; ++id) {
    EXPECT_EQ(ask(*strategy, id).parent, 0);
    tell(*strategy, id, {double(10 - id)});
  }
  // The best of the even ones is 4, of the odd ones 5.
  EXPECT_EQ(ask(*strategy, 6).parent, 4);
  EXPECT_EQ(ask(*strategy, 7).parent, 5);
  tell(*strategy, 6, {20});
  tell(*strategy, 7, {20}); // the eighth: 4 goes to the odd island, 5 to the even one, at the same time
  EXPECT_EQ(ask(*strategy, 8).parent, 5);
  EXPECT_EQ(ask(*strategy, 9).parent, 5);
}

//===--- Budgets -------------------------------------------------------------===//

TEST(Strategy, AshaPromotesTheBestThird) {
  auto strategy = makeAshaStrategy(3, 3);
  EXPECT_TRUE(strategy->pauses());
  for (int64_t id = 0; id < 3; ++id) {
    Proposal p = ask(*strategy, id);
    EXPECT_EQ(p.continues, -1);
    EXPECT_DOUBLE_EQ(p.budget, 1.0 / 9);
    tell(*strategy, id, {double(10 - id)});
  }
  // One of three: the best, which is number 2.
  Proposal p = ask(*strategy, 3);
  EXPECT_EQ(p.parent, 2);
  EXPECT_EQ(p.continues, 2);
  EXPECT_EQ(p.mutations, 0u);
  EXPECT_DOUBLE_EQ(p.budget, 1.0 / 3);
  // Nobody else may: a new one.
  EXPECT_EQ(ask(*strategy, 4).continues, -1);
  tell(*strategy, 3, {1});
  EXPECT_EQ(strategy->takeDone(), (std::vector<int64_t>{2}));
  strategy->tell(4, nullptr); // does not count
  // Three on the second rung let one train to the end.
  int64_t id = 5;
  for (int64_t whole = 0; !whole && id < 60; ++id) {
    Proposal next = ask(*strategy, id);
    if (next.budget == 1) {
      EXPECT_EQ(next.continues, 3) << "the best of the second rung";
      whole = id;
    }
    tell(*strategy, id, {100.0 + double(id)});
  }
  EXPECT_LT(id, 30);
}

TEST(Strategy, AshaSpendsAsMuchOnEachRung) {
  auto strategy = makeAshaStrategy(3, 3);
  std::map<double, int> count;
  for (int64_t id = 0; id < 2000; ++id) {
    ++count[ask(*strategy, id).budget];
    Philox score(8, id);
    tell(*strategy, id, {score.uniform()});
  }
  ASSERT_EQ(count.size(), 3u);
  int low = count.begin()->second, middle = std::next(count.begin())->second, high = count.rbegin()->second;
  EXPECT_NEAR(double(middle) / low, 1.0 / 3, 0.1);
  EXPECT_NEAR(double(high) / middle, 1.0 / 3, 0.1);
}

/// What a member that takes over may not mutate.
Keep explorersKeep(bool grow) {
  auto strategy = makePbtStrategy(10, 5, grow, 20);
  for (int64_t id = 0; id < 10; ++id) {
    EXPECT_EQ(ask(*strategy, id).keep, Keep::Nothing);
    tell(*strategy, id, {double(id)});
  }
  for (int64_t id = 10; id < 18; ++id)
    ask(*strategy, id);
  return ask(*strategy, 18).keep;
}

TEST(Strategy, PbtMembersGoOnOrTakeOver) {
  // Ten members, slices of a quarter; member m is as good as its number.
  for (bool grow : {false, true})
    EXPECT_EQ(explorersKeep(grow), grow ? Keep::Function : Keep::Model);
  auto strategy = makePbtStrategy(10, 5, true, 20);
  for (int64_t id = 0; id < 10; ++id) {
    Proposal p = ask(*strategy, id);
    EXPECT_EQ(p.continues, -1);
    EXPECT_DOUBLE_EQ(p.budget, 0.25);
    tell(*strategy, id, {double(id)});
  }
  for (int64_t id = 10; id < 20; ++id) {
    Proposal p = ask(*strategy, id);
    EXPECT_DOUBLE_EQ(p.budget, 0.5);
    EXPECT_EQ(p.parent, p.continues);
    if (id < 18) {
      EXPECT_EQ(p.continues, id - 10);
      EXPECT_EQ(p.mutations, 0u);
    } else { // the worst fifth takes over one of the best fifth
      EXPECT_TRUE(p.continues == 0 || p.continues == 1);
      EXPECT_EQ(p.mutations, 1u);
      EXPECT_EQ(p.keep, Keep::Function);
    }
  }
  for (int64_t id = 10; id < 20; ++id)
    tell(*strategy, id, {double(id)});
  EXPECT_EQ(strategy->takeDone().size(), 0u);
  // One that has no result takes over, too.
  for (int64_t id = 20; id < 30; ++id) {
    ask(*strategy, id);
    if (id == 23)
      strategy->tell(id, nullptr);
    else
      tell(*strategy, id, {double(id)});
  }
  EXPECT_EQ(strategy->takeDone().size(), 10u);
  EXPECT_EQ(ask(*strategy, 33).mutations, 1u);
  EXPECT_EQ(ask(*strategy, 34).mutations, 0u);
  // After the fourth slice training begins anew.
  for (int64_t id = 35; id < 40; ++id)
    EXPECT_DOUBLE_EQ(ask(*strategy, id).budget, 1);
  for (int64_t id = 30; id < 40; ++id)
    tell(*strategy, id, {double(id)});
  Proposal p = ask(*strategy, 40);
  EXPECT_DOUBLE_EQ(p.budget, 0.25);
  EXPECT_EQ(p.continues, -1);
  EXPECT_TRUE(p.parent == 30 || p.parent == 31);
}

//===--- The table -----------------------------------------------------------===//

TEST(Strategy, EveryRowOfTheTableIsThere) {
  auto page = llvm::MemoryBuffer::getFile(SELFOPT_SOURCE_DIR "/docs/Language.md");
  ASSERT_TRUE(bool(page));
  llvm::StringRef text = (*page)->getBuffer();
  for (const evolve::StrategyKind &kind : evolve::getStrategies()) {
    StrategySettings settings;
    settings.name = kind.name.str();
    for (const evolve::StrategyParameter &p : kind.parameters) {
      settings.parameters[p.name.str()] = p.initial;
      EXPECT_LE(p.low, p.initial);
      EXPECT_LE(p.initial, p.high);
      std::string row = "| `" + kind.name.str() + "` | `" + p.name.str() + "` | " + std::to_string(p.initial) + " | " +
                        std::to_string(p.low) + " to " + std::to_string(p.high) + " | " + p.meaning.str() + " |";
      EXPECT_TRUE(text.contains(row)) << "docs/Language.md has no row\n" << row;
    }
    if (kind.maxAxes)
      settings.axes.push_back({"parameters", 1, 100, 10, true});
    auto strategy = makeStrategy(settings);
    ASSERT_TRUE(strategy) << settings.name;
    EXPECT_EQ(strategy->pauses(), kind.pauses);
    // Whatever happens, parents and what is continued were told before.
    for (int64_t id = 0; id < 300; ++id) {
      Proposal p = ask(*strategy, id);
      EXPECT_LE(p.parent, std::max<int64_t>(0, id - 8));
      EXPECT_LE(p.continues, std::max<int64_t>(-1, id - 8));
      EXPECT_LE(p.donor, std::max<int64_t>(-1, id - 8));
      EXPECT_GT(p.budget, 0);
      EXPECT_LE(p.budget, 1);
      if (id >= 7) {
        Philox score(8, id);
        TrialResult result = resultWith({score.uniform(), score.uniform()});
        strategy->tell(id - 7, score.below(5) ? &result : nullptr);
      }
    }
  }
  EXPECT_FALSE(makeStrategy({"nowhere", {}, {}, 1}));
}

} // namespace
