//===- NNBounds.cpp - Programs that bound what layers compute ------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Interval bound propagation (Gowal et al. 2018), and for what CROWN relaxes (Zhang et al. 2018) the linear functions
// between which it lies.
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/BoundBuilder.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::nn;

static RankedTensorType typeOf(Value v) { return cast<RankedTensorType>(v.getType()); }

//===----------------------------------------------------------------------===//
// Dense
//===----------------------------------------------------------------------===//

using Elements = SmallVector<Value>;

/// weight^T x, or weight x on the way back, of [in, units] and [elements, columns].
static Value product(BoundBuilder &t, Value weight, Value x, bool back = false) {
  RankedTensorType w = typeOf(weight);
  SmallVector<int64_t> shape{w.getDimSize(back ? 0 : 1), typeOf(x).getDimSize(1)};
  Value zero = t.fill(RankedTensorType::get(shape, w.getElementType()), 0);
  SmallVector<AffineMap> maps{back ? t.dims(3, {0, 2}) : t.dims(3, {2, 0}), t.dims(3, {2, 1}), t.dims(3, {0, 1})};
  SmallVector<utils::IteratorType> iterators{utils::IteratorType::parallel, utils::IteratorType::parallel,
                                             utils::IteratorType::reduction};
  return linalg::GenericOp::create(t.builder(), t.location(), TypeRange{zero.getType()}, ValueRange{weight, x},
                                   ValueRange{zero}, maps, iterators,
                                   [](OpBuilder &b, Location loc, ValueRange e) {
                                     Value m = arith::MulFOp::create(b, loc, e[0], e[1]);
                                     Value s = arith::AddFOp::create(b, loc, e[2], m);
                                     linalg::YieldOp::create(b, loc, s);
                                   })
      .getResult(0);
}

LogicalResult DenseOp::buildBounds(BoundBuilder &t, ArrayRef<Bounds> operands, ValueRange parameters,
                                   SmallVectorImpl<Bounds> &results) {
  Value weight = parameters[0];
  double in = double(typeOf(weight).getDimSize(0)), units = double(typeOf(weight).getDimSize(1));
  // What is rounded by the layer, and by this; or by the coefficients that go back through it, and by the sum of their
  // terms. Each is itself a little off.
  double slack = 1 + 3 * t.gamma(std::max(in, units) + 16), once = 1 + t.gamma(in + 8);
  double ahead = 2 * t.gamma(in + 8) * slack, behind = (t.gamma(in + 8) + 2 * t.gamma(units + 8)) * slack;
  auto bound = [&](BoundBuilder &t, Value middle, Value reach, Value size, Value bias) -> Elements {
    Value y = t.add(middle, bias), whole = t.add(size, t.absolute(bias));
    auto part = [&](double relative) { return t.shift(t.scale(whole, relative), (in + units) * t.vanished); };
    Value off = t.add(reach, part(ahead));
    Value low = t.known(t.subtract(y, off), whole), high = t.known(t.add(y, off), whole);
    return {low, high, part(behind)};
  };
  SmallVector<Type> types(3, t.builder().getF32Type());
  AffineMap unit = t.dims(2, {0}), example = t.dims(2, {1}), element = t.dims(2, {1, 0});
  // By Cauchy and Schwarz, sum_i |x_i| |w_i| is at most the product of both norms. A square may be taken for zero.
  auto norms = [&](Value of) {
    Value squares = t.sum({typeOf(of).getDimSize(1), int64_t(in)}, of, element,
                          [](BoundBuilder &t, ValueRange e) { return t.multiply(e[0], e[0]); });
    return t.map(squares, 1, [&](BoundBuilder &t, ValueRange e) -> Elements {
      return {t.shift(t.scale(t.squareRoot(e[0]), once), in * t.vanished)};
    })[0];
  };
  Value length = norms(weight);
  if (const Bounds &x = operands[0]; x.center) {
    // One radius for all elements, so that it reaches as far as the magnitudes of a unit's weights add up to.
    Value total = t.sum({int64_t(units), int64_t(in)}, weight, element,
                        [](BoundBuilder &t, ValueRange e) { return t.absolute(e[0]); });
    Value middle = product(t, weight, x.center), distance = norms(x.center);
    Elements y = t.map(typeOf(middle).getShape(), {middle, total, length, distance, x.radius, parameters[1]},
                       {t.identity(2), unit, unit, example, example, unit}, types,
                       [&](BoundBuilder &t, ValueRange e) -> Elements {
                         // What is taken for zero of the input, however large the weight, too.
                         Value reach = t.multiply(t.shift(t.scale(e[4], once), t.tiny), e[1]);
                         Value farthest = t.add(e[3], t.scale(e[4], std::sqrt(in)));
                         return bound(t, e[0], reach, t.multiply(farthest, e[2]), e[5]);
                       });
    results.push_back({y[0], y[1], y[2]});
    return success();
  }
  // x = middle +- radius, so x W = middle W +- radius |W|.
  Elements x = t.map({operands[0].low, operands[0].high}, 3, [&](BoundBuilder &t, ValueRange e) -> Elements {
    Value middle = t.scale(t.add(e[0], e[1]), 0.5), half = t.scale(t.subtract(e[1], e[0]), 0.5 * once);
    Value size = t.magnitude(e[0], e[1]);
    return {middle, t.add(half, t.shift(t.scale(size, 4 * t.unit), t.tiny)), size};
  });
  Value middle = product(t, weight, x[0]), reach = product(t, t.absolute(weight), x[1]);
  Value distance = norms(x[2]);
  Elements y = t.map(typeOf(middle).getShape(), {middle, reach, length, distance, parameters[1]},
                     {t.identity(2), t.identity(2), unit, example, unit}, types, [&](BoundBuilder &t, ValueRange e) {
                       return bound(t, e[0], e[1], t.multiply(e[2], e[3]), e[4]);
                     });
  results.push_back({y[0], y[1], y[2]});
  return success();
}

