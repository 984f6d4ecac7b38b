//===- Strategy.cpp - Random search and regularised evolution -------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Search/Strategy.h"
#include <algorithm>

using namespace selfopt;

namespace {

class RandomStrategy : public Strategy {
  Proposal ask(int64_t, Philox &random) override { return {0, 1 + unsigned(random.below(4))}; }
  void tell(int64_t, const Fitness *) override {}
};

class AgingStrategy : public Strategy {
public:
  AgingStrategy(int64_t population, int64_t tournament) : population(population), tournament(tournament) {}

  Proposal ask(int64_t id, Philox &random) override {
    // The first generation: the spec's near neighbours.
    if (id < population || queue.empty())
      return {0, 1 + unsigned(random.below(3))};
    const Member *best = nullptr;
    for (int64_t i = 0; i < tournament; ++i) {
      const Member &member = queue[random.below(queue.size())];
      if (!best || member.fitness < best->fitness)
        best = &member;
    }
    return {best->id, random.below(4) == 0 ? 2u : 1u};
  }

  void tell(int64_t id, const Fitness *fitness) override {
    if (!fitness)
      return;
    queue.push_back({id, *fitness});
    if (int64_t(queue.size()) > population)
      queue.pop_front();
  }

private:
  struct Member {
    int64_t id;
    Fitness fitness;
  };
  int64_t population, tournament;
  std::deque<Member> queue;
};

} // namespace

std::unique_ptr<Strategy> selfopt::makeRandomStrategy() { return std::make_unique<RandomStrategy>(); }
std::unique_ptr<Strategy> selfopt::makeAgingStrategy(int64_t population, int64_t tournament) {
  return std::make_unique<AgingStrategy>(population, tournament);
}
