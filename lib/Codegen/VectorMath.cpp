//===- VectorMath.cpp - Small pieces of vector code ------------------------===//
#include "VectorMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace selfopt::codegen {

Type widen(Type scalar, unsigned lanes) { return lanes == 1 ? scalar : VectorType::get({lanes}, scalar); }

Value splat(OpBuilder &b, Value v, unsigned lanes) {
  if (lanes == 1 || isa<VectorType>(v.getType()))
    return v;
  auto type = VectorType::get({lanes}, v.getType());
  TypedAttr attr;
  if (matchPattern(v, m_Constant(&attr)))
    return arith::ConstantOp::create(b, v.getLoc(), DenseElementsAttr::get(type, ArrayRef<Attribute>(attr)));
  return vector::BroadcastOp::create(b, v.getLoc(), type, v);
}

Value indexConstant(OpBuilder &b, Location loc, int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }
Value zeroOf(OpBuilder &b, Location loc, Type type) { return arith::ConstantOp::create(b, loc, b.getZeroAttr(type)); }
Value addIndex(OpBuilder &b, Value x, Value y) { return arith::AddIOp::create(b, x.getLoc(), x, y); }
Value subIndex(OpBuilder &b, Value x, Value y) { return arith::SubIOp::create(b, x.getLoc(), x, y); }
Value mulIndex(OpBuilder &b, Value x, Value y) { return arith::MulIOp::create(b, x.getLoc(), x, y); }
Value minIndex(OpBuilder &b, Value x, Value y) { return arith::MinSIOp::create(b, x.getLoc(), x, y); }

Value maskBelow(OpBuilder &b, Value count, unsigned lanes) {
  return vector::CreateMaskOp::create(b, count.getLoc(), VectorType::get({lanes}, b.getI1Type()), count);
}

void transposeSquare(OpBuilder &b, MutableArrayRef<Value> rows) {
  // Interleaving row i with row i + n/2 rotates the bits of the position (row, lane) by one; log2(n) rounds exchange
  // the two halves of it. vector.transpose would do, at four times the compile time.
  int64_t n = rows.size();
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < n / 2; ++i) {
    low.append({i, i + n});
    high.append({i + n / 2, i + n / 2 + n});
  }
  SmallVector<Value> next(n);
  for (int64_t round = 1; round < n; round *= 2) {
    for (int64_t i = 0; i < n / 2; ++i) {
      next[2 * i] = vector::ShuffleOp::create(b, rows[i].getLoc(), rows[i], rows[i + n / 2], low);
      next[2 * i + 1] = vector::ShuffleOp::create(b, rows[i].getLoc(), rows[i], rows[i + n / 2], high);
    }
    llvm::copy(next, rows.begin());
  }
}

/// A constant (or a splat of one) that is not NaN.
static bool isOrdinaryConstant(Value v) {
  Attribute attr;
  if (!matchPattern(v, m_Constant(&attr)))
    return false;
  if (auto dense = dyn_cast<DenseElementsAttr>(attr))
    return dense.isSplat() && !dense.getSplatValue<APFloat>().isNaN();
  auto scalar = dyn_cast<FloatAttr>(attr);
  return scalar && !scalar.getValue().isNaN();
}

/// Compare and select, without care for NaN.
static Value plainMinMax(OpBuilder &b, Operation *like, Value x, Value y) {
  auto predicate = isa<arith::MaximumFOp>(like) ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT;
  Value first = arith::CmpFOp::create(b, like->getLoc(), predicate, x, y);
  return arith::SelectOp::create(b, like->getLoc(), first, x, y);
}

Value emitMinMax(OpBuilder &b, Operation *like, Value x, Value y) {
  Location loc = like->getLoc();
  // The constant goes first: the comparison is false for NaN and picks y, the operand that may be NaN.
  if (isOrdinaryConstant(y))
    std::swap(x, y);
  Value result = plainMinMax(b, like, x, y);
  if (isOrdinaryConstant(x))
    return result;
  Value nan = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, x, x);
  return arith::SelectOp::create(b, loc, nan, x, result);
}

