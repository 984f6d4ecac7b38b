//===- BoundProgram.cpp - The program that bounds a model ----------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/BoundProgram.h"
#include "SelfOpt/Dialect/BoundBuilder.h"
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
  /// The least value of forms of the scores, [forms, examples]: as far back as ops are linear, or to the input.
  Value least(Value forms, bool relax);

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

Value Deriver::least(Value forms, bool relax) {
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
  contribute(block.getTerminator()->getOperand(0), forms);
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

/// y[label] - y[rival] of each example, as [classes, 1, examples]; without `rival`, for every class, [classes, classes,
/// examples].
static Value differences(BoundBuilder &t, int64_t classes, Value label, Value rival) {
  SmallVector<Value> ins{label};
  if (rival)
    ins.push_back(rival);
  SmallVector<AffineMap> maps(ins.size(), t.dims(3, {2}));
  return t.map({classes, rival ? 1 : classes, t.examples}, ins, maps, t.builder().getF32Type(),
               [&](BoundBuilder &t, ValueRange e) -> SmallVector<Value> {
                 OpBuilder &b = t.builder();
                 auto number = [&](unsigned dim) -> Value {
                   Value at = linalg::IndexOp::create(b, t.location(), dim);
                   return arith::IndexCastOp::create(b, t.location(), b.getI32Type(), at);
                 };
                 Value at = number(0), other = rival ? e[1] : number(1);
                 Value one = t.constant(b.getF32Type(), 1), zero = t.constant(b.getF32Type(), 0);
                 auto where = [&](Value index) {
                   Value here = arith::CmpIOp::create(b, t.location(), arith::CmpIPredicate::eq, at, index);
                   return t.select(here, one, zero);
                 };
                 Value plus = where(e[0]), minus = where(other);
                 return {t.subtract(plus, minus)};
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
    values = {deriver.least(
        differences(t, output.getDimSize(0), arguments[count + 2], relax ? arguments[count + 3] : Value()), relax)};
  }
  func::ReturnOp::create(b, loc, values);
  return f;
}
