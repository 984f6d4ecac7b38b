//===- UpdateRule.cpp - Proofs about update rules ----------------------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// finite_state: a box for each state that the rule never leaves, as the range rules show; where |a| is about 1 in the
// new state's form x1 = a x + rest (sums, counters), one that so many steps do not add up to. With the boxes no value
// may be infinite or NaN.
//
// bounded_step: intervals know nothing of the relation between Adam's m and v, so that m / (sqrt(v) + eps) would be
// bounded by |m| / eps. But m^2 <= K v is inductive for some K: Z3 proves, for all m, v >= 0 and g,
//
//   m^2 <= K v  implies  (a m + b g)^2 <= K (A v + B g^2)
//
// with the coefficients that the rule's forms have, rounding included: a and b rounded up, A and B down. Then K gives a
// bound by R = sqrt(v1) for UpdateRuleDomain.h, and the quotient one by the steps' numbers, which are split. All
// invariants hold together: boxes of the states before a step, with the forms that they give, keep m^2 <= K v; with
// that, the boxes are kept.
//
// Boxes, K and where the steps are split are evidence, of which nothing is assumed (UpdateRuleSearch.cpp looks for it).
//
// Where numbers underflow, m1 = a m + b g + e and v1 = A v + B g^2 + f with |e| <= E, |f| <= F. The invariant is then
// m^2 <= K (v + s), and with V = v + s and a and b larger by 1 + t:
//
//   m1^2 <= (1 + t) (a m + b g)^2 + (1 + 1/t) E^2 <= K (A V + B g^2) + (1 + 1/t) E^2 <= K (v1 + s)
//
// if K (s (1 - A) - F) >= (1 + 1/t) E^2.
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/UpdateRule.h"
#include "SelfOpt/Dialect/AsmUtils.h"
#include "SelfOpt/Support/Digest.h"
#include "UpdateRuleProof.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::updaterule;
using llvm::formatv;

RuleSearch *updaterule::ruleSearch = nullptr;

std::string updaterule::nameOf(Operation *op) {
  std::string name = op->getName().getStringRef().str();
  if (auto at = op->getLoc()->findInstanceOf<FileLineColLoc>())
    name += " of line " + std::to_string(at.getLine());
  return name;
}

static std::string number(double x) { return formatDouble(x); }
/// Rounded up to six digits, for people.
static std::string roundedUp(double x) { return number(smt::Decimal::above(x, 6).value()); }
static ProofResult unknown(std::string reason) { return {Verdict::Unknown, "intervals", std::move(reason)}; }
static double magnitude(const Interval &x) { return std::max(std::fabs(x.low), std::fabs(x.high)); }

bool RuleProof::linearGrowth(unsigned k, double &a, double &b) {
  const Fact &fact = domain[domain.newState(k)];
  unsigned own = firstState + k;
  a = 0, b = fact.slack;
  auto sizeOf = [&](unsigned variable) {
    return variable == 0 ? 1.0 : variable == gradientVariable ? gradient : magnitude(boxes[variable - firstState]);
  };
  bool depends = false;
  for (auto &[key, c] : fact.form) {
    double coefficient = magnitude(c);
    if (key.second == own) {
      depends = true;
      a += coefficient * (key.first == own ? magnitude(boxes[k]) : sizeOf(key.first));
    } else {
      b += coefficient == 0 ? 0 : coefficient * sizeOf(key.first) * sizeOf(key.second);
    }
  }
  a *= 1 + 1e-12, b *= 1 + 1e-12;
  return depends && std::isfinite(a) && std::isfinite(b);
}

double RuleProof::growthLimit(unsigned k, double a, double b) {
  // a^n first + b (a^n - 1) / (a - 1) after n steps.
  double first = std::fabs(double(float(optimizer.getStateInit()[k])));
  double n = options.steps, power = std::exp(n * std::log(std::max(a, 1.0))) * (1 + 1e-6);
  return first * power + b * (a > 1 ? (power - 1) / (a - 1) : n) * (1 + 1e-6);
}

bool RuleProof::staysBelow(unsigned k, double limit) {
  const Interval &made = domain[domain.newState(k)].range;
  return (made.low >= boxes[k].low || boxes[k].low <= -limit) && (made.high <= boxes[k].high || boxes[k].high >= limit);
}

