//===- Propose.cpp - Drawing mutations -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Edits.h"
#include "Proposers.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Dialect/Structure.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/FormatVariadic.h"
#include <charconv>
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::evolve;

double selfopt::roundToDigits(double x, int digits) {
  char text[64];
  auto end = std::to_chars(text, text + sizeof(text), x, std::chars_format::general, digits).ptr;
  double rounded = x;
  std::from_chars(text, end, rounded);
  return rounded;
}

static FlatSymbolRefAttr symbolOf(Operation *op) { return FlatSymbolRefAttr::get(SymbolTable::getSymbolName(op)); }

//===----------------------------------------------------------------------===//
// Architecture
//===----------------------------------------------------------------------===//

static constexpr int64_t roundWidths[] = {8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256};
static constexpr int64_t minInserted = 4, maxInserted = 128;

/// Whether the size of the layer's result is the size of the model's, which the loss fixes.
static bool sizesResult(nn::DenseOp dense) {
  llvm::SmallSetVector<Value, 8> same;
  same.insert(dense.getResult());
  for (size_t i = 0; i < same.size(); ++i)
    for (Operation *user : same[i].getUsers()) {
      if (isa<selfopt::ReturnOp>(user))
        return true;
      if (isa<nn::DenseOp>(user))
        continue;
      for (Value result : user->getResults())
        if (result.getType() == dense.getType())
          same.insert(result);
    }
  return false;
}

/// The numbers of the hidden dense layers, and the layers.
static SmallVector<std::pair<uint64_t, nn::DenseOp>> hiddenLayers(Operation *model) {
  SmallVector<std::pair<uint64_t, nn::DenseOp>> layers;
  for (auto [i, dense] : llvm::enumerate(model->getRegion(0).getOps<nn::DenseOp>()))
    if (!sizesResult(dense))
      layers.push_back({i, dense});
  return layers;
}

/// Log-normal around the present width, sometimes a round number; always more (`sign` 1) or fewer (-1).
static int64_t drawWidth(int64_t old, int sign, Philox &random) {
  if (random.below(4) == 0) {
    SmallVector<int64_t> widths;
    for (int64_t width : roundWidths)
      if ((width - old) * sign > 0)
        widths.push_back(width);
    if (!widths.empty())
      return pick(widths, random);
  }
  double width = std::nearbyint(double(old) * std::exp(sign * 0.5 * std::fabs(random.normal())));
  return sign > 0 ? std::max(int64_t(width), old + 1) : std::clamp<int64_t>(int64_t(width), 1, old - 1);
}

template <typename OpT, int sign> static Operation *proposeResize(OpBuilder &b, Operation *model, Philox &random) {
  auto layers = hiddenLayers(model);
  if (layers.empty())
    return nullptr;
  auto [place, dense] = pick(layers, random);
  int64_t old = dense.getUnits();
  if (sign < 0 ? old < 2 : old >= maxUnits)
    return nullptr;
  int64_t width = std::min(drawWidth(old, sign, random), maxUnits);
  return OpT::create(b, b.getUnknownLoc(), nameOf(model), place, width);
}

Operation *selfopt::proposeGrow(OpBuilder &b, Operation *model, Philox &random) {
  SmallVector<std::pair<uint64_t, nn::DenseOp>> layers;
  for (auto [i, dense] : llvm::enumerate(model->getRegion(0).getOps<nn::DenseOp>())) {
    SmallVector<nn::DenseOp> readers;
    if (int64_t(dense.getUnits()) < maxUnits && succeeded(findUnitReaders(dense, readers, nullptr)))
      layers.push_back({i, dense});
  }
  if (layers.empty())
    return nullptr;
  auto [place, dense] = pick(layers, random);
  int64_t width = std::min(drawWidth(dense.getUnits(), 1, random), maxUnits);
  return GrowOp::create(b, b.getUnknownLoc(), nameOf(model), place, width);
}

static Operation *proposeInsertDense(OpBuilder &b, Operation *model, Philox &random) {
  auto layers = model->getRegion(0).getOps<nn::DenseOp>();
  uint64_t count = std::distance(layers.begin(), layers.end());
  if (!count)
    return nullptr;
  uint64_t place = random.below(count);
  int64_t units;
  if (random.below(2)) {
    SmallVector<int64_t> widths(llvm::make_filter_range(roundWidths, [](int64_t w) { return w <= maxInserted; }));
    units = pick(widths, random);
  } else {
    units = int64_t(std::nearbyint(minInserted * std::pow(double(maxInserted) / minInserted, random.uniform())));
  }
  return InsertDenseOp::create(b, b.getUnknownLoc(), nameOf(model), place, units, pick(activations, random));
}

