//===- Strategy.cpp - Random search, hill climbing, aging evolution, islands -------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Search/Strategy.h"
#include "SelfOpt/Dialect/Evolve/Strategies.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <deque>
#include <optional>

using namespace selfopt;

namespace {

/// The baseline that every other strategy is held against.
class RandomStrategy : public Strategy {
  Proposal ask(int64_t, Philox &random) override { return {0, 1 + unsigned(random.below(4))}; }
  void tell(int64_t, const TrialResult *) override {}
};

/// Mutates the incumbent; a child that is not worse takes its place. After `patience` results without an improvement it
/// starts again from the spec.
class HillStrategy : public Strategy {
public:
  explicit HillStrategy(int64_t patience) : patience(patience) {}

  Proposal ask(int64_t, Philox &random) override {
    // Children of the climb before the last restart may still be under way: they belong to no later one.
    climbs.push_back(climb);
    return {incumbent, random.below(4) == 0 ? 2u : 1u};
  }

  void tell(int64_t id, const TrialResult *result) override {
    int64_t of = climbs.front();
    climbs.pop_front();
    if (id == 0) {
      if (result)
        spec = best = result->fitness;
      return;
    }
    if (of != climb)
      return;
    if (result && (!best || result->fitness <= *best)) {
      bool better = !best || result->fitness < *best;
      incumbent = id;
      best = result->fitness;
      if (better) {
        stale = 0;
        return;
      }
    }
    if (++stale < patience)
      return;
    incumbent = 0;
    best = spec;
    stale = 0;
    ++climb;
  }

private:
  int64_t patience, incumbent = 0, stale = 0, climb = 0;
  std::optional<Fitness> spec, best;
  std::deque<int64_t> climbs; ///< Of the candidates that were asked for and not told.
};

struct Member {
  int64_t id;
  Fitness fitness;
};

/// A queue of the last `population` candidates; the best of a random `tournament` among them is the parent.
class AgingQueue {
public:
  AgingQueue(int64_t population, int64_t tournament, int64_t crossover)
      : population(population), tournament(tournament), crossover(crossover) {}
  bool empty() const { return members.empty(); }

  Proposal draw(Philox &random) const {
    Proposal proposal;
    proposal.parent = drawParent(random);
    proposal.mutations = random.below(4) == 0 ? 2 : 1;
    if (crossover && int64_t(random.below(100)) < crossover)
      if (int64_t donor = drawParent(random); donor != proposal.parent)
        proposal.donor = donor;
    return proposal;
  }

  void push(Member member) {
    members.push_back(std::move(member));
    if (int64_t(members.size()) > population)
      members.pop_front();
  }

  /// Among equals the oldest.
  const Member &best() const {
    return *std::min_element(members.begin(), members.end(),
                             [](const Member &a, const Member &b) { return a.fitness < b.fitness; });
  }

private:
  int64_t drawParent(Philox &random) const {
    const Member *best = nullptr;
    for (int64_t i = 0; i < tournament; ++i) {
      const Member &member = members[random.below(members.size())];
      if (!best || member.fitness < best->fitness)
        best = &member;
    }
    return best->id;
  }

  int64_t population, tournament, crossover;
  std::deque<Member> members;
};

/// Regularised evolution (Real, Aggarwal, Huang and Le 2019). The queue fills from the spec.
class AgingStrategy : public Strategy {
public:
  AgingStrategy(int64_t population, int64_t tournament, int64_t crossover)
      : population(population), queue(population, tournament, crossover) {}

  Proposal ask(int64_t id, Philox &random) override {
    // The first generation: the spec's near neighbours.
    if (id < population || queue.empty())
      return {0, 1 + unsigned(random.below(3))};
    return queue.draw(random);
  }

