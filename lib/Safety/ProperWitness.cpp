//===- ProperWitness.cpp - Refutes scoring rules -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A truth q and a prediction p for which the expected loss at p, by the reference interpreter, is below that at q, or the
// same. Nothing that holds needs it.
//
//===----------------------------------------------------------------------===//

#include "ObjectiveSearch.h"
#include "Proper.h"
#include "RewardSearch.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Safety/UpdateRule.h"
#include "SelfOpt/Safety/ProofSearch.h"
#include "SelfOpt/Support/Philox.h"
#include "UpdateRuleWitness.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;

namespace {

class WitnessSearch {
public:
  WitnessSearch(Block &block, int classes) : block(block), classes(classes) {}

  std::optional<std::string> run() {
    Philox random(0x70726f706572);
    for (int n = 0; n < 40; ++n) {
      // Three classes at first, then all of them.
      int used = std::min(classes, n < 25 ? 3 : classes);
      std::vector<double> q(size_t(classes), 0);
      for (int k = 0; k < used; ++k)
        q[size_t(k)] = n == 0 ? std::array<double, 3>{0.7, 0.2, 0.1}[size_t(k)] : 0.02 - std::log(1 - random.uniform());
      normalize(q);
      std::optional<double> truth = expected(q, q);
      if (truth && std::isnan(*truth) && undefined) {
        auto line = undefined->getLoc()->findInstanceOf<FileLineColLoc>();
        return llvm::formatv("with the truth {0} there is no expected loss at the truth: {1}{2} is NaN", text(q, used), undefined->getName(),
                             line ? " of line " + std::to_string(line.getLine()) : "")
            .str();
      }
      if (!truth || !std::isfinite(*truth))
        continue;
      std::vector<double> best;
      double least = inf, shift = 0;
      auto look = [&](std::vector<double> p, double by = 0) {
        normalize(p);
        std::optional<double> there = expected(q, p, by);
        if (there && *there < least)
          least = *there, best = p, shift = by;
      };
      // Sharper and flatter than the truth, with some left for every class, near a corner, any other, and as scores that
      // are all higher or lower.
      for (double power : {1.1, 0.9, 1.5, 0.7, 2.0, 0.5, 4.0, 0.1, 1.01, 0.99}) {
        std::vector<double> p(q);
        for (double &x : p)
          x = x > 0 ? std::pow(x, power) : 0;
        look(p);
      }
      for (double floor : {0.1, 1e-2, 1e-3, 1e-5, 1e-8}) {
        std::vector<double> p(q);
        for (double &x : p)
          x += floor;
        look(p);
      }
      std::vector<double> corner(size_t(classes), 0);
      for (int k = 0; k < used; ++k)
        corner[size_t(k)] = q[size_t(k)] == *std::max_element(q.begin(), q.end()) ? 1 : 1e-6;
      look(corner);
      for (int m = 0; m < 3; ++m) {
        std::vector<double> p(size_t(classes), 0);
        for (int k = 0; k < used; ++k)
          p[size_t(k)] = 1e-3 - std::log(1 - random.uniform());
        look(p, m == 0 ? 0 : m == 1 ? 20 : -20);
      }
      double margin = 1e-8 * (1 + std::fabs(*truth));
      // Equal values at one point, or at two so near that f64 can't tell their values apart, are no witness.
      double apart = 0;
      for (size_t k = 0; k < best.size(); ++k)
        apart = std::max(apart, std::fabs(best[k] - q[k]));
      if (least < *truth - margin || (least == *truth && apart > 1e-3))
        return llvm::formatv("with the truth {0} the expected loss is {1:f6} at {2}{3}, {4} {5:f6} at the truth", text(q, used),
                             least, text(best, std::find(best.begin(), best.end(), 0) == best.end() ? classes : used),
                             shift ? llvm::formatv(" with all scores {0} by {1}", shift > 0 ? "raised" : "lowered", std::fabs(shift)).str() : "",
                             least == *truth ? "as good as" : "below", *truth)
            .str();
    }
    return std::nullopt;
  }

private:
  static std::string text(ArrayRef<double> p, int used) {
    std::string s;
    llvm::raw_string_ostream os(s);
    os << "(";
    llvm::interleaveComma(p.take_front(size_t(used)), os, [&](double x) { os << llvm::format("%.3g", x); });
    os << (used < int(p.size()) ? ", 0, ...)" : ")");
    return s;
  }
  static void normalize(std::vector<double> &p) {
    double sum = 0;
    for (double x : p)
      sum += x;
    for (double &x : p)
      x /= sum;
  }
  /// Under the truth q, at the scores log p + shift, in f64, as what is refuted is said of the reals; classes without
  /// probability have scores far below. Sets `undefined` to an op that has no value of finite operands.
  std::optional<double> expected(ArrayRef<double> q, ArrayRef<double> p, double shift = 0) {
    reference::Tensor scores = reference::Tensor::zeros({classes}, true);
    for (int k = 0; k < classes; ++k)
      scores.floats[size_t(k)] = shift + (p[size_t(k)] > 0 ? std::log(p[size_t(k)]) : -60);
    double sum = 0;
    ScopedDiagnosticHandler swallow(block.getParentOp()->getContext(), [](Diagnostic &) { return success(); });
    for (int y = 0; y < classes; ++y) {
      if (q[size_t(y)] == 0)
        continue;
      SmallVector<reference::Tensor> inputs{scores, reference::Tensor::scalarInt(y)}, results;
      reference::Interpreter interpreter(reference::Precision::Double);
      if (failed(interpreter.runBlock(block, inputs, results)) || results.empty())
        return std::nullopt;
      if (std::isnan(results[0].floats[0]) && !undefined)
        undefined = findUndefined(interpreter);
      sum += q[size_t(y)] * results[0].floats[0];
    }
    return sum;
  }
  Operation *findUndefined(const reference::Interpreter &interpreter) {
    for (Operation &op : block.without_terminator())
      for (Value result : op.getResults()) {
        const reference::Tensor &y = interpreter.lookup(result);
        auto isFinite = [&](Value v) { return llvm::all_of(interpreter.lookup(v).floats, [](double x) { return std::isfinite(x); }); };
        if (llvm::any_of(y.floats, [](double x) { return std::isnan(x); }) && llvm::all_of(op.getOperands(), isFinite))
          return &op;
      }
    return nullptr;
  }

  static constexpr double inf = std::numeric_limits<double>::infinity();
  Block &block;
  int classes;
  Operation *undefined = nullptr;
};

} // namespace

std::optional<std::string> selfopt::findImproperWitness(Block &block, int classes) {
  return WitnessSearch(block, classes).run();
}

void selfopt::enableProofSearch() {
  updaterule::ruleSearch = updaterule::searchRule;
  goalSearch = &searchGoals;
  shapingSearch = searchPotential;
}
