//===- Budgeted.cpp - Strategies that pause and continue trainings --------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Search/Strategy.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>
#include <deque>

using namespace selfopt;

namespace {

/// Asynchronous successive halving (Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht and Talwalkar 2020).
/// Rung r trains for reduction^(r + 1 - rungs) of a training. Whoever is among the best 1/reduction of a rung is
/// promoted as soon as it is; where nobody is, a new neighbour of the spec enters at rung 0.
class AshaStrategy : public Strategy {
public:
  AshaStrategy(int64_t reduction, int64_t rungs) : reduction(reduction), rungs(rungs) {}

  Proposal ask(int64_t id, Philox &random) override {
    for (size_t r = rungs.size() - 1; r-- > 0;) {
      Rung &rung = rungs[r];
      if (rung.waiting.empty())
        continue;
      const Entry &best = rung.waiting.front();
      int64_t ahead = std::lower_bound(rung.promoted.begin(), rung.promoted.end(), best) - rung.promoted.begin();
      if (ahead >= rung.size / reduction)
        continue;
      Entry entry = best;
      rung.promoted.insert(rung.promoted.begin() + ahead, entry);
      rung.waiting.erase(rung.waiting.begin());
      underWay.push_back({int64_t(r) + 1, entry.second});
      Proposal promotion{entry.second, 0};
      promotion.budget = budgetOf(r + 1);
      promotion.continues = entry.second;
      return promotion;
    }
    underWay.push_back({0, -1});
    Proposal fresh{0, 1 + unsigned(random.below(4))};
    fresh.budget = budgetOf(0);
    return fresh;
  }

  void tell(int64_t id, const TrialResult *result) override {
    Asked asked = underWay.front();
    underWay.pop_front();
    if (asked.from >= 0)
      done.push_back(asked.from); // promoted once, and never again
    if (!result)
      return;
    Rung &rung = rungs[asked.rung];
    ++rung.size;
    if (asked.rung + 1 == int64_t(rungs.size())) {
      done.push_back(id);
      return;
    }
    Entry entry{result->fitness, id};
    rung.waiting.insert(llvm::lower_bound(rung.waiting, entry), entry);
    // One that far down would need thousands of worse ones to come. It counts, and its state may go.
    if (rung.waiting.size() > mostWaiting) {
      done.push_back(rung.waiting.back().second);
      rung.waiting.pop_back();
    }
  }

  bool pauses() const override { return true; }

private:
  using Entry = std::pair<Fitness, int64_t>; ///< Fitness, then id: a total order.
  struct Rung {
    int64_t size = 0;            ///< Results so far.
    std::vector<Entry> waiting;  ///< Not promoted, ascending.
    std::vector<Entry> promoted; ///< Ascending.
  };
  struct Asked {
    int64_t rung, from;
  };
  static constexpr size_t mostWaiting = 1000;

  double budgetOf(size_t rung) const {
    double budget = 1;
    for (size_t r = rung + 1; r < rungs.size(); ++r)
      budget /= double(reduction);
    return budget;
  }

  int64_t reduction;
  std::vector<Rung> rungs;
  std::deque<Asked> underWay; ///< Asked for and not told.
};

/// Population-based training (Jaderberg et al. 2017). Candidate i is member i mod population in its (i / population)-th
/// slice. Before its next slice a member is compared with those that have ended the same slice: one of the worst fifth
/// goes on with the weights and the program of one of the best fifth, whose pipeline or objective is then mutated, or,
/// with `grow`, its model by a mutation that preserves the function. When the training is over, a new one begins with
/// mutants of the best fifth.
class PbtStrategy : public Strategy {
public:
  PbtStrategy(int64_t population, int64_t interval, bool grow, int64_t epochs)
      : population(population), keep(grow ? Keep::Function : Keep::Model), slices(std::max<int64_t>(1, (epochs + interval - 1) / interval)) {}

  Proposal ask(int64_t id, Philox &random) override {
    int64_t generation = id / population, slice = generation % slices;
    // Nobody looks further back than one generation.
    while (!results.empty() && results.begin()->first < id - 2 * population)
      results.erase(results.begin());
    Proposal p;
    p.budget = double(slice + 1) / double(slices);
    if (generation == 0) {
      p.mutations = 1 + unsigned(random.below(3));
      return p;
    }
    // Those of the last generation whose results are known, best first.
    std::vector<std::pair<Fitness, int64_t>> ranked;
    for (auto it = results.lower_bound((generation - 1) * population),
              end = results.lower_bound(generation * population);
         it != end; ++it)
      ranked.push_back({it->second, it->first});
    llvm::sort(ranked);
    if (ranked.empty()) {
      // Nobody is left to learn from.
      p.mutations = 1 + unsigned(random.below(3));
      return p;
    }
    size_t fifth = std::max<size_t>(1, ranked.size() / 5);
    int64_t own = id - population, best = ranked[random.below(fifth)].second;
    auto place = llvm::find_if(ranked, [&](const auto &entry) { return entry.second == own; });
    if (slice == 0) {
      p.parent = best;
      p.mutations = 1;
      p.keep = keep;
      return p;
    }
    bool among = place != ranked.end();
    bool worst = !among || (ranked.size() > 1 && size_t(ranked.end() - place) <= fifth);
    p.parent = p.continues = worst ? best : own;
    p.mutations = worst ? 1 : 0;
    p.keep = keep;
    return p;
  }

  void tell(int64_t id, const TrialResult *result) override {
    if (result)
      results[id] = result->fitness;
    // A member may take over whoever stands in the generation before its own.
    if (id >= 2 * population)
      done.push_back(id - 2 * population);
  }

  bool pauses() const override { return true; }

private:
  int64_t population;
  Keep keep;
  int64_t slices;
  std::map<int64_t, Fitness> results;
};

} // namespace

std::unique_ptr<Strategy> selfopt::makeAshaStrategy(int64_t reduction, int64_t rungs) {
  return std::make_unique<AshaStrategy>(reduction, rungs);
}
std::unique_ptr<Strategy> selfopt::makePbtStrategy(int64_t population, int64_t interval, bool grow, int64_t epochs) {
  return std::make_unique<PbtStrategy>(population, interval, grow, epochs);
}