std::optional<Combiner> matchCombiner(linalg::GenericOp op, unsigned number) {
  Block *body = op.getBody();
  BlockArgument out = body->getArgument(op.getNumDpsInputs() + number);
  Value yielded = cast<linalg::YieldOp>(body->getTerminator()).getValues()[number];
  Operation *def = yielded.getDefiningOp();
  if (!def || def->getBlock() != body || def->getNumOperands() != 2 || def->getNumResults() != 1 || !out.hasOneUse() ||
      *out.user_begin() != def || !yielded.hasOneUse())
    return std::nullopt;
  // The value that goes in may not depend on another output's running value.
  Value expr = def->getOperand(0) == out ? def->getOperand(1) : def->getOperand(0);
  SmallVector<Value> work{expr};
  while (!work.empty()) {
    Value v = work.pop_back_val();
    if (auto arg = dyn_cast<BlockArgument>(v)) {
      if (arg.getOwner() == body && arg.getArgNumber() >= op.getNumDpsInputs())
        return std::nullopt;
    } else if (Operation *inner = v.getDefiningOp(); inner->getBlock() == body) {
      llvm::append_range(work, inner->getOperands());
    }
  }
  std::optional<TypedAttr> neutral = arith::getNeutralElement(def);
  if (!neutral)
    return std::nullopt;
  return Combiner{def, expr, *neutral};
}

Value Combiner::combine(OpBuilder &b, Value x, Value y) const {
  if (isa<arith::MaximumFOp, arith::MinimumFOp>(op))
    return emitMinMax(b, op, x, y);
  Operation *clone = b.clone(*op);
  clone->setOperands({x, y});
  clone->getResult(0).setType(x.getType());
  return clone->getResult(0);
}

Value Combiner::horizontal(OpBuilder &b, Value x) const {
  auto type = dyn_cast<VectorType>(x.getType());
  if (!type)
    return x;
  bool minMax = isa<arith::MaximumFOp, arith::MinimumFOp>(op);
  // One test of all lanes for NaN instead of one per step of the tree.
  Value anyNan;
  if (minMax) {
    unsigned lanes = type.getNumElements();
    Value nan = arith::CmpFOp::create(b, op->getLoc(), arith::CmpFPredicate::UNO, x, x);
    Value packed = vector::BitCastOp::create(b, op->getLoc(), VectorType::get({1}, b.getIntegerType(lanes)), nan);
    Value bits = vector::ExtractOp::create(b, op->getLoc(), packed, 0);
    Value none = zeroOf(b, op->getLoc(), bits.getType());
    anyNan = arith::CmpIOp::create(b, op->getLoc(), arith::CmpIPredicate::ne, bits, none);
  }
  for (int64_t half = type.getNumElements() / 2; half >= 1; half /= 2) {
    Value low = vector::ExtractStridedSliceOp::create(b, op->getLoc(), x, {0}, {half}, {1});
    Value high = vector::ExtractStridedSliceOp::create(b, op->getLoc(), x, {half}, {half}, {1});
    x = minMax ? plainMinMax(b, op, low, high) : combine(b, low, high);
  }
  x = vector::ExtractOp::create(b, op->getLoc(), x, 0);
  if (!anyNan)
    return x;
  auto element = cast<FloatType>(type.getElementType());
  Value nan = arith::ConstantOp::create(b, op->getLoc(),
                                        b.getFloatAttr(element, APFloat::getQNaN(element.getFloatSemantics())));
  return arith::SelectOp::create(b, op->getLoc(), anyNan, nan, x);
}

Value Combiner::neutralValue(OpBuilder &b, unsigned lanes) const {
  return splat(b, arith::ConstantOp::create(b, op->getLoc(), neutral), lanes);
}

} // namespace selfopt::codegen