std::string RuleProof::checkBoxes(const Energy *energy) {
  domain.evaluate(allSteps, boxes, energy, /*withForms=*/true);
  if (Operation *op = domain.firstNotFinite())
    return nameOf(op) + (domain.isUndefined() ? " may be undefined" : " may be infinite or NaN");
  grows.assign(boxes.size(), false);
  for (unsigned k = 0; k < boxes.size(); ++k) {
    const Interval &made = domain[domain.newState(k)].range;
    double a, b;
    if (!boxes[k].contains(Interval::point(double(float(optimizer.getStateInit()[k])))))
      return formatv("state {0} does not begin in its box", k);
    if (boxes[k].contains(made))
      continue;
    // Only so many steps keep it, and only where its form says how far they lead.
    grows[k] = made.isFinite() && linearGrowth(k, a, b) && staysBelow(k, growthLimit(k, a, b));
    if (!grows[k])
      return formatv("state {0} is in no box that the rule keeps: tried [{1}, {2}]", k, number(boxes[k].low),
                     number(boxes[k].high));
  }
  return "";
}

std::optional<Energy> RuleProof::energyOf(unsigned k) {
  const Fact &fact = domain[domain.newState(k)];
  Energy energy{k, 0, 0, fact.slack, {}};
  bool positive = boxes[k].low >= 0 && fact.range.low >= 0;
  for (auto &[key, c] : fact.form) {
    if (key == std::pair(0u, firstState + k))
      energy.A = c.low;
    else if (key == std::pair(gradientVariable, gradientVariable))
      energy.B = c.low;
    else
      // What is added besides only helps.
      positive &= c.low >= 0 && (key.first == key.second || magnitude(c) == 0);
  }
  // Boxes may be claimed that are so large that nothing here is a finite number.
  if (!positive || !(energy.A >= 0) || !(energy.B > 0) || !std::isfinite(energy.B + energy.slack))
    return std::nullopt;
  energy.A = std::min(energy.A, 1 - 0x1p-24);
  return energy;
}

std::optional<std::pair<double, double>> RuleProof::linearForm(unsigned state) {
  double a = 0, b = 0;
  for (auto &[key, c] : domain[domain.newState(state)].form) {
    if (key == std::pair(0u, firstState + state))
      a = magnitude(c);
    else if (key == std::pair(0u, gradientVariable))
      b = magnitude(c);
    else if (magnitude(c) != 0)
      return std::nullopt;
  }
  return b > 0 && std::isfinite(a + b) ? std::optional(std::pair(a, b)) : std::nullopt;
}

/// Of the essay above: what rounding takes from a state's coefficients.
constexpr double t = 0x1p-20;

std::string RuleProof::query(const Energy &energy, std::pair<double, double> form, const smt::Decimal &K) {
  auto above = [](double x) { return smt::Decimal::above(x, 9).term(); };
  return formatv("(set-logic QF_NRA)\n(declare-const m Real)\n(declare-const v Real)\n(declare-const g Real)\n"
                 "(assert (>= v 0.0))\n(assert (<= (* m m) (* {0} v)))\n"
                 "(define-fun m1 () Real (+ (* {1} m) (* {2} g)))\n"
                 "(define-fun v1 () Real (+ (* {3} v) (* {4} g g)))\n(assert (> (* m1 m1) (* {0} v1)))\n(check-sat)\n",
                 K.term(), above(form.first * (1 + t)), above(form.second * (1 + t)),
                 smt::Decimal::below(energy.A, 9).term(), smt::Decimal::below(energy.B, 9).term());
}

std::string RuleProof::addTemplate(Energy &energy, unsigned state, const smt::Decimal &K, llvm::json::Array &shown) {
  auto form = linearForm(state);
  std::string name = formatv("s{0}^2 <= {1} s{2}", state, K.decimal(), energy.state);
  if (!form || !(K.value() > 0))
    return name + " is not proved: no form of the state, or a K that is not positive";
  std::string text = query(energy, *form, K);
  std::string answer = smt::ask(text, options.smtResources);
  if (answer != "unsat")
    return name + " is not proved: Z3 says " + answer;
  double slack = domain[domain.newState(state)].slack;
  double shift = 2 * (energy.slack + (1 + 1 / t) * slack * slack / K.value()) / (1 - energy.A);
  // The initial state satisfies it, too.
  double m0 = float(optimizer.getStateInit()[state]), v0 = float(optimizer.getStateInit()[energy.state]);
  if ((!(m0 * m0 <= K.value() * v0 * (1 - 1e-6)) && m0 != 0) || !std::isfinite(shift))
    return name + " is not so at the start";
  energy.templates.push_back({state, K, shift});
  shown.push_back(llvm::json::Object{{"state", state},
                                     {"template", formatv("s{0}^2 <= K (s{1} + shift)", state, energy.state).str()},
                                     {"K", K.decimal()},
                                     {"shift", roundedUp(shift)},
                                     {"result", "unsat"},
                                     {"query", text},
                                     {"query_blake3", digestHex(text)}});
  return "";
}

