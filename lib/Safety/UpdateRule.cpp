//===- UpdateRule.cpp - Proofs about update rules ----------------------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// finite_state: a box for each state that the rule never leaves. Where the new state's form is x1 = a x + rest with
// |a| < 1 the box is |rest| / (1 - |a|), rounded up to three digits; where |a| is about 1 (sums, counters) it is what
// so many steps can add up to; else it grows by iteration. The box is then checked, by the range rules, to be kept. With
// the boxes no value may be infinite or NaN.
//
// bounded_step: intervals know nothing of the relation between Adam's m and v, so that m / (sqrt(v) + eps) would be bounded
// by |m| / eps. But m^2 <= K v is inductive for some K: Z3 proves, for all m, v >= 0 and g,
//
//   m^2 <= K v  implies  (a m + b g)^2 <= K (A v + B g^2)
//
// with the coefficients that the rule's forms have, rounding included: a and b rounded up, A and B down. Then K gives a bound
// by R = sqrt(v1) for UpdateRuleDomain.h, and the quotient one by the steps' numbers, which are split where it is worst.
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
#include "UpdateRuleDomain.h"
#include "UpdateRuleWitness.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::updaterule;
using llvm::formatv;

updaterule::WitnessSearch *updaterule::witnessSearch = nullptr;

namespace {

std::string number(double x) { return formatDouble(x); }
/// Rounded up to six digits, for people.
std::string roundedUp(double x) { return number(smt::Decimal::above(x, 6).value()); }

std::string nameOf(Operation *op) {
  std::string name = op->getName().getStringRef().str();
  if (auto at = op->getLoc()->findInstanceOf<FileLineColLoc>())
    name += " of line " + std::to_string(at.getLine());
  return name;
}
llvm::json::Array bounds(const Interval &x) { return llvm::json::Array{number(x.low), number(x.high)}; }

class Prover {
public:
  Prover(OptimizerOp optimizer, double gradient, const UpdateRuleOptions &options)
      : optimizer(optimizer), gradient(gradient), options(options), domain(optimizer, gradient, options),
        allSteps(Interval::of(1, options.steps)) {}

  /// Fills `boxes`, or says why not; with what is known by an energy, if there is one.
  bool findBoxes(std::string &reason, const Energy *energy = nullptr);
  /// The states that can be an energy, with the templates that Z3 proves for the others.
  std::vector<Energy> findEnergies();
  /// The largest move over the learning rate, by intervals (null) or by an energy.
  std::optional<double> boundStep(const Energy *energy, Operation *&failed, unsigned &pieces);
  ProofResult violated(const Witness &witness);
  llvm::json::Object describe();

  OptimizerOp optimizer;
  double gradient;
  const UpdateRuleOptions &options;
  RuleDomain domain;
  std::vector<Interval> boxes;
  std::vector<bool> grows; ///< By what the steps add up to, so for `options.steps` steps only.
  llvm::json::Array templates;
  std::vector<std::string> failures; ///< Templates without a K.

private:
  void prove(Energy &energy, unsigned state, smt::Solver &solver);
  /// |x1| <= a |x| + b for state k, from its form.
  bool linearGrowth(unsigned k, double &a, double &b);