static Operation *proposeRemoveDense(OpBuilder &b, Operation *model, Philox &random) {
  auto layers = hiddenLayers(model);
  if (layers.empty())
    return nullptr;
  return RemoveDenseOp::create(b, b.getUnknownLoc(), nameOf(model), pick(layers, random).first);
}

static Operation *proposeSwapActivation(OpBuilder &b, Operation *model, Philox &random) {
  auto all = llvm::to_vector(model->getRegion(0).getOps<nn::ActivationOp>());
  if (all.empty())
    return nullptr;
  uint64_t place = random.below(all.size());
  SmallVector<StringRef> others;
  for (StringRef name : activations)
    if (name != nn::stringifyActivation(all[place].getKind()))
      others.push_back(name);
  return SwapActivationOp::create(b, b.getUnknownLoc(), nameOf(model), place, pick(others, random));
}

//===----------------------------------------------------------------------===//
// Hyperparameters
//===----------------------------------------------------------------------===//

static constexpr StringLiteral hypers[] = {"lr", "batch", "epochs"};
static constexpr int64_t batches[] = {8, 16, 24, 32, 48, 64, 96, 128, 256};
static constexpr int64_t minEpochs = 5, maxEpochs = 60;
static constexpr double minRate = 1e-4, maxRate = 3e-2;

static double presentHyper(TrainOp train, StringRef hyper) {
  if (hyper == "lr")
    return train.getLr().convertToDouble();
  return double(int64_t(hyper == "batch" ? train.getBatch() : train.getEpochs()));
}

static Operation *proposeSetHyper(OpBuilder &b, Operation *train, Philox &random) {
  StringRef hyper = pick(hypers, random);
  double value;
  if (hyper == "lr")
    value = roundToDigits(minRate * std::pow(maxRate / minRate, random.uniform()), 4);
  else if (hyper == "batch")
    value = double(pick(batches, random));
  else
    value = double(minEpochs + int64_t(random.below(maxEpochs - minEpochs + 1)));
  if (value == presentHyper(cast<TrainOp>(train), hyper))
    return nullptr;
  return SetHyperOp::create(b, b.getUnknownLoc(), nameOf(train), hyper, APFloat(value));
}

static Operation *proposeJitterHyper(OpBuilder &b, Operation *train, Philox &random) {
  StringRef hyper = pick(hypers, random);
  double factor = roundToDigits(std::exp(0.5 * random.normal()), 4);
  double old = presentHyper(cast<TrainOp>(train), hyper), value = old * factor;
  if (hyper != "lr")
    value = std::max(1.0, std::nearbyint(value));
  if (value == old)
    return nullptr;
  return JitterHyperOp::create(b, b.getUnknownLoc(), nameOf(train), hyper, APFloat(factor));
}

//===----------------------------------------------------------------------===//
// Kinds
//===----------------------------------------------------------------------===//

static bool isModel(Operation *op) { return isa<ModelOp>(op); }
static bool isOptimizer(Operation *op) { return isa<OptimizerOp>(op); }
static bool isLoss(Operation *op) { return isa<LossOp>(op); }
static bool isTrain(Operation *op) { return isa<TrainOp>(op); }
static bool isRepairable(Operation *op) { return isa<LossOp, ScheduleOp, SamplerOp, AugmentOp>(op); }
static bool isExpression(Operation *op) { return isa<LossOp, RewardOp, OptimizerOp, ScheduleOp, SamplerOp, AugmentOp>(op); }

