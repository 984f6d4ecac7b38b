//===- UpdateRuleWitness.cpp - Gradients that break an update rule -----------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "UpdateRuleWitness.h"
#include "IntervalMath.h"
#include "SelfOpt/Dialect/AsmUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cfloat>
#include <fmt/format.h>
#include <functional>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::updaterule;

namespace {

/// The shortest decimal that is this f32: 1e-6, not 9.999999974752427e-07.
double shortest(float x) { return std::stod(fmt::format("{}", x)); }

/// Truth values are 0 and 1. Operands: up to three numbers.
using Function = float (*)(float, float, float);

/// Whether a relation (1 equal, 2 greater, 4 less, 8 unordered) is one that the predicate accepts.
template <unsigned accepted> float compare(float a, float b, float) {
  unsigned relation = a == b ? 1 : a > b ? 2 : a < b ? 4 : 8;
  return relation & accepted ? 1 : 0;
}
Function comparison(arith::CmpFPredicate p) {
  static constexpr Function table[] = {compare<0>,  compare<1>,  compare<2>,  compare<3>,  compare<4>,  compare<5>,
                                       compare<6>,  compare<7>,  compare<9>,  compare<10>, compare<11>, compare<12>,
                                       compare<13>, compare<14>, compare<8>,  compare<15>};
  return table[size_t(p)];
}

Function functionOf(Operation *op) {
#define RULE(OP, VALUE) .Case<OP>([](auto) -> Function { return [](float a, float b, float c) -> float { return VALUE; }; })
  return TypeSwitch<Operation *, Function>(op)
      RULE(arith::AddFOp, a + b) RULE(arith::SubFOp, a - b) RULE(arith::MulFOp, a * b) RULE(arith::DivFOp, a / b)
      RULE(arith::NegFOp, -a) RULE(math::SqrtOp, std::sqrt(a)) RULE(math::RsqrtOp, 1 / std::sqrt(a))
      RULE(math::AbsFOp, std::fabs(a)) RULE(math::PowFOp, std::pow(a, b)) RULE(math::ExpOp, std::exp(a))
      RULE(math::LogOp, std::log(a)) RULE(math::TanhOp, std::tanh(a)) RULE(math::CopySignOp, std::copysign(a, b))
      RULE(math::FmaOp, std::fma(a, b, c)) RULE(arith::SelectOp, a != 0 ? b : c)
      RULE(arith::MaxNumFOp, std::fmax(a, b)) RULE(arith::MinNumFOp, std::fmin(a, b))
      RULE(arith::MaximumFOp, std::isnan(a) || std::isnan(b) ? a + b : std::max(a, b))
      RULE(arith::MinimumFOp, std::isnan(a) || std::isnan(b) ? a + b : std::min(a, b))
      RULE(arith::AndIOp, a * b) RULE(arith::OrIOp, std::max(a, b)) RULE(arith::XOrIOp, a != b ? 1 : 0)
      .Case<arith::CmpFOp>([](arith::CmpFOp cmp) { return comparison(cmp.getPredicate()); })
      .Default([](auto) -> Function { return nullptr; });
#undef RULE
}

/// The body as a list of calls on numbered slots.
class Machine {
public:
  explicit Machine(OptimizerOp optimizer) : optimizer(optimizer) {
    Block &block = optimizer.getBody().front();
    llvm::DenseMap<Value, unsigned> slots;
    auto slotOf = [&](Value v) {
      auto [it, fresh] = slots.try_emplace(v, values.size());
      if (fresh) {
        values.push_back(0);
        if (auto constant = v.getDefiningOp<arith::ConstantOp>()) {
          if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
            values.back() = float(number.getValueAsDouble());
          else if (auto truth = dyn_cast<IntegerAttr>(constant.getValue()))
            values.back() = truth.getValue().isZero() ? 0 : 1;
        }
      }
      return it->second;
    };
    for (Value v : block.getArguments())
      slotOf(v);
    for (Operation &op : block.without_terminator()) {
      if (isa<arith::ConstantOp>(op))
        continue;
      Function function = functionOf(&op);
      bool known = function && op.getNumResults() == 1 &&
                   llvm::all_of(llvm::concat<Value>(op.getOperands(), op.getResults()), [](Value v) {
                     return v.getType().isF32() || v.getType().isInteger(1);
                   });
      if (!known) {
        runnable = false;
        return;
      }
      Call call{&op, function, {0, 0, 0}, 0};
      for (unsigned i = 0; i < op.getNumOperands() && i < 3; ++i)
        call.operands[i] = slotOf(op.getOperand(i));
      call.result = slotOf(op.getResult(0));
      calls.push_back(call);
    }
    for (Value v : block.getTerminator()->getOperands())
      returned.push_back(slotOf(v));
    initial.assign(values.begin(), values.end());
    for (auto [k, x] : llvm::enumerate(optimizer.getStateInit()))
      initial[4 + k] = float(x);
  }
  bool canRun() const { return runnable; }
  void reset() { values = initial; }
  /// One step; the op that gave a number that is not finite, or null.
  Operation *step(float weight, float gradient, float rate, float number) {
    values[0] = weight, values[1] = flush(gradient), values[2] = rate, values[3] = number;
    Operation *bad = nullptr;
    for (const Call &call : calls) {
      float r = flush(call.function(values[call.operands[0]], values[call.operands[1]], values[call.operands[2]]));
      values[call.result] = r;
      if (!std::isfinite(r) && !bad)
        bad = call.op;
    }
    newWeight = values[returned[0]];
    next.clear();
    for (unsigned slot : llvm::drop_begin(returned))
      next.push_back(values[slot]);
    changed = !std::equal(next.begin(), next.end(), values.begin() + 4);
    std::copy(next.begin(), next.end(), values.begin() + 4);
    return bad;
  }
  float newWeight = 0;
  bool changed = true;

private:
  static float flush(float x) { return std::fabs(x) < FLT_MIN ? std::copysign(0.0f, x) : x; }
  struct Call {
    Operation *op;
    Function function;
    std::array<unsigned, 3> operands;
    unsigned result;
  };
  OptimizerOp optimizer;
  std::vector<float> values, initial, next;
  std::vector<Call> calls;
  SmallVector<unsigned> returned;
  bool runnable = true;
};

} // namespace

