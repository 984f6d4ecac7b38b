//===- Instantiate.cpp - S1: batch and parameters made explicit ------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/RandomBuilder.h"
#include "SelfOpt/Dialect/Safety/Safety.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Dialect/TensorBuilder.h"
#include "SelfOpt/Transforms/Monitor.h"
#include "SelfOpt/Transforms/Passes.h"
#include "SelfOpt/Transforms/PhiloxBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace selfopt {
#define GEN_PASS_DEF_INSTANTIATE
#define GEN_PASS_DEF_VERIFYINSTANTIATED
#include "SelfOpt/Transforms/Passes.h.inc"
} // namespace selfopt

using namespace mlir;
using namespace selfopt;

namespace {
/// What a training step draws random numbers from; no values: the program predicts.
struct RandomSource {
  Value seed, number;
};
/// The numbers that tell a step's draws apart: the features' augmentation has two, then come the model's layers.
enum Stream : int64_t { AugmentNormal = 0, AugmentUniform = 1, FirstLayer = 2 };
} // namespace

/// Clones a per-example program for `batch` examples. Layers take their parameters from `given`, which are in the order
/// of ProgramParameters.
static FailureOr<SmallVector<Value>> inlineBatched(OpBuilder &b, Operation *program, int64_t batch,
                                                   ValueRange arguments, ValueRange given, RandomSource random = {}) {
  int64_t stream = FirstLayer;
  ProgramParameters parameters = ProgramParameters::of(program->getRegion(0).front());
  const ProgramParameters::Range *next = parameters.layers.begin();
  Block &block = program->getRegion(0).front();
  IRMapping map;
  map.map(block.getArguments(), arguments);
  for (Operation &op : block.without_terminator()) {
    SmallVector<Value> operands;
    for (Value v : op.getOperands())
      operands.push_back(map.lookup(v));
    if (auto layer = dyn_cast<LayerOpInterface>(op)) {
      ValueRange own = given.slice(next->first, next->count);
      ++next;
      auto stochastic = dyn_cast<StochasticLayerOpInterface>(op);
      auto results = stochastic && random.seed
                         ? stochastic.instantiateTraining(b, batch, operands, random.seed, random.number, stream++)
                         : layer.instantiate(b, batch, operands, own);
      if (failed(results))
        return failure();
      map.map(op.getResults(), *results);
      continue;
    }
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      RankedTensorType type = batchedType(constant.getType(), batch);
      auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
      if (dense && !dense.isSplat()) {
        // The same tensor for every example.
        Value whole = arith::ConstantOp::create(b, op.getLoc(), dense);
        TensorBuilder t(b, op.getLoc());
        SmallVector<unsigned> inner;
        for (int64_t d = 1; d < type.getRank(); ++d)
          inner.push_back(d);
        map.map(constant.getResult(), t.elementwise(type, whole, t.dims(type.getRank(), inner),
                                                    [](OpBuilder &, Location, ValueRange e) { return e[0]; }));
        continue;
      }
      Attribute element = dense ? dense.getSplatValue<Attribute>() : Attribute(constant.getValue());
      map.map(constant.getResult(),
              arith::ConstantOp::create(b, op.getLoc(), DenseElementsAttr::get(type, element)).getResult());
      continue;
    }
    if (!OpTrait::hasElementwiseMappableTraits(&op))
      return op.emitOpError("has no batched form: it is neither elementwise nor a layer");
    SmallVector<Type> types;
    for (Type type : op.getResultTypes())
      types.push_back(batchedType(type, batch));
    Operation *clone = Operation::create(op.getLoc(), op.getName(), types, operands, op.getAttrDictionary(),
                                         op.getPropertiesStorage(), BlockRange(), 0);
    b.insert(clone);
    map.map(op.getResults(), clone->getResults());
  }
  SmallVector<Value> results;
  for (Value v : block.getTerminator()->getOperands())
    results.push_back(map.lookup(v));
  return results;
}

namespace {

/// Rows that one call of `@fit.score` judges; the rest of a split's last slice is masked.
constexpr int64_t scoreBatch = 128;

/// Makes the functions of one `selfopt.train`.
class TrainInstantiator {
public:
  TrainInstantiator(TrainOp train, ModuleOp module) : train(train), module(module), b(train), loc(train.getLoc()) {}
  LogicalResult run();

private:
  template <typename OpT> OpT find(SymbolRefAttr symbol) {
    return SymbolTable::lookupNearestSymbolFrom<OpT>(train, FlatSymbolRefAttr::get(symbol.getRootReference()));
  }
  func::FuncOp makeFunction(const Twine &suffix, TypeRange inputs, TypeRange results);
  void finish(ValueRange results) { func::ReturnOp::create(b, loc, results); }
  RankedTensorType scalar(Type element) { return RankedTensorType::get({}, element); }

