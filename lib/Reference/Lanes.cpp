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
  auto isScalar = [](Type type) { return type.isIntOrFloat(); };
  return llvm::all_of(program.getArgumentTypes(), isScalar) &&
         llvm::all_of(program.without_terminator(), [&](Operation &op) {
           return op.getNumRegions() == 0 && llvm::all_of(op.getResultTypes(), isScalar) &&
                  (isa<arith::ConstantOp>(op) || OpTrait::hasElementwiseMappableTraits(&op));
         });
}

LaneRunner::LaneRunner(Block &program, int64_t lanes) : program(program), lanes(lanes) {
  if (hasLanes(program))
    widen();
}

LogicalResult LaneRunner::runColumns(ArrayRef<Tensor> columns, SmallVectorImpl<Tensor> &results) const {
  assert(wide && "expected a program of scalars");
  return Interpreter().runBlock(*owner.get().getBody(), columns, results);
}

LogicalResult LaneRunner::run(ArrayRef<SmallVector<Tensor>> inputs,
                              SmallVectorImpl<SmallVector<Tensor>> &results) const {
  if (!wide) {
    for (const SmallVector<Tensor> &input : inputs)
      if (failed(Interpreter().runBlock(program, input, results.emplace_back())))
        return failure();
    return success();
  }
  SmallVector<Tensor> columns, found;
  for (auto [i, argument] : llvm::enumerate(program.getArguments())) {
    Tensor column = Tensor::zeros({lanes}, isa<FloatType>(argument.getType()));
    // Lanes without an input run on the first one's.
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const Tensor &value = inputs[lane < int64_t(inputs.size()) ? size_t(lane) : 0][i];
      column.isFloat ? void(column.floats[lane] = value.floats[0]) : void(column.integers[lane] = value.integers[0]);
    }
    columns.push_back(std::move(column));
  }
  if (failed(runColumns(columns, found)))
    return failure();
  for (size_t lane = 0; lane < inputs.size(); ++lane) {
    SmallVector<Tensor> &row = results.emplace_back();
    for (const Tensor &column : found)
      row.push_back(column.isFloat ? Tensor::scalar(column.floats[lane]) : Tensor::scalarInt(column.integers[lane]));
  }
  return success();
}

void LaneRunner::widen() {
  owner = ModuleOp::create(program.getParentOp()->getLoc());
  wide = *owner;
  auto vectorOf = [&](Type type) { return RankedTensorType::get({lanes}, type); };
  // The module is only what holds the block: errors name an op that stands in something.
  Block &block = *wide.getBody();
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
