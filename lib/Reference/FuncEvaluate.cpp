//===- FuncEvaluate.cpp - Values of func, for the reference interpreter -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Reference/Register.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::reference;

namespace {

struct CallModel : EvaluableOpInterface::ExternalModel<CallModel, func::CallOp> {
  LogicalResult evaluate(Operation *operation, Interpreter &interpreter, ArrayRef<Tensor> x,
                         SmallVectorImpl<Tensor> &results) const {
    auto op = cast<func::CallOp>(operation);
    Operation *callee = SymbolTable::lookupNearestSymbolFrom(op, op.getCalleeAttr());
    if (!callee)
      return op.emitOpError("calls ") << op.getCalleeAttr() << ", which is not there";
    return interpreter.call(callee, x, results);
  }
};

} // namespace

void selfopt::registerFuncEvaluate(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, func::FuncDialect *) { func::CallOp::attachInterface<CallModel>(*context); });
}