  /// A private function of scalars with the body of a scalar program.
  func::FuncOp makeScalarFunction(StringRef suffix, Operation *program);
  /// `body` for every element of `shape` (rank 0 included); operands of rank 0 are read at every element.
  SmallVector<Value> callElementwise(func::FuncOp callee, RankedTensorType shape, ValueRange operands,
                                     unsigned results);
  Value sum(Value vector);

  void makeInitialize();
  LogicalResult makeObjective();
  void makeStep(func::FuncOp update, func::FuncOp schedule, func::FuncOp augment);
  Value augmentFeatures(func::FuncOp augment, Value features, Value fraction, RandomSource random);
  LogicalResult makeScore(ArrayRef<MetricOp> metrics);

  TrainOp train;
  ModuleOp module;
  OpBuilder b;
  Location loc;
  ModelOp model;
  LossOp loss;
  OptimizerOp optimizer;
  DatasetOp data;
  SmallVector<ParameterSpec> parameters;
  SmallVector<Type> parameterTypes;
  func::FuncOp objective;
  bool stochasticModel = false;  ///< The objective takes a seed and the step's number too.
  bool stochasticInputs = false; ///< The augmentation looks at its random numbers.
  Monitor monitor;
};

} // namespace

func::FuncOp TrainInstantiator::makeFunction(const Twine &suffix, TypeRange inputs, TypeRange results) {
  b.setInsertionPoint(train);
  auto f = func::FuncOp::create(b, loc, (train.getSymName() + "." + suffix).str(), b.getFunctionType(inputs, results));
  b.setInsertionPointToStart(f.addEntryBlock());
  return f;
}

func::FuncOp TrainInstantiator::makeScalarFunction(StringRef suffix, Operation *program) {
  Block &block = program->getRegion(0).front();
  func::FuncOp f = makeFunction(suffix, block.getArgumentTypes(), block.getTerminator()->getOperandTypes());
  IRMapping map;
  map.map(block.getArguments(), f.getArguments());
  for (Operation &op : block.without_terminator())
    b.clone(op, map);
  SmallVector<Value> results;
  for (Value v : block.getTerminator()->getOperands())
    results.push_back(map.lookup(v));
  finish(results);
  return f;
}

SmallVector<Value> TrainInstantiator::callElementwise(func::FuncOp callee, RankedTensorType shape, ValueRange operands,
                                                      unsigned results) {
  TensorBuilder t(b, loc);
  unsigned rank = shape.getRank();
  SmallVector<AffineMap> maps;
  for (Value v : operands)
    maps.push_back(cast<RankedTensorType>(v.getType()).getRank() == 0 ? t.dims(rank, {}) : t.identity(rank));
  SmallVector<Value> outs;
  SmallVector<Type> types(results, shape);
  for (unsigned i = 0; i < results; ++i) {
    outs.push_back(tensor::EmptyOp::create(b, loc, shape.getShape(), shape.getElementType()));
    maps.push_back(t.identity(rank));
  }
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  auto op = linalg::GenericOp::create(b, loc, types, operands, outs, maps, iterators,
                                      [&](OpBuilder &inner, Location l, ValueRange elements) {
                                        auto call = func::CallOp::create(inner, l, callee,
                                                                         elements.take_front(operands.size()));
                                        linalg::YieldOp::create(inner, l, call.getResults());
                                      });
  return SmallVector<Value>(op.getResults());
}

Value TrainInstantiator::sum(Value vector) {
  TensorBuilder t(b, loc);
  auto type = cast<RankedTensorType>(vector.getType());
  return t.reduceLast(type.getShape(), type.getElementType(), 0, vector, t.identity(1),
                      [](OpBuilder &b, Location loc, ValueRange e) -> Value {
                        return arith::AddFOp::create(b, loc, e[1], e[0]);
                      });
}

void TrainInstantiator::makeInitialize() {
  func::FuncOp f = makeFunction("initialize", scalar(b.getI64Type()), parameterTypes);
  SmallVector<Value> values;
  for (auto [i, spec] : llvm::enumerate(parameters))
    values.push_back(buildInitialValues(b, loc, spec, f.getArgument(0), /*stream=*/i));
  finish(values);
}

