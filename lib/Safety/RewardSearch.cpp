//===- RewardSearch.cpp - Potentials of rewards, and what refutes them -----------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds what RewardShaping.cpp verifies: a potential along shortest ways, optimal values by policy iteration. Where
// that is no proof, a state whose best action changes, or two ways with different sums.
//
//===----------------------------------------------------------------------===//

#include "RewardSearch.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;

namespace {

using Transition = TransitionTable::Transition;
using Values = std::vector<double>;
using Choice = std::vector<int64_t>; ///< An action for each state.
using Earned = Optimum::Earned;

constexpr double inf = std::numeric_limits<double>::infinity();

class Search {
public:
  explicit Search(const TransitionTable &table) : table(table) {}

  ProofResult run();

private:
  static double bonus(const Transition &t) { return t.bonus; }

  Choice shortestWays() const;
  Values follow(const Choice &choice, Earned earned) const;
  Values optimize(Choice &choice, Earned earned) const;
  Values findPotential(Values potential) const;
  std::string way(const Choice &choice, int64_t state, int64_t first) const;
  std::string changedAction(const Optimum &own, const Optimum &shaped, const Choice &choice) const;
  std::string differentWays(const Values &sums, const Choice &ways, double explained) const;

  /// Where a witness is looked for: states in which episodes go on, and only then those that they end in.
  template <typename Visit> void visitStates(Visit visit) const {
    std::vector<char> entered(size_t(table.states), 0), ended(size_t(table.states), 0);
    for (const Transition &t : table.transitions)
      (t.done ? ended : entered)[size_t(t.next)] = 1;
    bool found = false;
    for (bool last : {false, true})
      for (int64_t s = 0, n = last && found ? 0 : table.states; s < n; ++s)
        if ((ended[size_t(s)] && !entered[size_t(s)]) == last)
          found |= visit(s);
  }