ArrayRef<MutationKind> selfopt::getMutationKinds() {
  constexpr Loop arch = Loop::Architecture, pipe = Loop::Pipeline, objective = Loop::Objective;
  static const MutationKind kinds[] = {
      {"widen", arch, WidenOp::getClaim(), "gives a dense layer more units", proposeResize<WidenOp, 1>, isModel, false,
       4},
      {"narrow", arch, NarrowOp::getClaim(), "gives a dense layer fewer units", proposeResize<NarrowOp, -1>, isModel,
       false, 4},
      {"insert_dense", arch, InsertDenseOp::getClaim(),
       "puts a dense layer and an activation in front of a dense layer", proposeInsertDense, isModel, false, 3},
      {"remove_dense", arch, RemoveDenseOp::getClaim(), "takes out a dense layer and the activation behind it",
       proposeRemoveDense, isModel, false, 3},
      {"swap_activation", arch, SwapActivationOp::getClaim(), "exchanges an activation's kind", proposeSwapActivation,
       isModel, false, 3},
      {"insert_noise", arch, InsertNoiseOp::getClaim(), "adds normal noise in front of a dense layer, while training",
       proposeInsertNoise, isModel, false, 4},
      {"insert_dropout", arch, InsertDropoutOp::getClaim(), "puts dropout in front of a dense layer",
       proposeInsertDropout, isModel, false, 4},
      {"set_amount", arch, SetAmountOp::getClaim(), "sets the scale of a noise layer or the rate of a dropout",
       proposeSetAmount, isModel, false, 4},
      {"drop_layer", arch, DropLayerOp::getClaim(), "takes out a layer that keeps its operand's shape",
       proposeDropLayer, isModel, false, 3},
      {"insert_norm", arch, InsertNormOp::getClaim(), "normalises in front of a dense layer", proposeInsertNorm,
       isModel, false, 1},
      {"deepen", arch, DeepenOp::getClaim(), "puts a dense layer that starts as the identity in front of a dense layer",
       proposeDeepen, isModel, false, 1},
      {"grow", arch, GrowOp::getClaim(),
       "gives a dense layer more units, copies of those it has, and divides what reads them", proposeGrow, isModel,
       false, 1},
      {"repeat_block", arch, RepeatBlockOp::getClaim(), "repeats a hidden dense layer and the activation behind it",
       proposeRepeatBlock, isModel, false, 1},
      {"factor_dense", arch, FactorDenseOp::getClaim(), "makes a dense layer the product of two, of a given rank",
       proposeFactorDense, isModel, false, 1},
      {"insert_skip", arch, InsertSkipOp::getClaim(), "adds an earlier vector to the operand of a dense layer",
       proposeInsertSkip, isModel, false, 1},
      {"insert_zero_skip", arch, InsertZeroSkipOp::getClaim(),
       "adds an earlier vector, through a layer that starts at zero, to the operand of a dense layer",
       proposeInsertZeroSkip, isModel, false, 1},
      {"insert_branch", arch, InsertBranchOp::getClaim(), "concatenates a new branch to the operand of a dense layer",
       proposeInsertBranch, isModel, false, 1},
      {"insert_gate", arch, InsertGateOp::getClaim(), "multiplies the operand of a dense layer by a gate made from it",
       proposeInsertGate, isModel, false, 1},
      {"drop_merge", arch, DropMergeOp::getClaim(),
       "takes out a sum, product or concatenation of a model; its users take one of its operands", proposeDropMerge,
       isModel, false, 2},
      {"share_parameters", arch, ShareParametersOp::getClaim(),
       "gives a dense layer the parameters of an earlier one of the same sizes", proposeShareParameters, isModel},
      {"end_sharing", arch, EndSharingOp::getClaim(), "gives a dense layer that shares parameters its own",
       proposeEndSharing, isModel},
      {"graft_layers", arch, GraftLayersOp::getClaim(),
       "puts the first layers of another parent's model in front of a dense layer", nullptr, isModel, false, 1,
       proposeGraftLayers},
      {"set_hyper", pipe, SetHyperOp::getClaim(), "sets a hyperparameter", proposeSetHyper, isTrain, false, 12},
      {"jitter_hyper", pipe, JitterHyperOp::getClaim(), "multiplies a hyperparameter by a factor", proposeJitterHyper,
       isTrain, false, 12},
      {"edit_constant", pipe, EditConstantOp::getClaim(), "gives a float constant of an expression another value",
       proposeEditConstant, isExpression, true, 3},
      {"replace_op", pipe, ReplaceOpOp::getClaim(), "exchanges an op of an expression for another of its types",
       proposeReplaceOp, isExpression, true},
      {"rewire_operand", pipe, RewireOperandOp::getClaim(),
       "gives an op of an expression another operand of the same type", proposeRewireOperand, isExpression, true},
      {"insert_op", pipe, InsertOpOp::getClaim(), "puts a new op on the way to an operand", proposeInsertOp,
       isExpression, true},
      {"drop_op", pipe, DropOpOp::getClaim(), "takes out an op of an expression; its users take one of its operands",
       proposeDropOp, isExpression, true},
      {"add_decay", pipe, AddDecayOp::getClaim(), "adds weight decay to an update rule", proposeAddDecay, isOptimizer,
       false, 6},
      {"add_state", pipe, AddStateOp::getClaim(),
       "gives an update rule a new state: the running mean of what an operand reads", proposeAddState, isOptimizer},
      {"use_program", pipe, UseProgramOp::getClaim(), "exchanges the body of a program for one of the library",
       proposeUseProgram, isExpression, true, 2},
      {"simplify", pipe, SimplifyOp::getClaim(), "writes a program in its folded form, without common and dead code",
       proposeSimplify, isExpression, true},
      {"repair", pipe, RepairOp::getClaim(), "edits a program so that it is proved finite", proposeRepair, isRepairable, true},
      {"graft_program", pipe, GraftProgramOp::getClaim(),
       "gives a program the body of another parent's program of the same name", nullptr, isExpression, true, 2,
       proposeGraftProgram},
      {"smooth_labels", objective, SmoothLabelsOp::getClaim(),
       "mixes what a loss picks by its label with the mean over all labels", proposeSmoothLabels, isLoss, false, 6},
      {"temper", objective, TemperOp::getClaim(), "multiplies a loss's prediction by a factor", proposeTemper, isLoss,
       false, 2},
      {"add_term", objective, AddTermOp::getClaim(), "adds a weighted term to a loss", proposeAddTerm, isLoss, false,
       2},
  };
  return kinds;
}

