//===- RewardShaping.cpp - Whether a reward is potential-based ------------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/RewardShaping.h"
#include "SelfOpt/Reference/Lanes.h"
#include "SelfOpt/Safety/RangeAnalysis.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/IntEqClasses.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;
using namespace selfopt;
using reference::Tensor;

namespace {

using Transition = TransitionTable::Transition;
using Values = std::vector<double>;
using Choice = std::vector<int64_t>; ///< An action for each state.
using Earned = llvm::function_ref<double(const Transition &)>;

constexpr double inf = std::numeric_limits<double>::infinity();
/// What f32 may round away, of the largest bonus or potential: some sixteen roundings.
constexpr double roundings = 0x1p-20;

std::string textOf(double x) {
  return std::isnan(x) ? "NaN" : std::isinf(x) ? (x > 0 ? "infinite" : "-infinite") : fmt::format("{:.6g}", x + 0.0);
}

std::string textOf(int64_t state, int64_t action) { return fmt::format("in state {} by action {}", state, action); }

/// Values of all states with a bound on how far each is from the optimal one.
struct Optimum {
  Values values;
  Choice choice;
  double error;
};

struct Range {
  double low, high;
};

class Shaping {
public:
  explicit Shaping(const TransitionTable &table)
      : table(table), rest(1 - table.discount), equal(unsigned(table.states + 1)) {}

  ProofResult prove();

private:
  static double task(const Transition &t) { return t.reward; }
  static double bonus(const Transition &t) { return t.bonus; }
  static double both(const Transition &t) { return t.reward + t.bonus; }

  const Transition &at(int64_t state, int64_t action) const {
    return table.transitions[size_t(state * table.actions + action)];
  }
  double after(const Transition &t, const Values &values) const {
    return t.done ? 0 : table.discount * values[size_t(t.next)];
  }
  /// What f64 may round away in a sum of these magnitudes.
  static double slack(double a, double b, double c) {
    return 0x1p-50 * (std::fabs(a) + std::fabs(b) + std::fabs(c)) + 0x1p-1000;
  }

