//===- LinalgCost.cpp - Costs of linalg -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The body's FLOPs times the points of the iteration space. The body's own operands live in registers: the bytes are
// those of the op.
//
//===----------------------------------------------------------------------===//

#include "CostModel.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::costs;

namespace {

template <typename OpT> struct StructuredModel : CostOpInterface::ExternalModel<StructuredModel<OpT>, OpT> {
  std::optional<Cost> getCost(Operation *operation) const {
    auto op = cast<linalg::LinalgOp>(operation);
    auto bytes = bytesMoved(operation);
    auto body = costOfBlock(*op.getBlock());
    if (!bytes || !body)
      return std::nullopt;
    Cost cost;
    cost.bytes = *bytes;
    cost.flops = body->flops;
    for (int64_t extent : op.getStaticLoopRanges())
      if (ShapedType::isDynamic(extent) || __builtin_mul_overflow(cost.flops, extent, &cost.flops))
        return std::nullopt;
    return cost;
  }
};

template <typename... Ops> void attach(MLIRContext &context) {
  (Ops::template attachInterface<StructuredModel<Ops>>(context), ...);
}

} // namespace

void selfopt::registerLinalgCost(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, linalg::LinalgDialect *) {
    using namespace linalg;
    attach<GenericOp, FillOp, CopyOp, MapOp, ReduceOp, TransposeOp, BroadcastOp, ElementwiseOp, ContractOp, MatmulOp,
           BatchMatmulOp, MatvecOp, VecmatOp, DotOp, BatchMatvecOp, BatchVecmatOp, AddOp, SubOp, MulOp, DivOp, MaxOp,
           MinOp, ExpOp, LogOp, AbsOp, NegFOp, SqrtOp, RsqrtOp, SquareOp, TanhOp, ErfOp, PowFOp, ReciprocalOp, SelectOp,
           CeilOp, FloorOp, RoundOp, Conv1DOp, Conv2DOp, Conv2DNhwcHwcfOp, PoolingNhwcSumOp, PoolingNhwcMaxOp>(
        *context);
    attachCosts<0, IndexOp>(*context);
  });
}
