//===- UpdateRuleSearch.cpp - Finds proofs about update rules ----------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds what UpdateRule.cpp verifies. Boxes: where the new state's form is x1 = a x + rest with |a| < 1 the box is
// |rest| / (1 - |a|), rounded up to three digits; where |a| is about 1 (sums, counters) it is what so many steps can
// add up to; else it grows by iteration. The least K of three digits; and the steps are split where the bound is worst.
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/AsmUtils.h"
#include "UpdateRuleWitness.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::updaterule;
using llvm::formatv;

namespace {

double magnitude(const Interval &x) { return std::max(std::fabs(x.low), std::fabs(x.high)); }

class Search {
public:
  Search(RuleProof &proof, std::optional<double> atMost)
      : proof(proof), optimizer(proof.optimizer), options(proof.options), domain(proof.domain), atMost(atMost) {}

  ProofResult run() {
    ProofResult result = findProof();
    if (result.verdict != Verdict::Holds)
      if (auto witness = findWitness(optimizer, proof.gradient, atMost, options))
        return violated(*witness);
    return result;
  }

private:
  /// An energy with its boxes, which are smaller than those without it.
  struct Candidate {
    Energy energy;
    std::vector<Interval> boxes;
  };

  ProofResult findProof();
  /// Fills the proof's boxes, or says why not; with what is known by an energy, if there is one.
  bool findBoxes(std::string &reason, const Energy *energy = nullptr);
  /// The states that can be an energy, with the templates that Z3 proves for the others.
  std::vector<Candidate> findEnergies();
  void findTemplate(Energy &energy, unsigned state);
  /// The last steps of the parts, and the largest move over the learning rate, by the proof's boxes.
  std::optional<double> split(const Energy *energy, std::vector<double> &lasts);
  ProofResult violated(const Witness &witness);

