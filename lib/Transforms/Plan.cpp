//===- Plan.cpp - S3: whole programs as launch lists ------------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/Plan/Plan.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Interfaces/Cost.h"
#include "SelfOpt/Runtime/Dataset.h"
#include "SelfOpt/Runtime/DatasetFromOp.h"
#include "SelfOpt/Transforms/Passes.h"
#include "SelfOpt/Transforms/Planner.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace selfopt {
#define GEN_PASS_DEF_PLAN
#define GEN_PASS_DEF_VERIFYPLANNED
#include "SelfOpt/Transforms/Passes.h.inc"
} // namespace selfopt

using namespace mlir;
using namespace selfopt;
using namespace selfopt::plan;

namespace {

/// Turns planned functions into the ops of one plan.program.
class ProgramBuilder {
public:
  ProgramBuilder(Planner &planner, ModuleOp out, StringRef name, SymbolRefAttr data)
      : planner(planner), b(out.getContext()), loc(b.getUnknownLoc()) {
    b.setInsertionPointToStart(out.getBody());
    program = ProgramOp::create(b, loc, b.getStringAttr(name), b.getI64IntegerAttr(0), data);
    program.getBody().emplaceBlock();
    b.setInsertionPointToStart(&program.getBody().front());
  }
  ProgramOp program;

  /// Views of everything, once offsets are known.
  void makeViews() {
    views.resize(planner.buffers.size());
    for (auto [i, buffer] : llvm::enumerate(planner.buffers)) {
      if (buffer.offset < 0)
        continue;
      if (buffer.literal)
        views[i] = LiteralOp::create(b, loc, buffer.type, b.getI64IntegerAttr(buffer.offset), buffer.literal);
      else
        views[i] = ViewOp::create(b, loc, buffer.type, b.getStringAttr(buffer.name), b.getI64IntegerAttr(buffer.offset));
    }
  }
  Value view(int buffer) { return views[buffer]; }

  /// A view of another shape on a buffer's bytes (flat, or over a group).
  Value view(int buffer, MemRefType type) {
    if (planner.buffers[buffer].type == type)
      return views[buffer];
    Value &v = shaped[{buffer, type}];
    if (!v) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(firstSection);
      v = ViewOp::create(b, loc, type, b.getStringAttr(planner.buffers[buffer].name),
                         b.getI64IntegerAttr(planner.buffers[buffer].offset));
    }
    return v;
  }

  Block &section(StringRef name) {
    b.setInsertionPointToEnd(&program.getBody().front());
    auto op = SectionOp::create(b, loc, b.getStringAttr(name));
    if (!firstSection)
      firstSection = op;
    Block &block = op.getBody().emplaceBlock();
    b.setInsertionPointToStart(&block);
    return block;
  }
  Block &repeat(StringRef name, int64_t times) {
    auto op = RepeatOp::create(b, loc, b.getStringAttr(name), b.getI64IntegerAttr(times));
    Block &block = op.getBody().emplaceBlock();
    b.setInsertionPointToStart(&block);
    return block;
  }

  void launch(const FunctionPlan &plan) {
    for (const Launch &l : plan.launches) {
      SmallVector<Value> operands;
      for (const Operand &operand : l.operands)
        operands.push_back(operand.scalar ? scalar(operand.scalar) : view(operand.buffer, operand.view));
      if (!l.monitored.empty())
        MonitorOp::create(b, loc, b.getStringAttr(l.monitored), b.getF64FloatAttr(l.bound),
                          l.from ? b.getF64FloatAttr(*l.from) : FloatAttr(), operands[0]);
      else if (l.kernel.empty() && l.part.rows)
        CopyRowsOp::create(b, loc, l.part.rows, l.part.count, operands[0], l.part.from, l.part.sourceStride,
                           operands[1], l.part.to, l.part.targetStride);
      else if (l.kernel.empty())
        CopyOp::create(b, loc, operands[0], operands[1]);
      else
        LaunchOp::create(b, loc, FlatSymbolRefAttr::get(b.getContext(), l.kernel), operands);
    }
  }