std::optional<double> RuleProof::measure(double first, double last, const Energy *energy, Operation *&failed) {
  domain.evaluate(Interval::of(first, last), boxes, energy, /*withForms=*/false);
  auto bound = domain.stepBound(failed);
  return bound && std::isfinite(*bound) ? bound : std::nullopt;
}

llvm::json::Object RuleProof::describe() {
  llvm::json::Array invariant;
  for (unsigned k = 0; k < boxes.size(); ++k) {
    llvm::json::Object state{{"state", k}, {"box", llvm::json::Array{number(boxes[k].low), number(boxes[k].high)}}};
    if (grows[k])
      state["kept"] = "for the number of steps below: the steps' sum";
    invariant.push_back(std::move(state));
  }
  return llvm::json::Object{{"domain", llvm::json::Object{{"gradient", number(gradient)},
                                                          {"weight", number(options.maxWeight)},
                                                          {"rate", "(0, 1]"},
                                                          {"steps", number(options.steps)}}},
                            {"invariant", std::move(invariant)}};
}

std::string RuleProof::readBoxes(const llvm::json::Object &claimed) {
  const llvm::json::Array *invariant = claimed.getArray("invariant");
  if (!invariant || invariant->size() != domain.numStates())
    return formatv("expected evidence with an invariant of {0} boxes, found none", domain.numStates());
  boxes.clear();
  for (const llvm::json::Value &state : *invariant) {
    llvm::json::Path::Root root;
    llvm::json::ObjectMapper fields(state, root);
    std::vector<std::string> box;
    double low = NAN, high = NAN;
    if (!fields || !fields.map("box", box) || box.size() != 2 || StringRef(box[0]).getAsDouble(low) ||
        StringRef(box[1]).getAsDouble(high) || !std::isfinite(low) || !std::isfinite(high) || low > high)
      return formatv("expected a box of two finite numbers for state {0}, found another", boxes.size());
    boxes.push_back(Interval::of(low, high));
  }
  return "";
}

std::string RuleProof::readEnergy(const llvm::json::Object &claimed, std::optional<Energy> &energy,
                                  llvm::json::Array &shown) {
  if (!claimed.get("energy"))
    return "";
  domain.evaluate(allSteps, boxes, nullptr, /*withForms=*/true);
  if (auto k = claimed.getInteger("energy"); k && *k >= 0 && *k < int64_t(boxes.size()))
    energy = energyOf(unsigned(*k));
  if (!energy)
    return "expected a state with v1 = A v + B g^2 as energy, found another";
  const llvm::json::Array none, *templates = claimed.getArray("templates");
  if (templates && templates->size() >= boxes.size())
    return "expected a template at most for each other state than the energy, found more";
  for (const llvm::json::Value &entry : templates ? *templates : none) {
    llvm::json::Path::Root root;
    llvm::json::ObjectMapper fields(entry, root);
    uint64_t state = 0;
    std::string text;
    bool read = fields && fields.map("state", state) && fields.map("K", text);
    auto K = smt::Decimal::parse(text);
    if (!read || state >= boxes.size() || state == energy->state || !K)
      return "expected another state than the energy and a number K in a template, found none";
    if (std::string problem = addTemplate(*energy, unsigned(state), *K, shown); !problem.empty())
      return problem;
  }
  return "";
}

