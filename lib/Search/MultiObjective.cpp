//===- MultiObjective.cpp - NSGA-II and MAP-Elites ------------------------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Search/Strategy.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace selfopt;

//===----------------------------------------------------------------------===//
// Fronts
//===----------------------------------------------------------------------===//

bool selfopt::dominates(const Fitness &a, const Fitness &b) {
  bool better = false;
  for (size_t k = 0; k < std::min(a.size(), b.size()); ++k) {
    if (a[k] > b[k])
      return false;
    better |= a[k] < b[k];
  }
  return better;
}

void ParetoFront::add(int64_t id, const Fitness &fitness) {
  for (const Entry &entry : entries)
    if (entry.fitness == fitness || dominates(entry.fitness, fitness))
      return;
  llvm::erase_if(entries, [&](const Entry &entry) { return dominates(fitness, entry.fitness); });
  entries.push_back({id, fitness});
}

std::vector<ParetoFront::Entry> ParetoFront::sorted() const {
  std::vector<Entry> list = entries;
  llvm::sort(list, [](const Entry &a, const Entry &b) { return a.fitness < b.fitness; });
  return list;
}

std::vector<int64_t> selfopt::nonDominatedFronts(llvm::ArrayRef<Fitness> members) {
  size_t n = members.size();
  std::vector<std::vector<size_t>> worse(n); // whom a member dominates
  std::vector<int64_t> above(n, 0), front(n, 0);
  std::vector<size_t> current, next;
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j)
      if (dominates(members[i], members[j])) {
        worse[i].push_back(j);
        ++above[j];
      }
  for (size_t i = 0; i < n; ++i)
    if (above[i] == 0)
      current.push_back(i);
  for (int64_t level = 0; !current.empty(); ++level) {
    next.clear();
    for (size_t i : current) {
      front[i] = level;
      for (size_t j : worse[i])
        if (--above[j] == 0)
          next.push_back(j);
    }
    std::swap(current, next);
  }
  return front;
}

std::vector<double> selfopt::crowdingDistances(llvm::ArrayRef<Fitness> front) {
  std::vector<double> distance(front.size(), 0);
  if (front.empty())
    return distance;
  std::vector<size_t> order(front.size());
  for (size_t k = 0; k < front[0].size(); ++k) {
    std::iota(order.begin(), order.end(), 0);
    llvm::sort(order, [&](size_t a, size_t b) { return std::pair(front[a][k], a) < std::pair(front[b][k], b); });
    double low = front[order.front()][k], high = front[order.back()][k];
    // Where all are equal, the objective tells nobody apart.
    if (!(low < high))
      continue;
    // The first of several that share an end is the end.
    size_t last = *llvm::find_if(order, [&](size_t i) { return front[i][k] == high; });
    distance[order.front()] = distance[last] = HUGE_VAL;
    for (size_t i = 1; i + 1 < order.size(); ++i)
      distance[order[i]] += (front[order[i + 1]][k] - front[order[i - 1]][k]) / (high - low);
  }
  return distance;
}

namespace {

/// NSGA-II in its steady-state form: each result joins the population, and the worst of the last front leaves it.
class Nsga2Strategy : public Strategy {
public:
  Nsga2Strategy(int64_t population, int64_t crossover) : population(population), crossover(crossover) {}

  bool weighsObjectives() const override { return true; }

  Proposal ask(int64_t id, Philox &random) override {
    if (id < population || ids.empty())
      return {0, 1 + unsigned(random.below(3))};
    Proposal proposal;
    proposal.parent = drawParent(random);
    proposal.mutations = random.below(4) == 0 ? 2 : 1;
    if (crossover && int64_t(random.below(100)) < crossover)
      if (int64_t donor = drawParent(random); donor != proposal.parent)
        proposal.donor = donor;
    return proposal;
  }

