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
#include "llvm/Support/Base64.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;
using namespace selfopt;
using reference::Tensor;

ShapingSearch *selfopt::shapingSearch = nullptr;

static constexpr double inf = std::numeric_limits<double>::infinity();

std::string selfopt::textOf(double x) {
  return std::isnan(x) ? "NaN" : std::isinf(x) ? (x > 0 ? "infinite" : "-infinite") : fmt::format("{:.6g}", x + 0.0);
}

static std::string textOf(int64_t state, int64_t action) {
  return fmt::format("in state {} by action {}", state, action);
}

/// What f64 may round away in a sum of these magnitudes.
static double slack(double a, double b, double c) {
  return 0x1p-50 * (std::fabs(a) + std::fabs(b) + std::fabs(c)) + 0x1p-1000;
}

Optimum::Optimum(const TransitionTable &table, std::vector<double> given, Earned earned)
    : table(table), values(std::move(given)), earned(earned) {
  double worst = 0;
  for (int64_t s = 0; s < table.states; ++s) {
    double best = -inf, rounded = 0;
    for (int64_t a = 0; a < table.actions; ++a) {
      double now = earned(table.at(s, a)), later = table.after(table.at(s, a), values);
      best = std::max(best, now + later);
      rounded = std::max(rounded, slack(now, later, values[size_t(s)]));
    }
    worst = std::max(worst, std::fabs(best - values[size_t(s)]) + rounded);
  }
  error = worst / (1 - table.discount) * (1 + 0x1p-40);
}

double Optimum::worth(int64_t state, int64_t action) const {
  return earned(table.at(state, action)) + table.after(table.at(state, action), values);
}

double Optimum::off(int64_t state, int64_t action) const {
  const TransitionTable::Transition &t = table.at(state, action);
  return slack(earned(t), table.after(t, values), 0) + (t.done ? 0 : error);
}

PotentialResidual::PotentialResidual(const TransitionTable &table, ArrayRef<double> potential) {
  double largest = 0, largestBonus = 0;
  for (int64_t s = 0; s < table.states; ++s)
    for (int64_t a = 0; a < table.actions; ++a) {
      const TransitionTable::Transition &t = table.at(s, a);
      double later = table.after(t, potential), own = potential[size_t(s)];
      off = std::max(off, std::fabs(t.bonus + own - later) + slack(t.bonus, own, later));
      largest = std::max(largest, std::fabs(own));
      largestBonus = std::max(largestBonus, std::fabs(t.bonus));
    }
  // What f32 may round away, of the largest bonus or potential: some sixteen roundings. Sums of the bonus along a way
  // are within off / (1 - discount) of the potential, so only what they have at least counts of it: a large constant,
  // which a discount near 1 hardly changes, does not explain a large residual. Nor is what is left of a bonus when most of
  // it is rounded away that of a potential.
  explained = std::min(0x1p-20 * std::max(largestBonus, largest - off / (1 - table.discount)), 0x1p-6 * largestBonus) + 0x1p-900;
}

//===----------------------------------------------------------------------===//
// The proof
//===----------------------------------------------------------------------===//

namespace {

ProofResult unknown(const Twine &why) { return {Verdict::Unknown, "table", why.str()}; }

/// A choice of actions, and the states from which the same rewards follow when it is kept.
class EqualRewards {
public:
  /// The choice of the best actions; of equally good ones, any will do.
  explicit EqualRewards(const Optimum &own) : table(own.table), equal(unsigned(table.states + 1)) {
    for (int64_t s = 0; s < table.states; ++s) {
      choice.push_back(0);
      for (int64_t a = 1; a < table.actions; ++a)
        if (own.worth(s, a) > own.worth(s, choice.back()))
          choice.back() = a;
    }
  }

  /// Whether the same rewards follow, for ever, when the choice is kept: then both have exactly one value. States that
  /// were once compared count as equal, as is right where in the end all are (Hopcroft and Karp 1971).
  bool follow(const TransitionTable::Transition &a, const TransitionTable::Transition &b) {
    // Behind an end nothing is earned: a state that stays, and earns 0.
    TransitionTable::Transition end{int32_t(table.states), false, 0, 0};
    auto next = [&](const auto &t) { return t.done ? table.states : int64_t(t.next); };
    auto from = [&](int64_t s) { return s == table.states ? &end : &table.at(s, choice[size_t(s)]); };
    const TransitionTable::Transition *x = &a, *y = &b;
    while (x->reward == y->reward) {
      int64_t s = next(*x), t = next(*y);
      if (equal.findLeader(unsigned(s)) == equal.findLeader(unsigned(t)))
        return true;
      equal.join(unsigned(s), unsigned(t));
      x = from(s), y = from(t);
    }
    return false;
  }

  const TransitionTable &table;
  std::vector<int64_t> choice; ///< An action for each state.

private:
  llvm::IntEqClasses equal; ///< Behind the last state, the end.
};

/// Values of all states in a certificate: f64 with the lowest byte first, in base64.
std::string encode(ArrayRef<double> values) {
  static_assert(llvm::endianness::native == llvm::endianness::little);
  return llvm::encodeBase64(ArrayRef(reinterpret_cast<const char *>(values.data()), 8 * values.size()));
}

/// Nothing unless there is a finite number for each of so many states.
std::vector<double> decode(const llvm::json::Object &from, StringRef name, int64_t states) {
  std::vector<char> bytes;
  std::vector<double> values(static_cast<size_t>(states));
  if (auto error = llvm::decodeBase64(from.getString(name).value_or(""), bytes))
    return llvm::consumeError(std::move(error)), std::vector<double>();
  if (bytes.size() != 8 * values.size())
    return {};
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return llvm::all_of(values, [](double x) { return std::isfinite(x); }) ? values : std::vector<double>();
}

} // namespace

