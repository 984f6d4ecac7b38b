//===- ArithEvaluate.cpp - Values of arith, for the reference interpreter -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "SelfOpt/Reference/Register.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reference;

namespace {

/// IEEE 754-2019 maximum and minimum: NaN wins, +0 is above -0. maxnum and minnum ignore a NaN.
double maximum(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return NAN;
  return a > b || (a == b && std::signbit(b)) ? a : b;
}
double minimum(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return NAN;
  return a < b || (a == b && std::signbit(a)) ? a : b;
}

struct Rules {
  // Products and quotients of f32 rounded to f64 and then to f32 are rounded correctly, since 53 >= 2 * 24 + 2.
  static double value(arith::AddFOp, double a, double b) { return a + b; }
  static double value(arith::SubFOp, double a, double b) { return a - b; }
  static double value(arith::MulFOp, double a, double b) { return a * b; }
  static double value(arith::DivFOp, double a, double b) { return a / b; }
  static double value(arith::RemFOp, double a, double b) { return std::fmod(a, b); }
  static double value(arith::NegFOp, double a) { return -a; }
  static double value(arith::MaximumFOp, double a, double b) { return maximum(a, b); }
  static double value(arith::MinimumFOp, double a, double b) { return minimum(a, b); }
  static double value(arith::MaxNumFOp, double a, double b) {
    return std::isnan(a) ? b : std::isnan(b) ? a : maximum(a, b);
  }
  static double value(arith::MinNumFOp, double a, double b) {
    return std::isnan(a) ? b : std::isnan(b) ? a : minimum(a, b);
  }
  static double value(arith::ExtFOp, double a) { return a; }
  static double value(arith::TruncFOp, double a) { return a; }

  static bool value(arith::CmpFOp op, double a, double b) {
    bool unordered = std::isnan(a) || std::isnan(b);
    switch (op.getPredicate()) {
    case arith::CmpFPredicate::AlwaysFalse:
      return false;
    case arith::CmpFPredicate::OEQ:
      return a == b;
    case arith::CmpFPredicate::OGT:
      return a > b;
    case arith::CmpFPredicate::OGE:
      return a >= b;
    case arith::CmpFPredicate::OLT:
      return a < b;
    case arith::CmpFPredicate::OLE:
      return a <= b;
    case arith::CmpFPredicate::ONE:
      return !unordered && a != b;
    case arith::CmpFPredicate::ORD:
      return !unordered;
    case arith::CmpFPredicate::UEQ:
      return unordered || a == b;
    case arith::CmpFPredicate::UGT:
      return unordered || a > b;
    case arith::CmpFPredicate::UGE:
      return unordered || a >= b;
    case arith::CmpFPredicate::ULT:
      return unordered || a < b;
    case arith::CmpFPredicate::ULE:
      return unordered || a <= b;
    case arith::CmpFPredicate::UNE:
      return unordered || a != b;
    case arith::CmpFPredicate::UNO:
      return unordered;
    case arith::CmpFPredicate::AlwaysTrue:
      return true;
    }
    return false;
  }