  Choice shortestWays() const;
  Values follow(const Choice &choice, Earned earned) const;
  Optimum optimize(Choice start, Earned earned) const;
  Range actionValue(const Optimum &of, Earned earned, int64_t state, int64_t action) const;
  double residual(const Values &potential) const;
  Values findPotential(Values potential) const;
  bool alike(const Transition &a, const Transition &b, const Choice &choice);
  std::string way(const Choice &choice, int64_t state, int64_t first) const;
  std::string changedAction(const Optimum &own, const Optimum &shaped) const;
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
  double rest;              ///< 1 - discount, exact where it matters.
  llvm::IntEqClasses equal; ///< States from which the same rewards follow; behind the last one, the end.
};

/// From each state the shortest way to an end, or action 0 where no way leads to one.
Choice Shaping::shortestWays() const {
  std::vector<std::vector<int64_t>> into(size_t(table.states));
  Choice choice(size_t(table.states), -1);
  std::vector<int64_t> reached;
  for (int64_t s = 0; s < table.states; ++s)
    for (int64_t a = 0; a < table.actions; ++a) {
      const Transition &t = at(s, a);
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
Values Shaping::follow(const Choice &choice, Earned earned) const {
  enum : char { Unseen, OnWay, Known };
  std::vector<char> seen(size_t(table.states), Unseen);
  Values values(size_t(table.states), 0);
  std::vector<int64_t> states;
  for (int64_t from = 0; from < table.states; ++from) {
    states.clear();
    for (int64_t s = from; seen[size_t(s)] == Unseen;) {
      seen[size_t(s)] = OnWay;
      states.push_back(s);
      const Transition &t = at(s, choice[size_t(s)]);
      if (t.done)
        break;
      s = t.next;
      if (seen[size_t(s)] != OnWay)
        continue;
      double sum = 0, factor = 1;
      int64_t length = 0, here = s;
      do {
        const Transition &step = at(here, choice[size_t(here)]);
        sum += factor * earned(step);
        factor *= table.discount;
        ++length;
        here = step.next;
      } while (here != s);
      values[size_t(s)] = sum / -std::expm1(double(length) * std::log1p(-rest));
    }
    for (int64_t s : llvm::reverse(states)) {
      const Transition &t = at(s, choice[size_t(s)]);
      values[size_t(s)] = earned(t) + after(t, values);
      seen[size_t(s)] = Known;
    }
  }
  return values;
}

/// Policy iteration (Howard 1960). The bound does not rest on its having ended: values that Bellman's equation changes
/// by at most d are within d / (1 - discount) of the optimal ones.
Optimum Shaping::optimize(Choice choice, Earned earned) const {
  Values values;
  for (int64_t left = std::max<int64_t>(20, (1 << 28) / (table.states * table.actions)), improved = 1; improved && left;
       --left) {
    values = follow(choice, earned);
    improved = 0;
    for (int64_t s = 0; s < table.states; ++s) {
      double best = values[size_t(s)] + 0x1p-46 * std::fabs(values[size_t(s)]);
      for (int64_t a = 0; a < table.actions; ++a)
        if (double q = earned(at(s, a)) + after(at(s, a), values); q > best) {
          best = q;
          choice[size_t(s)] = a;
          improved = 1;
        }
    }
  }
  double worst = 0;
  for (int64_t s = 0; s < table.states; ++s) {
    double best = -inf, rounded = 0;
    for (int64_t a = 0; a < table.actions; ++a) {
      double now = earned(at(s, a)), later = after(at(s, a), values);
      best = std::max(best, now + later);
      rounded = std::max(rounded, slack(now, later, values[size_t(s)]));
    }
    worst = std::max(worst, std::fabs(best - values[size_t(s)]) + rounded);
  }
  return {std::move(values), std::move(choice), worst / rest * (1 + 0x1p-40)};
}

Range Shaping::actionValue(const Optimum &of, Earned earned, int64_t state, int64_t action) const {
  double now = earned(at(state, action)), later = after(at(state, action), of.values);
  double error = slack(now, later, 0) + (at(state, action).done ? 0 : of.error);
  return {now + later - error, now + later + error};
}

/// The largest residual of the equations of a potential, with what f64 rounds away.
double Shaping::residual(const Values &potential) const {
  double worst = 0;
  for (int64_t s = 0; s < table.states; ++s)
    for (int64_t a = 0; a < table.actions; ++a) {
      const Transition &t = at(s, a);
      double later = after(t, potential), own = potential[size_t(s)];
      worst = std::max(worst, std::fabs(t.bonus + own - later) + slack(t.bonus, own, later));
    }
  return worst;
}

/// Roundings add up along a way; the mean over a state's actions has less of them.
Values Shaping::findPotential(Values potential) const {
  Values best = potential;
  double least = residual(best);
  for (int sweep = 0; sweep < 32; ++sweep) {
    Values next(potential.size(), 0);
    for (int64_t s = 0; s < table.states; ++s) {
      for (int64_t a = 0; a < table.actions; ++a)
        next[size_t(s)] += after(at(s, a), potential) - at(s, a).bonus;
      next[size_t(s)] /= double(table.actions);
    }
    potential = std::move(next);
    if (double off = residual(potential); off < least) {
      least = off;
      best = potential;
    }
  }
  return best;
}

/// Whether the same rewards follow, for ever, when the choice is kept: then both have exactly one value. States that
/// were once compared count as equal, as is right where in the end all are (Hopcroft and Karp 1971).
bool Shaping::alike(const Transition &a, const Transition &b, const Choice &choice) {
  // Behind an end nothing is earned: a state that stays, and earns 0.
  Transition end{int32_t(table.states), false, 0, 0};
  auto next = [&](const Transition &t) { return t.done ? table.states : int64_t(t.next); };
  auto from = [&](int64_t s) -> const Transition & { return s == table.states ? end : at(s, choice[size_t(s)]); };
  const Transition *x = &a, *y = &b;
  while (x->reward == y->reward) {
    int64_t s = next(*x), t = next(*y);
    if (equal.findLeader(unsigned(s)) == equal.findLeader(unsigned(t)))
      return true;
    equal.join(unsigned(s), unsigned(t));
    x = &from(s), y = &from(t);
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Witnesses
//===----------------------------------------------------------------------===//

/// The actions of a way: "3 1 1 to an end", or "3 0 0 ..., round 4 -> 5 -> 4 for ever".
std::string Shaping::way(const Choice &choice, int64_t state, int64_t first) const {
  std::string text = std::to_string(first);
  std::vector<bool> seen(size_t(table.states));
  std::vector<int64_t> visited; // by the choice, which the first action need not be
  for (const Transition *t = &at(state, first); !t->done; t = &at(state, choice[size_t(state)])) {
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
std::string Shaping::changedAction(const Optimum &own, const Optimum &shaped) const {
  int64_t state = -1, before = 0, now = 0;
  double most = 0;
  visitStates([&](int64_t s) {
    auto best = [&](const Optimum &of, Earned earned) {
      std::pair<double, int64_t> found{-inf, 0};
      for (int64_t a = 0; a < table.actions; ++a)
        if (double low = actionValue(of, earned, s, a).low; low > found.first)
          found = {low, a};
      return found;
    };
    auto [least, first] = best(own, task);
    auto [leastShaped, other] = best(shaped, both);
    double high = -inf; // with the bonus, of what may be best without
    for (int64_t a = 0; a < table.actions; ++a)
      if (actionValue(own, task, s, a).high >= least)
        high = std::max(high, actionValue(shaped, both, s, a).high);
    if (leastShaped - high > most)
      most = leastShaped - high, state = s, before = first, now = other;
    return state == s;
  });
  if (state < 0)
    return "";
  auto worth = [&](const Optimum &of, Earned earned, int64_t a) {
    return textOf(earned(at(state, a)) + after(at(state, a), of.values));
  };
  return llvm::formatv("in state {0} action {1} is best, worth {2} against {3} of action {4}; with the bonus action "
                       "{4} is, worth {5} against {6}, and the way becomes {7}",
                       state, before, worth(own, task, before), worth(own, task, now), now, worth(shaped, both, now),
                       worth(shaped, both, before), way(shaped.choice, state, now));
}

/// Two ways from a state with sums that differ by more than they can where every equation of a potential is off by no
/// more than what is explained; empty where there are none.
std::string Shaping::differentWays(const Values &sums, const Choice &ways, double explained) const {
  Values steps = follow(ways, [](const Transition &) { return 1.0; });
  double most = explained;
  int64_t state = -1, action = 0;
  visitStates([&](int64_t s) {
    for (int64_t a = 0; a < table.actions; ++a) {
      const Transition &t = at(s, a);
      double per = std::fabs(t.bonus + after(t, sums) - sums[size_t(s)]) / (1 + after(t, steps) + steps[size_t(s)]);
      if (per > most)
        most = per, state = s, action = a;
    }
    return state == s;
  });
  if (state < 0)
    return "";
  const Transition &t = at(state, action);
  return llvm::formatv("from state {0} the discounted sum of the bonus is {1} by actions {2}, and {3} by actions {4}; "
                       "of a potential, all ways have the same",
                       state, textOf(t.bonus + after(t, sums)), way(ways, state, action), textOf(sums[size_t(state)]),
                       way(ways, state, ways[size_t(state)]))
      .str();
}

//===----------------------------------------------------------------------===//
// The proof
//===----------------------------------------------------------------------===//

ProofResult Shaping::prove() {
  double largest = 0;
  for (auto [i, t] : llvm::enumerate(table.transitions)) {
    if (!std::isfinite(t.bonus))
      return {Verdict::Violated, "table",
              "the bonus is " + textOf(t.bonus) + " " + textOf(int64_t(i) / table.actions, int64_t(i) % table.actions)};
    largest = std::max(largest, std::fabs(t.bonus));
  }
  Choice ways = shortestWays();
  Values sums = follow(ways, bonus), potential;
  for (double sum : sums)
    potential.push_back(-sum);
  potential = findPotential(std::move(potential));
  double off = residual(potential);
  auto [low, high] = std::minmax_element(potential.begin(), potential.end());
  double explained = roundings * std::max({largest, std::fabs(*low), std::fabs(*high)}) + 0x1p-900;
  Optimum own = optimize(ways, task), shaped = optimize(ways, both);

  std::string undecided;
  if (off > explained) {
    std::string why = differentWays(sums, ways, explained), changed = changedAction(own, shaped);
    if (!why.empty() || !changed.empty())
      return {Verdict::Violated, "table", changed + (why.empty() || changed.empty() ? "" : "; ") + why};
    return {Verdict::Unknown, "table",
            "no potential was found that is off by less than " + textOf(off) + "; roundings explain " +
                textOf(explained)};
  }

  // A potential, up to roundings. Do they matter to the task? Actions that may be best at it must be equally good to be
  // told: then, with all others worse, the choice is best, and they are. And what may be best with the bonus must be
  // among them.
  double gap = inf;
  int64_t ties = 0;
  for (int64_t s = 0; s < table.states; ++s) {
    int64_t best = own.choice[size_t(s)];
    double least = actionValue(own, task, s, best).low, leastShaped = -inf;
    for (int64_t a = 0; a < table.actions; ++a)
      leastShaped = std::max(leastShaped, actionValue(shaped, both, s, a).low);
    for (int64_t a = 0; a < table.actions; ++a) {
      double worse = leastShaped - actionValue(shaped, both, s, a).high;
      if (actionValue(own, task, s, a).high >= least) {
        bool tie = a != best;
        if (tie && !alike(at(s, a), at(s, best), own.choice))
          return {Verdict::Unknown, "table",
                  llvm::formatv("in state {0} actions {1} and {2} are worth {3} and {4} to the task: too near to be "
                                "told from equally good ones",
                                s, best, a, textOf(least), textOf(actionValue(own, task, s, a).low))
                      .str()};
        ties += tie;
      } else if (worse > 0) {
        gap = std::min(gap, worse);
      } else if (std::string changed = changedAction(own, shaped); !changed.empty()) {
        return {Verdict::Violated, "table", changed};
      } else if (undecided.empty()) {
        undecided = llvm::formatv(
            "in state {0} action {1} is not best, and may be with the bonus, of which roundings leave up to {2}", s, a,
            textOf(off));
      }
    }
  }
  if (!undecided.empty())
    return {Verdict::Unknown, "table", undecided};
  llvm::json::Object evidence{{"states", table.states}, {"actions", table.actions},
                              {"residual", off},        {"potential", llvm::json::Array{*low, *high}},
                              {"ties", ties},           {"gap", nullptr}};
  std::string detail = llvm::formatv("a potential in [{0}, {1}] gives the bonus of all {2} transitions, up to {3}",
                                     textOf(*low), textOf(*high), table.transitions.size(), textOf(off));
  if (std::isfinite(gap)) {
    evidence["gap"] = gap;
    detail += "; with it, what is not best is worse by " + textOf(gap) + " at least";
  } else {
    detail += "; all actions are best";
  }
  return {Verdict::Holds, "table", std::move(detail), std::move(evidence)};
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

using Row = std::array<int64_t, 3>; ///< Of a state, an action, the next state.

/// Runs a program on the first integers of each row, many rows at a time, and passes on the columns that it returns, with
/// where in them the row's lane is. The row that it can't be run on, if there is one, and what was `said` of it.
const Row *runRows(Block &program, ArrayRef<Row> rows, std::string &said,
                   llvm::function_ref<void(size_t row, ArrayRef<Tensor> columns, size_t lane)> visit) {
  ScopedDiagnosticHandler listen(program.getParentOp()->getContext(), [&](Diagnostic &d) {
    said = d.str();
    return success();
  });
  if (!reference::hasLanes(program)) {
    said = "expected ops on scalars, element by element";
    return &rows.front();
  }
  const size_t most = std::min<size_t>(4096, rows.size());
  reference::LaneRunner many(program, int64_t(most)), one(program, 1);
  auto run = [&](const reference::LaneRunner &runner, size_t lanes, size_t from, size_t count) {
    SmallVector<Tensor> columns, found;
    for (unsigned argument = 0; argument < program.getNumArguments(); ++argument) {
      columns.push_back(Tensor::zeros({int64_t(lanes)}, /*isFloat=*/false));
      // Lanes behind the last row run on it, too.
      for (size_t lane = 0; lane < lanes; ++lane)
        columns.back().integers[lane] = rows[from + std::min(lane, count - 1)][argument];
    }
    if (failed(runner.run(columns, found)))
      return false;
    for (size_t lane = 0; lane < count; ++lane)
      visit(from + lane, found, lane);
    return true;
  };
  for (size_t from = 0; from < rows.size(); from += most) {
    size_t count = std::min(most, rows.size() - from);
    if (run(many, most, from, count))
      continue;
    // All fail together: which one is it?
    for (size_t i = from; i < from + count; ++i)
      if (!run(one, 1, i, 1))
        return &rows[i];
  }
  // Of what has no defined result, the interpreter's choice is not the one of whoever trains. First of all rows at once.
  std::vector<Interval> all(program.getNumArguments());
  for (size_t k = 0; k < all.size(); ++k) {
    auto [least, largest] = std::minmax_element(rows.begin(), rows.end(), [&](const Row &a, const Row &b) { return a[k] < b[k]; });
    all[k] = Interval::of(double((*least)[k]), double((*largest)[k]));
  }
  if (!findUndefined(program, all))
    return nullptr;
  for (const Row &row : rows) {
    for (size_t k = 0; k < all.size(); ++k)
      all[k] = Interval::point(double(row[k]));
    if (Operation *op = findUndefined(program, all)) {
      said = ("'" + op->getName().getStringRef() + "' op may have no defined result").str();
      return &row;
    }
  }
  return nullptr;
}

} // namespace

std::optional<TransitionTable> selfopt::readTable(RewardOp reward, EnvironmentOp environment, std::string &why) {
  TransitionTable table{int64_t(environment.getStates()),
                        int64_t(environment.getActions()),
                        environment.getDiscount().convertToDouble(),
                        {}};
  std::string name = environment.getSymName().str(), said;
  std::vector<Row> rows;
  for (int64_t s = 0; s < table.states; ++s)
    for (int64_t a = 0; a < table.actions; ++a)
      rows.push_back({s, a, 0});
  auto where = [](const Row &row) { return textOf(row[0], row[1]); };
  table.transitions.resize(rows.size());
  const Row *failed = runRows(environment.getBody().front(), rows, said, [&](size_t i, ArrayRef<Tensor> columns, size_t lane) {
    int64_t next = columns[0].integers[lane];
    double earned = columns[1].floats[lane];
    if (why.empty() && !std::isfinite(earned))
      why = "expected finite rewards of @" + name + ", found " + textOf(earned) + " " + where(rows[i]);
    if (why.empty() && (next < 0 || next >= table.states))
      why = fmt::format("expected next states of @{} from 0 to {}, found {} {}", name, table.states - 1, next,
                        where(rows[i]));
    table.transitions[i] = {int32_t(next), (columns[2].integers[lane] & 1) != 0, earned, 0};
    rows[i][2] = next;
  });
  if (failed)
    why = "@" + name + " can't be run " + where(*failed) + ": " + said;
  if (!why.empty())
    return std::nullopt;
  failed = runRows(reward.getBody().front(), rows, said,
                   [&](size_t i, ArrayRef<Tensor> columns, size_t lane) { table.transitions[i].bonus = columns[0].floats[lane]; });
  if (!failed)
    return table;
  why = "the bonus can't be computed " + where(*failed) + ": " + said;
  return std::nullopt;
}

ProofResult selfopt::provePotentialBased(const TransitionTable &table) { return Shaping(table).prove(); }

ProofResult selfopt::provePotentialBased(Operation *program, ModuleOp judges, ArrayRef<Operation *> sealed) {
  auto unknown = [](const Twine &why) { return ProofResult{Verdict::Unknown, "table", why.str()}; };
  auto reward = dyn_cast<RewardOp>(program);
  if (!reward)
    return unknown("@" + SymbolTable::getSymbolName(program).getValue() + " is no selfopt.reward");
  StringRef name = reward.getEnvironment();
  if (auto original = judges.lookupSymbol<RewardOp>(reward.getSymName());
      !original || original.getEnvironment() != name)
    return unknown("expected a reward of @" + (original ? original.getEnvironment() : "nothing") + ", found one of @" +
                   name);
  auto environment = judges.lookupSymbol<EnvironmentOp>(name);
  if (!environment || !llvm::is_contained(sealed, environment.getOperation()))
    return unknown("its environment @" + name + " is not sealed: what judges a reward must not change");
  std::string why;
  std::optional<TransitionTable> table = readTable(reward, environment, why);
  return table ? provePotentialBased(*table) : unknown(why);
}
