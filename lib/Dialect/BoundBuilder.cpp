//===- BoundBuilder.cpp - Programs that bound what others compute ----------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/BoundBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace selfopt;

static RankedTensorType typeOf(Value v) { return cast<RankedTensorType>(v.getType()); }

Value BoundBuilder::add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
Value BoundBuilder::subtract(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
Value BoundBuilder::multiply(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
Value BoundBuilder::divide(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
Value BoundBuilder::negate(Value x) { return arith::NegFOp::create(b, loc, x); }
Value BoundBuilder::absolute(Value x) { return math::AbsFOp::create(b, loc, x); }
Value BoundBuilder::squareRoot(Value x) { return math::SqrtOp::create(b, loc, x); }
Value BoundBuilder::maximum(Value x, Value y) { return arith::MaximumFOp::create(b, loc, x, y); }
Value BoundBuilder::minimum(Value x, Value y) { return arith::MinimumFOp::create(b, loc, x, y); }
Value BoundBuilder::less(Value x, Value y) {
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x, y);
}
Value BoundBuilder::lessOrEqual(Value x, Value y) {
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, x, y);
}
Value BoundBuilder::select(Value condition, Value x, Value y) {
  return arith::SelectOp::create(b, loc, condition, x, y);
}

Value BoundBuilder::known(Value x, Value size) {
  Value inside = lessOrEqual(size, like(size, largest));
  return select(inside, x, like(x, NAN));
}
Bounds BoundBuilder::outward(Value low, Value high, double relative) {
  // Where one is not known, neither is.
  Value size = magnitude(low, high);
  Value below = shift(scale(absolute(low), relative), tiny), above = shift(scale(absolute(high), relative), tiny);
  Value l = known(subtract(low, below), size), h = known(add(high, above), size);
  return {l, h, {}};
}
Value BoundBuilder::magnitude(Value low, Value high) {
  Value l = absolute(low), h = absolute(high);
  return maximum(l, h);
}

SmallVector<Value> BoundBuilder::map(ArrayRef<int64_t> shape, ValueRange ins, ArrayRef<AffineMap> maps,
                                     ArrayRef<Type> results, ElementBody body) {
  SmallVector<AffineMap> all(maps);
  SmallVector<Value> outs;
  SmallVector<Type> types;
  for (Type type : results) {
    outs.push_back(tensor::EmptyOp::create(b, loc, shape, type));
    types.push_back(outs.back().getType());
    all.push_back(identity(shape.size()));
  }
  SmallVector<utils::IteratorType> iterators(shape.size(), utils::IteratorType::parallel);
  auto op = linalg::GenericOp::create(b, loc, types, ins, outs, all, iterators,
                                      [&](OpBuilder &inner, Location l, ValueRange elements) {
                                        BoundBuilder t(inner, l, examples);
                                        linalg::YieldOp::create(inner, l, body(t, elements.take_front(ins.size())));
                                      });
  return SmallVector<Value>(op.getResults());
}
SmallVector<Value> BoundBuilder::map(ValueRange ins, unsigned results, ElementBody body) {
  auto shape = typeOf(ins.front()).getShape();
  SmallVector<AffineMap> maps(ins.size(), identity(shape.size()));
  return map(shape, ins, maps, SmallVector<Type>(results, b.getF32Type()), body);
}
Value BoundBuilder::sum(ArrayRef<int64_t> shape, ValueRange ins, ArrayRef<AffineMap> maps,
                        llvm::function_ref<Value(BoundBuilder &, ValueRange)> body) {
  return reduceLast(shape, b.getF32Type(), 0, ins, maps, [&](OpBuilder &inner, Location l, ValueRange e) -> Value {
    BoundBuilder t(inner, l, examples);
    return t.add(e.back(), body(t, e.drop_back()));
  });
}

RankedTensorType BoundBuilder::batched(Type type) const {
  SmallVector<int64_t> shape;
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    llvm::append_range(shape, tensor.getShape());
  shape.push_back(examples);
  return RankedTensorType::get(shape, getElementTypeOrSelf(type));
}

Value BoundBuilder::sumForms(Value coefficients, ValueRange ins,
                             llvm::function_ref<Value(BoundBuilder &, ValueRange)> body, Value perExample) {
  SmallVector<Value> all{coefficients};
  SmallVector<AffineMap> maps{dims(3, {2, 0, 1})};
  for (Value in : ins) {
    all.push_back(in);
    maps.push_back(typeOf(in).getRank() == 1 ? dims(3, {2}) : dims(3, {2, 1}));
  }
  if (perExample) {
    all.push_back(perExample);
    maps.push_back(dims(3, {1}));
  }
  auto shape = typeOf(coefficients).getShape();
  return sum({shape[1], shape[2], shape[0]}, all, maps, body);
}
Value BoundBuilder::mapForms(Value coefficients, ValueRange ins,
                             llvm::function_ref<Value(BoundBuilder &, ValueRange)> body) {
  SmallVector<Value> all{coefficients};
  all.append(ins.begin(), ins.end());
  SmallVector<AffineMap> maps(all.size(), dims(3, {0, 2}));
  maps.front() = identity(3);
  return map(typeOf(coefficients).getShape(), all, maps, b.getF32Type(),
             [&](BoundBuilder &t, ValueRange e) -> SmallVector<Value> { return {body(t, e)}; })[0];
}

static Value lowerTerm(BoundBuilder &t, Value a, Value middle, Value radius) {
  Value at = t.multiply(a, middle), off = t.multiply(t.absolute(a), radius);
  return t.subtract(at, off);
}
Value BoundBuilder::lower(Value coefficients, Value middle, Value radius) {
  return sumForms(coefficients, {middle, radius},
                  [](BoundBuilder &t, ValueRange e) { return lowerTerm(t, e[0], e[1], e[2]); });
}

Value BoundBuilder::lose(Value coefficients, Value size) {
  double n = double(typeOf(coefficients).getDimSize(0));
  Value total = sumForms(coefficients, size,
                         [](BoundBuilder &t, ValueRange e) { return t.multiply(t.absolute(e[0]), e[1]); });
  // All of one sign, so what the sum rounds is relative to itself.
  return map(total, 1, [&](BoundBuilder &t, ValueRange e) -> SmallVector<Value> {
    return {t.shift(t.scale(e[0], -(1 + 2 * gamma(n + 4))), -vanished * n)};
  })[0];
}
Value BoundBuilder::loseRounding(Value coefficients, const Bounds &x) {
  return lose(coefficients, map({x.low, x.high}, 1, [](BoundBuilder &t, ValueRange e) -> SmallVector<Value> {
                return {t.shift(t.scale(t.magnitude(e[0], e[1]), 4 * unit), tiny)};
              })[0]);
}

Value BoundBuilder::least(Value coefficients, const Bounds &x) {
  // sum_i a_i m_i - |a_i| r_i: the rounding of the sum, too, is in the radius.
  double n = double(typeOf(coefficients).getDimSize(0)), relative = gamma(2 * n + 16);
  Value total;
  if (x.center && typeOf(x.center).getRank() == 2) {
    auto body = [&](BoundBuilder &t, ValueRange e) {
      Value reach = t.shift(t.scale(e[2], 1 + 2 * relative), tiny);
      return lowerTerm(t, e[0], e[1], t.add(t.scale(t.absolute(e[1]), relative), reach));
    };
    total = sumForms(coefficients, x.center, body, x.radius);
  } else {
    SmallVector<Value> box = map({x.low, x.high}, 2, [&](BoundBuilder &t, ValueRange e) -> SmallVector<Value> {
      Value middle = t.scale(t.add(e[0], e[1]), 0.5), half = t.scale(t.subtract(e[1], e[0]), 0.5 * (1 + relative));
      Value rounded = t.shift(t.scale(t.magnitude(e[0], e[1]), relative), tiny);
      return {middle, t.add(half, rounded)};
    });
    total = lower(coefficients, box[0], box[1]);
  }
  return map(total, 1, [&](BoundBuilder &t, ValueRange e) -> SmallVector<Value> {
    return {t.shift(e[0], -vanished * n)};
  })[0];
}
