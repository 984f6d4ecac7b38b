//===- UpdateRuleDomain.h - What is known of an update rule's values -- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An abstract domain for the body of a selfopt.optimizer. Of each value x it keeps
//
//   a range     as RangeOpInterface says, with subnormal bounds widened to zero, since the runtime flushes them;
//   a form      x = sum of c_ij x_i x_j + e, where x_i are 1, the gradient and the old states, the c_ij lie in intervals
//               and |e| <= slack: how the new state depends on the old one;
//   bounds by R |x| <= upper(R) and x >= lower(R), polynomials of degree 2 in R = sqrt(v1), where v1 is the new value of
//               an energy: a state with v1 = A v + B g^2, A and B positive. Adam's and RMSprop's v is one. So a quotient
//               m / (sqrt(v) + eps) is bounded by the ratio of two coefficients, where intervals only have |m| / eps;
//   by lr       |x| <= lr * byRate(R), for what the learning rate is a factor of.
//
// Each op's result is off by a relative error of 2^-24 (which goes into the coefficients: 2^-23 here, so that f64's own
// rounding in this file is covered) and by an absolute one, where numbers are subnormal: 2^-126, because the runtime
// flushes them to zero. A fused product and sum rounds less often, and stays inside.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_SAFETY_UPDATERULEDOMAIN_H
#define SELFOPT_LIB_SAFETY_UPDATERULEDOMAIN_H

#include "SelfOpt/Interfaces/Interval.h"
#include "SelfOpt/Safety/UpdateRule.h"
#include "Smt.h"
#include "llvm/ADT/DenseMap.h"
#include <array>
#include <map>
#include <optional>
#include <vector>

namespace selfopt::updaterule {

/// p[0] + p[1] R + p[2] R^2.
using Polynomial = std::array<double, 3>;

/// Coefficients by the pair of variables, the smaller index first: 0 is the number 1, 1 the gradient, 2 + k state k.
using Form = std::map<std::pair<unsigned, unsigned>, Interval>;
constexpr unsigned gradientVariable = 1, firstState = 2;

struct Fact {
  Interval range;
  Form form;
  double slack = 0;
  Polynomial upper, lower;
  std::optional<Polynomial> byRate;
  std::optional<Polynomial> inverse; ///< |x| <= 1 / inverse(R).

  double magnitude() const;
};

/// m^2 <= K (v + shift) for a state m and the energy v. The shift covers what is lost where numbers are subnormal.
struct Template {
  unsigned state;
  smt::Decimal K;
  double shift;
};

/// A state v with v1 = A v + B g^2 + e, |e| <= slack.
struct Energy {
  unsigned state;
  double A, B, slack;
  std::vector<Template> templates;
};

class RuleDomain {
public:
  RuleDomain(OptimizerOp optimizer, double gradient, const UpdateRuleOptions &options);

  unsigned numStates() const { return returned.size() - 1; }
  mlir::Value newParameter() const { return returned[0]; }
  mlir::Value newState(unsigned k) const { return returned[1 + k]; }

  /// Facts of all values, for step numbers in `steps` and old states in `boxes`; with bounds by R when `energy` is given
  /// and forms when asked for.
  void evaluate(Interval steps, llvm::ArrayRef<Interval> boxes, const Energy *energy, bool withForms);
  const Fact &operator[](mlir::Value v) const { return facts.find(v)->second; }

  /// The first op with a result that may be undefined, else one that may be infinite or NaN, or null.
  mlir::Operation *firstNotFinite() const;
  bool isUndefined() const { return undefined; }

  /// How far the parameter moves, over the learning rate; nothing, and the op in `failed` (may be null), where no form of the new
  /// parameter shows it.
  std::optional<double> stepBound(mlir::Operation *&failed) const;

private:
  Fact constant(const Interval &range) const;
  Fact transfer(mlir::Operation *op, llvm::ArrayRef<const Fact *> x, const Interval &range) const;
  void setForm(mlir::Operation *op, llvm::ArrayRef<const Fact *> x, Fact &result) const;
  void seed(mlir::Value v, const Polynomial &upper);
  const Fact &factOf(mlir::Value v);
  std::optional<Polynomial> moved(mlir::Value v, mlir::Operation *&failed) const;
  std::optional<Polynomial> findMove(mlir::Value v, mlir::Operation *&failed) const;

  mlir::Block &block;
  double gradient;
  const UpdateRuleOptions &options;
  std::vector<mlir::Value> returned;
  std::vector<mlir::Operation *> body;
  llvm::DenseMap<mlir::Value, Fact> facts;
  llvm::DenseMap<mlir::Value, Polynomial> seeds;
  bool forms = false;
  mlir::Operation *undefined = nullptr;
  mutable llvm::DenseMap<mlir::Value, std::optional<Polynomial>> moves;
  double largestR = 0;
};

} // namespace selfopt::updaterule
#endif // SELFOPT_LIB_SAFETY_UPDATERULEDOMAIN_H
