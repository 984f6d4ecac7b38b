//===- ArithRange.cpp - Ranges of arith -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BoundModel.h"
#include "RangeModel.h"
#include "SelfOpt/Safety/RangeModels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include <cfloat>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::ranges;

namespace {

/// A truth value that may be true and may be false.
Interval truth(bool mayBeTrue, bool mayBeFalse) { return Interval::of(mayBeFalse ? 0 : 1, mayBeTrue ? 1 : 0); }

unsigned widthOf(Value v) {
  Type type = getElementTypeOrSelf(v.getType());
  return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
}

/// Bounds of a shift count or a divisor that is one number.
bool isPoint(const Interval &x) { return x.low == x.high && std::isfinite(x.low); }

struct Rules {
  template <typename I> static I range(arith::AddFOp, const I &a, const I &b) { return add(a, b); }
  template <typename I> static I range(arith::SubFOp, const I &a, const I &b) { return subtract(a, b); }
  template <typename I> static I range(arith::MulFOp op, const I &a, const I &b) {
    return op.getLhs() == op.getRhs() ? square(a) : multiply(a, b);
  }
  template <typename I> static I range(arith::DivFOp, const I &a, const I &b) { return divide(a, b); }
  static Interval range(arith::RemFOp, const Interval &a, const Interval &b) { return remainder(a, b); }
  template <typename I> static I range(arith::NegFOp, const I &a) { return negate(a); }
  template <typename I> static I range(arith::MaximumFOp, const I &a, const I &b) { return maximum(a, b); }
  template <typename I> static I range(arith::MinimumFOp, const I &a, const I &b) { return minimum(a, b); }
  /// What is not known stays unknown.
  static ProgramInterval number(ProgramInterval r, const ProgramInterval &, const ProgramInterval &) { return r; }
  /// One NaN gives way to the other operand.
  static Interval number(Interval r, const Interval &a, const Interval &b) {
    r.mayBeNaN = a.mayBeNaN && b.mayBeNaN;
    if (a.mayBeNaN)
      r = {std::min(r.low, b.low), std::max(r.high, b.high), r.mayBeNaN};
    if (b.mayBeNaN)
      r = {std::min(r.low, a.low), std::max(r.high, a.high), r.mayBeNaN};
    return r;
  }
  template <typename I> static I range(arith::MaxNumFOp, const I &a, const I &b) { return number(maximum(a, b), a, b); }
  template <typename I> static I range(arith::MinNumFOp, const I &a, const I &b) { return number(minimum(a, b), a, b); }
  static Interval range(arith::ExtFOp, const Interval &a) { return a; }
  static Interval range(arith::TruncFOp, const Interval &a) { return outward(a.low, a.high, a.mayBeNaN); }

  static ProgramInterval range(arith::CmpFOp op, const ProgramInterval &a, const ProgramInterval &b) {
    return compare(op.getPredicate(), a, b);
  }
  static Interval range(arith::CmpFOp op, const Interval &a, const Interval &b) {
    using P = arith::CmpFPredicate;
    bool nan = a.mayBeNaN || b.mayBeNaN;
    bool less = a.low<b.high, greater = a.high> b.low, equal = a.low <= b.high && b.low <= a.high;
    bool onlyEqual = a.low == a.high && b.low == b.high && a.low == b.low;
    less &= !onlyEqual;
    greater &= !onlyEqual;
    switch (op.getPredicate()) {
    case P::AlwaysFalse:
      return truth(false, true);
    case P::AlwaysTrue:
      return truth(true, false);
    case P::OEQ:
      return truth(equal, less || greater || nan);
    case P::UEQ:
      return truth(equal || nan, less || greater);
    case P::ONE:
      return truth(less || greater, equal || nan);
    case P::UNE:
      return truth(less || greater || nan, equal);
    case P::OGT:
      return truth(greater, less || equal || nan);
    case P::UGT:
      return truth(greater || nan, less || equal);
    case P::OGE:
      return truth(greater || equal, less || nan);
    case P::UGE:
      return truth(greater || equal || nan, less);
    case P::OLT:
      return truth(less, greater || equal || nan);
    case P::ULT:
      return truth(less || nan, greater || equal);
    case P::OLE:
      return truth(less || equal, greater || nan);
    case P::ULE:
      return truth(less || equal || nan, greater);
    case P::ORD:
      return truth(true, nan);
    case P::UNO:
      return truth(nan, true);
    }
    return truth(true, true);
  }
  static ProgramInterval range(arith::SelectOp, const ProgramInterval &c, const ProgramInterval &a, const ProgramInterval &b) {
    return choose(c, a, b);
  }
  static Interval range(arith::SelectOp, const Interval &c, const Interval &a, const Interval &b) {
    return c.low > 0 ? a : c.high < 1 ? b : a.join(b);
  }