std::optional<Witness> updaterule::findWitness(OptimizerOp optimizer, double bound, std::optional<double> atMost,
                                               const UpdateRuleOptions &options) {
  Machine machine(optimizer);
  if (!machine.canRun())
    return std::nullopt;
  float G = float(ranges::down(bound)), most = float(ranges::down(options.maxWeight));
  std::string g = formatDouble(shortest(G));
  struct Sequence {
    std::string text;
    unsigned steps;
    std::function<float(unsigned)> at; ///< The gradient of the step with that number, from 1.
  };
  // The longest silence lets Adam's bias correction fade.
  constexpr unsigned silence = 8000, brief = 400;
  std::vector<Sequence> sequences{
      {"always 0", 16, [](unsigned) { return 0.0f; }},
      {"always " + g, std::min(options.witnessSteps, brief), [G](unsigned) { return G; }},
      {g + " and -" + g + " in turn", brief, [G](unsigned t) { return t % 2 ? G : -G; }},
      {g + " once, then 0", 4 * brief, [G](unsigned t) { return t == 1 ? G : 0; }},
      {g + " for 100 steps, then 1e-15", brief, [G](unsigned t) { return t <= 100 ? G : 1e-15f; }},
      {"always 1e-15", brief, [](unsigned) { return 1e-15f; }},
      {"0 for 399 steps, then " + g, 2 * brief, [G](unsigned t) { return t < brief ? 0 : G; }},
      {"0, and every tenth step " + g, brief, [G](unsigned t) { return t % 10 ? 0 : G; }},
      {"0 for 7999 steps, then " + g, silence + 50, [G](unsigned t) { return t < silence ? 0 : G; }}};
  // Old gradients count more in the first moment than in the root of the second: growth by about b2 / b1 is the worst.
  for (double growth : {1.11, 1.02, 1.5})
    sequences.push_back({g + " at step " + std::to_string(silence) + ", and each step before " + formatDouble(growth) +
                             " times less",
                         silence, [G, growth](unsigned t) { return float(G * std::pow(growth, double(t) - silence)); }});
  sequences.push_back({"always " + g, options.witnessSteps, [G](unsigned) { return G; }});

  struct Setting {
    float rate, later, weight; ///< The rate is `later` from step 100.
  };
  std::optional<Witness> worst;
  for (const Sequence &sequence : sequences)
    for (Setting setting : {Setting{1, 1, 0}, {1, 1e-6f, 0}, {1, 1, most}, {1, 1, -most}}) {
      // Long runs and other settings are for what the parameter itself does.
      bool other = setting.later != setting.rate || setting.weight != 0;
      if (other && (!atMost || sequence.steps > 2 * brief))
        continue;
      machine.reset();
      unsigned still = 0;
      for (unsigned t = 1; t <= sequence.steps && still < 1000; ++t) {
        float rate = t < 100 ? setting.rate : setting.later;
        Operation *bad = machine.step(setting.weight, sequence.at(t), rate, float(t));
        still = machine.changed ? 0 : sequence.steps > silence + 50 ? still + 1 : 0;
        Witness witness{sequence.text, double(t), shortest(rate), shortest(setting.weight), bad, 0};
        if (bad)
          return witness;
        // Beyond what the sums' own rounding may add.
        double ulp = std::max(std::fabs(double(machine.newWeight)), std::fabs(double(setting.weight))) * 0x1p-21;
        witness.move = (std::fabs(double(machine.newWeight) - setting.weight) - (setting.weight != 0 ? ulp : 0)) / rate;
        if (atMost && witness.move > (worst ? worst->move : *atMost * (1 + options.comparisonSlack)))
          worst = witness;
      }
    }
  return worst;
}
