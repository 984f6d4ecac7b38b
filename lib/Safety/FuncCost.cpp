//===- FuncCost.cpp - Costs of func -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CostModel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::costs;

namespace {

/// A call costs what its callee's ops cost.
struct CallModel : CostOpInterface::ExternalModel<CallModel, func::CallOp> {
  std::optional<Cost> getCost(Operation *operation) const {
    // Callees that are being walked on this thread: a recursion has no cost that is known here.
    static thread_local SmallVector<Operation *> walked;
    auto op = cast<func::CallOp>(operation);
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, op.getCalleeAttr());
    if (!callee || callee.isExternal() || !callee.getBody().hasOneBlock() || walked.size() >= 8 ||
        llvm::is_contained(walked, callee.getOperation()))
      return std::nullopt;
    walked.push_back(callee);
    auto cost = costOfBlock(callee.getBody().front());
    walked.pop_back();
    return cost;
  }
};

} // namespace

void selfopt::registerFuncCost(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, func::FuncDialect *) { func::CallOp::attachInterface<CallModel>(*context); });
}
