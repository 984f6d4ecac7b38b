//===- Strategy.h - Who is the next parent ------------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A strategy is asked for the parent of candidate i, and told the results of candidates, in order, up to i - in_flight.
// It sees nothing else, so what it answers depends on the seed and on results, never on timing or on how many workers
// there are.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SEARCH_STRATEGY_H
#define SELFOPT_SEARCH_STRATEGY_H

#include "SelfOpt/Support/Philox.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace selfopt {

/// How good a candidate is; smaller is better, the first difference decides (the metric, negated when maximised, then
/// each minimised quantity).
using Fitness = std::vector<double>;

struct Proposal {
  int64_t parent = 0;     ///< Id of the candidate to mutate; 0 is the spec itself.
  unsigned mutations = 1; ///< How many mutations lead to the child.
};

class Strategy {
public:
  virtual ~Strategy() = default;
  virtual Proposal ask(int64_t id, Philox &random) = 0;
  /// `fitness` is null for a candidate that was rejected or failed.
  virtual void tell(int64_t id, const Fitness *fitness) = 0;
};

/// Mutates the spec each time, by one to four mutations: the baseline that every other strategy is held against.
std::unique_ptr<Strategy> makeRandomStrategy();

/// Regularised evolution (Real, Aggarwal, Huang and Le 2019): a queue of the last `population` candidates; the best of a
/// random `tournament` among them is mutated once. The queue fills from the spec.
std::unique_ptr<Strategy> makeAgingStrategy(int64_t population, int64_t tournament);

} // namespace selfopt
#endif // SELFOPT_SEARCH_STRATEGY_H