  Interval allSteps;
};

double magnitude(const Interval &x) { return std::max(std::fabs(x.low), std::fabs(x.high)); }

bool Prover::linearGrowth(unsigned k, double &a, double &b) {
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

bool Prover::findBoxes(std::string &reason, const Energy *energy) {
  boxes.clear();
  for (double x : optimizer.getStateInit())
    boxes.push_back(Interval::point(double(float(x))));
  grows.assign(boxes.size(), false);
  std::vector<unsigned> attempts(boxes.size(), 0);
  constexpr unsigned rounds = 40;
  for (unsigned round = 0; round < rounds; ++round) {
    domain.evaluate(allSteps, boxes, energy, /*withForms=*/true);
    bool kept = true;
    std::vector<Interval> next = boxes;
    for (unsigned k = 0; k < boxes.size(); ++k) {
      const Interval &made = domain[domain.newState(k)].range;
      if (!made.isFinite()) {
        Operation *op = domain.firstNotFinite();
        reason = formatv("state {0} is not kept in a box: {1} may be infinite or NaN", k,
                         op ? nameOf(op) : std::string("its new value"));
        return false;
      }
      if (boxes[k].contains(made))
        continue;
      double a, b, limit = INFINITY, first = std::fabs(double(float(optimizer.getStateInit()[k])));
      if (linearGrowth(k, a, b)) {
        if (a < 1 - 1e-5) {
          // A guess, since the box is checked: first without the rounding, which may cancel, then more with each try.
          unsigned tries = attempts[k]++;
          b = std::min(b, std::max(magnitude(made) - a * magnitude(boxes[k]), 0.0));
          limit = std::max(first, b / (1 - a) * (tries < 2 ? 1 - 2e-5 * (1 - tries) : 1 + 1e-4 * std::pow(2.0, tries)));
          grows[k] = false;
        } else if (round >= 4) {
          // a^n first + b (a^n - 1) / (a - 1) after n steps.
          double n = options.steps, power = std::exp(n * std::log(std::max(a, 1.0))) * (1 + 1e-6);
          limit = first * power + b * (a > 1 ? (power - 1) / (a - 1) : n) * (1 + 1e-6);
          // Kept only if this still is the limit with all boxes as they are now.
          grows[k] = true;
          if ((made.low >= boxes[k].low || boxes[k].low <= -limit) &&
              (made.high <= boxes[k].high || boxes[k].high >= limit))
            continue;
        }
      }
      kept = false;
      if (std::isfinite(limit) && limit > 0)
        limit = smt::Decimal::above(limit, 3).value();
      // No form, or one without a limit: wider, and wider faster after a while.
      if (!std::isfinite(limit)) {
        Interval all = boxes[k].join(made);
        double factor = round < 8 ? 1 : round < 16 ? 2 : 1e3;
        next[k] = Interval::of(made.low < boxes[k].low ? all.low * (all.low < 0 ? factor : 1 / factor) : all.low,
                               made.high > boxes[k].high ? all.high * (all.high > 0 ? factor : 1 / factor) : all.high);
        continue;
      }
      next[k] = Interval::of(made.low < boxes[k].low ? std::min(-limit, made.low) : boxes[k].low,
                             made.high > boxes[k].high ? std::max(limit, made.high) : boxes[k].high);
    }
    if (kept)
      return true;
    boxes = next;
  }
  for (unsigned k = 0; k < boxes.size(); ++k)
    if (!boxes[k].contains(domain[domain.newState(k)].range))
      reason = formatv("state {0} is in no box that the rule keeps: tried [{1}, {2}]", k, number(boxes[k].low),
                       number(boxes[k].high));
  return false;
}

void Prover::prove(Energy &energy, unsigned state, smt::Solver &solver) {
  const Fact &fact = domain[domain.newState(state)];
  constexpr double t = 0x1p-20;
  double a = 0, b = 0;
  for (auto &[key, c] : fact.form) {
    if (key == std::pair(0u, firstState + state))
      a = magnitude(c);
    else if (key == std::pair(0u, gradientVariable))
      b = magnitude(c);
    else if (magnitude(c) != 0)
      return;
  }
  if (b == 0)
    return;
  auto above = [](double x) { return smt::Decimal::above(x, 9); };
  smt::Decimal sa = above(a * (1 + t)), sb = above(b * (1 + t)), sA = smt::Decimal::below(energy.A, 9),
               sB = smt::Decimal::below(energy.B, 9);
  auto ask = [&](const smt::Decimal &K, std::string &text) {
    text = formatv("(set-logic QF_NRA)\n(declare-const m Real)\n(declare-const v Real)\n(declare-const g Real)\n"
                   "(assert (>= v 0.0))\n(assert (<= (* m m) (* {0} v)))\n"
                   "(define-fun m1 () Real (+ (* {1} m) (* {2} g)))\n"
                   "(define-fun v1 () Real (+ (* {3} v) (* {4} g g)))\n(assert (> (* m1 m1) (* {0} v1)))\n(check-sat)\n",
                   K.term(), sa.term(), sb.term(), sA.term(), sB.term());
    return solver.ask(text);
  };
  // By Cauchy and Schwarz the least K is b^2/B / (1 - a^2/A). That is a guess of where to look; Z3 decides.
  double guess = b * b / energy.B / (1 - a * a / energy.A);
  llvm::json::Object json{{"template", formatv("s{0}^2 <= K (s{1} + shift)", state, energy.state).str()}};
  std::string name = formatv("s{0}^2 <= K s{1}", state, energy.state);
  if (!(guess > 0) || guess > 1e15) {
    failures.push_back(name + " is kept for no K below 1e15");
    json["result"] = "not asked: no K below 1e15";
    templates.push_back(std::move(json));
    return;
  }
  smt::Decimal K = smt::Decimal::above(guess, 3);
  auto before = [](smt::Decimal d) {
    return d.mantissa > 100 ? smt::Decimal{d.mantissa - 1, d.exponent} : smt::Decimal{999, d.exponent - 1};
  };
  std::string text, refutedText;
  smt::Result proof = ask(K, text);
  for (unsigned tries = 0; proof.answer != smt::Answer::Unsatisfiable && tries < 8; ++tries) {
    K.mantissa += 1;
    proof = ask(K, text);
  }
  if (proof.answer != smt::Answer::Unsatisfiable) {
    json["result"] = smt::stringifyAnswer(proof.answer);
    json["reason"] = proof.reason;
    failures.push_back(name + " is not proved: Z3 says " + smt::stringifyAnswer(proof.answer).str());
    templates.push_back(std::move(json));
    return;
  }
  smt::Result refutation = ask(before(K), refutedText);
  for (unsigned tries = 0; refutation.answer == smt::Answer::Unsatisfiable && tries < 8; ++tries) {
    K = before(K);
    std::swap(text, refutedText);
    refutation = ask(before(K), refutedText);
  }
  double keep = 1 - std::min(energy.A, 1 - 0x1p-24);
  double shift = 2 * (energy.slack + (1 + 1 / t) * fact.slack * fact.slack / K.value()) / keep;
  // The initial state satisfies it, too.
  double m0 = float(optimizer.getStateInit()[state]), v0 = float(optimizer.getStateInit()[energy.state]);
  if (!(m0 * m0 <= K.value() * v0 * (1 - 1e-6)) && m0 != 0)
    return;
  energy.templates.push_back({state, K, shift});
  json["K"] = K.decimal();
  json["shift"] = roundedUp(shift);
  json["result"] = "unsat";
  json["query"] = text;
  json["query_blake3"] = digestHex(text);
  if (refutation.answer == smt::Answer::Satisfiable) {
    llvm::json::Object model;
    for (auto &[name, value] : refutation.model)
      model[name] = value;
    json["refuted"] = llvm::json::Object{{"K", before(K).decimal()}, {"witness", std::move(model)}};
  }
  templates.push_back(std::move(json));
}

std::vector<Energy> Prover::findEnergies() {
  std::vector<Energy> energies;
  domain.evaluate(allSteps, boxes, nullptr, /*withForms=*/true);
  std::optional<smt::Solver> solver;
  for (unsigned k = 0; k < boxes.size(); ++k) {
    const Fact &fact = domain[domain.newState(k)];
    Energy energy{k, 0, 0, fact.slack, {}};
    bool positive = boxes[k].low >= 0;
    for (auto &[key, c] : fact.form) {
      if (key == std::pair(0u, firstState + k))
        energy.A = c.low;
      else if (key == std::pair(gradientVariable, gradientVariable))
        energy.B = c.low;
      else
        // What is added besides only helps.
        positive &= c.low >= 0 && (key.first == key.second || magnitude(c) == 0);
    }
    if (!positive || energy.A < 0 || energy.B <= 0)
      continue;
    energy.A = std::min(energy.A, 1 - 0x1p-24);
    for (unsigned m = 0; m < boxes.size(); ++m)
      if (m != k) {
        if (!solver)
          solver.emplace(options.smtResources);
        prove(energy, m, *solver);
      }
    energies.push_back(std::move(energy));
  }
  // What averages a quotient that the energy bounds has a smaller box. All invariants hold together.
  std::vector<Interval> plain = boxes;
  std::vector<bool> plainGrows = grows;
  for (Energy &energy : energies) {
    std::string reason;
    energy.boxes = findBoxes(reason, &energy) ? boxes : plain;
    boxes = plain;
    grows = plainGrows;
  }
  return energies;
}

std::optional<double> Prover::boundStep(const Energy *energy, Operation *&failed, unsigned &pieces) {
  struct Piece {
    double first, last, bound;
  };
  auto measure = [&](double first, double last) -> Piece {
    domain.evaluate(Interval::of(first, last), energy ? energy->boxes : boxes, energy, /*withForms=*/false);
    auto bound = domain.stepBound(failed);
    return {first, last, bound.value_or(INFINITY)};
  };
  std::vector<Piece> split{measure(1, options.steps)};
  auto worse = [](const Piece &a, const Piece &b) { return a.bound < b.bound; };
  // To half a thousandth of the best that splitting can give.
  double floor = measure(options.steps, options.steps).bound;
  while (split.size() < options.pieces) {
    auto worst = std::max_element(split.begin(), split.end(), worse);
    if (worst->bound <= floor * 1.0005 || worst->first == worst->last ||
        (std::isinf(floor) && std::isinf(worst->bound)))
      break;
    double first = worst->first, last = worst->last;
    double middle = std::min(last - 1, std::floor(std::sqrt(first * last)));
    *worst = measure(first, middle);
    split.push_back(measure(middle + 1, last));
  }
  pieces = split.size();
  double bound = std::max_element(split.begin(), split.end(), worse)->bound;
  return std::isfinite(bound) ? std::optional(bound) : std::nullopt;
}

llvm::json::Object Prover::describe() {
  llvm::json::Array invariant;
  for (unsigned k = 0; k < boxes.size(); ++k) {
    llvm::json::Object state{{"state", k}, {"box", bounds(boxes[k])}};
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

ProofResult Prover::violated(const Witness &w) {
  ProofResult r;
  r.verdict = Verdict::Violated;
  r.engine = "sampling";
  r.detail = "with gradients " + w.gradients + ", at step " + std::to_string(int64_t(w.step)) +
             (w.notFinite ? ", " + nameOf(w.notFinite) + " is not finite"
                          : ", the parameter moves by " + number(smt::Decimal::below(w.move, 7).value()) + " learning rates");
  if (w.rate != 1)
    r.detail += ", learning rate " + number(w.rate);
  if (w.weight != 0)
    r.detail += ", parameter " + number(w.weight);
  r.evidence = llvm::json::Object{{"gradients", w.gradients},
                                  {"step", w.step},
                                  {"rate", w.rate},
                                  {"weight", w.weight},
                                  {"move", w.notFinite ? llvm::json::Value(nullptr) : llvm::json::Value(w.move)}};
  return r;
}

/// A refutation where one is found, else `unknown` with the reason.
ProofResult refuteOr(Prover &prover, std::optional<double> atMost, ProofResult unknown) {
  if (witnessSearch)
    if (auto witness = witnessSearch(prover.optimizer, prover.gradient, atMost, prover.options))
      return prover.violated(*witness);
  return unknown;
}
ProofResult unknown(std::string reason, llvm::json::Value evidence = nullptr) {
  return {Verdict::Unknown, "intervals", std::move(reason), std::move(evidence)};
}

/// Whether the types are what every rule here assumes.
bool isScalarRule(OptimizerOp optimizer) {
  Block &block = optimizer.getBody().front();
  return llvm::all_of(block.getArgumentTypes(), [](Type type) { return type.isF32(); }) &&
         llvm::all_of(block, [](Operation &op) { return op.getNumRegions() == 0; });
}

/// Boxes, and no value outside of the finite numbers: what both properties begin with. Nothing if that is proved.
std::optional<ProofResult> checkFinite(Prover &prover) {
  std::string reason;
  if (!prover.findBoxes(reason))
    return unknown(reason, prover.describe());
  if (Operation *op = prover.domain.firstNotFinite())
    return unknown(nameOf(op) + (prover.domain.isUndefined() ? " may be undefined" : " may be infinite or NaN"), prover.describe());
  return std::nullopt;
}

} // namespace

ProofResult selfopt::proveFiniteState(OptimizerOp optimizer, double gradient, const UpdateRuleOptions &options) {
  if (!isScalarRule(optimizer))
    return unknown("the rule is not one of f32 scalars");
  Prover prover(optimizer, gradient, options);
  if (auto failed = checkFinite(prover))
    return refuteOr(prover, std::nullopt, std::move(*failed));
  ProofResult r{Verdict::Holds, "intervals", "", prover.describe()};
  for (unsigned k = 0; k < prover.boxes.size(); ++k)
    r.detail += formatv("{0}state {1} in [{2}, {3}]{4}", k ? ", " : "", k, number(prover.boxes[k].low),
                        number(prover.boxes[k].high), prover.grows[k] ? " for 2^24 steps" : "");
  if (prover.boxes.empty())
    r.detail = "no state, and every value is finite";
  return r;
}

ProofResult selfopt::proveBoundedStep(OptimizerOp optimizer, double gradient, double atMost,
                                      const UpdateRuleOptions &options) {
  if (!isScalarRule(optimizer))
    return unknown("the rule is not one of f32 scalars");
  Prover prover(optimizer, gradient, options);
  if (auto failed = checkFinite(prover))
    return refuteOr(prover, atMost, std::move(*failed));
  double enough = atMost * (1 + options.comparisonSlack);
  Operation *failed = nullptr;
  unsigned pieces = 0, triedPieces = 0;
  std::optional<double> bound = prover.boundStep(nullptr, failed, pieces);
  const Energy *used = nullptr;
  // An energy costs questions to Z3: only where intervals are too weak, and where the move has a form at all.
  std::vector<Energy> energies;
  if (!bound || *bound > enough) {
    energies = prover.findEnergies();
    for (const Energy &energy : energies)
      if (auto by = prover.boundStep(&energy, failed, triedPieces); by && (!bound || *by < *bound)) {
        bound = by;
        used = &energy;
        pieces = triedPieces;
      }
  }
  if (used)
    prover.boxes = used->boxes;
  llvm::json::Object evidence = prover.describe();
  if (!bound) {
    std::string reason = failed ? nameOf(failed) + " is not shown to be a multiple of the learning rate"
                                : "no multiple of the learning rate bounds the move";
    for (const std::string &failure : prover.failures)
      reason += "; " + failure;
    return refuteOr(prover, atMost, unknown(reason, std::move(evidence)));
  }
  // Written with the slack that it is compared with, so that a sign's is 1.
  std::string shown = roundedUp(*bound * (1 - options.comparisonSlack));
  evidence["bound"] = shown;
  evidence["pieces"] = pieces;
  evidence["rounding"] = "included: 2^-23 relative and 2^-126 absolute for each operation; the template over the reals, "
                         "with coefficients moved outward by as much";
  evidence["not_included"] = formatv("the rounding of the parameter's own sums; the bound is up to {0}, relative",
                                     number(options.comparisonSlack)).str();
  if (!prover.templates.empty())
    evidence["templates"] = std::move(prover.templates);
  bool smt = used && !used->templates.empty();
  std::string detail = "|step| <= " + shown + " * lr";
  if (smt) {
    for (const Template &t : used->templates)
      detail += formatv(", by s{0}^2 <= {1} s{2}", t.state, t.K.decimal(), used->state).str();
  } else if (used) {
    detail += formatv(", by the root of state {0}", used->state).str();
  }
  if (*bound <= enough)
    return {Verdict::Holds, smt ? "smt" : "intervals", std::move(detail), std::move(evidence)};
  detail = "proved is only " + detail;
  for (const std::string &failure : prover.failures)
    detail += "; " + failure;
  return refuteOr(prover, atMost, unknown(detail, std::move(evidence)));
}
