//===- States.cpp - Which paused trainings a search keeps ------------------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A candidate is held from its proposal until it turns out to have no result, or the strategy says that nobody will
// continue from it. All three are points in the order of proposals, so whether the result of an equal candidate may be
// reused (with its state) does not depend on timing, nor on where a search was interrupted.
//
// The file of a state goes later than that: a search that was killed proposes again what it had not stored, and needs
// what that one needed. The best candidate's state stays in any case.
//
//===----------------------------------------------------------------------===//

#include "Searcher.h"
#include <set>

using namespace mlir;
using namespace selfopt;

void Searcher::hold(int64_t id, const std::string &key) {
  if (!strategy->pauses())
    return;
  held[id].key = key;
  ++liveKeys[key];
}

void Searcher::keepState(const CandidateRow &row) {
  auto it = held.find(row.id);
  if (it == held.end() || row.state.empty())
    return;
  it->second.state = row.state;
  ++holders[row.state];
}

void Searcher::release(int64_t id, int64_t toldId) {
  auto it = held.find(id);
  if (it == held.end())
    return;
  auto key = liveKeys.find(it->second.key);
  if (--key->second == 0)
    liveKeys.erase(key);
  if (auto holder = holders.find(it->second.state); holder != holders.end() && --holder->second == 0) {
    holders.erase(holder);
    // The first proposal that knew of it is toldId + in_flight.
    released.push_back({toldId + inFlight, it->second.state});
  }
  held.erase(it);
}

void Searcher::removeReleased() {
  for (size_t n = released.size(); n > 0; --n) {
    int64_t when = released.front().first;
    std::string state = std::move(released.front().second);
    released.pop_front();
    // A worker may have come to the same state, in a candidate that is not stored yet.
    bool needed = llvm::any_of(pending, [&](const auto &entry) { return entry.second.row.state == state; });
    if (when > stored || needed)
      released.push_back({when, std::move(state)});
    else if (!holders.count(state) && state != bestState)
      states.remove(state);
  }
}

llvm::Error Searcher::sweepStates() {
  auto finals = finalWeightsOf(*archive);
  if (!finals)
    return finals.takeError();
  std::set<std::string> needed, weights;
  for (const FinalWeights &w : *finals)
    weights.insert(w.digest);
  for (auto &[when, state] : released)
    if (when > stored)
      needed.insert(state);
  states.sweep(
      [&](StringRef state) { return state == bestState || holders.count(state.str()) || needed.count(state.str()); },
      [&](StringRef digest) { return weights.count(digest.str()) != 0; });
  return llvm::Error::success();
}
