//===- RangeAnalysis.cpp - Ranges of the values of a block -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/RangeAnalysis.h"
#include "IntervalMath.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include <cfloat>

using namespace mlir;
using namespace selfopt;

Interval selfopt::rangeOfType(Type type) {
  type = getElementTypeOrSelf(type);
  return type.isIntOrIndex() ? ranges::ofIntegerType(type) : Interval::top();
}

bool selfopt::mayBeUndefined(Operation *op, ArrayRef<Interval> x) {
  if (op->getNumResults() == 0)
    return false;
  Type type = getElementTypeOrSelf(op->getResult(0).getType());
  // The angle of no direction: MLIR folds it to NaN, and mathematical libraries to 0. Subnormal numbers are flushed.
  auto mayVanish = [](const Interval &x) { return x.low < FLT_MIN && x.high > -FLT_MIN; };
  if (isa<math::Atan2Op>(op))
    return mayVanish(x[0]) && mayVanish(x[1]);
  if (!type.isIntOrIndex() || !isa_and_nonnull<arith::ArithDialect, math::MathDialect>(op->getDialect()))
    return false;
  auto attribute = [&](StringRef name) { return op->getInherentAttr(name).value_or(Attribute()); };
  auto overflow = dyn_cast_or_null<arith::IntegerOverflowFlagsAttr>(attribute("overflowFlags"));
  if ((overflow && overflow.getValue() != arith::IntegerOverflowFlags::none) || attribute("isExact"))
    return true;
  int width = type.isIndex() ? 64 : int(type.getIntOrFloatBitWidth());
  auto leaves = [&](double low, double high) {
    return x[0].mayBeNaN || !(std::trunc(x[0].low) >= low && std::trunc(x[0].high) < high);
  };
  // Numbers of i1 are kept as 0 and 1, and as a signed one the 1 is -1.
  double least = width == 1 ? 0 : -std::ldexp(1, width - 1), minusOne = width == 1 ? 1 : -1;
  if (isa<arith::FPToSIOp>(op))
    return width == 1 ? leaves(-1, 1) : leaves(least, -least);
  if (isa<arith::FPToUIOp>(op))
    return leaves(0, std::ldexp(1, width));
  if (isa<arith::ShLIOp, arith::ShRUIOp, arith::ShRSIOp>(op))
    return !(x[1].low >= 0 && x[1].high < width);
  if (isa<arith::DivUIOp, arith::RemUIOp, arith::CeilDivUIOp>(op))
    return ranges::hasZero(x[1]);
  if (isa<arith::DivSIOp, arith::RemSIOp, arith::CeilDivSIOp, arith::FloorDivSIOp>(op)) {
    bool mayBeLeast = width == 1 ? x[0].high >= 1 : x[0].low <= least;
    return ranges::hasZero(x[1]) || (mayBeLeast && x[1].contains(minusOne));
  }
  // 0 to a negative power divides by it.
  return isa<math::IPowIOp>(op) && ranges::hasZero(x[0]) && !(x[1].low >= 0 && width > 1);
}

Interval selfopt::lookupRange(const DenseMap<Value, Interval> &known, Value v) {
  if (auto it = known.find(v); it != known.end())
    return it->second;
  // A body may read constants from outside.
  if (auto constant = v.getDefiningOp<arith::ConstantOp>())
    if (auto op = dyn_cast<RangeOpInterface>(constant.getOperation())) {
      SmallVector<Interval> results;
      op.inferRanges({}, results);
      return results[0];
    }
  return rangeOfType(v.getType());
}

LogicalResult selfopt::inferBlockRanges(Block &block, ArrayRef<Interval> arguments, DenseMap<Value, Interval> &known) {
  if (arguments.size() != block.getNumArguments())
    return block.getParentOp()->emitOpError("expects ")
           << block.getNumArguments() << " argument ranges, found " << arguments.size();
  for (auto [argument, range] : llvm::zip(block.getArguments(), arguments))
    known[argument] = range;
  SmallVector<Interval> operands, results;
  for (Operation &op : block) {
    operands.clear();
    results.clear();
    for (Value v : op.getOperands())
      operands.push_back(lookupRange(known, v));
    if (auto ranged = dyn_cast<RangeOpInterface>(op))
      ranged.inferRanges(operands, results);
    else
      for (Type type : op.getResultTypes())
        results.push_back(rangeOfType(type));
    for (auto [result, range] : llvm::zip(op.getResults(), results))
      known[result] = range;
  }
  return success();
}

Operation *selfopt::findUndefined(Block &block, ArrayRef<Interval> arguments) {
  DenseMap<Value, Interval> known;
  if (failed(inferBlockRanges(block, arguments, known)))
    return block.getParentOp();
  SmallVector<Interval> operands;
  for (Operation &op : block) {
    operands.clear();
    for (Value v : op.getOperands())
      operands.push_back(lookupRange(known, v));
    if (mayBeUndefined(&op, operands))
      return &op;
  }
  return nullptr;
}