  static Interval range(arith::AddIOp op, const Interval &a, const Interval &b) {
    return fitInteger(op.getType(), a.low + b.low, a.high + b.high);
  }
  static Interval range(arith::SubIOp op, const Interval &a, const Interval &b) {
    return fitInteger(op.getType(), a.low - b.high, a.high - b.low);
  }
  static Interval range(arith::MulIOp op, const Interval &a, const Interval &b) {
    if (hasInfinity(a) || hasInfinity(b))
      return ofIntegerType(op.getType());
    double p[] = {a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high};
    return fitInteger(op.getType(), *std::min_element(p, p + 4), *std::max_element(p, p + 4));
  }
  static Interval range(arith::AndIOp op, const Interval &a, const Interval &b) {
    if (a.low >= 0 && b.low >= 0)
      return fitInteger(op.getType(), 0, std::min(a.high, b.high));
    if (a.low >= 0 || b.low >= 0)
      return fitInteger(op.getType(), 0, a.low >= 0 ? a.high : b.high);
    return ofIntegerType(op.getType());
  }
  /// No bit above the highest of either operand.
  static Interval bits(Type type, const Interval &a, const Interval &b) {
    double high = std::max(a.high, b.high);
    if (a.low < 0 || b.low < 0 || high >= 0x1p52)
      return ofIntegerType(type);
    return fitInteger(type, 0, high < 1 ? 0 : std::ldexp(1, std::ilogb(high) + 1) - 1);
  }
  static Interval range(arith::OrIOp op, const Interval &a, const Interval &b) { return bits(op.getType(), a, b); }
  static Interval range(arith::XOrIOp op, const Interval &a, const Interval &b) { return bits(op.getType(), a, b); }
  static Interval range(arith::ShLIOp op, const Interval &a, const Interval &b) {
    if (!isPoint(b) || b.low < 0 || b.low >= widthOf(op) || hasInfinity(a))
      return ofIntegerType(op.getType());
    return fitInteger(op.getType(), std::ldexp(a.low, int(b.low)), std::ldexp(a.high, int(b.low)));
  }
  static Interval range(arith::ShRUIOp op, const Interval &a, const Interval &b) {
    unsigned width = widthOf(op);
    if (!isPoint(b) || b.low < 1 || b.low >= width)
      return isPoint(b) && b.low == 0 ? a : ofIntegerType(op.getType());
    if (a.low >= 0 && a.high < 0x1p53)
      return fitInteger(op.getType(), std::floor(std::ldexp(a.low, -int(b.low))),
                        std::floor(std::ldexp(a.high, -int(b.low))));
    return fitInteger(op.getType(), 0, std::ldexp(1, int(width - b.low)) - 1);
  }
  static Interval range(arith::ShRSIOp op, const Interval &a, const Interval &b) {
    if (!isPoint(b) || b.low < 0 || b.low >= widthOf(op) || hasInfinity(a) || widthOf(op) == 1)
      return ofIntegerType(op.getType());
    return fitInteger(op.getType(), std::floor(std::ldexp(a.low, -int(b.low))),
                      std::floor(std::ldexp(a.high, -int(b.low))));
  }
  static Interval range(arith::DivUIOp op, const Interval &a, const Interval &b) {
    if (a.low < 0 || b.low < 1 || a.high >= 0x1p53)
      return ofIntegerType(op.getType());
    return fitInteger(op.getType(), std::floor(a.low / b.high), std::floor(a.high / b.low));
  }
  static Interval range(arith::DivSIOp op, const Interval &a, const Interval &b) {
    if (a.low < 0 || b.low < 1 || a.high >= 0x1p53 || widthOf(op) == 1)
      return ofIntegerType(op.getType());
    return fitInteger(op.getType(), std::floor(a.low / b.high), std::floor(a.high / b.low));
  }
  static Interval range(arith::RemUIOp op, const Interval &a, const Interval &b) {
    if (a.low < 0 || b.low < 1)
      return ofIntegerType(op.getType());
    return fitInteger(op.getType(), 0, std::min(a.high, b.high - 1));
  }
  static Interval range(arith::RemSIOp op, const Interval &a, const Interval &b) {
    if (a.low < 0 || b.low < 1 || widthOf(op) == 1)
      return ofIntegerType(op.getType());
    return fitInteger(op.getType(), 0, std::min(a.high, b.high - 1));
  }
  static Interval range(arith::MaxSIOp op, const Interval &a, const Interval &b) {
    return widthOf(op) == 1 ? minimum(a, b) : maximum(a, b);
  }
  static Interval range(arith::MinSIOp op, const Interval &a, const Interval &b) {
    return widthOf(op) == 1 ? maximum(a, b) : minimum(a, b);
  }
  static Interval range(arith::MaxUIOp op, const Interval &a, const Interval &b) {
    return a.low >= 0 && b.low >= 0 ? maximum(a, b) : a.join(b);
  }
  static Interval range(arith::MinUIOp op, const Interval &a, const Interval &b) {
    return a.low >= 0 && b.low >= 0 ? minimum(a, b) : a.join(b);
  }
  static Interval range(arith::CmpIOp op, const Interval &a, const Interval &b) {
    using P = arith::CmpIPredicate;
    P p = op.getPredicate();
    bool isSigned = p == P::slt || p == P::sle || p == P::sgt || p == P::sge;
    bool isEquality = p == P::eq || p == P::ne;
    if (!isEquality && (isSigned ? widthOf(op.getLhs()) == 1 : a.low < 0 || b.low < 0))
      return truth(true, true);
    bool equal = a.low <= b.high && b.low <= a.high, onlyEqual = isPoint(a) && isPoint(b) && a.low == b.low;
    // From 2^53 on bounds are rounded: they decide nothing.
    for (double bound : {a.low, a.high, b.low, b.high})
      if (std::isfinite(bound) && std::fabs(bound) >= 0x1p53)
        return truth(true, true);
    bool less = a.low < b.high && !onlyEqual, greater = a.high > b.low && !onlyEqual;
    switch (p) {
    case P::eq:
      return truth(equal, !onlyEqual);
    case P::ne:
      return truth(!onlyEqual, equal);
    case P::slt:
    case P::ult:
      return truth(less, greater || equal);
    case P::sle:
    case P::ule:
      return truth(less || equal, greater);
    case P::sgt:
    case P::ugt:
      return truth(greater, less || equal);
    case P::sge:
    case P::uge:
      return truth(greater || equal, less);
    }
    return truth(true, true);
  }
  /// The number that a kept integer stands for: the sign of an i1 counts.
  static Interval asSigned(Value v, const Interval &a) { return widthOf(v) == 1 ? negate(a) : a; }
  static Interval asUnsigned(Value v, const Interval &a) {
    return a.low >= 0 ? a : Interval::of(0, std::ldexp(1, widthOf(v)));
  }
  static Interval resize(Type type, const Interval &a) {
    if (widthOfType(type) > 53)
      return a;
    return fitInteger(type, a.low, a.high);
  }
  static unsigned widthOfType(Type type) {
    type = getElementTypeOrSelf(type);
    return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  }
  static Interval range(arith::ExtSIOp op, const Interval &a) { return resize(op.getType(), asSigned(op.getIn(), a)); }
  static Interval range(arith::ExtUIOp op, const Interval &a) {
    return resize(op.getType(), asUnsigned(op.getIn(), a));
  }
  static Interval range(arith::TruncIOp op, const Interval &a) { return fitInteger(op.getType(), a.low, a.high); }
  static Interval range(arith::IndexCastOp op, const Interval &a) {
    return resize(op.getType(), asSigned(op.getIn(), a));
  }
  static Interval range(arith::IndexCastUIOp op, const Interval &a) {
    return resize(op.getType(), asUnsigned(op.getIn(), a));
  }
  static Interval range(arith::SIToFPOp op, const Interval &a) {
    Interval x = asSigned(op.getIn(), a);
    if (hasInfinity(x))
      x = Interval::of(std::max(x.low, -0x1p63), std::min(x.high, 0x1p63));
    return outward(x.low, x.high, false);
  }
  static Interval range(arith::UIToFPOp op, const Interval &a) {
    Interval x = asUnsigned(op.getIn(), a);
    return outward(x.low, std::min(x.high, 0x1p64), false);
  }
  static Interval toInteger(Type type, const Interval &a, double low, double high) {
    double l = std::trunc(a.low), h = std::trunc(a.high);
    if (a.mayBeNaN || l < low || h > high)
      return ofIntegerType(type);
    return fitInteger(type, l, h);
  }
  static Interval range(arith::FPToSIOp op, const Interval &a) {
    unsigned width = widthOf(op);
    if (width == 1)
      return Interval::of(0, 1);
    return toInteger(op.getType(), a, -std::ldexp(1, width - 1), std::ldexp(1, width - 1) - 1);
  }
  static Interval range(arith::FPToUIOp op, const Interval &a) {
    return toInteger(op.getType(), a, 0, std::ldexp(1, widthOf(op)) - 1);
  }
  static Interval range(arith::BitcastOp op, const Interval &a) {
    return getElementTypeOrSelf(op.getIn().getType()) == getElementTypeOrSelf(op.getType()) ? a
                                                                                            : rangeOfType(op.getType());
  }
};

struct ConstantModel : RangeOpInterface::ExternalModel<ConstantModel, arith::ConstantOp> {
  static Interval element(Attribute a) {
    if (auto f = dyn_cast<FloatAttr>(a)) {
      double x = f.getValueAsDouble();
      return std::isnan(x) ? Interval::top() : Interval::point(x);
    }
    if (auto i = dyn_cast<IntegerAttr>(a)) {
      const APInt &x = i.getValue();
      if (x.getBitWidth() > 64)
        return Interval::of(-inf, inf);
      double v = x.getBitWidth() == 1 ? double(x.getZExtValue()) : double(x.getSExtValue());
      return std::fabs(v) < 0x1p53 ? Interval::point(v) : Interval::of(-inf, inf);
    }
    return Interval::top();
  }
  void inferRanges(Operation *op, ArrayRef<Interval>, SmallVectorImpl<Interval> &results) const {
    Attribute value = cast<arith::ConstantOp>(op).getValue();
    auto dense = dyn_cast<DenseElementsAttr>(value);
    if (!dense) {
      results.push_back(isa<FloatAttr, IntegerAttr>(value) ? element(value) : rangeOfType(op->getResult(0).getType()));
      return;
    }
    if (dense.isSplat()) {
      results.push_back(element(dense.getSplatValue<Attribute>()));
      return;
    }
    if (dense.empty()) {
      results.push_back(Interval::point(0));
      return;
    }
    std::optional<Interval> all;
    for (Attribute a : dense.getValues<Attribute>())
      all = all ? all->join(element(a)) : element(a);
    results.push_back(*all);
  }
};

/// The same for every example. A subnormal number may be taken for zero.
struct ConstantBounds : BoundOpInterface::ExternalModel<ConstantBounds, arith::ConstantOp> {
  static Attribute bound(Attribute a, bool up) {
    auto number = dyn_cast<FloatAttr>(a);
    if (!number || !number.getValue().isDenormal())
      return a;
    bool outward = number.getValue().isNegative() != up;
    return FloatAttr::get(number.getType(), outward ? (up ? FLT_MIN : -FLT_MIN) : 0.0);
  }
  LogicalResult buildBounds(Operation *op, BoundBuilder &t, ArrayRef<Bounds>, ValueRange,
                            SmallVectorImpl<Bounds> &results) const {
    auto constant = cast<arith::ConstantOp>(op);
    Type element = getElementTypeOrSelf(constant.getType());
    auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!(element.isF32() || element.isInteger(1)) || (!dense && isa<RankedTensorType>(constant.getType())))
      return failure();
    OpBuilder &b = t.builder();
    RankedTensorType type = t.batched(constant.getType());
    auto make = [&](bool up) -> Value {
      if (!dense || dense.isSplat()) {
        Attribute value = dense ? dense.getSplatValue<Attribute>() : Attribute(constant.getValue());
        return arith::ConstantOp::create(b, op->getLoc(), DenseElementsAttr::get(type, bound(value, up)));
      }
      SmallVector<Attribute> values;
      for (Attribute a : dense.getValues<Attribute>())
        values.push_back(bound(a, up));
      Value whole = arith::ConstantOp::create(b, op->getLoc(), DenseElementsAttr::get(dense.getType(), values));
      SmallVector<unsigned> inner;
      for (int64_t d = 0; d + 1 < type.getRank(); ++d)
        inner.push_back(d);
      return t.elementwise(type, whole, t.dims(type.getRank(), inner),
                           [](OpBuilder &, Location, ValueRange e) { return e[0]; });
    };
    Value low = make(false), high = make(true);
    results.push_back({low, high, {}});
    return success();
  }
};

