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
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/APFloat.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reference;

/// A chain of calls longer than this can only be a recursion, which straight-line code never leaves.
static constexpr unsigned maxCallDepth = 128;

double Interpreter::roundOther(double x, Type elementType) const {
  if (precision == Precision::Double)
    return x;
  if (elementType.isF32()) {
    knownF32 = elementType;
    return double(float(x));
  }
  if (elementType.isF64())
    return x;
  auto type = dyn_cast<FloatType>(elementType);
  if (!type)
    return x;
  APFloat narrow(x);
  bool losesInfo;
  narrow.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
  return narrow.convertToDouble();
}

/// Whether a value is one of this type: scalars have no dimensions, and a dynamic dimension takes any size.
static bool fits(const Tensor &value, Type type) {
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(type));
  if (value.isFloat != isFloat || int64_t(isFloat ? value.floats.size() : value.integers.size()) != value.size())
    return false;
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return value.shape.empty();
  if (int64_t(value.shape.size()) != tensor.getRank())
    return false;
  for (auto [found, expected] : llvm::zip(value.shape, tensor.getShape()))
    if (!ShapedType::isDynamic(expected) && found != expected)
      return false;
  return true;
}

LogicalResult Interpreter::call(Operation *function, ArrayRef<Tensor> arguments, SmallVectorImpl<Tensor> &results) {
  if (function->getNumRegions() != 1 || function->getRegion(0).empty())
    return function->emitOpError("has no body to run");
  if (!function->getRegion(0).hasOneBlock())
    return function->emitOpError("has more than one block; the reference interpreter runs straight-line functions");
  if (depth >= maxCallDepth)
    return function->emitOpError("is called more than ") << maxCallDepth << " calls deep; is it recursive?";
  Block &block = function->getRegion(0).front();
  if (arguments.size() == block.getNumArguments())
    for (auto [argument, value] : llvm::zip(block.getArguments(), arguments))
      if (!fits(value, argument.getType()))
        return function->emitOpError("got an argument ")
               << argument.getArgNumber() << " that is not of type " << argument.getType();
  ++depth;
  LogicalResult result = runBlock(block, arguments, results);
  --depth;
  return result;
}

LogicalResult Interpreter::runBlock(Block &block, ArrayRef<Tensor> arguments, SmallVectorImpl<Tensor> &results) {
  if (arguments.size() != block.getNumArguments())
    return block.getParentOp()->emitOpError("expects ")
           << block.getNumArguments() << " arguments, found " << arguments.size();
  for (auto [argument, value] : llvm::zip(block.getArguments(), arguments))
    values[argument] = value;
  SmallVector<Tensor> operands, produced;
  for (Operation &op : block) {
    // Large operands are lent to the op and put back, not copied: a body that reads one element of a large tensor
    // runs once per element. Ops with regions may read their operands once more from inside, so those get copies.
    bool lend = op.getNumRegions() == 0 && !op.hasTrait<OpTrait::IsTerminator>();
    operands.clear();
    for (OpOperand &operand : op.getOpOperands()) {
      auto it = values.find(operand.get());
      if (it == values.end())
        return op.emitOpError("reads a value that the interpreter has not computed");
      bool again = llvm::is_contained(op.getOperands().take_front(operand.getOperandNumber()), operand.get());
      if (again) {
        auto first = llvm::find(op.getOperands(), operand.get()) - op.operand_begin();
        operands.push_back(Tensor(operands[first]));
      } else if (lend && !it->second.shape.empty()) {
        operands.push_back(std::move(it->second));
      } else {
        operands.push_back(it->second);
      }
    }
    if (op.hasTrait<OpTrait::IsTerminator>()) {
      results.assign(operands.begin(), operands.end());
      return success();
    }
    auto evaluable = dyn_cast<EvaluableOpInterface>(op);
    if (!evaluable)
      return op.emitOpError("has no value in the reference interpreter (it does not implement EvaluableOpInterface)");
    produced.clear();
    LogicalResult done = evaluable.evaluate(*this, operands, produced);
    if (lend)
      for (auto [operand, value] : llvm::reverse(llvm::zip(op.getOperands(), operands)))
        if (!value.shape.empty())
          values[operand] = std::move(value);
    if (failed(done))
      return failure();
    for (auto [result, value] : llvm::zip(op.getResults(), produced))
      values[result] = std::move(value);
  }
  return block.getParentOp()->emitOpError("has a body without a terminator");
}