  OpBuilder &builder() { return b; }
  Location location() { return loc; }

private:
  Value scalar(TypedAttr value) {
    Value &v = scalars[value];
    if (!v) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(firstSection);
      v = arith::ConstantOp::create(b, loc, value);
    }
    return v;
  }

  Planner &planner;
  OpBuilder b;
  Location loc;
  SmallVector<Value> views;
  llvm::DenseMap<std::pair<int, Type>, Value> shaped;
  llvm::DenseMap<Attribute, Value> scalars;
  Operation *firstSection = nullptr;
};

/// A copy of a function, with what it calls, to be planned.
func::FuncOp scratchCopy(ModuleOp module, ModuleOp scratch, const Twine &name) {
  SmallVector<std::string> pending{name.str()};
  while (!pending.empty()) {
    std::string next = pending.pop_back_val();
    if (scratch.lookupSymbol(next))
      continue;
    auto f = module.lookupSymbol<func::FuncOp>(next);
    if (!f)
      continue;
    auto copy = cast<func::FuncOp>(f->clone());
    scratch.push_back(copy);
    copy.walk([&](func::CallOp call) { pending.push_back(call.getCallee().str()); });
  }
  return scratch.lookupSymbol<func::FuncOp>(name.str());
}

/// The sampler over all rows: weights[i] = sampler(loss[i], age[i], t).
func::FuncOp makeWeights(ModuleOp module, ModuleOp scratch, StringRef name, int64_t rows) {
  func::FuncOp rule = scratchCopy(module, scratch, name + ".sampler");
  OpBuilder b(module.getContext());
  Location loc = b.getUnknownLoc();
  b.setInsertionPointToEnd(scratch.getBody());
  auto each = RankedTensorType::get({rows}, b.getF32Type()), one = RankedTensorType::get({}, b.getF32Type());
  auto f = func::FuncOp::create(b, loc, (name + ".weights").str(), b.getFunctionType({each, each, one}, each));
  b.setInsertionPointToStart(f.addEntryBlock());
  Value empty = tensor::EmptyOp::create(b, loc, each.getShape(), each.getElementType());
  MLIRContext *context = b.getContext();
  AffineMap id = AffineMap::getMultiDimIdentityMap(1, context), none = AffineMap::get(1, 0, context);
  SmallVector<AffineMap> maps{id, id, none, id};
  SmallVector<utils::IteratorType> iterators{utils::IteratorType::parallel};
  auto op = linalg::GenericOp::create(b, loc, TypeRange{each}, f.getArguments(), ValueRange{empty}, maps, iterators,
                                      [&](OpBuilder &inner, Location l, ValueRange e) {
                                        auto call = func::CallOp::create(inner, l, rule, e.take_front(3));
                                        linalg::YieldOp::create(inner, l, call.getResults());
                                      });
  func::ReturnOp::create(b, loc, op.getResults());
  return f;
}

} // namespace

