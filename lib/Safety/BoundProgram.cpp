//===- BoundProgram.cpp - The program that bounds a model ----------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/BoundProgram.h"
#include "SelfOpt/Dialect/BoundBuilder.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace selfopt;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(std::make_error_code(std::errc::invalid_argument), message);
}

StringRef selfopt::stringifyBoundProgram(BoundProgram kind) {
  switch (kind) {
  case BoundProgram::Bounds:
    return "bounds";
  case BoundProgram::Margins:
    return "margins";
  case BoundProgram::Relaxed:
    return "relaxed";
  }
  llvm_unreachable("all kinds");
}

namespace {

class Deriver {
public:
  Deriver(ModelOp model, BoundBuilder &t, ValueRange parameters) : block(model.getBody().front()), t(t) {
    for (const ProgramParameters::Range &range : ProgramParameters::of(block).layers)
      layers[range.layer] = parameters.slice(range.first, range.count);
  }

  /// Bounds of every value, from those of the argument.
  llvm::Error propagate(Bounds argument);
  const Bounds &scores() { return bounds[block.getTerminator()->getOperand(0)]; }
  /// The least value of score[label] - score[rival], [1, examples], or of every rival, [classes, examples]: as far back
  /// as ops are linear, or with `relax` to the input.
  Value least(Value label, Value rival, bool relax);

private:
  SmallVector<Bounds> boundsOf(ValueRange values) {
    return llvm::map_to_vector(values, [&](Value v) { return bounds.lookup(v); });
  }

  Block &block;
  BoundBuilder &t;
  llvm::DenseMap<Operation *, ValueRange> layers;
  llvm::DenseMap<Value, Bounds> bounds;
};

} // namespace

llvm::Error Deriver::propagate(Bounds argument) {
  bounds[block.getArgument(0)] = argument;
  for (Operation &op : block.without_terminator()) {
    auto bounded = dyn_cast<BoundOpInterface>(op);
    SmallVector<Bounds> results;
    if (!bounded || failed(bounded.buildBounds(t, boundsOf(op.getOperands()), layers.lookup(&op), results)))
      return makeError("interval bound propagation has no rule for " + op.getName().getStringRef());
    for (auto [value, result] : llvm::zip(op.getResults(), results))
      bounds[value] = result;
  }
  return llvm::Error::success();
}

/// `body` of a place's number and those of `indices` at its example.
static Value mapPlaces(BoundBuilder &t, ArrayRef<int64_t> shape, ValueRange indices,
                       llvm::function_ref<Value(BoundBuilder &t, ArrayRef<Value> place, ValueRange at)> body) {
  unsigned rank = shape.size();
  SmallVector<AffineMap> maps(indices.size(), t.dims(rank, {rank - 1}));
  return t.map(shape, indices, maps, t.builder().getF32Type(), [&](BoundBuilder &t, ValueRange e) -> SmallVector<Value> {
    SmallVector<Value> place;
    for (unsigned d = 0; d + 1 < rank; ++d) {
      Value at = linalg::IndexOp::create(t.builder(), t.location(), d);
      place.push_back(arith::IndexCastOp::create(t.builder(), t.location(), t.builder().getI32Type(), at));
    }
    return {body(t, place, e)};
  })[0];
}
static Value isEqual(BoundBuilder &t, Value x, Value y) {
  Value one = t.constant(t.builder().getF32Type(), 1), zero = t.constant(t.builder().getF32Type(), 0);
  Value equal = arith::CmpIOp::create(t.builder(), t.location(), arith::CmpIPredicate::eq, x, y);
  return t.select(equal, one, zero);
}

/// y[label] - y[rival] of each example, [classes, 1, examples]; without `rival` of every class, [classes, classes,
/// examples].
static Value differences(BoundBuilder &t, int64_t classes, Value label, Value rival) {
  SmallVector<Value> indices{label};
  if (rival)
    indices.push_back(rival);
  return mapPlaces(t, {classes, rival ? 1 : classes, t.examples}, indices,
                   [&](BoundBuilder &t, ArrayRef<Value> place, ValueRange at) {
                     Value plus = isEqual(t, place[0], at[0]), minus = isEqual(t, place[0], rival ? at[1] : place[1]);
                     return t.subtract(plus, minus);
                   });
}
/// The same behind a layer with these weights: its columns' differences, which a product with zeros and ones is, too.
static Value columnDifferences(BoundBuilder &t, Value weight, Value label) {
  auto type = cast<RankedTensorType>(weight.getType());
  Value picks = mapPlaces(t, {type.getDimSize(1), t.examples}, label,
                          [](BoundBuilder &t, ArrayRef<Value> place, ValueRange at) { return isEqual(t, place[0], at[0]); });
  Value own = t.matmul(weight, picks);
  return t.map({type.getDimSize(0), type.getDimSize(1), t.examples}, {own, weight}, {t.dims(3, {0, 2}), t.dims(3, {0, 1})},
               type.getElementType(),
               [](BoundBuilder &t, ValueRange e) -> SmallVector<Value> { return {t.subtract(e[0], e[1])}; })[0];
}