const MutationKind *selfopt::findMutationKind(StringRef name) {
  for (const MutationKind &kind : getMutationKinds())
    if (kind.name == name)
      return &kind;
  return nullptr;
}

StringRef selfopt::stringifyLoop(Loop loop) {
  switch (loop) {
  case Loop::Architecture:
    return "architecture";
  case Loop::Pipeline:
    return "pipeline";
  case Loop::Objective:
    return "objective";
  }
  return "";
}

void selfopt::listMutations(raw_ostream &os) {
  auto row = [&](StringRef name, StringRef loop, StringRef claim, StringRef summary) {
    os << llvm::formatv("{0,-17}{1,-21}{2,-12}{3}\n", name, loop, claim, summary);
  };
  row("name", "loop", "claim", "summary");
  for (const MutationKind &kind : getMutationKinds()) {
    std::string loops = stringifyLoop(kind.loop).str();
    if (kind.alsoObjective)
      loops += ", objective";
    row(kind.name, loops, stringifyClaim(kind.claim), kind.summary);
  }
}

//===----------------------------------------------------------------------===//
// Scope
//===----------------------------------------------------------------------===//

MutationScope MutationScope::of(ModuleOp spec) {
  MutationScope scope;
  auto searches = spec.getOps<SearchOp>();
  if (searches.empty())
    return scope;
  SearchOp search = *searches.begin();
  llvm::append_range(scope.architecture, search.getArchitecture().getAsRange<FlatSymbolRefAttr>());
  llvm::append_range(scope.pipeline, search.getPipeline().getAsRange<FlatSymbolRefAttr>());
  llvm::append_range(scope.objective, search.getObjective().getAsRange<FlatSymbolRefAttr>());
  return scope;
}

MutationScope MutationScope::all(ModuleOp spec) {
  MutationScope scope;
  for (Operation &op : *spec.getBody()) {
    if (isa<ModelOp>(op))
      scope.architecture.push_back(symbolOf(&op));
    else if (isa<TrainOp, OptimizerOp, ScheduleOp, SamplerOp, AugmentOp>(op))
      scope.pipeline.push_back(symbolOf(&op));
    else if (isa<LossOp, RewardOp>(op))
      scope.objective.push_back(symbolOf(&op));
  }
  return scope;
}

ArrayRef<FlatSymbolRefAttr> MutationScope::symbols(Loop loop) const {
  return loop == Loop::Architecture ? architecture : loop == Loop::Pipeline ? pipeline : objective;
}

//===----------------------------------------------------------------------===//
// Drawing and applying
//===----------------------------------------------------------------------===//

namespace {
struct LoopChoices {
  double weight;
  /// Kinds, each with the targets that it accepts. Targets are kept by name: a step that is taken back may replace
  /// the op.
  SmallVector<std::pair<const MutationKind *, SmallVector<FlatSymbolRefAttr>>> kinds;
};
} // namespace

