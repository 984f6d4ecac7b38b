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

/// The place in the first dimension.
static Value placeOf(BoundBuilder &t) {
  Value place = linalg::IndexOp::create(t.builder(), t.location(), 0);
  return arith::IndexCastOp::create(t.builder(), t.location(), t.builder().getI32Type(), place);
}
/// 1 where `index`, of each example, names the place in the first dimension; 0 elsewhere.
static Value pick(BoundBuilder &t, ArrayRef<int64_t> shape, Value index) {
  unsigned rank = shape.size(), indexRank = cast<RankedTensorType>(index.getType()).getRank();
  AffineMap at = indexRank == 1 ? t.dims(rank, {rank - 1}) : t.dims(rank, {rank - 2, rank - 1});
  Type f32 = t.builder().getF32Type();
  return t.map(shape, index, at, f32, [&](BoundBuilder &t, ValueRange e) -> SmallVector<Value> {
    Value here = arith::CmpIOp::create(t.builder(), t.location(), arith::CmpIPredicate::eq, placeOf(t), e[0]);
    Value one = t.constant(f32, 1), zero = t.constant(f32, 0);
    return {t.select(here, one, zero)};
  })[0];
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
  Type f32 = t.builder().getF32Type();
  auto subtract = [](BoundBuilder &t, ValueRange e) -> SmallVector<Value> { return {t.subtract(e[0], e[1])}; };
  AffineMap all = t.dims(3, {0, 2}), own = t.dims(2, {1}), each = t.dims(2, {0}), turned = t.dims(2, {1, 0});
  auto dense = scores.getDefiningOp<nn::DenseOp>();
  if (!rival && dense) {
    // Of every class, behind the layer: differences of its weights' columns, which products with 0 and 1 would be.
    Value picks = pick(t, {classes, t.examples}, label);
    Value weight = layers.lookup(dense)[0], bias = layers.lookup(dense)[1], rounding = bounds[scores].rounding;
    int64_t in = cast<RankedTensorType>(weight.getType()).getDimSize(0);
    Value column = t.matmul(weight, picks);
    contribute(dense.getOperand(),
               t.map({in, classes, t.examples}, {column, weight}, {all, t.dims(3, {0, 1})}, f32, subtract)[0]);
    Value offset = t.sum({t.examples, classes}, {picks, bias, rounding}, {turned, own, turned},
                         [](BoundBuilder &t, ValueRange e) { return t.multiply(e[0], t.subtract(e[1], e[2])); });
    terms.push_back(t.map({classes, t.examples}, {offset, bias, rounding}, {own, each, t.identity(2)}, f32,
                          [](BoundBuilder &t, ValueRange e) -> SmallVector<Value> {
                            return {t.subtract(e[0], t.add(e[1], e[2]))};
                          })[0]);
  } else {
    // y[label] - y[rival]
    if (!rival)
      rival = t.map({classes, t.examples}, {}, {}, t.builder().getI32Type(),
                    [](BoundBuilder &t, ValueRange) -> SmallVector<Value> { return {placeOf(t)}; })[0];
    int64_t forms = cast<RankedTensorType>(rival.getType()).getDimSize(0);
    Value plus = pick(t, {classes, t.examples}, label), minus = pick(t, {classes, forms, t.examples}, rival);
    contribute(scores, t.map({classes, forms, t.examples}, {plus, minus}, {all, t.identity(3)}, f32, subtract)[0]);
  }
  for (Operation &op : llvm::reverse(block.without_terminator())) {
    auto it = op.getNumResults() == 1 ? open.find(op.getResult(0)) : open.end();
    if (it == open.end())
      continue;
    Value coefficients = it->second;
    open.erase(it);
    auto bounded = cast<BoundOpInterface>(op);
    const Bounds &result = bounds[op.getResult(0)];
    SmallVector<Value> operands;
    if ((relax || bounded.isLinear()) &&
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
  Value features =
      t.elementwise(turned, x, t.dims(rank, inner), [](OpBuilder &, Location, ValueRange e) { return e[0]; });
  SmallVector<Type> types(3, type.getElementType());
  auto bounds = t.map(turned.getShape(), {features, radius}, {t.identity(rank), t.dims(rank, {rank - 1})}, types,
                      [](BoundBuilder &t, ValueRange e) -> SmallVector<Value> {
                        Value low = t.subtract(e[0], e[1]), high = t.add(e[0], e[1]);
                        Bounds box = t.outward(low, high);
                        return {box.low, box.high, t.known(e[0], t.add(t.absolute(e[0]), e[1]))};
                      });
  return {bounds[0], bounds[1], {}, bounds[2], radius};
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
  RankedTensorType index = t.batched(b.getI32Type());
  if (kind != BoundProgram::Bounds)
    inputs.push_back(index);
  if (kind == BoundProgram::Relaxed)
    inputs.push_back(t.batched(RankedTensorType::get({rivalsAtOnce}, index.getElementType())));
  SmallVector<Type> results(kind == BoundProgram::Bounds ? 2 : 1, t.batched(output));
  if (kind == BoundProgram::Relaxed)
    results = {t.batched(RankedTensorType::get({rivalsAtOnce}, b.getF32Type()))};
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