LogicalResult TrainInstantiator::makeObjective() {
  int64_t batch = train.getBatch();
  RankedTensorType x = batchedType(data.getFeatureType(), batch), y = batchedType(data.getAnswerType(), batch);
  RankedTensorType each = RankedTensorType::get({batch}, b.getF32Type());
  SmallVector<Type> inputs(parameterTypes);
  inputs.append({x, y});
  if (stochasticModel)
    inputs.append({scalar(b.getI64Type()), scalar(b.getF32Type())});
  SmallVector<Type> results{scalar(b.getF32Type()), each};
  if (monitor.prediction)
    results.push_back(batchedType(model.getFunctionType().getResult(0), batch));
  objective = makeFunction("objective", inputs, results);
  auto arguments = objective.getArguments();
  size_t n = parameters.size();
  RandomSource random;
  if (stochasticModel)
    random = {arguments[n + 2], arguments[n + 3]};
  auto prediction = inlineBatched(b, model, batch, arguments[n], arguments.take_front(n), random);
  if (failed(prediction))
    return failure();
  auto losses = inlineBatched(b, loss, batch, {(*prediction)[0], arguments[n + 1]}, {});
  if (failed(losses))
    return failure();
  Value total = sum((*losses)[0]);
  TensorBuilder t(b, loc);
  Value scale = t.constant(total.getType(), 1.0 / double(batch));
  Value mean = arith::MulFOp::create(b, loc, total, scale);
  SmallVector<Value> values{mean, (*losses)[0]};
  if (monitor.prediction)
    values.push_back((*prediction)[0]);
  finish(values);
  return success();
}

Value TrainInstantiator::augmentFeatures(func::FuncOp augment, Value features, Value fraction, RandomSource random) {
  auto type = cast<RankedTensorType>(features.getType());
  // What the program does not look at is not drawn.
  auto draw = [&](unsigned argument, RandomKind kind, int64_t stream) {
    return augment.getArgument(argument).use_empty()
               ? fraction
               : buildRandomTensor(b, loc, type, kind, random.seed, random.number, stream);
  };
  Value normal = draw(1, RandomKind::Normal, AugmentNormal);
  Value uniform = draw(2, RandomKind::Uniform, AugmentUniform);
  return callElementwise(augment, type, {features, normal, uniform, fraction}, 1)[0];
}

void TrainInstantiator::makeStep(func::FuncOp update, func::FuncOp schedule, func::FuncOp augment) {
  unsigned n = parameters.size(), states = optimizer.getNumState();
  auto objectiveInputs = objective.getFunctionType().getInputs();
  RankedTensorType f32 = scalar(b.getF32Type());
  SmallVector<Type> inputs(parameterTypes), results(parameterTypes);
  for (unsigned s = 0; s < states; ++s)
    llvm::append_range(inputs, parameterTypes);
  results = inputs;
  llvm::append_range(inputs, objectiveInputs.drop_front(n).take_front(2));
  inputs.append({f32, f32, f32}); // learning rate, fraction of training done, number of this step
  if (stochasticModel || stochasticInputs)
    inputs.push_back(scalar(b.getI64Type())); // the training seed
  auto objectiveResults = objective.getFunctionType().getResults();
  llvm::append_range(results, objectiveResults);
  if (monitor.gradient)
    llvm::append_range(results, parameterTypes);
  if (monitor.rate)
    results.push_back(f32);
  func::FuncOp f = makeFunction("step", inputs, results);
  SmallVector<Value> arguments(f.getArguments().begin(), f.getArguments().end());
  ArrayRef<Value> all(arguments), scalars = all.drop_front(n * (1 + states) + 2);
  Value features = all[n * (1 + states)], answers = all[n * (1 + states) + 1];
  Value lr = scalars[0], fraction = scalars[1], number = scalars[2];
  RandomSource random;
  if (scalars.size() > 3)
    random = {scalars[3], number};
  if (augment)
    features = augmentFeatures(augment, features, fraction, random);
  SmallVector<Value> operands(all.take_front(n));
  operands.append({features, answers});
  if (stochasticModel)
    operands.append({random.seed, random.number});
  SmallVector<Type> gradientTypes(objective.getFunctionType().getResults());
  llvm::append_range(gradientTypes, parameterTypes);
  auto gradient = GradientOp::create(b, loc, gradientTypes, FlatSymbolRefAttr::get(objective), operands,
                                     b.getI64IntegerAttr(n));
  ValueRange gradients = gradient.getResults().drop_front(objectiveResults.size());
  if (schedule) {
    Value factor = callElementwise(schedule, f32, fraction, 1)[0];
    lr = arith::MulFOp::create(b, loc, lr, factor);
  }
  SmallVector<Value> updated(n * (1 + states));
  for (unsigned i = 0; i < n; ++i) {
    SmallVector<Value> rule{all[i], gradients[i], lr, number};
    for (unsigned s = 0; s < states; ++s)
      rule.push_back(all[n * (1 + s) + i]);
    SmallVector<Value> values = callElementwise(update, cast<RankedTensorType>(parameterTypes[i]), rule, 1 + states);
    for (unsigned s = 0; s <= states; ++s)
      updated[n * s + i] = values[s];
  }
  llvm::append_range(updated, gradient.getResults().take_front(objectiveResults.size()));
  if (monitor.gradient)
    llvm::append_range(updated, gradients);
  if (monitor.rate)
    updated.push_back(lr);
  finish(updated);
}

