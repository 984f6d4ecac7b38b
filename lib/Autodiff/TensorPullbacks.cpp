//===- TensorPullbacks.cpp - Derivative rules of tensor --------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Autodiff/Autodiff.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace selfopt;

namespace {

struct CollapsePullback : PullbackOpInterface::ExternalModel<CollapsePullback, tensor::CollapseShapeOp> {
  LogicalResult pullback(Operation *op, OpBuilder &b, ValueRange cts, SmallVectorImpl<Value> &out) const {
    auto collapse = cast<tensor::CollapseShapeOp>(op);
    out.push_back(tensor::ExpandShapeOp::create(b, op->getLoc(), collapse.getSrcType(), cts[0],
                                                collapse.getReassociationIndices()));
    return success();
  }
};

struct ExpandPullback : PullbackOpInterface::ExternalModel<ExpandPullback, tensor::ExpandShapeOp> {
  LogicalResult pullback(Operation *op, OpBuilder &b, ValueRange cts, SmallVectorImpl<Value> &out) const {
    auto expand = cast<tensor::ExpandShapeOp>(op);
    out.push_back(tensor::CollapseShapeOp::create(b, op->getLoc(), expand.getSrcType(), cts[0],
                                                  expand.getReassociationIndices()));
    out.resize(op->getNumOperands());
    return success();
  }
};

struct CastPullback : PullbackOpInterface::ExternalModel<CastPullback, tensor::CastOp> {
  LogicalResult pullback(Operation *op, OpBuilder &b, ValueRange cts, SmallVectorImpl<Value> &out) const {
    out.push_back(tensor::CastOp::create(b, op->getLoc(), op->getOperand(0).getType(), cts[0]));
    return success();
  }
};

/// A scalar and a tensor of rank 0 are two types of one value.
struct ExtractPullback : PullbackOpInterface::ExternalModel<ExtractPullback, tensor::ExtractOp> {
  LogicalResult pullback(Operation *op, OpBuilder &b, ValueRange cts, SmallVectorImpl<Value> &out) const {
    auto extract = cast<tensor::ExtractOp>(op);
    if (extract.getTensor().getType().getRank() != 0)
      return op->emitOpError("has a derivative rule for tensors of rank 0 only, found ")
             << extract.getTensor().getType();
    out.push_back(tensor::FromElementsOp::create(b, op->getLoc(), extract.getTensor().getType(), cts[0]));
    return success();
  }
};

struct FromElementsPullback : PullbackOpInterface::ExternalModel<FromElementsPullback, tensor::FromElementsOp> {
  LogicalResult pullback(Operation *op, OpBuilder &b, ValueRange cts, SmallVectorImpl<Value> &out) const {
    auto from = cast<tensor::FromElementsOp>(op);
    if (from.getType().getRank() != 0)
      return op->emitOpError("has a derivative rule for tensors of rank 0 only, found ") << from.getType();
    out.push_back(tensor::ExtractOp::create(b, op->getLoc(), cts[0], ValueRange()));
    return success();
  }
};

/// Each operand gets its own part of the cotangent.
struct ConcatPullback : PullbackOpInterface::ExternalModel<ConcatPullback, tensor::ConcatOp> {
  LogicalResult pullback(Operation *op, OpBuilder &b, ValueRange cts, SmallVectorImpl<Value> &out) const {
    auto concat = cast<tensor::ConcatOp>(op);
    int64_t dim = concat.getDim(), rank = concat.getResultType().getRank(), at = 0;
    for (Value input : concat.getInputs()) {
      auto type = cast<RankedTensorType>(input.getType());
      if (!type.hasStaticShape())
        return op->emitOpError("has a derivative rule for static shapes only, found ") << type;
      SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)), sizes, strides(rank, b.getIndexAttr(1));
      offsets[dim] = b.getIndexAttr(at);
      for (int64_t size : type.getShape())
        sizes.push_back(b.getIndexAttr(size));
      out.push_back(tensor::ExtractSliceOp::create(b, op->getLoc(), type, cts[0], offsets, sizes, strides));
      at += type.getDimSize(dim);
    }
    return success();
  }
};

} // namespace

void selfopt::registerTensorPullbacks(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    tensor::CollapseShapeOp::attachInterface<CollapsePullback>(*context);
    tensor::ExpandShapeOp::attachInterface<ExpandPullback>(*context);
    tensor::CastOp::attachInterface<CastPullback>(*context);
    tensor::ConcatOp::attachInterface<ConcatPullback>(*context);
    tensor::ExtractOp::attachInterface<ExtractPullback>(*context);
    tensor::FromElementsOp::attachInterface<FromElementsPullback>(*context);
  });
}