ProofResult selfopt::verifyPotentialBased(const TransitionTable &table, const ShapingEvidence &by) {
  for (const std::vector<double> *values : {&by.potential, &by.values, &by.shaped})
    if (int64_t(values->size()) != table.states)
      return unknown("expected evidence of " + Twine(table.states) + " states: finite numbers as potential, values " +
                     "without and with the bonus; found it of " + Twine(values->size()));
  auto [off, explained] = PotentialResidual(table, by.potential);
  if (!(off <= explained))
    return unknown("no potential was found that is off by less than " + textOf(off) + "; roundings explain " +
                   textOf(explained));
  Optimum own(table, by.values, TransitionTable::task), shaped(table, by.shaped, TransitionTable::both);
  if (!std::isfinite(own.error) || !std::isfinite(shaped.error))
    return unknown("values solve Bellman's equation up to " + textOf(own.error) + " without the bonus, and up to " +
                   textOf(shaped.error) + " with it: expected finite numbers");

  // A potential, up to roundings. Do they matter to the task? Actions that may be best at it must be equally good to be
  // told: then, with all others worse, the choice is best, and they are. And what may be best with the bonus must be
  // among them.
  EqualRewards rewards(own);
  double gap = inf;
  int64_t ties = 0;
  for (int64_t s = 0; s < table.states; ++s) {
    int64_t best = rewards.choice[size_t(s)];
    double least = own.low(s, best), leastShaped = -inf;
    for (int64_t a = 0; a < table.actions; ++a)
      leastShaped = std::max(leastShaped, shaped.low(s, a));
    for (int64_t a = 0; a < table.actions; ++a) {
      double worse = leastShaped - shaped.high(s, a);
      if (own.high(s, a) >= least) {
        if (a != best && !rewards.follow(table.at(s, a), table.at(s, best)))
          return unknown(llvm::formatv("in state {0} actions {1} and {2} are worth {3} and {4} to the task: too near "
                                       "to be told from equally good ones",
                                       s, best, a, textOf(least), textOf(own.low(s, a))));
        ties += a != best;
      } else if (worse > 0) {
        gap = std::min(gap, worse);
      } else {
        return unknown(llvm::formatv("in state {0} action {1} is not best, and may be with the bonus, of which "
                                     "roundings leave up to {2}",
                                     s, a, textOf(off)));
      }
    }
  }
  auto [low, high] = std::minmax_element(by.potential.begin(), by.potential.end());
  llvm::json::Object evidence{{"states", table.states},
                              {"actions", table.actions},
                              {"residual", off},
                              {"potential", llvm::json::Array{*low, *high}},
                              {"ties", ties},
                              {"gap", nullptr},
                              {"values", llvm::json::Object{{"potential", encode(by.potential)},
                                                            {"without_bonus", encode(by.values)},
                                                            {"with_bonus", encode(by.shaped)}}}};
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

ProofResult selfopt::provePotentialBased(const TransitionTable &table, const llvm::json::Value *claimed) {
  for (auto [i, t] : llvm::enumerate(table.transitions))
    if (!std::isfinite(t.bonus))
      return {Verdict::Violated, "table",
              "the bonus is " + textOf(t.bonus) + " " +
                  ::textOf(int64_t(i) / table.actions, int64_t(i) % table.actions)};
  if (!claimed)
    return shapingSearch ? shapingSearch(table) : unknown("expected evidence of a potential, found none");
  static const llvm::json::Object none;
  const llvm::json::Object *object = claimed->getAsObject(), *values = object ? object->getObject("values") : nullptr;
  auto get = [&](StringRef name) { return decode(values ? *values : none, name, table.states); };
  return verifyPotentialBased(table, {get("potential"), get("without_bonus"), get("with_bonus")});
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

namespace {

using Row = std::array<int64_t, 3>; ///< Of a state, an action, the next state.

/// Runs a program on the first integers of each row, many rows at a time, and passes on the columns that it returns,
/// with where in them the row's lane is. The row that it can't be run on, if there is one, and what was `said` of it.
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
  if (said = "too large to look for undefined results row by row"; rows.size() * program.getOperations().size() > 1 << 22)
    return &rows.front();
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
  auto where = [](const Row &row) { return ::textOf(row[0], row[1]); };
  table.transitions.resize(rows.size());
  const Row *failed =
      runRows(environment.getBody().front(), rows, said, [&](size_t i, ArrayRef<Tensor> columns, size_t lane) {
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
  failed = runRows(reward.getBody().front(), rows, said, [&](size_t i, ArrayRef<Tensor> columns, size_t lane) {
    table.transitions[i].bonus = columns[0].floats[lane];
  });
  if (!failed)
    return table;
  why = "the bonus can't be computed " + where(*failed) + ": " + said;
  return std::nullopt;
}

ProofResult selfopt::provePotentialBased(Operation *program, ModuleOp judges, ArrayRef<Operation *> sealed,
                                         const llvm::json::Value *claimed) {
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
  return table ? provePotentialBased(*table, claimed) : unknown(why);
}
