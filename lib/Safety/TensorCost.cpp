//===- TensorCost.cpp - Costs of tensor -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CostModel.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::costs;

void selfopt::registerTensorCost(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    using namespace tensor;
    attachCosts<0, EmptyOp, ExtractOp, InsertOp, FromElementsOp, SplatOp, CastOp, DimOp, CollapseShapeOp, ExpandShapeOp,
                ExtractSliceOp, InsertSliceOp, ConcatOp, PadOp>(*context);
  });
}