FailureOr<OwningOpRef<ModuleOp>> plan::planProgram(ModuleOp module, StringRef name, const SplitSizes &sizes) {
  auto pipeline = module.lookupSymbol<PipelineOp>(name);
  if (!pipeline)
    return module.emitError() << "expects a selfopt.pipeline @" << name << " to plan, found none", failure();
  int64_t batch = pipeline.getBatch(), epochs = pipeline.getEpochs(), n = pipeline.getParameters();
  int64_t states = pipeline.getStateInit().size(), batches = sizes.train / batch;
  if (batches < 1)
    return pipeline.emitOpError("expects a batch of at most the ") << sizes.train << " training examples, found "
                                                                   << batch,
           failure();
  std::optional<int64_t> steps = checkedProduct({epochs, batches});
  if (!steps)
    return pipeline.emitOpError("expects epochs whose steps are a number of 64 bits, found ")
               << epochs << " epochs of " << batches << " steps",
           failure();
  MLIRContext *context = module.getContext();
  OpBuilder b(context);
  OwningOpRef<ModuleOp> out(ModuleOp::create(b.getUnknownLoc())), scratch(ModuleOp::create(b.getUnknownLoc()));
  Planner planner(*out);

  func::FuncOp step = scratchCopy(module, *scratch, name + ".step");
  func::FuncOp initialize = scratchCopy(module, *scratch, name + ".initialize");
  func::FuncOp score = scratchCopy(module, *scratch, name + ".score");
  if (!step || !initialize || !score)
    return pipeline.emitOpError("expects functions @") << name << ".initialize, .step and .score", failure();

  // What lives through the whole run.
  auto inputs = step.getFunctionType().getInputs();
  SmallVector<int> stepArguments;
  SmallVector<std::pair<unsigned, int>> stepResults, initializeResults;
  for (int64_t i = 0; i < n * (1 + states); ++i) {
    std::string label = i < n ? "parameter." + std::to_string(i)
                              : "state." + std::to_string(i / n - 1) + "." + std::to_string(i % n);
    stepArguments.push_back(planner.makeBuffer(inputs[i], label, true));
    stepResults.push_back({unsigned(i), stepArguments.back()});
    if (i < n)
      initializeResults.push_back({unsigned(i), stepArguments.back()});
  }
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  int seed = planner.makeBuffer(b.getI64Type(), "seed", true), lr = planner.makeBuffer(f32, "lr", true),
      fraction = planner.makeBuffer(f32, "fraction", true), number = planner.makeBuffer(f32, "number", true),
      order = planner.makeBuffer(RankedTensorType::get({sizes.train}, i32), "order", true);
  int x = planner.makeBuffer(inputs[n * (1 + states)], "x", false),
      y = planner.makeBuffer(inputs[n * (1 + states) + 1], "y", false);
  stepArguments.append({x, y, lr, fraction, number});
  if (stepArguments.size() < inputs.size())
    stepArguments.push_back(seed); // of a step that draws random numbers
  bool sampled = pipeline.getSampled();
  int losses = -1, age = -1, epochFraction = -1;
  if (sampled) {
    Type table = RankedTensorType::get({sizes.train}, f32);
    losses = planner.makeBuffer(table, "losses", true);
    age = planner.makeBuffer(table, "age", true);
    epochFraction = planner.makeBuffer(f32, "epoch_fraction", true);
  }

  // The step first: what it updates side by side decides how parameters and state are laid out.
  auto stepPlan = planner.plan(step, stepArguments, stepResults);
  if (failed(stepPlan))
    return failure();
  // What is watched stands behind the loss and the loss of each example: predictions, then gradients.
  unsigned watched = n * (1 + states) + 2;
  if (auto bound = pipeline.getPredictionBoundAttr())
    plan::monitorResults(*stepPlan, watched, 1, "prediction", bound.getValueAsDouble(), planner.buffers);
  if (auto bound = pipeline.getGradientBoundAttr())
    plan::monitorResults(*stepPlan, watched, n, "gradient", bound.getValueAsDouble(), planner.buffers);
  if (auto bound = pipeline.getRateBoundAttr())
    plan::monitorResults(*stepPlan, watched, 1, "learning rate", bound.getValueAsDouble(), planner.buffers, 0.0);
  auto initializePlan = planner.plan(initialize, {seed}, initializeResults);
  if (failed(initializePlan))
    return failure();
  auto scoreInputs = score.getFunctionType().getInputs();
  SmallVector<int> scoreArguments(stepArguments.begin(), stepArguments.begin() + n);
  int sx = planner.makeBuffer(scoreInputs[n], "score.x", false),
      sy = planner.makeBuffer(scoreInputs[n + 1], "score.y", false),
      valid = planner.makeBuffer(scoreInputs[n + 2], "score.valid", true);
  scoreArguments.append({sx, sy, valid});
  auto scorePlan = planner.plan(score, scoreArguments, {});
  if (failed(scorePlan))
    return failure();
  FunctionPlan weightsPlan;
  SmallVector<FunctionPlan *> functions{&*stepPlan, &*initializePlan, &*scorePlan};
  if (sampled) {
    auto weights = planner.plan(makeWeights(module, *scratch, name, sizes.train), {losses, age, epochFraction}, {});
    if (failed(weights))
      return failure();
    weightsPlan = *weights;
    functions.push_back(&weightsPlan);
  }
  for (auto [i, buffer] : llvm::enumerate(scorePlan->results))
    planner.buffers[buffer].name = i ? "score." + std::to_string(i - 1) : std::string("score.loss");
  int loss = stepPlan->results[n * (1 + states)], each = stepPlan->results[n * (1 + states) + 1];
  planner.buffers[loss].name = "loss";
  int64_t arena = planner.allocate(functions);

  ProgramBuilder p(planner, *out, name, pipeline.getDataAttr());
  p.program.setArena(arena);
  OpBuilder &pb = p.builder();
  Location loc = p.location();
  p.makeViews();
  auto monitorWeights = [&] {
    if (auto bound = pipeline.getWeightBoundAttr())
      for (int64_t i = 0; i < n; ++i)
        MonitorOp::create(pb, loc, pb.getStringAttr("weight"), bound, FloatAttr(), p.view(stepArguments[i]));
  };
  p.section("initialize");
  p.launch(*initializePlan);
  monitorWeights();
  for (int64_t s = 0; s < states; ++s)
    for (int64_t i = 0; i < n; ++i)
      FillOp::create(pb, loc, pb.getF64FloatAttr(pipeline.getStateInit()[s]), p.view(stepArguments[n * (1 + s) + i]));
  FillOp::create(pb, loc, pipeline.getLrAttr(), p.view(lr));
  FillOp::create(pb, loc, pb.getF64FloatAttr(0), p.view(number));
  if (sampled) {
    FillOp::create(pb, loc, pb.getF64FloatAttr(0), p.view(losses));
    FillOp::create(pb, loc, pb.getF64FloatAttr(0), p.view(age));
    FillOp::create(pb, loc, pb.getF64FloatAttr(0), p.view(epochFraction));
  }

  p.section("train");
  Block &epoch = p.repeat("epochs", epochs);
  if (sampled) {
    p.launch(weightsPlan);
    SampleOp::create(pb, loc, p.view(order), p.view(weightsPlan.results[0]), p.view(age), p.view(epochFraction),
                     pb.getI64IntegerAttr(batches * batch), pb.getI64IntegerAttr(epochs));
  } else {
    ShuffleOp::create(pb, loc, p.view(order));
  }
  p.repeat("batches", batches);
  ClockOp::create(pb, loc, p.view(number), p.view(fraction), pb.getI64IntegerAttr(*steps));
  GatherOp::create(pb, loc, pb.getStringAttr("features"), p.view(x), p.view(order));
  GatherOp::create(pb, loc, pb.getStringAttr("answers"), p.view(y), p.view(order));
  p.launch(*stepPlan);
  if (auto bound = pipeline.getLossBoundAttr())
    MonitorOp::create(pb, loc, pb.getStringAttr("loss"), bound, pb.getF64FloatAttr(0), p.view(each));
  if (sampled)
    ScatterOp::create(pb, loc, p.view(each), p.view(losses), p.view(order));
  RecordOp::create(pb, loc, p.view(loss));
  // They move by bounded steps: a look at the end of each epoch is enough; one at every step would cost a percent.
  pb.setInsertionPointToEnd(&epoch);
  monitorWeights();

  p.section("score");
  GatherOp::create(pb, loc, pb.getStringAttr("features"), p.view(sx), Value());
  GatherOp::create(pb, loc, pb.getStringAttr("answers"), p.view(sy), Value());
  p.launch(*scorePlan);
  if (auto data = module.lookupSymbol(pipeline.getDataAttr().getRootReference()))
    out->push_back(data->clone());
  return out;
}