LogicalResult TrainInstantiator::makeScore(ArrayRef<MetricOp> metrics) {
  RankedTensorType x = batchedType(data.getFeatureType(), scoreBatch),
                   y = batchedType(data.getAnswerType(), scoreBatch);
  SmallVector<Type> inputs(parameterTypes), results(1 + metrics.size(), scalar(b.getF32Type()));
  inputs.append({x, y, scalar(b.getI32Type())});
  func::FuncOp f = makeFunction("score", inputs, results);
  auto arguments = f.getArguments();
  unsigned n = parameters.size();
  auto prediction = inlineBatched(b, model, scoreBatch, arguments[n], arguments.take_front(n));
  if (failed(prediction))
    return failure();
  SmallVector<Value> sums;
  SmallVector<Operation *> judges{loss};
  judges.append(metrics.begin(), metrics.end());
  for (Operation *judge : judges) {
    auto each = inlineBatched(b, judge, scoreBatch, {(*prediction)[0], arguments[n + 1]}, {});
    if (failed(each))
      return failure();
    // Rows from `valid` on only fill the slice.
    TensorBuilder t(b, loc);
    Value kept = t.elementwise(cast<RankedTensorType>((*each)[0].getType()), {(*each)[0], arguments[n + 2]},
                               {t.identity(1), t.dims(1, {})}, [](OpBuilder &b, Location loc, ValueRange e) -> Value {
                                 Value position = linalg::IndexOp::create(b, loc, 0);
                                 Value row = arith::IndexCastOp::create(b, loc, b.getI32Type(), position);
                                 Value valid = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, row, e[1]);
                                 Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
                                 return arith::SelectOp::create(b, loc, valid, e[0], zero);
                               });
    sums.push_back(sum(kept));
  }
  finish(sums);
  return success();
}

LogicalResult TrainInstantiator::run() {
  model = find<ModelOp>(train.getModelAttr());
  loss = find<LossOp>(train.getLossAttr());
  optimizer = find<OptimizerOp>(train.getOptimizerAttr());
  data = find<DatasetOp>(train.getDataAttr());
  monitor = monitorOf(module, train);
  parameters = ProgramParameters::of(model.getBody().front()).specs;
  for (const ParameterSpec &spec : parameters)
    parameterTypes.push_back(spec.type);
  if (parameters.empty())
    return train.emitOpError("trains a model without parameters");
  SmallVector<MetricOp> metrics;
  SmallVector<Attribute> metricNames;
  for (auto metric : module.getOps<MetricOp>())
    if (metric.getFunctionType().getInputs() == loss.getFunctionType().getInputs()) {
      metrics.push_back(metric);
      metricNames.push_back(b.getStringAttr(metric.getSymName()));
    }

  for (Operation &op : model.getBody().front())
    stochasticModel |= isa<StochasticLayerOpInterface>(op);
  makeInitialize();
  if (failed(makeObjective()))
    return failure();
  func::FuncOp update = makeScalarFunction("update", optimizer), schedule;
  if (train.getScheduleAttr())
    schedule = makeScalarFunction("schedule", find<ScheduleOp>(train.getScheduleAttr()));
  func::FuncOp augment;
  if (train.getAugmentAttr()) {
    auto program = find<AugmentOp>(train.getAugmentAttr());
    Block &block = program.getBody().front();
    // One that returns the feature as it is does nothing.
    if (block.getTerminator()->getOperand(0) != block.getArgument(0)) {
      augment = makeScalarFunction("augment", program);
      stochasticInputs = !block.getArgument(1).use_empty() || !block.getArgument(2).use_empty();
    }
  }
  makeStep(update, schedule, augment);
  if (failed(makeScore(metrics)))
    return failure();
  // A sampler whose weight depends on nothing is the ordinary shuffle.
  bool sampled = false;
  if (train.getSamplerAttr()) {
    auto sampler = find<SamplerOp>(train.getSamplerAttr());
    sampled = sampler.looksAtArguments();
    if (sampled)
      makeScalarFunction("sampler", sampler);
  }
  b.setInsertionPoint(train);
  auto boundAttr = [&](std::optional<double> bound) { return bound ? b.getF64FloatAttr(*bound) : FloatAttr(); };
  PipelineOp::create(b, loc, train.getSymNameAttr(), train.getDataAttr(), b.getI64IntegerAttr(parameters.size()),
                     b.getDenseF64ArrayAttr(optimizer.getStateInit()), train.getLrAttr(), train.getBatchAttr(),
                     train.getEpochsAttr(), b.getI64IntegerAttr(scoreBatch), b.getArrayAttr(metricNames),
                     b.getBoolAttr(sampled), boundAttr(monitor.prediction), boundAttr(monitor.gradient),
                     boundAttr(monitor.weight), boundAttr(monitor.rate),
                     sampled ? boundAttr(monitor.loss) : FloatAttr());
  return success();
}

