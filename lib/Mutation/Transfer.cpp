//===- Transfer.cpp - Weights that go over to a mutant ------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Mutation/Transfer.h"
#include "Edits.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::evolve;

SmallVector<ParameterSpec> selfopt::parametersOf(Operation *model) {
  return ProgramParameters::of(model->getRegion(0).front()).specs;
}

//===----------------------------------------------------------------------===//
// Growing
//===----------------------------------------------------------------------===//

static bool isSplat(Value v) {
  DenseElementsAttr value;
  return matchPattern(v, m_Constant(&value)) && value.isSplat();
}

LogicalResult selfopt::findUnitReaders(nn::DenseOp layer, SmallVectorImpl<nn::DenseOp> &readers, std::string *why) {
  auto refuse = [&](Operation &op) {
    if (why)
      *why = ("expected the units of the layer to be read by dense layers, through elementwise ops that treat them "
              "alike, found " +
              op.getName().getStringRef())
                 .str();
    return failure();
  };
  // A weight that layers share would have to grow in all of them.
  if (layer.getParamAttr()) {
    if (why)
      *why = "expected a layer with parameters of its own, found one that shares them";
    return failure();
  }
  // All vectors that hold the layer's units in their order. Operands stand before what reads them.
  llvm::SmallPtrSet<Value, 8> units{layer.getResult()};
  for (Operation &op : llvm::make_range(std::next(layer->getIterator()), layer->getBlock()->end())) {
    if (llvm::none_of(op.getOperands(), [&](Value v) { return units.contains(v); }))
      continue;
    if (auto reader = dyn_cast<nn::DenseOp>(op)) {
      if (reader.getParamAttr()) {
        if (why)
          *why = "expected the units of the layer to be read by layers with parameters of their own, found one that "
                 "shares them";
        return failure();
      }
      readers.push_back(reader);
      continue;
    }
    bool alike = isa<nn::ActivationOp, nn::NoiseOp, nn::DropoutOp>(op) ||
                 (op.hasTrait<OpTrait::Elementwise>() && op.getNumResults() == 1 &&
                  llvm::all_of(op.getOperands(), [&](Value v) { return units.contains(v) || isSplat(v); }));
    if (!alike)
      return refuse(op);
    units.insert(op.getResult(0));
  }
  if (readers.empty())
    return refuse(*layer->getBlock()->getTerminator());
  return success();
}

LogicalResult GrowOp::applyTo(ModuleOp spec) {
  return selfopt::applyTo<ModelOp>(*this, getTargetAttr(), spec, [&](Operation *model) -> LogicalResult {
    auto layer = opAt<nn::DenseOp>(model, getPlace(), "dense layers");
    if (failed(layer))
      return failure();
    int64_t old = layer->getUnits(), units = getUnits();
    if (units <= old || units > maxUnits)
      return model->emitError() << "expected more than " << old << " units, at most " << maxUnits << ", found "
                                << units;
    SmallVector<nn::DenseOp> readers;
    std::string why;
    if (failed(findUnitReaders(*layer, readers, &why)))
      return model->emitError() << why;
    layer->setUnits(units);
    return success();
  });
}

/// Transfer.h has the formula.
static double shareOf(int64_t copy, int64_t copies) {
  constexpr double apart = 0.1;
  return (1 + apart * double(2 * copy - copies + 1) / double(copies)) / double(copies);
}

void GrowOp::describeTransfer(Operation *model, MutableArrayRef<ParameterTransfer> transfers) {
  auto layer = *std::next(model->getRegion(0).getOps<nn::DenseOp>().begin(), int64_t(getPlace()));
  SmallVector<nn::DenseOp> readers;
  if (failed(findUnitReaders(layer, readers, nullptr)))
    return; // It would not have applied.
  int64_t old = layer.getUnits(), units = getUnits();
  SmallVector<int64_t> copyOf(units);
  SmallVector<double> shares(units);
  for (int64_t u = 0; u < units; ++u) {
    copyOf[u] = u % old;
    // Unit j has copies j, j + old, j + 2 old, ...
    shares[u] = shareOf(u / old, (units - 1 - copyOf[u]) / old + 1);
  }
  ProgramParameters parameters = ProgramParameters::of(model->getRegion(0).front());
  for (const ProgramParameters::Range &range : parameters.layers) {
    if (!range.owner)
      continue;
    Operation *op = range.layer;
    for (size_t i = range.first; i < range.first + range.count; ++i) {
      ParameterTransfer &transfer = transfers[i];
      int64_t rank = parameters.specs[i].type.getRank();
      transfer.gather.resize(rank);
      if (op == layer.getOperation())
        transfer.gather[rank - 1] = copyOf; // inputs x units, and units
      else if (rank == 2 && llvm::is_contained(readers, op)) {
        transfer.gather[0] = copyOf;
        transfer.shares = shares;
      }
    }
  }
}

//===----------------------------------------------------------------------===//
// The transfer of a mutation
//===----------------------------------------------------------------------===//

/// While a mutation applies, each layer bears the number of its first parameter.
static constexpr StringLiteral tag = "selfopt.parameter";

/// Visits the layers that own parameters, or are the first of those that share them.
static void forEachLayer(Operation *model, function_ref<void(Operation *, ArrayRef<ParameterSpec>)> visit) {
  ProgramParameters parameters = ProgramParameters::of(model->getRegion(0).front());
  for (const ProgramParameters::Range &range : parameters.layers)
    if (range.owner)
      visit(range.layer, ArrayRef(parameters.specs).slice(range.first, range.count));
}

