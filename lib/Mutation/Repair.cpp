//===- Repair.cpp - Edits that make a proof go through -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Mutation/Repair.h"
#include "Edits.h"
#include "Proposers.h"
#include "SelfOpt/Dialect/Structure.h"
#include "SelfOpt/Safety/Objective.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Diagnostics.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::evolve;

/// What `safety.require finite` says of a program.
static ProofResult proveFinite(Operation *program, double domain) {
  return proveProgram(program, Requirement{safety::Property::Finite, domain});
}

namespace {
/// The three ways, smallest edit first.
enum class Way { StableSoftmax, Epsilon, Clamp };
constexpr std::pair<Way, StringLiteral> ways[] = {
    {Way::StableSoftmax, "stable_softmax"}, {Way::Epsilon, "epsilon"}, {Way::Clamp, "clamp"}};
} // namespace

/// The softmax whose probabilities, or one of whose probabilities, a logarithm is taken of.
static nn::SoftmaxOp softmaxUnder(math::LogOp log) {
  Value x = log.getOperand();
  if (auto pick = x.getDefiningOp<nn::PickOp>())
    x = pick.getInput();
  return x.getDefiningOp<nn::SoftmaxOp>();
}

/// The operands that a way edits, in program order.
static SmallVector<OpOperand *> placesOf(Operation *program, Way way) {
  SmallVector<OpOperand *> places;
  for (Operation &op : program->getRegion(0).front()) {
    if (way == Way::StableSoftmax) {
      if (auto log = dyn_cast<math::LogOp>(op); log && softmaxUnder(log))
        places.push_back(&op.getOpOperand(0));
    } else if (way == Way::Epsilon) {
      if (isa<math::LogOp, math::Log2Op, math::Log10Op, math::SqrtOp, math::RsqrtOp>(op))
        places.push_back(&op.getOpOperand(0));
      else if (isa<arith::DivFOp>(op))
        places.push_back(&op.getOpOperand(1));
    } else if (isa<math::ExpOp, math::Exp2Op, math::ExpM1Op, math::SinhOp, math::CoshOp>(op)) {
      places.push_back(&op.getOpOperand(0));
    }
  }
  return places;
}

static Value splat(OpBuilder &b, Location loc, Type type, double value) {
  TypedAttr attribute = b.getF32FloatAttr(float(value));
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    attribute = DenseElementsAttr::get(tensor, b.getF32FloatAttr(float(value)).getValue());
  return arith::ConstantOp::create(b, loc, attribute);
}

static void repair(OpOperand &at, Way way, double amount) {
  Operation *op = at.getOwner();
  OpBuilder b(op);
  Location loc = op->getLoc();
  Value x = at.get();
  switch (way) {
  case Way::StableSoftmax: {
    auto log = cast<math::LogOp>(op);
    Value scores = softmaxUnder(log).getInput();
    Value logs = nn::LogSoftmaxOp::create(b, loc, scores.getType(), scores);
    if (auto pick = x.getDefiningOp<nn::PickOp>())
      logs = nn::PickOp::create(b, loc, pick.getType(), logs, pick.getIndex());
    log.getResult().replaceAllUsesWith(logs);
    return;
  }
  case Way::Epsilon: {
    Value epsilon = splat(b, loc, x.getType(), amount);
    at.set(arith::AddFOp::create(b, loc, x, epsilon));
    return;
  }
  case Way::Clamp: {
    Value low = splat(b, loc, x.getType(), -amount);
    Value high = splat(b, loc, x.getType(), amount);
    Value above = arith::MaximumFOp::create(b, loc, x, low);
    at.set(arith::MinimumFOp::create(b, loc, above, high));
    return;
  }
  }
}

LogicalResult RepairOp::applyTo(ModuleOp spec) {
  Operation *target = lookupTarget(*this, getTargetAttr(), spec);
  if (!target)
    return failure();
  if (!isa<LossOp, ScheduleOp, SamplerOp, AugmentOp>(target))
    return emitOpError("expects ") << getTargetAttr() << " to be a loss, schedule, sampler or augment, found a "
                                   << target->getName();
  return editProgram(*this, target, [&](Operation *program) -> LogicalResult {
    auto way = llvm::find_if(ways, [&](auto &known) { return known.second == getKind(); });
    if (way == std::end(ways))
      return program->emitError() << "expected a kind of repair (stable_softmax, epsilon, clamp), found " << getKindAttr();
    double amount = getAmount().convertToDouble(), domain = getDomain().convertToDouble();
    if (!(amount >= 0 && amount <= 1e30) || (way->first != Way::StableSoftmax && amount == 0))
      return program->emitError() << "expected an amount above 0 and at most 1e30, found " << amount;
    if (!(domain >= 1e-6 && domain <= 3.4e38))
      return program->emitError() << "expected a domain in [1e-6, 3.4e38], found " << domain;
    SmallVector<OpOperand *> places = placesOf(program, way->first);
    if (getPlace() < 0 || getPlace() >= int64_t(places.size()))
      return program->emitError() << "expected a place below " << places.size() << ", the number of operands that "
                                  << getKind() << " repairs, found " << int64_t(getPlace());
    if (proveFinite(program, domain).verdict == Verdict::Holds)
      return program->emitError() << "expected something to repair: the program is finite already";
    repair(*places[size_t(getPlace())], way->first, amount);
    dropDeadCode(program->getRegion(0).front());
    // What it claims.
    ProofResult after = proveFinite(program, domain);
    if (after.verdict != Verdict::Holds)
      return program->emitError() << "expected the program to be finite after the repair, found " << stringifyVerdict(after.verdict)
                                  << ": " << after.detail;
    return success();
  });
}

Operation *selfopt::proposeRepairFor(OpBuilder &b, Operation *program, double domain) {
  if (!isa<LossOp, ScheduleOp, SamplerOp, AugmentOp>(program) || proveFinite(program, domain).verdict == Verdict::Holds)
    return nullptr;
  ScopedDiagnosticHandler swallow(program->getContext(), [](Diagnostic &) { return success(); });
  static constexpr double none[] = {0}, epsilons[] = {1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2}, clamps[] = {80, 40, 20, 10, 5};
  for (auto [way, name] : ways) {
    ArrayRef<double> amounts = way == Way::StableSoftmax ? ArrayRef<double>(none)
                               : way == Way::Epsilon     ? ArrayRef<double>(epsilons)
                                                         : ArrayRef<double>(clamps);
    for (size_t place = 0, n = placesOf(program, way).size(); place < n; ++place)
      for (double amount : amounts) {
        Operation *trial = cloneStructure(program);
        repair(*placesOf(trial, way)[place], way, amount);
        dropDeadCode(trial->getRegion(0).front());
        bool holds = proveFinite(trial, domain).verdict == Verdict::Holds;
        trial->destroy();
        if (holds)
          return RepairOp::create(b, b.getUnknownLoc(), SymbolTable::getSymbolName(program).getValue(), StringRef(name),
                                  uint64_t(place), APFloat(amount), APFloat(domain));
      }
  }
  return nullptr;
}

Operation *selfopt::proposeRepair(OpBuilder &b, Operation *program, Philox &) { return proposeRepairFor(b, program, 100); }