FailureOr<OwningOpRef<ModuleOp>> plan::planFunction(ModuleOp module, StringRef name) {
  OpBuilder b(module.getContext());
  OwningOpRef<ModuleOp> out(ModuleOp::create(b.getUnknownLoc())), scratch(ModuleOp::create(b.getUnknownLoc()));
  func::FuncOp function = scratchCopy(module, *scratch, name);
  if (!function)
    return module.emitError() << "expects a func.func @" << name << " to plan, found none", failure();
  Planner planner(*out);
  auto plan = planner.plan(function, {}, {});
  if (failed(plan))
    return failure();
  for (auto [i, buffer] : llvm::enumerate(plan->arguments))
    planner.buffers[buffer].name = "argument." + std::to_string(i);
  for (auto [i, buffer] : llvm::enumerate(plan->results)) {
    // A result that is a reshape of what a launch makes: its bytes, under its own type.
    auto type = cast<RankedTensorType>(function.getResultTypes()[i]);
    planner.buffers[buffer].type = MemRefType::get(type.getShape(), type.getElementType());
    planner.buffers[buffer].name = "result." + std::to_string(i);
  }
  int64_t arena = planner.allocate({&*plan});
  ProgramBuilder p(planner, *out, name, {});
  p.program.setArena(arena);
  p.makeViews();
  p.section("call");
  p.launch(*plan);
  return out;
}