/// The largest move of all steps, by parts of them that `claimed` lists by their last ones; or why there is none.
static std::string boundPieces(RuleProof &proof, const Energy *energy, const llvm::json::Object &claimed,
                               std::vector<int64_t> &lasts, double &bound) {
  const UpdateRuleOptions &options = proof.options;
  llvm::json::Path::Root root;
  const llvm::json::Value *given = claimed.get("pieces");
  if (!given || !fromJSON(*given, lasts, root) || lasts.empty() || lasts.size() > options.pieces ||
      double(lasts.back()) != options.steps)
    return formatv("expected at most {0} parts of the steps up to {1}, found others", options.pieces, options.steps);
  Operation *failed = nullptr;
  int64_t first = 1;
  for (int64_t last : lasts) {
    if (last < first)
      return "expected the parts of the steps in their order, found others";
    auto piece = proof.measure(double(first), double(last), energy, failed);
    if (!piece)
      return failed ? nameOf(failed) + " is not shown to be a multiple of the learning rate"
                    : "no multiple of the learning rate bounds the move";
    bound = std::max(bound, *piece);
    first = last + 1;
  }
  return "";
}

ProofResult updaterule::verify(RuleProof &proof, std::optional<double> atMost, const llvm::json::Value &value) {
  const llvm::json::Object none, *object = value.getAsObject(), &claimed = object ? *object : none;
  const UpdateRuleOptions &options = proof.options;
  std::optional<Energy> energy;
  llvm::json::Array templates;
  std::string problem = proof.readBoxes(claimed);
  if (problem.empty() && atMost)
    problem = proof.readEnergy(claimed, energy, templates);
  if (problem.empty())
    problem = proof.checkBoxes(energy ? &*energy : nullptr);
  if (!problem.empty())
    return unknown(problem);
  llvm::json::Object evidence = proof.describe();
  std::string detail;
  if (!atMost) {
    for (unsigned k = 0; k < proof.boxes.size(); ++k)
      detail += formatv("{0}state {1} in [{2}, {3}]{4}", k ? ", " : "", k, number(proof.boxes[k].low),
                        number(proof.boxes[k].high), proof.grows[k] ? " for 2^24 steps" : "");
    return {Verdict::Holds, "intervals", detail.empty() ? "no state, and every value is finite" : detail,
            std::move(evidence)};
  }
  std::vector<int64_t> lasts;
  double bound = 0;
  problem = boundPieces(proof, energy ? &*energy : nullptr, claimed, lasts, bound);
  if (!problem.empty())
    return unknown(problem);
  // Written with the slack that it is compared with, so that a sign's is 1.
  std::string shown = roundedUp(bound * (1 - options.comparisonSlack));
  evidence["bound"] = shown;
  evidence["pieces"] = llvm::json::Array(lasts);
  detail = "|step| <= " + shown + " * lr";
  bool smt = !templates.empty();
  if (energy) {
    evidence["energy"] = energy->state;
    if (!smt)
      detail += formatv(", by the root of state {0}", energy->state).str();
    for (const Template &by : energy->templates)
      detail += formatv(", by s{0}^2 <= {1} s{2}", by.state, by.K.decimal(), energy->state).str();
    evidence["templates"] = std::move(templates);
  }
  if (!(bound <= *atMost * (1 + options.comparisonSlack)))
    return unknown("proved is only " + detail);
  return {Verdict::Holds, smt ? "smt" : "intervals", std::move(detail), std::move(evidence)};
}

static ProofResult prove(OptimizerOp optimizer, double gradient, std::optional<double> atMost,
                         const UpdateRuleOptions &options, const llvm::json::Value *claimed) {
  Block &block = optimizer.getBody().front();
  // What every rule here assumes of types.
  if (!llvm::all_of(block.getArgumentTypes(), [](Type type) { return type.isF32(); }) ||
      !llvm::all_of(block, [](Operation &op) { return op.getNumRegions() == 0; }))
    return unknown("the rule is not one of f32 scalars");
  RuleProof proof(optimizer, gradient, options);
  if (!claimed && ruleSearch)
    return ruleSearch(proof, atMost);
  return verify(proof, atMost, claimed ? *claimed : llvm::json::Value(nullptr));
}

ProofResult selfopt::proveFiniteState(OptimizerOp optimizer, double gradient, const UpdateRuleOptions &options,
                                      const llvm::json::Value *claimed) {
  return prove(optimizer, gradient, std::nullopt, options, claimed);
}

ProofResult selfopt::proveBoundedStep(OptimizerOp optimizer, double gradient, double atMost,
                                      const UpdateRuleOptions &options, const llvm::json::Value *claimed) {
  return prove(optimizer, gradient, atMost, options, claimed);
}