  void tell(int64_t id, const TrialResult *result) override {
    if (!result)
      return;
    ids.push_back(id);
    members.push_back(result->fitness);
    rank();
    if (int64_t(ids.size()) <= population)
      return;
    // Among equals the oldest leaves, so that the population moves along plateaus.
    size_t worst = 0;
    for (size_t i = 1; i < ids.size(); ++i)
      if (front[i] > front[worst] || (front[i] == front[worst] && space[i] < space[worst]))
        worst = i;
    ids.erase(ids.begin() + worst);
    members.erase(members.begin() + worst);
    rank();
  }

private:
  /// A tournament of two by front, then by the space around them; the first drawn wins a tie.
  int64_t drawParent(Philox &random) const {
    size_t a = random.below(ids.size()), b = random.below(ids.size());
    bool second = front[b] < front[a] || (front[b] == front[a] && space[b] > space[a]);
    return ids[second ? b : a];
  }

  void rank() {
    front = nonDominatedFronts(members);
    space.assign(members.size(), 0);
    int64_t last = front.empty() ? -1 : *std::max_element(front.begin(), front.end());
    for (int64_t level = 0; level <= last; ++level) {
      std::vector<Fitness> of;
      std::vector<size_t> at;
      for (size_t i = 0; i < members.size(); ++i)
        if (front[i] == level) {
          of.push_back(members[i]);
          at.push_back(i);
        }
      std::vector<double> distance = crowdingDistances(of);
      for (size_t i = 0; i < at.size(); ++i)
        space[at[i]] = distance[i];
    }
  }

  int64_t population, crossover;
  std::vector<int64_t> ids;
  std::vector<Fitness> members;
  std::vector<int64_t> front;
  std::vector<double> space;
};

/// MAP-Elites (Mouret and Clune 2015): the best of each cell; a random one of them is the parent.
class MapElitesStrategy : public Strategy {
public:
  MapElitesStrategy(int64_t initial, std::vector<StrategyAxis> axes) : initial(initial), axes(std::move(axes)) {}

  Proposal ask(int64_t id, Philox &random) override {
    if (id < initial || elites.empty())
      return {0, 1 + unsigned(random.below(4))};
    auto it = elites.begin();
    std::advance(it, random.below(elites.size()));
    return {it->second.id, random.below(4) == 0 ? 2u : 1u};
  }

  void tell(int64_t id, const TrialResult *result) override {
    if (!result)
      return;
    std::vector<int64_t> cell;
    for (const StrategyAxis &axis : axes)
      cell.push_back(axis.cellOf(*result));
    auto [it, fresh] = elites.try_emplace(std::move(cell), Elite{id, result->fitness});
    if (!fresh && result->fitness < it->second.fitness)
      it->second = Elite{id, result->fitness};
  }

private:
  struct Elite {
    int64_t id;
    Fitness fitness;
  };
  int64_t initial;
  std::vector<StrategyAxis> axes;
  std::map<std::vector<int64_t>, Elite> elites; ///< By cell, in a fixed order.
};

} // namespace

int64_t StrategyAxis::cellOf(const TrialResult &result) const {
  double value = quantity == "metric"              ? result.metric
                 : quantity == "parameters"        ? double(result.parameters)
                 : quantity == "flops_per_example" ? double(result.flopsPerExample)
                 : quantity == "train_flops"       ? double(result.trainFlops)
                                                   : double(result.memory);
  double at = log ? (std::log(std::max(value, low)) - std::log(low)) / (std::log(high) - std::log(low))
                  : (value - low) / (high - low);
  // As a double first: what is far outside has no integer.
  return int64_t(std::clamp(std::floor(at * double(cells)), 0.0, double(cells - 1)));
}

std::unique_ptr<Strategy> selfopt::makeNsga2Strategy(int64_t population, int64_t crossover) {
  return std::make_unique<Nsga2Strategy>(population, crossover);
}
std::unique_ptr<Strategy> selfopt::makeMapElitesStrategy(int64_t initial, std::vector<StrategyAxis> axes) {
  return std::make_unique<MapElitesStrategy>(initial, std::move(axes));
}