namespace {
struct PlanPass : selfopt::impl::PlanBase<PlanPass> {
  using PlanBase::PlanBase;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<OwningOpRef<ModuleOp>> planned = failure();
    if (!function.empty()) {
      planned = plan::planFunction(module, function);
    } else {
      auto pipelines = module.getOps<PipelineOp>();
      if (pipelines.empty())
        return;
      if (!llvm::hasSingleElement(pipelines)) {
        module.emitError() << "expects one selfopt.pipeline to plan, found several";
        return signalPassFailure();
      }
      PipelineOp pipeline = *pipelines.begin();
      plan::SplitSizes sizes;
      sizes.train = trainRows;
      if (!trainRows) {
        auto op = module.lookupSymbol<DatasetOp>(pipeline.getDataAttr().getRootReference());
        auto data = loadDataset(op, {});
        if (failed(data))
          return signalPassFailure();
        sizes = splitSizes(**data, pipeline.getDataAttr());
      }
      planned = plan::planProgram(module, pipeline.getSymName(), sizes);
    }
    if (failed(planned))
      return signalPassFailure();
    module.getBodyRegion().takeBody((*planned)->getBodyRegion());
  }
};

struct VerifyPlannedPass : selfopt::impl::VerifyPlannedBase<VerifyPlannedPass> {
  void runOnOperation() override {
    bool bad = false;
    for (auto program : getOperation().getOps<ProgramOp>()) {
      int64_t arena = program.getArena();
      auto inside = [&](Operation *op, int64_t offset) {
        MemRefType type = cast<MemRefType>(op->getResult(0).getType());
        int64_t end = offset + type.getNumElements() * std::max<int64_t>(1, type.getElementTypeBitWidth() / 8);
        if (offset >= 0 && end <= arena)
          return;
        op->emitOpError("lies outside the arena: expected an end of at most ") << arena << ", found " << end;
        bad = true;
      };
      program.walk([&](ViewOp view) { inside(view, view.getOffset()); });
      program.walk([&](LiteralOp literal) { inside(literal, literal.getOffset()); });
      program.walk([&](LaunchOp launch) {
        auto kernel = getOperation().lookupSymbol<func::FuncOp>(launch.getKernel());
        if (!kernel || kernel.getNumArguments() != launch.getOperands().size()) {
          launch.emitOpError("expects ") << launch.getKernelAttr() << " to name a kernel of "
                                         << launch.getOperands().size() << " arguments";
          bad = true;
          return;
        }
        for (auto [operand, wanted] : llvm::zip(launch.getOperands(), kernel.getArgumentTypes())) {
          auto have = dyn_cast<MemRefType>(operand.getType()), want = dyn_cast<MemRefType>(wanted);
          bool fits = have && want ? have.getRank() == want.getRank() && have.getElementType() == want.getElementType()
                                   : operand.getType() == wanted;
          if (fits)
            continue;
          launch.emitOpError("has an operand that does not fit its kernel: expected ")
              << wanted << ", found " << operand.getType();
          bad = true;
        }
      });
    }
    if (bad)
      signalPassFailure();
  }
};
} // namespace