LogicalResult DenseOp::buildRelaxation(BoundBuilder &t, ArrayRef<Bounds>, Bounds result, ValueRange parameters,
                                       Value coefficients, SmallVectorImpl<Value> &operandCoefficients,
                                       SmallVectorImpl<Value> &terms) {
  // a (x W + b) = (W a) x + a b, all forms of all examples side by side.
  RankedTensorType type = typeOf(coefficients);
  SmallVector<int64_t> shape(type.getShape());
  SmallVector<ReassociationIndices> groups{{0}, {1, 2}};
  auto flat = RankedTensorType::get({shape[0], shape[1] * shape[2]}, type.getElementType());
  Value columns = tensor::CollapseShapeOp::create(t.builder(), t.location(), flat, coefficients, groups);
  Value back = product(t, parameters[0], columns, /*back=*/true);
  shape[0] = typeOf(back).getDimSize(0);
  operandCoefficients.push_back(tensor::ExpandShapeOp::create(
      t.builder(), t.location(), RankedTensorType::get(shape, type.getElementType()), back, groups));
  // A product that goes back may be taken for zero, and what it is of is below `largest`.
  double vanished = double(shape[0]) * double(type.getDimSize(0)) * t.vanished;
  Value least = t.lower(coefficients, parameters[1], result.rounding);
  llvm::append_range(terms, t.map(least, 1, [&](BoundBuilder &t, ValueRange e) -> Elements {
    return {t.shift(e[0], -vanished)};
  }));
  return success();
}

//===----------------------------------------------------------------------===//
// Layers that move numbers
//===----------------------------------------------------------------------===//