FailureOr<SmallVector<Value>> selfopt::instantiateExample(OpBuilder &b, Operation *program, ValueRange arguments,
                                                          ValueRange parameters) {
  Location loc = program->getLoc();
  SmallVector<Value> batched;
  for (Value v : arguments) {
    RankedTensorType type = batchedType(v.getType(), 1);
    Value tensor = v;
    if (!isa<RankedTensorType>(v.getType()))
      tensor = tensor::FromElementsOp::create(b, loc, RankedTensorType::get({}, v.getType()), v);
    SmallVector<ReassociationIndices> groups;
    for (int64_t d = 1; d < type.getRank(); ++d)
      groups.push_back(d == 1 ? ReassociationIndices{0, 1} : ReassociationIndices{d});
    batched.push_back(tensor::ExpandShapeOp::create(b, loc, type, tensor, groups));
  }
  auto results = inlineBatched(b, program, 1, batched, parameters);
  if (failed(results))
    return failure();
  auto types = cast<ProgramOpInterface>(program).getProgramResultTypes();
  for (auto [v, type] : llvm::zip(*results, types)) {
    auto from = cast<RankedTensorType>(v.getType());
    auto to = dyn_cast<RankedTensorType>(type);
    SmallVector<ReassociationIndices> groups;
    for (int64_t d = 1; d < from.getRank(); ++d)
      groups.push_back(d == 1 ? ReassociationIndices{0, 1} : ReassociationIndices{d});
    Value one = tensor::CollapseShapeOp::create(b, loc, to ? to : RankedTensorType::get({}, type), v, groups);
    v = to ? one : Value(tensor::ExtractOp::create(b, loc, one, ValueRange()));
  }
  return results;
}

LogicalResult selfopt::instantiate(ModuleOp module) {
  SmallVector<TrainOp> trains = llvm::to_vector(module.getOps<TrainOp>());
  if (trains.empty())
    return success();
  for (TrainOp train : trains)
    if (failed(TrainInstantiator(train, module).run()))
      return failure();
  for (Operation &op : llvm::make_early_inc_range(*module.getBody()))
    if (isa<TrainOp, ModelOp, LossOp, MetricOp, OptimizerOp, ScheduleOp, SamplerOp, AugmentOp, EnvironmentOp,
            RewardOp, safety::PolicyOp, evolve::SearchOp, evolve::LineageOp>(op))
      op.erase();
  return success();
}

namespace {
struct InstantiatePass : selfopt::impl::InstantiateBase<InstantiatePass> {
  void runOnOperation() override {
    if (failed(instantiate(getOperation())))
      signalPassFailure();
  }
};

struct VerifyInstantiatedPass : selfopt::impl::VerifyInstantiatedBase<VerifyInstantiatedPass> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk([](Operation *op) {
      StringRef dialect = op->getName().getDialectNamespace();
      bool left = dialect == "nn" || dialect == "safety" || dialect == "evolve" ||
                  (dialect == "selfopt" && !isa<DatasetOp, PipelineOp, GradientOp, StopGradientOp>(op));
      if (!left)
        return WalkResult::advance();
      op->emitOpError("is left after instantiation");
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