  static uint64_t value(arith::AddIOp, int64_t a, int64_t b, unsigned) { return uint64_t(a) + uint64_t(b); }
  static uint64_t value(arith::SubIOp, int64_t a, int64_t b, unsigned) { return uint64_t(a) - uint64_t(b); }
  static uint64_t value(arith::MulIOp, int64_t a, int64_t b, unsigned) { return uint64_t(a) * uint64_t(b); }
  static uint64_t value(arith::AndIOp, int64_t a, int64_t b, unsigned) { return a & b; }
  static uint64_t value(arith::OrIOp, int64_t a, int64_t b, unsigned) { return a | b; }
  static uint64_t value(arith::XOrIOp, int64_t a, int64_t b, unsigned) { return a ^ b; }
  // A shift by the width or more is poison upstream, of which 0 is a refinement: a select may shield it.
  static uint64_t value(arith::ShLIOp, int64_t a, int64_t b, unsigned w) {
    return asUnsigned(b, w) >= w ? 0 : uint64_t(a) << b;
  }
  static uint64_t value(arith::ShRUIOp, int64_t a, int64_t b, unsigned w) {
    return asUnsigned(b, w) >= w ? 0 : asUnsigned(a, w) >> b;
  }
  static uint64_t value(arith::ShRSIOp, int64_t a, int64_t b, unsigned w) {
    return asUnsigned(b, w) >= w ? 0 : asSigned(a, w) >> b;
  }
  static uint64_t value(arith::MaxSIOp, int64_t a, int64_t b, unsigned w) {
    return std::max(asSigned(a, w), asSigned(b, w));
  }
  static uint64_t value(arith::MinSIOp, int64_t a, int64_t b, unsigned w) {
    return std::min(asSigned(a, w), asSigned(b, w));
  }
  static uint64_t value(arith::MaxUIOp, int64_t a, int64_t b, unsigned w) {
    return std::max(asUnsigned(a, w), asUnsigned(b, w));
  }
  static uint64_t value(arith::MinUIOp, int64_t a, int64_t b, unsigned w) {
    return std::min(asUnsigned(a, w), asUnsigned(b, w));
  }
  static uint64_t value(arith::ExtSIOp, int64_t a, unsigned w) { return asSigned(a, w); }
  static uint64_t value(arith::ExtUIOp, int64_t a, unsigned w) { return asUnsigned(a, w); }
  static uint64_t value(arith::TruncIOp, int64_t a, unsigned) { return a; }
  static uint64_t value(arith::IndexCastOp, int64_t a, unsigned w) { return asSigned(a, w); }
  static uint64_t value(arith::IndexCastUIOp, int64_t a, unsigned w) { return asUnsigned(a, w); }
  static bool value(arith::CmpIOp op, int64_t a, int64_t b, unsigned w) {
    int64_t sa = asSigned(a, w), sb = asSigned(b, w);
    uint64_t ua = asUnsigned(a, w), ub = asUnsigned(b, w);
    switch (op.getPredicate()) {
    case arith::CmpIPredicate::eq:
      return a == b;
    case arith::CmpIPredicate::ne:
      return a != b;
    case arith::CmpIPredicate::slt:
      return sa < sb;
    case arith::CmpIPredicate::sle:
      return sa <= sb;
    case arith::CmpIPredicate::sgt:
      return sa > sb;
    case arith::CmpIPredicate::sge:
      return sa >= sb;
    case arith::CmpIPredicate::ult:
      return ua < ub;
    case arith::CmpIPredicate::ule:
      return ua <= ub;
    case arith::CmpIPredicate::ugt:
      return ua > ub;
    case arith::CmpIPredicate::uge:
      return ua >= ub;
    }
    return false;
  }