Value Deriver::least(Value label, Value rival, bool relax) {
  // Coefficients by value. Each step replaces a value by what bounds it: forms of its operands, and terms.
  llvm::DenseMap<Value, Value> open;
  SmallVector<Value> terms;
  auto contribute = [&](Value v, Value coefficients) {
    Value &sum = open[v];
    if (!sum) {
      sum = coefficients;
      return;
    }
    sum = t.add(sum, coefficients);
    terms.push_back(t.loseRounding(sum, bounds[v]));
  };
  Value scores = block.getTerminator()->getOperand(0);
  int64_t classes = cast<RankedTensorType>(scores.getType()).getDimSize(0);
  contribute(scores, differences(t, classes, label, rival));
  for (Operation &op : llvm::reverse(block.without_terminator())) {
    auto it = op.getNumResults() == 1 ? open.find(op.getResult(0)) : open.end();
    if (it == open.end())
      continue;
    Value coefficients = it->second;
    open.erase(it);
    auto bounded = cast<BoundOpInterface>(op);
    const Bounds &result = bounds[op.getResult(0)];
    SmallVector<Value> operands;
    if (auto dense = dyn_cast<nn::DenseOp>(op); dense && !rival && dense.getResult() == scores) {
      ValueRange parameters = layers.lookup(&op);
      terms.push_back(t.lower(coefficients, parameters[1], result.rounding));
      contribute(op.getOperand(0), columnDifferences(t, parameters[0], label));
    } else if ((relax || bounded.isLinear()) &&
        succeeded(bounded.buildRelaxation(t, boundsOf(op.getOperands()), result, layers.lookup(&op), coefficients,
                                          operands, terms))) {
      for (auto [operand, form] : llvm::zip(op.getOperands(), operands))
        if (form)
          contribute(operand, form);
    } else {
      terms.push_back(t.least(coefficients, result));
    }
  }
  if (Value coefficients = open.lookup(block.getArgument(0)))
    terms.push_back(t.least(coefficients, bounds[block.getArgument(0)]));
  // What their sum rounds is relative to the sum of the magnitudes.
  return t.map(terms, 1, [&](BoundBuilder &t, ValueRange e) -> SmallVector<Value> {
    Value sum = e[0], size = t.absolute(sum);
    for (Value term : e.drop_front()) {
      sum = t.add(sum, term);
      size = t.add(size, t.absolute(term));
    }
    Value off = t.shift(t.scale(size, 2 * t.gamma(double(terms.size()) + 8)), t.vanished);
    return {t.known(t.subtract(sum, off), size)};
  })[0];
}

/// The ball of `radius` around each of `x`, which is [examples, ...].
static Bounds ball(BoundBuilder &t, Value x, Value radius) {
  auto type = cast<RankedTensorType>(x.getType());
  unsigned rank = type.getRank();
  SmallVector<unsigned> inner{rank - 1};
  for (unsigned d = 0; d + 1 < rank; ++d)
    inner.push_back(d);
  auto turned = t.batched(RankedTensorType::get(type.getShape().drop_front(), type.getElementType()));
  Value center = t.elementwise(turned, x, t.dims(rank, inner), [](OpBuilder &, Location, ValueRange e) { return e[0]; });
  SmallVector<Type> types(2, type.getElementType());
  auto bounds = t.map(turned.getShape(), {center, radius}, {t.identity(rank), t.dims(rank, {rank - 1})}, types,
                      [](BoundBuilder &t, ValueRange e) -> SmallVector<Value> {
                        Value low = t.subtract(e[0], e[1]), high = t.add(e[0], e[1]);
                        Bounds box = t.outward(low, high);
                        return {box.low, box.high};
                      });
  return {bounds[0], bounds[1], {}, center, radius};
}

llvm::Expected<func::FuncOp> selfopt::deriveBounds(ModelOp model, BoundProgram kind, int64_t examples, ModuleOp module) {
  Block &block = model.getBody().front();
  auto input = dyn_cast<RankedTensorType>(block.getArgument(0).getType());
  auto output = dyn_cast<RankedTensorType>(block.getTerminator()->getOperand(0).getType());
  if (!input || !output || output.getRank() != 1)
    return makeError("expected a model that ends in a vector, found one that ends in something else");
  Location loc = model.getLoc();
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  BoundBuilder t(b, loc, examples);
  SmallVector<Type> inputs;
  for (const ParameterSpec &spec : ProgramParameters::of(block).specs)
    inputs.push_back(spec.type);
  size_t count = inputs.size();
  inputs.append({batchedType(input, examples), t.batched(b.getF32Type())});
  // Labels, and rivals.
  inputs.append(kind == BoundProgram::Bounds ? 0 : kind == BoundProgram::Margins ? 1 : 2, t.batched(b.getI32Type()));
  SmallVector<Type> results(kind == BoundProgram::Bounds ? 2 : 1, t.batched(output));
  if (kind == BoundProgram::Relaxed)
    results = {t.batched(RankedTensorType::get({1}, b.getF32Type()))};
  std::string name = (model.getSymName() + "." + stringifyBoundProgram(kind)).str();
  auto f = func::FuncOp::create(b, loc, name, b.getFunctionType(inputs, results));
  b.setInsertionPointToStart(f.addEntryBlock());
  SmallVector<Value> arguments(f.getArguments().begin(), f.getArguments().end());
  Deriver deriver(model, t, ArrayRef(arguments).take_front(count));
  if (auto error = deriver.propagate(ball(t, arguments[count], arguments[count + 1]))) {
    f.erase();
    return std::move(error);
  }
  SmallVector<Value> values{deriver.scores().low, deriver.scores().high};
  if (kind != BoundProgram::Bounds) {
    bool relax = kind == BoundProgram::Relaxed;
    values = {deriver.least(arguments[count + 2], relax ? arguments[count + 3] : Value(), relax)};
  }
  func::ReturnOp::create(b, loc, values);
  return f;
}
