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
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace selfopt;

Interval selfopt::rangeOfType(Type type) {
  type = getElementTypeOrSelf(type);
  return type.isIntOrIndex() ? ranges::ofIntegerType(type) : Interval::top();
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