  // Divisors have been checked.
  static uint64_t value(arith::DivSIOp, int64_t a, int64_t b, unsigned w) { return asSigned(a, w) / asSigned(b, w); }
  static uint64_t value(arith::RemSIOp, int64_t a, int64_t b, unsigned w) { return asSigned(a, w) % asSigned(b, w); }
  static uint64_t value(arith::DivUIOp, int64_t a, int64_t b, unsigned w) {
    return asUnsigned(a, w) / asUnsigned(b, w);
  }
  static uint64_t value(arith::RemUIOp, int64_t a, int64_t b, unsigned w) {
    return asUnsigned(a, w) % asUnsigned(b, w);
  }
  static uint64_t value(arith::CeilDivUIOp, int64_t a, int64_t b, unsigned w) {
    uint64_t x = asUnsigned(a, w), y = asUnsigned(b, w);
    return x / y + (x % y != 0);
  }
  static uint64_t value(arith::CeilDivSIOp, int64_t a, int64_t b, unsigned w) {
    int64_t x = asSigned(a, w), y = asSigned(b, w);
    return x / y + (x % y != 0 && (x < 0) == (y < 0));
  }
  static uint64_t value(arith::FloorDivSIOp, int64_t a, int64_t b, unsigned w) {
    int64_t x = asSigned(a, w), y = asSigned(b, w);
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
  }
};

/// Divisions, which have undefined behaviour: an error here.
template <typename OpT, bool isSigned>
struct DivisionModel : EvaluableOpInterface::ExternalModel<DivisionModel<OpT, isSigned>, OpT> {
  LogicalResult evaluate(Operation *op, Interpreter &interpreter, ArrayRef<Tensor> x,
                         SmallVectorImpl<Tensor> &results) const {
    unsigned width = std::min(widthOf(elementType(op->getOperand(0))), 64u);
    int64_t smallest = wrap(uint64_t(1) << (width - 1), width);
    for (auto [a, b] : llvm::zip(x[0].integers, x[1].integers)) {
      if (b == 0)
        return op->emitOpError("divides by zero");
      if (isSigned && a == smallest && asSigned(b, width) == -1)
        return op->emitOpError("overflows");
    }
    return IntegerModel<OpT, Rules>().evaluate(op, interpreter, x, results);
  }
};

template <typename OpT, bool isSigned>
struct MulExtendedModel : EvaluableOpInterface::ExternalModel<MulExtendedModel<OpT, isSigned>, OpT> {
  LogicalResult evaluate(Operation *op, Interpreter &, ArrayRef<Tensor> x, SmallVectorImpl<Tensor> &results) const {
    if (failed(checkWidths(op)))
      return failure();
    unsigned width = widthOf(elementType(op->getOperand(0)));
    Tensor low = shapedLike(x[0], false), high = low;
    for (size_t i = 0, n = low.integers.size(); i < n; ++i) {
      int64_t a = x[0].integers[i], b = x[1].integers[i];
      unsigned __int128 product;
      if constexpr (isSigned)
        product = __int128(asSigned(a, width)) * asSigned(b, width);
      else
        product = static_cast<unsigned __int128>(asUnsigned(a, width)) * asUnsigned(b, width);
      low.integers[i] = wrap(uint64_t(product), width);
      high.integers[i] = wrap(uint64_t(product >> width), width);
    }
    results.push_back(std::move(low));
    results.push_back(std::move(high));
    return success();
  }
};

struct AddExtendedModel : EvaluableOpInterface::ExternalModel<AddExtendedModel, arith::AddUIExtendedOp> {
  LogicalResult evaluate(Operation *op, Interpreter &, ArrayRef<Tensor> x, SmallVectorImpl<Tensor> &results) const {
    if (failed(checkWidths(op)))
      return failure();
    unsigned width = widthOf(elementType(op->getOperand(0)));
    Tensor sum = shapedLike(x[0], false), carry = sum;
    for (size_t i = 0, n = sum.integers.size(); i < n; ++i) {
      unsigned __int128 s = asUnsigned(x[0].integers[i], width);
      s += asUnsigned(x[1].integers[i], width);
      sum.integers[i] = wrap(uint64_t(s), width);
      carry.integers[i] = int64_t(s >> width);
    }
    results.push_back(std::move(sum));
    results.push_back(std::move(carry));
    return success();
  }
};

struct ConstantModel : EvaluableOpInterface::ExternalModel<ConstantModel, arith::ConstantOp> {
  static int64_t integer(const APInt &x) { return x.getBitWidth() == 1 ? x.getZExtValue() : x.getSExtValue(); }
  /// convertToDouble asserts on wider formats only.
  static double floating(const APFloat &x) { return x.convertToDouble(); }
  LogicalResult evaluate(Operation *operation, Interpreter &, ArrayRef<Tensor>,
                         SmallVectorImpl<Tensor> &results) const {
    if (failed(checkWidths(operation)))
      return failure();
    Attribute value = cast<arith::ConstantOp>(operation).getValue();
    if (auto f = dyn_cast<FloatAttr>(value)) {
      results.push_back(Tensor::scalar(floating(f.getValue())));
      return success();
    }
    if (auto i = dyn_cast<IntegerAttr>(value)) {
      results.push_back(Tensor::scalarInt(integer(i.getValue())));
      return success();
    }
    auto dense = dyn_cast<DenseElementsAttr>(value);
    if (!dense)
      return operation->emitOpError("has a value that the reference interpreter can't read: expected a scalar or dense "
                                    "elements");
    Tensor t = Tensor::zeros(dense.getType().getShape(), isa<FloatType>(dense.getElementType()));
    if (t.isFloat && dense.isSplat())
      llvm::fill(t.floats, floating(dense.getSplatValue<APFloat>()));
    else if (t.isFloat)
      llvm::transform(dense.getValues<APFloat>(), t.floats.begin(), floating);
    else if (dense.isSplat())
      llvm::fill(t.integers, integer(dense.getSplatValue<APInt>()));
    else
      llvm::transform(dense.getValues<APInt>(), t.integers.begin(), integer);
    results.push_back(std::move(t));
    return success();
  }
};

struct SelectModel : EvaluableOpInterface::ExternalModel<SelectModel, arith::SelectOp> {
  LogicalResult evaluate(Operation *, Interpreter &, ArrayRef<Tensor> x, SmallVectorImpl<Tensor> &results) const {
    if (x[0].shape.empty()) {
      results.push_back(x[x[0].integers[0] ? 1 : 2]);
      return success();
    }
    Tensor y = x[1];
    for (size_t i = 0, n = x[0].integers.size(); i < n; ++i) {
      if (x[0].integers[i])
        continue;
      if (y.isFloat)
        y.floats[i] = x[2].floats[i];
      else
        y.integers[i] = x[2].integers[i];
    }
    results.push_back(std::move(y));
    return success();
  }
};

template <typename OpT, bool isSigned>
struct ToFloatModel : EvaluableOpInterface::ExternalModel<ToFloatModel<OpT, isSigned>, OpT> {
  LogicalResult evaluate(Operation *op, Interpreter &interpreter, ArrayRef<Tensor> x,
                         SmallVectorImpl<Tensor> &results) const {
    if (failed(checkWidths(op)))
      return failure();
    unsigned width = widthOf(elementType(op->getOperand(0)));
    Type type = elementType(op->getResult(0));
    bool once = type.isF32() && interpreter.getPrecision() == Precision::AsTyped;
    Tensor y = shapedLike(x[0], true);
    for (size_t i = 0, n = y.floats.size(); i < n; ++i) {
      // 64 bits don't fit a double: to f32 in one rounding.
      int64_t v = x[0].integers[i];
      if (isSigned)
        y.floats[i] = once ? double(float(asSigned(v, width))) : interpreter.round(double(asSigned(v, width)), type);
      else
        y.floats[i] =
            once ? double(float(asUnsigned(v, width))) : interpreter.round(double(asUnsigned(v, width)), type);
    }
    results.push_back(std::move(y));
    return success();
  }
};

template <typename OpT, bool isSigned>
struct ToIntegerModel : EvaluableOpInterface::ExternalModel<ToIntegerModel<OpT, isSigned>, OpT> {
  LogicalResult evaluate(Operation *op, Interpreter &, ArrayRef<Tensor> x, SmallVectorImpl<Tensor> &results) const {
    if (failed(checkWidths(op)))
      return failure();
    unsigned width = widthOf(elementType(op->getResult(0)));
    // What doesn't fit is poison upstream; here it becomes the nearest integer, and NaN zero.
    double low = isSigned ? -std::ldexp(1.0, width - 1) : 0, end = std::ldexp(1.0, isSigned ? width - 1 : width);
    Tensor y = shapedLike(x[0], false);
    for (size_t i = 0, n = y.integers.size(); i < n; ++i) {
      double v = std::trunc(x[0].floats[i]);
      uint64_t bits;
      if (std::isnan(v))
        bits = 0;
      else if (v <= low)
        bits = isSigned ? uint64_t(1) << (width - 1) : 0;
      else if (v >= end)
        bits = (isSigned ? uint64_t(1) << (width - 1) : width == 64 ? 0 : uint64_t(1) << width) - 1;
      else
        bits = v < 0 ? uint64_t(int64_t(v)) : uint64_t(v);
      y.integers[i] = wrap(bits, width);
    }
    results.push_back(std::move(y));
    return success();
  }
};

struct BitcastModel : EvaluableOpInterface::ExternalModel<BitcastModel, arith::BitcastOp> {
  LogicalResult evaluate(Operation *op, Interpreter &, ArrayRef<Tensor> x, SmallVectorImpl<Tensor> &results) const {
    Type from = elementType(op->getOperand(0)), to = elementType(op->getResult(0));
    if (from == to || (isa<IntegerType>(from) && isa<IntegerType>(to))) {
      results.push_back(x[0]);
      return success();
    }
    auto readable = [](Type type) { return type.isF32() || type.isF64() || isa<IntegerType>(type); };
    if (!readable(from) || !readable(to))
      return op->emitOpError("casts bits between types that the reference interpreter can't: expected f32 and i32, or "
                             "f64 and i64");
    unsigned width = widthOf(from);
    Tensor y = shapedLike(x[0], !x[0].isFloat);
    for (int64_t i = 0, n = y.size(); i < n; ++i) {
      if (x[0].isFloat && width == 32) {
        float f = float(x[0].floats[i]);
        int32_t bits;
        std::memcpy(&bits, &f, sizeof(f));
        y.integers[i] = bits;
      } else if (x[0].isFloat) {
        std::memcpy(&y.integers[i], &x[0].floats[i], sizeof(double));
      } else if (width == 32) {
        int32_t bits = int32_t(x[0].integers[i]);
        float f;
        std::memcpy(&f, &bits, sizeof(f));
        y.floats[i] = f;
      } else {
        std::memcpy(&y.floats[i], &x[0].integers[i], sizeof(double));
      }
    }
    results.push_back(std::move(y));
    return success();
  }
};

template <typename... Ops> void attachFloat(MLIRContext &context) {
  (Ops::template attachInterface<FloatModel<Ops, Rules>>(context), ...);
}
template <typename... Ops> void attachInteger(MLIRContext &context) {
  (Ops::template attachInterface<IntegerModel<Ops, Rules>>(context), ...);
}
template <bool isSigned, typename... Ops> void attachDivision(MLIRContext &context) {
  (Ops::template attachInterface<DivisionModel<Ops, isSigned>>(context), ...);
}

} // namespace

