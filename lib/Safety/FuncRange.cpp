//===- FuncRange.cpp - Ranges of func -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RangeModel.h"
#include "SelfOpt/Safety/RangeModels.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::ranges;

namespace {

struct CallModel : RangeOpInterface::ExternalModel<CallModel, func::CallOp> {
  void inferRanges(Operation *operation, ArrayRef<Interval> x, SmallVectorImpl<Interval> &results) const {
    // Callees that are being walked on this thread: a recursion is not unrolled.
    static thread_local SmallVector<Operation *> walked;
    auto op = cast<func::CallOp>(operation);
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, op.getCalleeAttr());
    if (!callee || callee.isExternal() || !callee.getBody().hasOneBlock() || walked.size() >= 8 ||
        llvm::is_contained(walked, callee.getOperation()) || callee.getNumArguments() != x.size())
      return TopModel<func::CallOp>().inferRanges(operation, x, results);
    walked.push_back(callee);
    DenseMap<Value, Interval> ranges;
    Block &body = callee.getBody().front();
    (void)inferBlockRanges(body, x, ranges);
    for (Value v : body.getTerminator()->getOperands())
      results.push_back(lookupRange(ranges, v));
    walked.pop_back();
  }
};

} // namespace

void selfopt::registerFuncRange(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, func::FuncDialect *) { func::CallOp::attachInterface<CallModel>(*context); });
}