static SmallVector<LoopChoices, 3> findChoices(ModuleOp spec, const MutationScope &scope, ArrayRef<std::string> kinds,
                                               ModuleOp donor) {
  constexpr std::pair<Loop, double> weights[] = {
      {Loop::Architecture, 0.5}, {Loop::Pipeline, 0.35}, {Loop::Objective, 0.15}};
  SmallVector<LoopChoices, 3> choices;
  for (auto [loop, weight] : weights) {
    LoopChoices of{weight, {}};
    of.kinds.reserve(getMutationKinds().size());
    // Each symbol is looked up once, not once for every kind.
    SmallVector<std::pair<FlatSymbolRefAttr, Operation *>> inScope;
    for (FlatSymbolRefAttr symbol : scope.symbols(loop))
      if (Operation *target = SymbolTable::lookupSymbolIn(spec, symbol))
        inScope.push_back({symbol, target});
    for (const MutationKind &kind : getMutationKinds()) {
      if (!kind.belongsTo(loop) || (!kinds.empty() && !llvm::is_contained(kinds, kind.name)))
        continue;
      if (kind.graft && !donor)
        continue;
      SmallVector<FlatSymbolRefAttr> targets;
      for (auto [symbol, target] : inScope)
        if (kind.accepts(target) && (!kind.graft || SymbolTable::lookupSymbolIn(donor, symbol)))
          targets.push_back(symbol);
      if (!targets.empty())
        of.kinds.push_back({&kind, std::move(targets)});
    }
    if (!of.kinds.empty())
      choices.push_back(std::move(of));
  }
  return choices;
}

Operation *selfopt::mutate(ModuleOp spec, const MutationScope &scope, Philox &random, Block &lineage,
                           ArrayRef<std::string> kinds, ModuleOp donor) {
  SmallVector<LoopChoices, 3> choices = findChoices(spec, scope, kinds, donor);
  if (choices.empty())
    return nullptr;
  double total = 0;
  for (const LoopChoices &loop : choices)
    total += loop.weight;
  // What can't be applied is the engine's own affair.
  ScopedDiagnosticHandler swallow(spec.getContext(), [](Diagnostic &) { return success(); });
  // Nor is any of it printed: half of what is drawn in a narrow place is refused.
  struct KeepQuiet {
    MLIRContext &context;
    bool before = context.shouldPrintOpOnDiagnostic();
    explicit KeepQuiet(MLIRContext &context) : context(context) { context.printOpOnDiagnostic(false); }
    ~KeepQuiet() { context.printOpOnDiagnostic(before); }
  } quiet(*spec.getContext());
  OpBuilder builder(spec.getContext());
  const LoopChoices *loop = nullptr;
  for (int attempt = 0; attempt < 100; ++attempt) {
    // A proposal that comes to nothing is drawn again in the same loop, so that a loop's share does not depend on how
    // often its proposals fit; one that never fits gives way after a while.
    if (attempt % 20 == 0) {
      double left = random.uniform() * total;
      loop = &choices.back();
      for (const LoopChoices &choice : choices) {
        if (left < choice.weight) {
          loop = &choice;
          break;
        }
        left -= choice.weight;
      }
    }
    uint64_t sum = 0;
    for (const auto &choice : loop->kinds)
      sum += choice.first->weight;
    uint64_t drawn = random.below(sum);
    size_t at = 0;
    while (drawn >= loop->kinds[at].first->weight)
      drawn -= loop->kinds[at++].first->weight;
    const auto &[kind, targets] = loop->kinds[at];
    Operation *target = SymbolTable::lookupSymbolIn(spec, pick(targets, random));
    builder.setInsertionPointToEnd(&lineage);
    Operation *mutation =
        kind->propose ? kind->propose(builder, target, random)
                      : kind->graft(builder, target, SymbolTable::lookupSymbolIn(donor, nameOf(target)), random);
    if (!mutation)
      continue;
    // What was drawn may come to nothing: an edit of code that is dead by then, a graft of what stands there already.
    // A fingerprint that differs by chance would cost a draw.
    uint64_t before = structureFingerprint(target);
    if (succeeded(applyMutation(mutation, spec)) &&
        structureFingerprint(SymbolTable::lookupSymbolIn(
            spec, cast<MutationOpInterface>(mutation).getTargetSymbol())) != before)
      return mutation;
    mutation->erase();
  }
  return nullptr;
}

LogicalResult selfopt::applyLineage(ModuleOp spec, Block &lineage) {
  for (Operation &op : lineage) {
    if (!isa<MutationOpInterface>(op))
      return op.emitOpError("is no mutation; a lineage holds mutations only");
    if (failed(applyMutation(&op, spec)))
      return failure();
  }
  return success();
}