void selfopt::registerArithEvaluate(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    using namespace arith;
    attachFloat<AddFOp, SubFOp, MulFOp, DivFOp, RemFOp, NegFOp, MaximumFOp, MinimumFOp, MaxNumFOp, MinNumFOp, ExtFOp,
                TruncFOp>(*context);
    attachInteger<AddIOp, SubIOp, MulIOp, AndIOp, OrIOp, XOrIOp, ShLIOp, ShRUIOp, ShRSIOp, MaxSIOp, MinSIOp, MaxUIOp,
                  MinUIOp, ExtSIOp, ExtUIOp, TruncIOp, IndexCastOp, IndexCastUIOp, CmpIOp>(*context);
    attachDivision<true, DivSIOp, RemSIOp, CeilDivSIOp, FloorDivSIOp>(*context);
    attachDivision<false, DivUIOp, RemUIOp, CeilDivUIOp>(*context);
    CmpFOp::attachInterface<FloatTestModel<CmpFOp, Rules>>(*context);
    MulSIExtendedOp::attachInterface<MulExtendedModel<MulSIExtendedOp, true>>(*context);
    MulUIExtendedOp::attachInterface<MulExtendedModel<MulUIExtendedOp, false>>(*context);
    AddUIExtendedOp::attachInterface<AddExtendedModel>(*context);
    ConstantOp::attachInterface<ConstantModel>(*context);
    SelectOp::attachInterface<SelectModel>(*context);
    SIToFPOp::attachInterface<ToFloatModel<SIToFPOp, true>>(*context);
    UIToFPOp::attachInterface<ToFloatModel<UIToFPOp, false>>(*context);
    FPToSIOp::attachInterface<ToIntegerModel<FPToSIOp, true>>(*context);
    FPToUIOp::attachInterface<ToIntegerModel<FPToUIOp, false>>(*context);
    BitcastOp::attachInterface<BitcastModel>(*context);
  });
}