/// Sums, differences, and products with a constant.
template <typename OpT> struct LinearBounds : BoundModel<OpT, Rules, LinearBounds<OpT>> {
  /// Of numbers that nobody takes for zero.
  static bool isConstant(Value v) {
    DenseFPElementsAttr values;
    return matchPattern(v, m_Constant(&values)) && llvm::none_of(values, [](const APFloat &x) { return x.isDenormal(); });
  }
  bool isLinear(Operation *op) const {
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    return type && type.getRank() == 1 &&
           (!isa<arith::MulFOp>(op) || isConstant(op->getOperand(0)) || isConstant(op->getOperand(1)));
  }
  LogicalResult buildRelaxation(Operation *op, BoundBuilder &t, ArrayRef<Bounds> operands, Bounds result,
                                ValueRange, Value coefficients, SmallVectorImpl<Value> &operandCoefficients,
                                SmallVectorImpl<Value> &terms) const {
    if (!isLinear(op))
      return failure();
    if (isa<arith::MulFOp>(op)) {
      bool first = isConstant(op->getOperand(0));
      Value product = t.mapForms(coefficients, operands[first ? 0 : 1].low,
                                 [](BoundBuilder &t, ValueRange e) { return t.multiply(e[0], e[1]); });
      operandCoefficients.append({first ? Value() : product, first ? product : Value()});
    } else if (isa<arith::NegFOp>(op)) {
      operandCoefficients.push_back(t.negate(coefficients));
    } else {
      operandCoefficients.append({coefficients, isa<arith::SubFOp>(op) ? t.negate(coefficients) : coefficients});
    }
    terms.push_back(t.loseRounding(coefficients, result));
    return success();
  }
};

} // namespace

