//===- ObjectiveFuzz.cpp - Proofs about mutated losses ----------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// objective-stress [LOSSES] [SAMPLED] [POINTS]: losses made from cross-entropy by one to four mutations; the verdicts of
// each constraint on them, and what a proof takes. Of those that hold, so many are looked at in so many points: a value
// that is not finite, a loss that rises with the score of its label, one below its bound, or one that expects less at other
// scores than at the truth is a counterexample, and an error.
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/InitAll.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Safety/Objective.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include <chrono>
#include <cmath>
#include <map>

using namespace mlir;
using namespace selfopt;
using reference::Interpreter;
using reference::Precision;
using reference::Tensor;

static const char *start = R"(
selfopt.loss @f(%logits: tensor<10xf32>, %label: i32) -> f32 {
  %lp = nn.log_softmax %logits : tensor<10xf32>
  %l  = nn.pick %lp[%label] : f32
  %n  = arith.negf %l : f32
  selfopt.return %n : f32
}
safety.policy @policy {
  safety.require finite(@f) domain(100.0)
  safety.require aligned(@f) domain(100.0)
  safety.require bounded_below(@f) domain(100.0) at_least(0.0)
  safety.require proper(@f)
}
)";

/// A point at which the property does not hold; empty where there is none among so many.
static std::string findCounterexample(Block &block, StringRef property, Philox &random, unsigned points) {
  for (unsigned n = 0; n < points; ++n) {
    double scale = std::array<double, 4>{1, 100, 10, 0.1}[n % 4];
    Tensor z = Tensor::zeros({10}, true);
    for (double &x : z.floats)
      x = double(float(std::clamp(scale * random.normal(), -100.0, 100.0)));
    int64_t label = int64_t(random.below(10));
    auto run = [&](Precision precision) {
      SmallVector<Tensor> inputs{z, Tensor::scalarInt(label)}, results;
      return failed(Interpreter(precision).runBlock(block, inputs, results)) ? NAN : results[0].floats[0];
    };
    double value = run(Precision::AsTyped);
    std::string at = llvm::formatv(" at point {0}", n).str();
    if (property == "proper") {
      // The expected loss at any scores against that at scores whose softmax is the truth.
      Tensor truth = z;
      for (double &x : truth.floats)
        x = double(float(std::clamp(x, -20.0, 20.0)));
      Tensor other = truth;
      for (double &x : other.floats)
        x += std::array<double, 3>{0.01, 1, 10}[n / 4 % 3] * random.normal();
      double most = *llvm::max_element(truth.floats), sum = 0, atTruth = 0, atOther = 0;
      for (double x : truth.floats)
        sum += std::exp(x - most);
      for (int64_t y = 0; y < 10; ++y) {
        double q = std::exp(truth.floats[size_t(y)] - most) / sum;
        label = y;
        z = truth;
        atTruth += q * run(Precision::Double);
        z = other;
        atOther += q * run(Precision::Double);
      }
      // Said of the reals: where f64 rounds a probability to 1, x log p / log p has no value.
      if (std::isfinite(atTruth) && !std::isnan(atOther) && !(atOther >= atTruth - 1e-12 * (1 + std::fabs(atTruth))))
        return llvm::formatv("{0} expected, less than {1} at the truth{2}", atOther, atTruth, at).str();
      continue;
    }
    if (property == "finite" && !std::isfinite(value))
      return "not finite" + at;
    if (property == "bounded_below" && !(value >= 0))
      return "below its bound" + at;
    if (property == "aligned") {
      double here = run(Precision::Double);
      double &own = z.floats[size_t(label)];
      double from = own;
      own = std::min(100.0, own + std::array<double, 3>{0.001, 1, 50}[random.below(3)]);
      double there = run(Precision::Double);
      if (there > here + 1e-9 * (1 + std::fabs(here)))
        return llvm::formatv("rises by {0} from a score of {1} to {2}{3}", there - here, from, own, at).str();
    }
  }
  return "";
}

int main(int argc, char **argv) {
  unsigned counts[3] = {2000, 50, 200};
  for (int i = 1; i < argc; ++i)
    if (i > 3 || StringRef(argv[i]).getAsInteger(10, counts[i - 1])) {
      llvm::errs() << "usage: objective-stress [LOSSES] [SAMPLED] [POINTS]\n";
      return 2;
    }
  auto [losses, sampled, points] = counts;
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  OwningOpRef<ModuleOp> spec = parseSourceString<ModuleOp>(start, &context);
  MutationScope scope = MutationScope::all(*spec);
  struct Tally {
    unsigned verdicts[3] = {};
    unsigned sampled = 0;
    std::vector<double> microseconds;
    std::map<std::string, unsigned> unknown;
  };
  std::map<std::string, Tally> tallies;
  unsigned wrong = 0;
  for (unsigned n = 0; n < losses; ++n) {
    Philox random(11, n);
    OwningOpRef<ModuleOp> mutant = spec->clone();
    Block lineage;
    for (unsigned step = 0, steps = 1 + n % 4; step < steps; ++step)
      mutate(*mutant, scope, random, lineage);
    Operation *loss = mutant->lookupSymbol("f");
    Block &block = loss->getRegion(0).front();
    for (auto require : mutant->lookupSymbol<safety::PolicyOp>("policy").getOps<safety::RequireOp>()) {
      Tally &tally = tallies[stringifyProperty(require.getProperty()).str()];
      auto begin = std::chrono::steady_clock::now();
      ProofResult result = proveProgram(loss, require);
      tally.microseconds.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
      ++tally.verdicts[size_t(result.verdict)];
      if (result.verdict == Verdict::Unknown) {
        StringRef why = StringRef(result.detail);
        ++tally.unknown[why.substr(0, why.find(", after")).rsplit(": ").second.str()];
      }
      if (result.verdict != Verdict::Holds || tally.sampled >= sampled)
        continue;
      ++tally.sampled;
      Philox draws(12, n);
      std::string found = findCounterexample(block, stringifyProperty(require.getProperty()), draws, points);
      if (found.empty())
        continue;
      ++wrong;
      llvm::errs() << "loss " << n << " was proved " << stringifyProperty(require.getProperty()) << ", but is " << found << ":\n";
      loss->print(llvm::errs());
      llvm::errs() << "\n";
    }
  }
  for (auto &[property, tally] : tallies) {
    llvm::sort(tally.microseconds);
    size_t count = tally.microseconds.size();
    llvm::outs() << llvm::formatv("{0,-14} {1,6} hold {2,6} violated {3,6} unknown ({4:f1} %)  median {5:f0} us, 99 % {6:f0} us; {7} of those that hold sampled\n", property,
                                  tally.verdicts[0], tally.verdicts[1], tally.verdicts[2], 100.0 * tally.verdicts[2] / double(count),
                                  tally.microseconds[count / 2], tally.microseconds[count * 99 / 100], tally.sampled);
    std::vector<std::pair<unsigned, std::string>> reasons;
    for (auto &[why, times] : tally.unknown)
      reasons.push_back({times, why});
    llvm::sort(reasons, std::greater<>());
    for (auto &[times, why] : llvm::ArrayRef(reasons).take_front(4))
      llvm::outs() << llvm::formatv("    {0,6} {1}\n", times, why);
  }
  llvm::outs() << wrong << " counterexamples\n";
  return wrong ? 1 : 0;
}
