//===- ArithCost.cpp - Costs of arith -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CostModel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::costs;

std::optional<int64_t> costs::elements(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  if (!shaped)
    return 1;
  if (!shaped.hasStaticShape())
    return std::nullopt;
  int64_t n = 1;
  for (int64_t size : shaped.getShape())
    if (__builtin_mul_overflow(n, size, &n))
      return std::nullopt;
  return n;
}

std::optional<int64_t> costs::bytesMoved(Operation *op) {
  int64_t total = 0;
  auto count = [&](Type type) {
    Type element = getElementTypeOrSelf(type);
    if (!element.isIntOrIndexOrFloat())
      return false;
    int64_t width = element.isIndex() ? 8 : (int64_t(element.getIntOrFloatBitWidth()) + 7) / 8, bytes;
    auto n = elements(type);
    return n && !__builtin_mul_overflow(*n, width, &bytes) && !__builtin_add_overflow(total, bytes, &total);
  };
  if (!llvm::all_of(op->getOperandTypes(), count) || !llvm::all_of(op->getResultTypes(), count))
    return std::nullopt;
  return total;
}

std::optional<Cost> costs::perElement(Operation *op, int64_t flops) {
  auto bytes = bytesMoved(op);
  auto n = elements(op->getResult(0).getType());
  Cost cost;
  if (!bytes || !n || __builtin_mul_overflow(*n, flops, &cost.flops))
    return std::nullopt;
  cost.bytes = *bytes;
  return cost;
}

std::optional<Cost> selfopt::costOfBlock(Block &block) {
  Cost sum;
  for (Operation &op : block) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      continue;
    auto costed = dyn_cast<CostOpInterface>(op);
    auto cost = costed ? costed.getCost() : std::nullopt;
    auto next = cost ? Cost::add(sum, *cost) : std::nullopt;
    if (!next)
      return std::nullopt;
    sum = *next;
  }
  return sum;
}

void selfopt::registerArithCost(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    using namespace arith;
    attachCosts<1, AddFOp, SubFOp, MulFOp, DivFOp, RemFOp, NegFOp, MaximumFOp, MinimumFOp, MaxNumFOp, MinNumFOp,
                CmpFOp>(*context);
    // Integers, moves and casts are not floating point operations.
    attachCosts<0, ConstantOp, SelectOp, AddIOp, SubIOp, MulIOp, AddUIExtendedOp, MulSIExtendedOp, MulUIExtendedOp,
                DivSIOp, DivUIOp, RemSIOp, RemUIOp, CeilDivSIOp, CeilDivUIOp, FloorDivSIOp, AndIOp, OrIOp, XOrIOp,
                ShLIOp, ShRSIOp, ShRUIOp, CmpIOp, MaxSIOp, MaxUIOp, MinSIOp, MinUIOp, ExtFOp, TruncFOp, ExtSIOp,
                ExtUIOp, TruncIOp, IndexCastOp, IndexCastUIOp, SIToFPOp, UIToFPOp, FPToSIOp, FPToUIOp, BitcastOp>(
        *context);
  });
}