LogicalResult ConcatOp::buildBounds(BoundBuilder &t, ArrayRef<Bounds> operands, ValueRange,
                                    SmallVectorImpl<Bounds> &results) {
  if (operands.size() == 1) {
    results.push_back({operands[0].low, operands[0].high, {}});
    return success();
  }
  SmallVector<Value> low, high;
  for (const Bounds &x : operands) {
    low.push_back(x.low);
    high.push_back(x.high);
  }
  Value l = tensor::ConcatOp::create(t.builder(), t.location(), /*dim=*/0, low);
  Value h = tensor::ConcatOp::create(t.builder(), t.location(), /*dim=*/0, high);
  results.push_back({l, h, {}});
  return success();
}
LogicalResult ConcatOp::buildRelaxation(BoundBuilder &t, ArrayRef<Bounds> operands, Bounds, ValueRange,
                                        Value coefficients, SmallVectorImpl<Value> &operandCoefficients,
                                        SmallVectorImpl<Value> &) {
  RankedTensorType type = typeOf(coefficients);
  OpBuilder &b = t.builder();
  int64_t at = 0;
  for (const Bounds &x : operands) {
    int64_t n = typeOf(x.low).getDimSize(0);
    auto part = RankedTensorType::get({n, type.getDimSize(1), type.getDimSize(2)}, type.getElementType());
    SmallVector<OpFoldResult> offsets(3, b.getIndexAttr(0)), sizes, strides(3, b.getIndexAttr(1));
    offsets[0] = b.getIndexAttr(at);
    for (int64_t size : part.getShape())
      sizes.push_back(b.getIndexAttr(size));
    operandCoefficients.push_back(
        tensor::ExtractSliceOp::create(b, t.location(), part, coefficients, offsets, sizes, strides));
    at += n;
  }
  return success();
}

// The identity, when a model predicts.
LogicalResult NoiseOp::buildBounds(BoundBuilder &, ArrayRef<Bounds> operands, ValueRange,
                                   SmallVectorImpl<Bounds> &results) {
  results.push_back({operands[0].low, operands[0].high, {}});
  return success();
}
LogicalResult DropoutOp::buildBounds(BoundBuilder &, ArrayRef<Bounds> operands, ValueRange,
                                     SmallVectorImpl<Bounds> &results) {
  results.push_back({operands[0].low, operands[0].high, {}});
  return success();
}
LogicalResult NoiseOp::buildRelaxation(BoundBuilder &, ArrayRef<Bounds>, Bounds, ValueRange, Value coefficients,
                                       SmallVectorImpl<Value> &operandCoefficients, SmallVectorImpl<Value> &) {
  operandCoefficients.push_back(coefficients);
  return success();
}
LogicalResult DropoutOp::buildRelaxation(BoundBuilder &, ArrayRef<Bounds>, Bounds, ValueRange,
                                         Value coefficients, SmallVectorImpl<Value> &operandCoefficients,
                                         SmallVectorImpl<Value> &) {
  operandCoefficients.push_back(coefficients);
  return success();
}
bool DenseOp::isLinear() { return true; }
bool ConcatOp::isLinear() { return true; }
bool NoiseOp::isLinear() { return true; }
bool DropoutOp::isLinear() { return true; }

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

/// x Phi(x).
static Value gelu(BoundBuilder &t, Value x) {
  Value scaled = t.scale(x, M_SQRT1_2);
  Value erf = math::ErfOp::create(t.builder(), t.location(), scaled);
  Value half = t.scale(x, 0.5), shifted = t.shift(erf, 1);
  return t.multiply(half, shifted);
}
static Value sigmoid(BoundBuilder &t, Value x) {
  Value e = math::ExpOp::create(t.builder(), t.location(), t.negate(x));
  Value one = t.like(e, 1);
  return t.divide(one, t.add(e, one));
}

/// Of one element.
static Bounds activated(BoundBuilder &t, Activation kind, Value low, Value high) {
  auto within = [&](Bounds y, double least, double most) -> Bounds {
    Value l = t.maximum(y.low, t.like(low, least)), h = t.minimum(y.high, t.like(high, most));
    return {l, h, {}};
  };
  switch (kind) {
  case Activation::Relu: {
    Value zero = t.like(low, 0), l = t.maximum(low, zero), h = t.maximum(high, zero);
    return {l, h, {}};
  }
  case Activation::Tanh: {
    // Two library functions, the bounded one and this.
    Value l = math::TanhOp::create(t.builder(), t.location(), low);
    Value h = math::TanhOp::create(t.builder(), t.location(), high);
    return within(t.outward(l, h, 0x1p-19), -1, 1);
  }
  case Activation::Sigmoid: {
    Value l = sigmoid(t, low), h = sigmoid(t, high);
    return within(t.outward(l, h, 0x1p-18), 0, 1);
  }
  case Activation::Gelu: {
    // It falls to its minimum and rises from there. 1 + erf loses relative accuracy near -1: the error is absolute in x.
    Value lowest = t.like(low, -0.7517915246935645), least = t.like(low, -0.16997120747);
    Value left = gelu(t, low), right = gelu(t, high), smaller = t.minimum(left, right);
    Value above = t.less(lowest, low), below = t.less(high, lowest);
    Value l = t.select(above, left, t.select(below, right, t.minimum(least, smaller))), h = t.maximum(left, right);
    Value size = t.magnitude(low, high), off = t.shift(t.scale(size, 0x1p-17), t.tiny);
    return {t.known(t.subtract(l, off), size), t.known(t.add(h, off), size), {}};
  }
  }
  llvm_unreachable("all kinds");
}