/// The shape of what a transfer makes of a tensor.
static SmallVector<int64_t> shapeAfter(const ParameterTransfer &transfer, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> after(shape);
  for (auto [size, gather] : llvm::zip(after, transfer.gather))
    if (!gather.empty())
      size = gather.size();
  return after;
}

FailureOr<ModelTransfer> selfopt::applyAndTransfer(Operation *mutation, ModuleOp spec, StringRef name) {
  auto any = cast<MutationOpInterface>(mutation);
  auto *before = SymbolTable::lookupSymbolIn(spec, name);
  if (!before || !isa<ModelOp>(before))
    return mutation->emitOpError("expects a model @") << name << " in the spec, found none", failure();
  ModelTransfer made;
  made.before = parametersOf(before);
  SmallVector<ParameterTransfer> moves(made.before.size());
  for (auto [i, move] : llvm::enumerate(moves))
    move.from = int64_t(i);
  if (any.getTargetSymbol().getValue() != name) {
    if (failed(applyMutation(mutation, spec)))
      return failure();
    made.after = made.before;
    made.parameters = std::move(moves);
    return made;
  }
  auto preserving = dyn_cast<PreservingMutationOpInterface>(mutation);
  if (!preserving || any.getClaim() != MutationClaim::Preserving)
    return mutation->emitOpError("carries no weights: expected a kind that claims preserving, found one that claims ")
               << stringifyClaim(any.getClaim()),
           failure();
  Operation *original = before->clone();
  Builder b(spec.getContext());
  int64_t count = 0;
  forEachLayer(before, [&](Operation *layer, ArrayRef<ParameterSpec> own) {
    layer->setAttr(tag, b.getI64IntegerAttr(count));
    count += int64_t(own.size());
  });
  LogicalResult applied = applyMutation(mutation, spec);
  Operation *after = SymbolTable::lookupSymbolIn(spec, name);
  if (succeeded(applied))
    preserving.describeTransfer(original, moves);
  std::string wrong;
  forEachLayer(after, [&](Operation *layer, ArrayRef<ParameterSpec> own) {
    auto first = dyn_cast_or_null<IntegerAttr>(layer->removeAttr(tag));
    for (auto [i, parameter] : llvm::enumerate(own)) {
      made.after.push_back(parameter);
      made.parameters.push_back(first ? moves[first.getInt() + i] : ParameterTransfer());
      const ParameterTransfer &move = made.parameters.back();
      if (!wrong.empty())
        continue;
      llvm::raw_string_ostream os(wrong);
      if (move.from < 0) {
        if (parameter.init != ParameterInit::Zeros && parameter.init != ParameterInit::Ones &&
            parameter.init != ParameterInit::Identity)
          os << "expected new layers to start from fixed values, found a random " << parameter.name << " of "
             << layer->getName();
      } else if (SmallVector<int64_t> shape = shapeAfter(move, made.before[move.from].type.getShape());
                 shape != parameter.type.getShape()) {
        os << "expected a " << parameter.name << " of " << layer->getName() << " as large as what is carried ("
           << RankedTensorType::get(shape, b.getF32Type()) << "), found " << parameter.type;
      }
    }
  });
  original->destroy();
  if (failed(applied))
    return failure();
  if (!wrong.empty())
    return mutation->emitOpError("resized what it does not carry: ") << wrong, failure();
  return made;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static std::vector<float> gather(const ModelTransfer &transfer, size_t child, ArrayRef<std::vector<float>> parent,
                                 bool divide) {
  const ParameterTransfer &move = transfer.parameters[child];
  ArrayRef<int64_t> from = transfer.before[move.from].type.getShape(), to = transfer.after[child].type.getShape();
  const std::vector<float> &values = parent[move.from];
  std::vector<float> out(transfer.after[child].type.getNumElements());
  SmallVector<int64_t> index(to.size(), 0);
  for (float &x : out) {
    int64_t at = 0;
    for (size_t d = 0; d < to.size(); ++d) {
      bool moved = d < move.gather.size() && !move.gather[d].empty();
      at = at * from[d] + (moved ? move.gather[d][index[d]] : index[d]);
    }
    x = values[at];
    if (divide && !move.shares.empty())
      x = float(double(x) * move.shares[index[0]]);
    for (size_t d = to.size(); d-- > 0 && ++index[d] == to[d];)
      index[d] = 0;
  }
  return out;
}

std::vector<float> selfopt::transferParameter(const ModelTransfer &transfer, size_t child,
                                              ArrayRef<std::vector<float>> parent) {
  if (transfer.parameters[child].from >= 0)
    return gather(transfer, child, parent, /*divide=*/true);
  const ParameterSpec &parameter = transfer.after[child];
  std::vector<float> out(parameter.type.getNumElements(), parameter.init == ParameterInit::Ones ? 1.0f : 0.0f);
  if (parameter.init == ParameterInit::Identity)
    for (int64_t i = 0, rows = parameter.type.getDimSize(0), columns = parameter.type.getDimSize(1);
         i < std::min(rows, columns); ++i)
      out[i * columns + i] = 1;
  return out;
}

std::vector<float> selfopt::transferState(const ModelTransfer &transfer, size_t child,
                                          ArrayRef<std::vector<float>> parent, double initial) {
  if (transfer.parameters[child].from >= 0)
    return gather(transfer, child, parent, /*divide=*/false);
  return std::vector<float>(transfer.after[child].type.getNumElements(), float(initial));
}
