//===- RewardShaping.h - Whether a reward is potential-based -- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A bonus F that is added to a task's reward changes no best action where there is a potential P of the states with
//
//   F(s, a) = discount P(s') - P(s),   s' the state that a leads to, P(s') = 0 where the episode ends there
//
// (Ng, Harada and Russell 1999; the end: Grzes 2017). Take a way from s, whichever: the discounted sum of the bonus
// along it is -P(s), the rest cancels. So P is no choice. With a discount below 1 it is minus that sum along any way,
// and what is left to check is one equation for each state and action. Two ways from a state with different sums refute
// it.
//
// In f32 no equation is exact. With F off by at most e everywhere, an action's optimal value under task and bonus,
// plus P(s), is within e / (1 - discount) of the task's own: only actions that are nearly best may become best. So that
// none does is shown for the numbers as they are, by bounds of the optimal values of both, from the residuals of
// Bellman's equations. Actions that are equally good are told by their rewards: those that follow one are, step by
// step, those that follow the other.
//
// It is not: a statement about learning, which may become faster or slower; or about tasks of a changed environment.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_REWARDSHAPING_H
#define SELFOPT_SAFETY_REWARDSHAPING_H

#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Safety/Verdict.h"
#include "mlir/IR/BuiltinOps.h"
#include <optional>
#include <string>
#include <vector>

namespace selfopt {

/// What an environment does and a reward adds, for every state and action.
struct TransitionTable {
  struct Transition {
    int32_t next;
    bool done;            ///< The episode ends there.
    double reward, bonus; ///< As f32 computes them.
  };
  int64_t states, actions;
  double discount;                     ///< Above 0, below 1.
  std::vector<Transition> transitions; ///< Of state s and action a at s * actions + a.

  const Transition &at(int64_t state, int64_t action) const { return transitions[size_t(state * actions + action)]; }
  /// What the next state is worth by these values now.
  double after(const Transition &t, llvm::ArrayRef<double> values) const {
    return t.done ? 0 : discount * values[size_t(t.next)];
  }
  static double task(const Transition &t) { return t.reward; }
  static double both(const Transition &t) { return t.reward + t.bonus; }
};

/// By the reference interpreter. Where there is no table `why` says at which state and action.
std::optional<TransitionTable> readTable(RewardOp reward, EnvironmentOp environment, std::string &why);

/// Values of all states with a bound on how far each is from the optimal one, whatever they are: values that Bellman's
/// equation changes by at most d are within d / (1 - discount) of the optimal ones.
class Optimum {
public:
  using Earned = double (*)(const TransitionTable::Transition &);
  Optimum(const TransitionTable &table, std::vector<double> values, Earned earned);

  double worth(int64_t state, int64_t action) const;
  /// Bounds of what an action is worth where the best ones follow.
  double low(int64_t state, int64_t action) const { return worth(state, action) - off(state, action); }
  double high(int64_t state, int64_t action) const { return worth(state, action) + off(state, action); }

  const TransitionTable &table;
  std::vector<double> values;
  Earned earned;
  double error;

private:
  double off(int64_t state, int64_t action) const;
};

/// The largest residual of the equations of a potential, with what f64 rounds away; and the largest that f32 explains.
struct PotentialResidual {
  PotentialResidual(const TransitionTable &table, llvm::ArrayRef<double> potential);
  double off = 0, explained = 0;
};
std::string textOf(double x);

/// What a proof goes by, for every state: a potential, and the optimal values without and with the bonus.
struct ShapingEvidence {
  std::vector<double> potential, values, shaped;
};

/// Holds if the evidence shows it, else unknown. Nothing is assumed of the evidence: whoever certifies may have made it
/// up.
ProofResult verifyPotentialBased(const TransitionTable &table, const ShapingEvidence &evidence);

/// Where evidence and witnesses come from; null in a program that only verifies.
using ShapingSearch = ProofResult(const TransitionTable &table);
extern ShapingSearch *shapingSearch;

/// By the evidence that is claimed, or else by what is found. Nothing is refused but a table of numbers: rewards must
/// be finite, next states states; a bonus may be anything.
ProofResult provePotentialBased(const TransitionTable &table, const llvm::json::Value *claimed = nullptr);

/// Of a selfopt.reward, in the environment that the reward of that name in `judges` has, which must be among the
/// ops that are sealed: an environment judges. So a proof may be remembered by the reward alone.
ProofResult provePotentialBased(mlir::Operation *reward, mlir::ModuleOp judges,
                                llvm::ArrayRef<mlir::Operation *> sealed, const llvm::json::Value *claimed = nullptr);

} // namespace selfopt
#endif // SELFOPT_SAFETY_REWARDSHAPING_H
