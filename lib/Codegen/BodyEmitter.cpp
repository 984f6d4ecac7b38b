//===- BodyEmitter.cpp - The scalar body of a generic, at any loop depth ---===//
#include "BodyEmitter.h"
#include "VectorMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace selfopt::codegen {

DimSet Access::dimSet() const {
  DimSet set = 0;
  for (unsigned dim : dims)
    set |= DimSet(1) << dim;
  return set;
}

Value Scope::lookup(Value v) const {
  if (Value found = values.lookup(v))
    return found;
  for (const Scope *scope : outer)
    if (Value found = scope->lookup(v))
      return found;
  return {};
}

Value Scope::index(unsigned dim) const {
  for (auto [known, value] : indices)
    if (known == dim)
      return value;
  for (const Scope *scope : outer)
    if (Value found = scope->index(dim))
      return found;
  return {};
}

BodyEmitter::BodyEmitter(OpBuilder &b, linalg::GenericOp op, const Space &space, ArrayRef<unsigned> dimOf,
                         ArrayRef<Access> accesses)
    : b(b), op(op), space(space), dimOf(dimOf), operands(accesses) {
  for (auto [arg, access] : llvm::zip_equal(op.getBody()->getArguments(), operands))
    dims[arg] = access.dimSet();
  for (Operation &inner : op.getBody()->without_terminator()) {
    DimSet set = 0;
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      set = DimSet(1) << this->dimOf[index.getDim()];
    for (Value operand : inner.getOperands())
      set |= dims.lookup(operand); // values from outside the body depend on nothing
    // A division may trap, so it stays where the generic would have executed it.
    if (!isSpeculatable(&inner))
      set = space.all();
    for (Value result : inner.getResults())
      dims[result] = set;
  }
}

void BodyEmitter::setDims(Value v, DimSet set) {
  dims[v] = set;
  for (Operation &inner : op.getBody()->without_terminator()) {
    DimSet used = 0;
    for (Value operand : inner.getOperands())
      used |= dims.lookup(operand);
    for (Value result : inner.getResults())
      dims[result] |= used;
  }
}

void BodyEmitter::evaluate(Scope &scope) {
  for (auto [arg, access] : llvm::zip_equal(op.getBody()->getArguments(), operands)) {
    bool input = arg.getArgNumber() < op.getNumDpsInputs();
    if (!input || arg.use_empty() || (dims[arg] & ~scope.dims) || scope.lookup(arg))
      continue;
    if (access.scalar)
      scope.values[arg] = access.scalar;
    else if (access.flat)
      scope.values[arg] = load(scope, access);
  }
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (inner.use_empty() || skipped.contains(&inner) || (dims[inner.getResult(0)] & ~scope.dims) ||
        scope.lookup(inner.getResult(0)))
      continue;
    emitOp(scope, inner);
  }
}

/// Vectors of indices are made of i32 where the body casts them to i32 at once: half the registers, no truncation.
static Value emitIndexVector(OpBuilder &b, Location loc, Value start, Type element, unsigned lanes) {
  auto type = VectorType::get({lanes}, element);
  SmallVector<Attribute> steps;
  for (unsigned i = 0; i < lanes; ++i)
    steps.push_back(b.getIntegerAttr(element, i));
  Value step = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, steps));
  Value base = element.isIndex() ? start : Value(arith::IndexCastOp::create(b, loc, element, start));
  Value wideBase = splat(b, base, lanes);
  return arith::AddIOp::create(b, loc, step, wideBase);
}

void BodyEmitter::emitOp(Scope &scope, Operation &inner) {
  Location loc = inner.getLoc();
  bool vec = isVector(scope, dims[inner.getResult(0)]);
  unsigned lanes = vec ? scope.lanes : 1;
  if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
    Value start = scope.index(dimOf[index.getDim()]);
    scope.values[index] = vec ? emitIndexVector(b, loc, start, b.getIndexType(), lanes) : start;
    return;
  }
  if (auto cast = dyn_cast<arith::IndexCastOp>(inner))
    if (auto index = cast.getIn().getDefiningOp<linalg::IndexOp>(); vec && index && cast.getType().isInteger(32)) {
      scope.values[cast] = emitIndexVector(b, loc, scope.index(dimOf[index.getDim()]), cast.getType(), lanes);
      return;
    }
  SmallVector<Value> args;
  for (Value operand : inner.getOperands()) {
    if (vec) {
      args.push_back(wide(scope, operand));
    } else {
      Value v = scope.lookup(operand);
      args.push_back(v ? v : operand);
    }
  }
  if (isa<arith::MaximumFOp, arith::MinimumFOp>(inner)) {
    scope.values[inner.getResult(0)] = emitMinMax(b, &inner, args[0], args[1]);
    return;
  }
  // Lanes that are off hold zeros, and a division by zero traps whatever the lane.
  if (scope.mask && vec &&
      isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp, arith::CeilDivSIOp, arith::CeilDivUIOp,
          arith::FloorDivSIOp>(inner)) {
    Value one = arith::ConstantOp::create(b, loc, b.getOneAttr(args[1].getType()));
    args[1] = arith::SelectOp::create(b, loc, scope.mask, args[1], one);
  }
  Operation *clone = b.clone(inner);
  if (!args.empty())
    clone->setOperands(args);
  clone->setDiscardableAttrs(DictionaryAttr::get(b.getContext()));
  for (auto [from, to] : llvm::zip_equal(inner.getResults(), clone->getResults())) {
    to.setType(widen(from.getType(), lanes));
    scope.values[from] = to;
  }
}

