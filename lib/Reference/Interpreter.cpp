//===- Interpreter.cpp - Runs any function op by op ----------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reference;

double Interpreter::round(double x, Type elementType) const {
  if (precision == Precision::Double)
    return x;
  if (elementType.isF32())
    return double(float(x));
  return x;
}

LogicalResult Interpreter::call(Operation *function, ArrayRef<Tensor> arguments, SmallVectorImpl<Tensor> &results) {
  if (function->getNumRegions() != 1 || function->getRegion(0).empty())
    return function->emitOpError("has no body to run");
  if (!function->getRegion(0).hasOneBlock())
    return function->emitOpError("has more than one block; the reference interpreter runs straight-line functions");
  return runBlock(function->getRegion(0).front(), arguments, results);
}

LogicalResult Interpreter::runBlock(Block &block, ArrayRef<Tensor> arguments, SmallVectorImpl<Tensor> &results) {
  if (arguments.size() != block.getNumArguments())
    return block.getParentOp()->emitOpError("expects ")
           << block.getNumArguments() << " arguments, found " << arguments.size();
  for (auto [argument, value] : llvm::zip(block.getArguments(), arguments))
    values[argument] = value;
  SmallVector<Tensor> operands, produced;
  for (Operation &op : block) {
    operands.clear();
    for (Value operand : op.getOperands()) {
      auto it = values.find(operand);
      if (it == values.end())
        return op.emitOpError("reads a value that the interpreter has not computed");
      operands.push_back(it->second);
    }
    if (op.hasTrait<OpTrait::IsTerminator>()) {
      results.assign(operands.begin(), operands.end());
      return success();
    }
    auto evaluable = dyn_cast<EvaluableOpInterface>(op);
    if (!evaluable)
      return op.emitOpError("has no value in the reference interpreter (it does not implement EvaluableOpInterface)");
    produced.clear();
    if (failed(evaluable.evaluate(*this, operands, produced)))
      return failure();
    for (auto [result, value] : llvm::zip(op.getResults(), produced))
      values[result] = std::move(value);
  }
  return block.getParentOp()->emitOpError("has a body without a terminator");
}