void selfopt::registerArithRange(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    using namespace arith;
    attachRanges<Rules, AddFOp, SubFOp, MulFOp, DivFOp, RemFOp, NegFOp, MaximumFOp, MinimumFOp, MaxNumFOp, MinNumFOp,
                 ExtFOp, TruncFOp, CmpFOp, SelectOp, AddIOp, SubIOp, MulIOp, AndIOp, OrIOp, XOrIOp, ShLIOp, ShRUIOp,
                 ShRSIOp, DivUIOp, DivSIOp, RemUIOp, RemSIOp, MaxSIOp, MinSIOp, MaxUIOp, MinUIOp, CmpIOp, ExtSIOp,
                 ExtUIOp, TruncIOp, IndexCastOp, IndexCastUIOp, SIToFPOp, UIToFPOp, FPToSIOp, FPToUIOp, BitcastOp>(
        *context);
    ConstantOp::attachInterface<ConstantModel>(*context);
    attachBounds<Rules, DivFOp, MaximumFOp, MinimumFOp, MaxNumFOp, MinNumFOp, CmpFOp, SelectOp>(*context);
    ConstantOp::attachInterface<ConstantBounds>(*context);
    AddFOp::attachInterface<LinearBounds<AddFOp>>(*context);
    SubFOp::attachInterface<LinearBounds<SubFOp>>(*context);
    MulFOp::attachInterface<LinearBounds<MulFOp>>(*context);
    NegFOp::attachInterface<LinearBounds<NegFOp>>(*context);
    MulSIExtendedOp::attachInterface<TopModel<MulSIExtendedOp>>(*context);
    MulUIExtendedOp::attachInterface<TopModel<MulUIExtendedOp>>(*context);
    AddUIExtendedOp::attachInterface<TopModel<AddUIExtendedOp>>(*context);
    CeilDivSIOp::attachInterface<TopModel<CeilDivSIOp>>(*context);
    CeilDivUIOp::attachInterface<TopModel<CeilDivUIOp>>(*context);
    FloorDivSIOp::attachInterface<TopModel<FloorDivSIOp>>(*context);
  });
}
