//===- Strategy.h - What is tried next ----------------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A strategy is asked what candidate i is (whose child, by how many mutations, how long it trains, whose training it
// continues), and told the results of candidates, in order, up to i - in_flight. It sees nothing else, so what it
// answers depends on the seed and on results, never on timing or on how many workers there are.
//
// It may remember what it answered: every id is asked for once, in order, also when a search is resumed (then for the
// candidates that the archive holds already). Which strategies there are, and their parameters:
// Dialect/Evolve/Strategies.h.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SEARCH_STRATEGY_H
#define SELFOPT_SEARCH_STRATEGY_H

#include "SelfOpt/Support/Philox.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace selfopt {

/// How good a candidate is; smaller is better, the first difference decides (the metric, negated when maximised, then
/// each minimised quantity).
using Fitness = std::vector<double>;

/// What a mutation has to leave as it is.
enum class Keep {
  Nothing,
  Function, ///< Of the model: beside the pipeline and the objective, only mutations that claim to preserve it may be
            ///< drawn, so that the child can take over weights.
  Model     ///< Only the pipeline and the objective may be mutated.
};

struct Proposal {
  int64_t parent = 0;     ///< Id of the candidate to mutate; 0 is the spec itself. Candidate 0 has none.
  unsigned mutations = 1; ///< How many mutations lead to the child; 0: the same program.
  Keep keep = Keep::Nothing;
  double budget = 1;      ///< Training pauses, and the candidate is scored, after this fraction of its epochs.
  int64_t continues = -1; ///< Training goes on from where this candidate paused; -1: from the beginning.
  int64_t donor = -1;     ///< The first mutation takes from this candidate, where it can; -1: no crossover.
};

/// What became of a candidate that could be trained.
struct TrialResult {
  Fitness fitness;
  double metric = 0; ///< On validation, as it is.
  int64_t parameters = 0, flopsPerExample = 0, trainFlops = 0, memory = 0;
};

/// One dimension of the grid of MAP-Elites.
struct StrategyAxis {
  std::string quantity; ///< "metric", "parameters", "flops_per_example", "train_flops" or "memory".
  double low = 0, high = 1;
  int64_t cells = 1;
  bool log = false;
  /// 0 .. cells-1; what lies outside counts for the nearest cell.
  int64_t cellOf(const TrialResult &result) const;
};

struct StrategySettings {
  std::string name;
  std::map<std::string, int64_t> parameters; ///< All that the table lists.
  std::vector<StrategyAxis> axes;
  int64_t epochs = 1; ///< Of the spec's program.
};

class Strategy {
public:
  virtual ~Strategy() = default;
  virtual Proposal ask(int64_t id, Philox &random) = 0;
  /// `result` is null for a candidate that was rejected or failed.
  virtual void tell(int64_t id, const TrialResult *result) = 0;
  /// Whether trainings pause, so that each candidate has to leave its state behind.
  virtual bool pauses() const { return false; }
  /// Whether no objective comes first, so that the winner alone says little: then a search ends with its Pareto front.
  virtual bool weighsObjectives() const { return false; }
  /// Told candidates whose training no proposal will continue any more, since the last call; for those that pause.
  std::vector<int64_t> takeDone() { return std::exchange(done, {}); }

protected:
  std::vector<int64_t> done;
};

/// Null where there is no strategy of that name.
std::unique_ptr<Strategy> makeStrategy(const StrategySettings &settings);

/// Whether `a` is at least as good in every objective, and better in one.
bool dominates(const Fitness &a, const Fitness &b);

/// The members, given one by one, that no other dominates. Of equals the first one stays.
class ParetoFront {
public:
  struct Entry {
    int64_t id;
    Fitness fitness;
  };
  void add(int64_t id, const Fitness &fitness);
  /// By fitness: the best in the first objective first.
  std::vector<Entry> sorted() const;

private:
  std::vector<Entry> entries;
};

/// Fast non-dominated sorting (Deb, Pratap, Agarwal and Meyarivan 2002): the front of each member, from 0.
std::vector<int64_t> nonDominatedFronts(llvm::ArrayRef<Fitness> members);

/// The crowding distance of each member of one front (same paper); infinite at the ends of an objective. Among equals
/// the earlier ones are the ends.
std::vector<double> crowdingDistances(llvm::ArrayRef<Fitness> front);

// One factory per family, each in a file of its own. `crossover` in percent; at 0 no random number is drawn for it.
std::unique_ptr<Strategy> makeRandomStrategy();
std::unique_ptr<Strategy> makeHillStrategy(int64_t patience);
std::unique_ptr<Strategy> makeAgingStrategy(int64_t population, int64_t tournament, int64_t crossover = 0);
std::unique_ptr<Strategy> makeIslandsStrategy(int64_t islands, int64_t every, int64_t population, int64_t tournament,
                                              int64_t crossover = 0);
std::unique_ptr<Strategy> makeNsga2Strategy(int64_t population, int64_t crossover = 0);
std::unique_ptr<Strategy> makeMapElitesStrategy(int64_t initial, std::vector<StrategyAxis> axes);
std::unique_ptr<Strategy> makeAshaStrategy(int64_t reduction, int64_t rungs);
std::unique_ptr<Strategy> makePbtStrategy(int64_t population, int64_t interval, bool grow, int64_t epochs);

} // namespace selfopt
#endif // SELFOPT_SEARCH_STRATEGY_H