  RuleProof &proof;
  OptimizerOp optimizer;
  const UpdateRuleOptions &options;
  RuleDomain &domain;
  std::optional<double> atMost;
  std::vector<std::string> failures; ///< Templates without a K.
};

bool Search::findBoxes(std::string &reason, const Energy *energy) {
  std::vector<Interval> &boxes = proof.boxes;
  boxes.clear();
  for (double x : optimizer.getStateInit())
    boxes.push_back(Interval::point(double(float(x))));
  std::vector<unsigned> attempts(boxes.size(), 0);
  constexpr unsigned rounds = 40;
  for (unsigned round = 0; round < rounds; ++round) {
    domain.evaluate(proof.allSteps, boxes, energy, /*withForms=*/true);
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
      if (proof.linearGrowth(k, a, b)) {
        if (a < 1 - 1e-5) {
          // A guess, since the box is checked: first without the rounding, which may cancel, then more with each try.
          unsigned tries = attempts[k]++;
          b = std::min(b, std::max(magnitude(made) - a * magnitude(boxes[k]), 0.0));
          limit = std::max(first, b / (1 - a) * (tries < 2 ? 1 - 2e-5 * (1 - tries) : 1 + 1e-4 * std::pow(2.0, tries)));
        } else if (round >= 4) {
          limit = proof.growthLimit(k, a, b);
          // Kept only if this still is the limit with all boxes as they are now.
          if (proof.staysBelow(k, limit))
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
      reason = formatv("state {0} is in no box that the rule keeps: tried [{1}, {2}]", k, formatDouble(boxes[k].low),
                       formatDouble(boxes[k].high));
  return false;
}

void Search::findTemplate(Energy &energy, unsigned state) {
  auto form = proof.linearForm(state);
  if (!form)
    return;
  auto [a, b] = *form;
  // By Cauchy and Schwarz the least K is b^2/B / (1 - a^2/A). That is a guess of where to look; Z3 decides.
  double guess = b * b / energy.B / (1 - a * a / energy.A);
  std::string name = formatv("s{0}^2 <= K s{1}", state, energy.state);
  if (!(guess > 0) || guess > 1e15) {
    failures.push_back(name + " is kept for no K below 1e15");
    return;
  }
  auto ask = [&](const smt::Decimal &K) { return smt::ask(proof.query(energy, *form, K), options.smtResources); };
  auto before = [](smt::Decimal d) {
    return d.mantissa > 100 ? smt::Decimal{d.mantissa - 1, d.exponent} : smt::Decimal{999, d.exponent - 1};
  };
  smt::Decimal K = smt::Decimal::above(guess, 3);
  std::string answer = ask(K);
  for (unsigned tries = 0; answer != "unsat" && tries < 8; ++tries) {
    K.mantissa += 1;
    answer = ask(K);
  }
  if (answer != "unsat") {
    failures.push_back(name + " is not proved: Z3 says " + answer);
    return;
  }
  for (unsigned tries = 0; tries < 9 && ask(before(K)) == "unsat"; ++tries)
    K = before(K);
  llvm::json::Array shown;
  proof.addTemplate(energy, state, K, shown);
}

std::vector<Search::Candidate> Search::findEnergies() {
  std::vector<Candidate> found;
  domain.evaluate(proof.allSteps, proof.boxes, nullptr, /*withForms=*/true);
  for (unsigned k = 0; k < proof.boxes.size(); ++k)
    if (std::optional<Energy> energy = proof.energyOf(k)) {
      for (unsigned m = 0; m < proof.boxes.size(); ++m)
        if (m != k)
          findTemplate(*energy, m);
      found.push_back({std::move(*energy), {}});
    }
  // What averages a quotient that the energy bounds has a smaller box.
  std::vector<Interval> plain = proof.boxes;
  for (Candidate &candidate : found) {
    std::string reason;
    candidate.boxes = findBoxes(reason, &candidate.energy) ? proof.boxes : plain;
  }
  proof.boxes = plain;
  return found;
}

std::optional<double> Search::split(const Energy *energy, std::vector<double> &lasts) {
  struct Piece {
    double first, last, bound;
  };
  Operation *failed = nullptr;
  auto measure = [&](double first, double last) -> Piece {
    return {first, last, proof.measure(first, last, energy, failed).value_or(INFINITY)};
  };
  std::vector<Piece> pieces{measure(1, options.steps)};
  auto worse = [](const Piece &a, const Piece &b) { return a.bound < b.bound; };
  // To half a thousandth of the best that splitting can give.
  double floor = measure(options.steps, options.steps).bound;
  while (pieces.size() < options.pieces) {
    auto worst = std::max_element(pieces.begin(), pieces.end(), worse);
    if (worst->bound <= floor * 1.0005 || worst->first == worst->last ||
        (std::isinf(floor) && std::isinf(worst->bound)))
      break;
    double first = worst->first, last = worst->last;
    double middle = std::min(last - 1, std::floor(std::sqrt(first * last)));
    *worst = measure(first, middle);
    pieces.push_back(measure(middle + 1, last));
  }
  lasts.clear();
  for (const Piece &piece : pieces)
    lasts.push_back(piece.last);
  llvm::sort(lasts);
  double bound = std::max_element(pieces.begin(), pieces.end(), worse)->bound;
  return std::isfinite(bound) ? std::optional(bound) : std::nullopt;
}

ProofResult Search::findProof() {
  std::string reason;
  if (!findBoxes(reason))
    return {Verdict::Unknown, "intervals", reason};
  reason = proof.checkBoxes(nullptr);
  if (!reason.empty())
    return {Verdict::Unknown, "intervals", reason};
  llvm::json::Object claim = proof.describe();
  if (!atMost)
    return verify(proof, atMost, std::move(claim));
  std::vector<double> lasts, tried;
  std::optional<double> bound = split(nullptr, lasts);
  // An energy costs questions to Z3: only where intervals are too weak, and where the move has a form at all.
  if (!bound || *bound > *atMost * (1 + options.comparisonSlack))
    for (Candidate &candidate : findEnergies()) {
      proof.boxes = candidate.boxes;
      auto by = split(&candidate.energy, tried);
      if (!by || (bound && *by >= *bound))
        continue;
      bound = by;
      lasts = tried;
      claim = proof.describe();
      claim["energy"] = candidate.energy.state;
      llvm::json::Array templates;
      for (const Template &t : candidate.energy.templates)
        templates.push_back(llvm::json::Object{{"state", t.state}, {"K", t.K.decimal()}});
      claim["templates"] = std::move(templates);
    }
  claim["pieces"] = llvm::json::Array(llvm::map_range(lasts, [](double last) { return int64_t(last); }));
  ProofResult result = verify(proof, atMost, std::move(claim));
  if (result.verdict != Verdict::Holds)
    for (const std::string &failure : failures)
      result.detail += "; " + failure;
  return result;
}

ProofResult Search::violated(const Witness &w) {
  ProofResult r;
  r.verdict = Verdict::Violated;
  r.engine = "sampling";
  r.detail = "with gradients " + w.gradients + ", at step " + std::to_string(int64_t(w.step)) +
             (w.notFinite ? ", " + nameOf(w.notFinite) + " is not finite"
                          : ", the parameter moves by " + formatDouble(smt::Decimal::below(w.move, 7).value()) +
                                " learning rates");
  if (w.rate != 1)
    r.detail += ", learning rate " + formatDouble(w.rate);
  if (w.weight != 0)
    r.detail += ", parameter " + formatDouble(w.weight);
  r.evidence = llvm::json::Object{{"gradients", w.gradients},
                                  {"step", w.step},
                                  {"rate", w.rate},
                                  {"weight", w.weight},
                                  {"move", w.notFinite ? llvm::json::Value(nullptr) : llvm::json::Value(w.move)}};
  return r;
}

} // namespace

ProofResult updaterule::searchRule(RuleProof &proof, std::optional<double> atMost) {
  return Search(proof, atMost).run();
}