LogicalResult ActivationOp::buildBounds(BoundBuilder &t, ArrayRef<Bounds> operands, ValueRange,
                                        SmallVectorImpl<Bounds> &results) {
  Elements y = t.map({operands[0].low, operands[0].high}, 2, [&](BoundBuilder &t, ValueRange e) -> Elements {
    Bounds y = activated(t, getKind(), e[0], e[1]);
    return {y.low, y.high};
  });
  results.push_back({y[0], y[1], {}});
  return success();
}

LogicalResult ActivationOp::buildRelaxation(BoundBuilder &t, ArrayRef<Bounds> operands, Bounds, ValueRange,
                                            Value coefficients, SmallVectorImpl<Value> &operandCoefficients,
                                            SmallVectorImpl<Value> &terms) {
  if (getKind() != Activation::Relu)
    return failure();
  // Zhang et al. 2018: a line above relu, through its ends, and one below it, of slope 0 or 1.
  Elements lines = t.map({operands[0].low, operands[0].high}, 4, [](BoundBuilder &t, ValueRange e) -> Elements {
    Value low = e[0], high = e[1], zero = t.like(low, 0), one = t.like(low, 1);
    Value under = t.negate(t.minimum(low, zero)), over = t.maximum(high, zero);
    Value above = t.divide(over, t.maximum(t.add(over, under), t.like(low, t.tiny)));
    Value below = t.select(t.less(under, over), one, zero);
    // relu(v) <= above v + shift at both ends, so between them, whatever the slope was rounded to.
    Value atLow = t.multiply(above, under), atHigh = t.multiply(t.subtract(one, above), over);
    Value shift = t.shift(t.scale(t.maximum(atLow, atHigh), 1 + 0x1p-20), t.tiny);
    // A coefficient times a slope is rounded.
    return {above, below, shift, t.scale(t.magnitude(low, high), 4 * t.unit)};
  });
  double n = double(typeOf(coefficients).getDimSize(0));
  operandCoefficients.push_back(t.mapForms(coefficients, {lines[0], lines[1]}, [](BoundBuilder &t, ValueRange e) {
    Value positive = t.less(t.like(e[0], 0), e[0]);
    return t.multiply(e[0], t.select(positive, e[2], e[1]));
  }));
  Value lost = t.sumForms(coefficients, {lines[2], lines[3]}, [](BoundBuilder &t, ValueRange e) {
    Value negative = t.minimum(e[0], t.like(e[0], 0));
    Value rounding = t.multiply(t.absolute(e[0]), e[2]), shift = t.multiply(negative, e[1]);
    return t.subtract(rounding, shift);
  });
  // All of one sign, so what the sum rounds is relative to itself.
  terms.push_back(t.map(lost, 1, [&](BoundBuilder &t, ValueRange e) -> Elements {
    return {t.shift(t.scale(e[0], -(1 + 2 * t.gamma(2 * n + 4))), -n * t.vanished)};
  })[0]);
  return success();
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// One pass over [n, examples], whose rows are what the layers take for one: `full` is read element by element, `rows`
/// at the element's example, and `columns` at its place in the row.
static Elements mapRows(BoundBuilder &t, ValueRange full, ValueRange rows, ValueRange columns, unsigned results,
                        BoundBuilder::ElementBody body) {
  Elements ins(full);
  SmallVector<AffineMap> maps(full.size(), t.identity(2));
  ins.append(rows.begin(), rows.end());
  maps.append(rows.size(), t.dims(2, {1}));
  ins.append(columns.begin(), columns.end());
  maps.append(columns.size(), t.dims(2, {0}));
  return t.map(typeOf(full.front()).getShape(), ins, maps, SmallVector<Type>(results, t.builder().getF32Type()), body);
}
/// What the body makes of both bounds, summed over each row.
static Value sumRows(BoundBuilder &t, const Bounds &x,
                     llvm::function_ref<Value(BoundBuilder &, Value low, Value high)> body) {
  AffineMap element = t.dims(2, {1, 0});
  return t.sum({t.examples, typeOf(x.low).getDimSize(0)}, {x.low, x.high}, {element, element},
               [&](BoundBuilder &t, ValueRange e) { return body(t, e[0], e[1]); });
}
static Value maximumOfRows(BoundBuilder &t, Value x) {
  return t.reduceLast({t.examples, typeOf(x).getDimSize(0)}, typeOf(x).getElementType(), -INFINITY, x, t.dims(2, {1, 0}),
                      [](OpBuilder &b, Location loc, ValueRange e) -> Value {
                        return arith::MaximumFOp::create(b, loc, e[1], e[0]);
                      });
}

/// x / sqrt(mean(x^2) + 1e-5), row by row, times a scale and plus an offset for each column, if there is one.
static Bounds normalized(BoundBuilder &t, const Bounds &x, ValueRange parameters) {
  double n = double(typeOf(x.low).getDimSize(0));
  // The squares' sum is off by gamma_n of itself, since it has one sign; then some more roundings, of both.
  double relative = 2 * t.gamma(n + 16), cap = std::sqrt(n) * (1 + 2 * relative);
  Value least = sumRows(t, x, [](BoundBuilder &t, Value low, Value high) {
    Value m = t.maximum(t.like(low, 0), t.maximum(low, t.negate(high)));
    return t.multiply(m, m);
  });
  Value most = sumRows(t, x, [](BoundBuilder &t, Value low, Value high) {
    Value m = t.magnitude(low, high);
    return t.multiply(m, m);
  });
  Elements y = mapRows(t, {x.low, x.high}, {least, most}, parameters, 2, [&](BoundBuilder &t, ValueRange e) -> Elements {
    auto root = [&](Value squares, bool up) {
      Value moved = t.scale(squares, (up ? 1 + relative : 1 - relative) / n);
      return t.squareRoot(t.shift(moved, normEpsilon * (up ? 1 + 0x1p-19 : 1 - 0x1p-19)));
    };
    Value smallest = root(e[2], false), greatest = root(e[3], true), zero = t.like(e[0], 0);
    // What is negative is least over the smallest root, what is positive over the greatest.
    auto over = [&](Value v, bool up) {
      Value negative = t.less(v, zero);
      return t.divide(v, up ? t.select(negative, greatest, smallest) : t.select(negative, smallest, greatest));
    };
    Value low = over(e[0], false), high = over(e[1], true);
    Bounds y = t.outward(low, high, 2 * relative);
    // Whatever else is in the row, x_i^2 is in the mean.
    low = t.maximum(y.low, t.like(low, -cap)), high = t.minimum(y.high, t.like(high, cap));
    Value p = t.multiply(low, e[4]), q = t.multiply(high, e[4]);
    low = t.minimum(p, q), high = t.maximum(p, q);
    y = t.outward(low, high);
    if (parameters.size() > 1) {
      low = t.add(y.low, e[5]), high = t.add(y.high, e[5]);
      y = t.outward(low, high);
    }
    // Squares that add up to less than 2^126 do so in any order.
    Value size = t.scale(e[3], BoundBuilder::largest * 0x1p-126);
    return {t.known(y.low, size), t.known(y.high, size)};
  });
  return {y[0], y[1], {}};
}

LogicalResult RmsNormOp::buildBounds(BoundBuilder &t, ArrayRef<Bounds> operands, ValueRange parameters,
                                     SmallVectorImpl<Bounds> &results) {
  results.push_back(normalized(t, operands[0], parameters));
  return success();
}
LogicalResult LayerNormOp::buildBounds(BoundBuilder &t, ArrayRef<Bounds> operands, ValueRange parameters,
                                       SmallVectorImpl<Bounds> &results) {
  // x_i - mean = (1 - 1/n) x_i - sum of the others / n.
  const Bounds &x = operands[0];
  double n = double(typeOf(x.low).getDimSize(0)), share = 1 / n;
  Value lows = sumRows(t, x, [](BoundBuilder &, Value low, Value) { return low; });
  Value highs = sumRows(t, x, [](BoundBuilder &, Value, Value high) { return high; });
  Value sizes = sumRows(t, x, [](BoundBuilder &t, Value low, Value high) { return t.magnitude(low, high); });
  Elements y = mapRows(t, {x.low, x.high}, {lows, highs, sizes}, {}, 2, [&](BoundBuilder &t, ValueRange e) -> Elements {
    auto centered = [&](Value own, Value others, Value opposite) {
      Value kept = t.scale(own, 1 - share), rest = t.scale(t.subtract(others, opposite), share);
      return t.subtract(kept, rest);
    };
    Value own = t.shift(t.scale(t.magnitude(e[0], e[1]), 16 * t.unit), t.tiny);
    Value off = t.add(t.scale(e[4], 4 * t.gamma(n + 8) * share), own);
    Value low = t.subtract(centered(e[0], e[3], e[1]), off), high = t.add(centered(e[1], e[2], e[0]), off);
    return {t.known(low, e[4]), t.known(high, e[4])};
  });
  results.push_back(normalized(t, {y[0], y[1], {}}, parameters));
  return success();
}

LogicalResult SoftmaxOp::buildBounds(BoundBuilder &t, ArrayRef<Bounds> operands, ValueRange,
                                     SmallVectorImpl<Bounds> &results) {
  // Each is between 0 and 1, where the row is known at all.
  const Bounds &x = operands[0];
  Value sizes = sumRows(t, x, [](BoundBuilder &t, Value low, Value high) { return t.magnitude(low, high); });
  Elements y = mapRows(t, x.low, sizes, {}, 2, [](BoundBuilder &t, ValueRange e) -> Elements {
    return {t.known(t.like(e[0], 0), e[1]), t.known(t.like(e[0], 1 + 0x1p-18), e[1])};
  });
  results.push_back({y[0], y[1], {}});
  return success();
}
LogicalResult LogSoftmaxOp::buildBounds(BoundBuilder &t, ArrayRef<Bounds> operands, ValueRange,
                                        SmallVectorImpl<Bounds> &results) {
  // x - max is at least low - high, and log(sum) at most log(n), each with its rounding.
  const Bounds &x = operands[0];
  double n = double(typeOf(x.low).getDimSize(0));
  Elements y = mapRows(t, x.low, maximumOfRows(t, x.high), {}, 2, [&](BoundBuilder &t, ValueRange e) -> Elements {
    Value shifted = t.scale(t.subtract(e[0], e[1]), 1 + 0x1p-18), size = t.absolute(shifted);
    Value low = t.shift(shifted, -std::log(n) * (1 + 0x1p-16) - 0x1p-16);
    return {t.known(low, size), t.known(t.like(low, 0x1p-16), size)};
  });
  results.push_back({y[0], y[1], {}});
  return success();
}

LogicalResult ReduceOp::buildBounds(BoundBuilder &t, ArrayRef<Bounds> operands, ValueRange,
                                    SmallVectorImpl<Bounds> &results) {
  const Bounds &x = operands[0];
  if (getKind() == Reduction::Max) {
    Value low = maximumOfRows(t, x.low), high = maximumOfRows(t, x.high);
    results.push_back({low, high, {}});
    return success();
  }
  double n = double(typeOf(x.low).getDimSize(0)), factor = getKind() == Reduction::Mean ? 1 / n : 1;
  Value lows = sumRows(t, x, [](BoundBuilder &, Value low, Value) { return low; });
  Value highs = sumRows(t, x, [](BoundBuilder &, Value, Value high) { return high; });
  Value sizes = sumRows(t, x, [](BoundBuilder &t, Value low, Value high) { return t.magnitude(low, high); });
  Elements y = t.map({lows, highs, sizes}, 2, [&](BoundBuilder &t, ValueRange e) -> Elements {
    Value off = t.shift(t.scale(e[2], 2 * t.gamma(n + 8) * factor), n * t.tiny);
    Value low = t.subtract(t.scale(e[0], factor), off), high = t.add(t.scale(e[1], factor), off);
    return {t.known(low, e[2]), t.known(high, e[2])};
  });
  results.push_back({y[0], y[1], {}});
  return success();
}
