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

#include "ObjectiveWitness.h"
#include "Proper.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Safety/UpdateRule.h"
#include "SelfOpt/Safety/Witnesses.h"
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
    for (int n = 0; n < 60; ++n) {
      // Three classes at first, then all of them.
      int used = std::min(classes, n < 40 ? 3 : classes);
      std::vector<double> q(size_t(classes), 0);
      double sum = 0;
      for (int k = 0; k < used; ++k)
        sum += q[size_t(k)] = n == 0 ? std::array<double, 3>{0.7, 0.2, 0.1}[size_t(k)] : 0.02 - std::log(1 - random.uniform());
      for (double &x : q)
        x /= sum;
      std::optional<double> truth = expected(q, q);
      if (!truth || !std::isfinite(*truth))
        continue;
      std::vector<double> best;
      double least = inf;
      for (int m = 0; m < 12; ++m) {
        // Sharper and flatter than the truth, near a corner, and any other.
        std::vector<double> p(q);
        double power = std::array<double, 8>{1.1, 0.9, 1.5, 0.7, 2, 0.5, 4, 0.1}[size_t(m % 8)];
        double total = 0;
        for (int k = 0; k < used; ++k) {
          double &x = p[size_t(k)];
          x = m < 8    ? std::pow(x, power)
              : m == 8 ? (x == *std::max_element(q.begin(), q.end()) ? 1 : 1e-6)
                       : 1e-3 - std::log(1 - random.uniform());
          total += x;
        }
        for (double &x : p)
          x /= total;
        std::optional<double> there = expected(q, p);
        if (there && *there < least) {
          least = *there;
          best = p;
        }
      }
      double margin = 1e-4 * (1 + std::fabs(*truth));
      if (least < *truth - margin || least == *truth)
        return llvm::formatv("with the truth {0} the expected loss is {1:f6} at {2}, {3} {4:f6} at the truth", text(q, used),
                             least, text(best, used), least == *truth ? "as good as" : "below", *truth)
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
  /// Under the truth q, at the scores log p; classes without probability have scores far below.
  std::optional<double> expected(ArrayRef<double> q, ArrayRef<double> p) {
    reference::Tensor scores = reference::Tensor::zeros({classes}, true);
    for (int k = 0; k < classes; ++k)
      scores.floats[size_t(k)] = p[size_t(k)] > 0 ? double(float(std::log(p[size_t(k)]))) : -60;
    double sum = 0;
    ScopedDiagnosticHandler swallow(block.getParentOp()->getContext(), [](Diagnostic &) { return success(); });
    for (int y = 0; y < classes; ++y) {
      if (q[size_t(y)] == 0)
        continue;
      SmallVector<reference::Tensor> inputs{scores, reference::Tensor::scalarInt(y)}, results;
      if (failed(reference::Interpreter().runBlock(block, inputs, results)) || results.empty())
        return std::nullopt;
      sum += q[size_t(y)] * results[0].floats[0];
    }
    return sum;
  }

  static constexpr double inf = std::numeric_limits<double>::infinity();
  Block &block;
  int classes;
};

} // namespace

static std::optional<std::string> findImproperWitness(Block &block, int classes) {
  return WitnessSearch(block, classes).run();
}

void selfopt::enableWitnesses() {
  updaterule::witnessSearch = updaterule::findWitness;
  improperWitnessSearch = findImproperWitness;
  goalWitnessSearch = findGoalWitness;
}