  const TransitionTable &table;
};

/// From each state the shortest way to an end, or action 0 where no way leads to one.
Choice Search::shortestWays() const {
  std::vector<std::vector<int64_t>> into(size_t(table.states));
  Choice choice(size_t(table.states), -1);
  std::vector<int64_t> reached;
  for (int64_t s = 0; s < table.states; ++s)
    for (int64_t a = 0; a < table.actions; ++a) {
      const Transition &t = table.at(s, a);
      if (!t.done)
        into[size_t(t.next)].push_back(s * table.actions + a);
      else if (choice[size_t(s)] < 0) {
        choice[size_t(s)] = a;
        reached.push_back(s);
      }
    }
  for (size_t i = 0; i < reached.size(); ++i)
    for (int64_t pair : into[size_t(reached[i])])
      if (int64_t &a = choice[size_t(pair / table.actions)]; a < 0) {
        a = pair % table.actions;
        reached.push_back(pair / table.actions);
      }
  for (int64_t &a : choice)
    a = std::max<int64_t>(a, 0);
  return choice;
}

/// The discounted sums along the ways of a choice. A way ends, or goes round a loop for ever.
Values Search::follow(const Choice &choice, Earned earned) const {
  enum : char { Unseen, OnWay, Known };
  std::vector<char> seen(size_t(table.states), Unseen);
  Values values(size_t(table.states), 0);
  std::vector<int64_t> states;
  for (int64_t from = 0; from < table.states; ++from) {
    states.clear();
    for (int64_t s = from; seen[size_t(s)] == Unseen;) {
      seen[size_t(s)] = OnWay;
      states.push_back(s);
      const Transition &t = table.at(s, choice[size_t(s)]);
      if (t.done)
        break;
      s = t.next;
      if (seen[size_t(s)] != OnWay)
        continue;
      double sum = 0, factor = 1;
      int64_t length = 0, here = s;
      do {
        const Transition &step = table.at(here, choice[size_t(here)]);
        sum += factor * earned(step);
        factor *= table.discount;
        ++length;
        here = step.next;
      } while (here != s);
      values[size_t(s)] = sum / -std::expm1(double(length) * std::log(table.discount));
    }
    for (int64_t s : llvm::reverse(states)) {
      const Transition &t = table.at(s, choice[size_t(s)]);
      values[size_t(s)] = earned(t) + table.after(t, values);
      seen[size_t(s)] = Known;
    }
  }
  return values;
}

/// Roundings add up along a way; the mean over a state's actions has less of them.
Values Search::findPotential(Values potential) const {
  Values best = potential;
  double least = PotentialResidual(table, best).off;
  for (int sweep = 0; sweep < 32; ++sweep) {
    Values next(potential.size(), 0);
    for (int64_t s = 0; s < table.states; ++s) {
      for (int64_t a = 0; a < table.actions; ++a)
        next[size_t(s)] += table.after(table.at(s, a), potential) - table.at(s, a).bonus;
      next[size_t(s)] /= double(table.actions);
    }
    potential = std::move(next);
    if (double off = PotentialResidual(table, potential).off; off < least) {
      least = off;
      best = potential;
    }
  }
  return best;
}

/// Policy iteration (Howard 1960), from a choice.
Values Search::optimize(Choice &choice, Earned earned) const {
  Values values;
  for (int64_t left = std::max<int64_t>(20, (1 << 28) / (table.states * table.actions)), improved = 1; improved && left;
       --left) {
    values = follow(choice, earned);
    improved = 0;
    for (int64_t s = 0; s < table.states; ++s) {
      double best = values[size_t(s)] + 0x1p-46 * std::fabs(values[size_t(s)]);
      for (int64_t a = 0; a < table.actions; ++a)
        if (double q = earned(table.at(s, a)) + table.after(table.at(s, a), values); q > best) {
          best = q;
          choice[size_t(s)] = a;
          improved = 1;
        }
    }
  }
  return values;
}

/// The actions of a way: "3 1 1 to an end", or "3 0 0 ..., round 4 -> 5 -> 4 for ever".
std::string Search::way(const Choice &choice, int64_t state, int64_t first) const {
  std::string text = std::to_string(first);
  std::vector<bool> seen(size_t(table.states));
  std::vector<int64_t> visited; // by the choice, which the first action need not be
  for (const Transition *t = &table.at(state, first); !t->done; t = &table.at(state, choice[size_t(state)])) {
    state = t->next;
    if (seen[size_t(state)]) {
      text += ", round ";
      ArrayRef<int64_t> loop(visited);
      loop = loop.drop_front(size_t(llvm::find(visited, state) - visited.begin()));
      for (int64_t s : loop.take_front(6))
        text += std::to_string(s) + " -> ";
      return text + (loop.size() > 6 ? "... -> " : "") + std::to_string(state) + " for ever";
    }
    seen[size_t(state)] = true;
    visited.push_back(state);
    if (visited.size() < 8)
      text += " " + std::to_string(choice[size_t(state)]);
    else if (visited.size() == 8)
      text += " ...";
  }
  return text + " to an end";
}

/// The state whose best actions are all worse, with the bonus, than one that is not best, and by the most; empty where
/// there is none.
std::string Search::changedAction(const Optimum &own, const Optimum &shaped, const Choice &choice) const {
  int64_t state = -1, before = 0, now = 0;
  double most = 0;
  visitStates([&](int64_t s) {
    auto best = [&](const Optimum &of) {
      std::pair<double, int64_t> found{-inf, 0};
      for (int64_t a = 0; a < table.actions; ++a)
        if (double low = of.low(s, a); low > found.first)
          found = {low, a};
      return found;
    };
    auto [least, first] = best(own);
    auto [leastShaped, other] = best(shaped);
    double high = -inf; // with the bonus, of what may be best without
    for (int64_t a = 0; a < table.actions; ++a)
      if (own.high(s, a) >= least)
        high = std::max(high, shaped.high(s, a));
    if (leastShaped - high > most)
      most = leastShaped - high, state = s, before = first, now = other;
    return state == s;
  });
  if (state < 0)
    return "";
  return llvm::formatv("in state {0} action {1} is best, worth {2} against {3} of action {4}; with the bonus action "
                       "{4} is, worth {5} against {6}, and the way becomes {7}",
                       state, before, textOf(own.worth(state, before)), textOf(own.worth(state, now)), now,
                       textOf(shaped.worth(state, now)), textOf(shaped.worth(state, before)), way(choice, state, now));
}

/// Two ways from a state with sums that differ by more than they can where every equation of a potential is off by no
/// more than what is explained; empty where there are none.
std::string Search::differentWays(const Values &sums, const Choice &ways, double explained) const {
  Values steps = follow(ways, [](const Transition &) { return 1.0; });
  double most = explained;
  int64_t state = -1, action = 0;
  visitStates([&](int64_t s) {
    for (int64_t a = 0; a < table.actions; ++a) {
      const Transition &t = table.at(s, a);
      double per =
          std::fabs(t.bonus + table.after(t, sums) - sums[size_t(s)]) / (1 + table.after(t, steps) + steps[size_t(s)]);
      if (per > most)
        most = per, state = s, action = a;
    }
    return state == s;
  });
  if (state < 0)
    return "";
  const Transition &t = table.at(state, action);
  return llvm::formatv("from state {0} the discounted sum of the bonus is {1} by actions {2}, and {3} by actions {4}; "
                       "of a potential, all ways have the same",
                       state, textOf(t.bonus + table.after(t, sums)), way(ways, state, action),
                       textOf(sums[size_t(state)]), way(ways, state, ways[size_t(state)]))
      .str();
}

ProofResult Search::run() {
  Choice ways = shortestWays(), best = ways, bestShaped = ways;
  Values sums = follow(ways, bonus), potential;
  for (double sum : sums)
    potential.push_back(-sum);
  potential = findPotential(std::move(potential));
  ShapingEvidence evidence{potential, optimize(best, TransitionTable::task),
                           optimize(bestShaped, TransitionTable::both)};
  ProofResult result = verifyPotentialBased(table, evidence);
  if (result.verdict == Verdict::Holds)
    return result;
  Optimum own(table, evidence.values, TransitionTable::task), shaped(table, evidence.shaped, TransitionTable::both);
  std::string why, changed = changedAction(own, shaped, bestShaped);
  auto [off, explained] = PotentialResidual(table, potential);
  if (off > explained)
    why = differentWays(sums, ways, explained);
  if (why.empty() && changed.empty())
    return result;
  return {Verdict::Violated, "table", changed + (why.empty() || changed.empty() ? "" : "; ") + why};
}

} // namespace

ProofResult selfopt::searchPotential(const TransitionTable &table) { return Search(table).run(); }
