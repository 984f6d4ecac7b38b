//===- Lanes.cpp - One program, many inputs ------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Reference/Lanes.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace selfopt::reference;

bool selfopt::reference::hasLanes(Block &program) {
  auto isScalar = [](Type type) { return type.isIntOrIndexOrFloat(); };
  return llvm::all_of(program.getArgumentTypes(), isScalar) &&
         llvm::all_of(program, [&](Operation &op) {
           return llvm::all_of(op.getOperands(), [&](Value v) { return v.getParentBlock() == &program; });
         }) &&
         llvm::all_of(program.without_terminator(), [&](Operation &op) {
           return op.getNumRegions() == 0 && llvm::all_of(op.getResultTypes(), isScalar) &&
                  (isa<arith::ConstantOp>(op) || OpTrait::hasElementwiseMappableTraits(&op));
         });
}

Tensor selfopt::reference::laneOf(const Tensor &column, int64_t lane) {
  return column.isFloat ? Tensor::scalar(column.floats[lane]) : Tensor::scalarInt(column.integers[lane]);
}

LaneRunner::LaneRunner(Block &program, int64_t lanes) : wide(ModuleOp::create(program.getParentOp()->getLoc())) {
  assert(hasLanes(program) && "expected ops on scalars");
  auto vectorOf = [&](Type type) { return RankedTensorType::get({lanes}, type); };
  // The module is only what holds the block: errors name an op that stands in something.
  Block &block = *wide->getBody();
  IRMapping mapping;
  for (BlockArgument argument : program.getArguments())
    mapping.map(argument, block.addArgument(vectorOf(argument.getType()), argument.getLoc()));
  for (Operation &op : program) {
    Operation *copy = op.clone(mapping);
    block.push_back(copy);
    for (Value result : copy->getResults())
      result.setType(vectorOf(result.getType()));
    if (auto constant = dyn_cast<arith::ConstantOp>(copy))
      constant.setValueAttr(
          DenseElementsAttr::get(cast<ShapedType>(constant.getType()), Attribute(constant.getValue())));
  }
}

LogicalResult LaneRunner::run(ArrayRef<Tensor> columns, SmallVectorImpl<Tensor> &results, Precision precision) const {
  return Interpreter(precision).runBlock(*wide.get().getBody(), columns, results);
}