Value BodyEmitter::wide(Scope &scope, Value v) {
  Value found = scope.lookup(v);
  if (!found)
    found = v; // defined outside the body
  if (scope.lanes == 1 || isa<VectorType>(found.getType()))
    return found;
  Value &cached = scope.splats[found];
  if (!cached)
    cached = splat(b, found, scope.lanes);
  return cached;
}

std::pair<Value, Value> BodyEmitter::address(Scope &scope, const Access &access) {
  Value sum, laneStride;
  for (auto [dim, stride] : llvm::zip_equal(access.dims, access.strides)) {
    if (space.vectorDim == dim)
      laneStride = stride;
    Value term = scope.index(dim);
    if (stride)
      term = mulIndex(b, term, stride);
    sum = sum ? addIndex(b, sum, term) : term;
  }
  if (!sum)
    sum = indexConstant(b, op.getLoc(), 0);
  return {sum, laneStride};
}

/// Offsets of the lanes in elements, as i32: a row would have to be longer than 2^27 elements to overflow them.
Value BodyEmitter::laneOffsets(Scope &scope, Value stride) {
  Location loc = op.getLoc();
  SmallVector<int32_t> steps;
  for (unsigned i = 0; i < scope.lanes; ++i)
    steps.push_back(i);
  auto type = VectorType::get({scope.lanes}, b.getI32Type());
  Value step = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, ArrayRef<int32_t>(steps)));
  Value narrow = arith::IndexCastOp::create(b, loc, b.getI32Type(), stride);
  Value wideStride = splat(b, narrow, scope.lanes);
  return arith::MulIOp::create(b, loc, step, wideStride);
}

static Value allLanes(OpBuilder &b, Location loc, Scope &scope) {
  if (scope.mask)
    return scope.mask;
  auto type = VectorType::get({scope.lanes}, b.getI1Type());
  return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, true));
}

Value BodyEmitter::load(Scope &scope, const Access &access) {
  Location loc = op.getLoc();
  Type memory = cast<MemRefType>(access.flat.getType()).getElementType();
  bool vec = isVector(scope, access.dimSet());
  auto [offset, laneStride] = address(scope, access);
  Value value;
  if (!vec) {
    value = memref::LoadOp::create(b, loc, access.flat, offset);
  } else {
    auto type = cast<VectorType>(widen(memory, scope.lanes));
    if (!laneStride && !scope.mask) {
      value = vector::LoadOp::create(b, loc, type, access.flat, offset);
    } else {
      Value zero = zeroOf(b, loc, type), mask = allLanes(b, loc, scope);
      if (!laneStride) {
        value = vector::MaskedLoadOp::create(b, loc, type, access.flat, offset, mask, zero);
      } else {
        Value lanes = laneOffsets(scope, laneStride);
        value = vector::GatherOp::create(b, loc, type, access.flat, offset, lanes, mask, zero);
      }
    }
  }
  if (memory == access.element)
    return value;
  Value zero = zeroOf(b, loc, value.getType());
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, value, zero);
}

Value BodyEmitter::loadOutput(Scope &scope, unsigned number) {
  return load(scope, operands[op.getNumDpsInputs() + number]);
}

void BodyEmitter::store(Scope &scope, unsigned number, Value value) {
  Location loc = op.getLoc();
  const Access &access = operands[op.getNumDpsInputs() + number];
  Type memory = cast<MemRefType>(access.flat.getType()).getElementType();
  bool vec = isVector(scope, access.dimSet());
  if (memory != access.element)
    value = arith::ExtUIOp::create(b, loc, widen(memory, isa<VectorType>(value.getType()) ? scope.lanes : 1), value);
  auto [offset, laneStride] = address(scope, access);
  if (!vec) {
    memref::StoreOp::create(b, loc, value, access.flat, offset);
  } else if (!laneStride && !scope.mask) {
    vector::StoreOp::create(b, loc, value, access.flat, offset);
  } else if (!laneStride) {
    vector::MaskedStoreOp::create(b, loc, access.flat, offset, scope.mask, value);
  } else {
    Value lanes = laneOffsets(scope, laneStride), mask = allLanes(b, loc, scope);
    vector::ScatterOp::create(b, loc, /*resultType=*/Type(), access.flat, ValueRange(offset), lanes, mask, value);
  }
}

} // namespace selfopt::codegen