  void tell(int64_t id, const TrialResult *result) override {
    if (result)
      queue.push({id, result->fitness});
  }

private:
  int64_t population;
  AgingQueue queue;
};

/// Candidate i belongs to island i mod n. After every `every` results the best of each island joins the next one as its
/// youngest member; all bests are taken before any moves.
class IslandsStrategy : public Strategy {
public:
  IslandsStrategy(int64_t islands, int64_t every, int64_t population, int64_t tournament, int64_t crossover)
      : every(every), population(population), queues(islands, AgingQueue(population, tournament, crossover)) {}

  Proposal ask(int64_t id, Philox &random) override {
    const AgingQueue &queue = queues[id % queues.size()];
    if (id / int64_t(queues.size()) < population || queue.empty())
      return {0, 1 + unsigned(random.below(3))};
    return queue.draw(random);
  }

  void tell(int64_t id, const TrialResult *result) override {
    if (result)
      queues[id % queues.size()].push({id, result->fitness});
    if ((id + 1) % every)
      return;
    std::vector<std::optional<Member>> bests;
    for (const AgingQueue &queue : queues)
      bests.push_back(queue.empty() ? std::nullopt : std::optional<Member>(queue.best()));
    for (size_t i = 0; i < bests.size(); ++i)
      if (bests[i])
        queues[(i + 1) % queues.size()].push(*bests[i]);
  }

private:
  int64_t every, population;
  std::vector<AgingQueue> queues;
};

} // namespace

std::unique_ptr<Strategy> selfopt::makeRandomStrategy() { return std::make_unique<RandomStrategy>(); }
std::unique_ptr<Strategy> selfopt::makeHillStrategy(int64_t patience) {
  return std::make_unique<HillStrategy>(patience);
}
std::unique_ptr<Strategy> selfopt::makeAgingStrategy(int64_t population, int64_t tournament, int64_t crossover) {
  return std::make_unique<AgingStrategy>(population, tournament, crossover);
}
std::unique_ptr<Strategy> selfopt::makeIslandsStrategy(int64_t islands, int64_t every, int64_t population,
                                                       int64_t tournament, int64_t crossover) {
  return std::make_unique<IslandsStrategy>(islands, every, population, tournament, crossover);
}

std::unique_ptr<Strategy> selfopt::makeStrategy(const StrategySettings &s) {
  auto of = [&](const char *name) {
    auto it = s.parameters.find(name);
    if (it != s.parameters.end())
      return it->second;
    const evolve::StrategyKind *kind = evolve::findStrategy(s.name);
    for (const evolve::StrategyParameter &p : kind ? kind->parameters : llvm::ArrayRef<evolve::StrategyParameter>())
      if (p.name == name)
        return p.initial;
    return int64_t(1);
  };
  using Make = std::unique_ptr<Strategy> (*)(const StrategySettings &, llvm::function_ref<int64_t(const char *)>);
  using Of = llvm::function_ref<int64_t(const char *)>;
  static const std::pair<llvm::StringRef, Make> makers[] = {
      {"random", [](const StrategySettings &, Of) { return makeRandomStrategy(); }},
      {"hill", [](const StrategySettings &, Of of) { return makeHillStrategy(of("patience")); }},
      {"aging",
       [](const StrategySettings &, Of of) {
         return makeAgingStrategy(of("population"), of("tournament"), of("crossover"));
       }},
      {"nsga2",
       [](const StrategySettings &, Of of) { return makeNsga2Strategy(of("population"), of("crossover")); }},
      {"map_elites", [](const StrategySettings &s, Of of) { return makeMapElitesStrategy(of("initial"), s.axes); }},
      {"islands",
       [](const StrategySettings &, Of of) {
         return makeIslandsStrategy(of("islands"), of("every"), of("population"), of("tournament"), of("crossover"));
       }},
      {"asha", [](const StrategySettings &, Of of) { return makeAshaStrategy(of("reduction"), of("rungs")); }},
      {"pbt",
       [](const StrategySettings &s, Of of) {
         return makePbtStrategy(of("population"), of("interval"), of("grow"), s.epochs);
       }},
  };
  for (auto &[name, make] : makers)
    if (name == s.name)
      return make(s, of);
  return nullptr;
}
