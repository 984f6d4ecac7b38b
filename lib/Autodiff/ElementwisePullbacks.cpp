//===- ElementwisePullbacks.cpp - Rules declared in Pullbacks.td ----------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Autodiff/Autodiff.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

Value selfopt::constantLike(OpBuilder &b, Location loc, Type type, double value) {
  TypedAttr element = b.getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(tensor, element));
  return arith::ConstantOp::create(b, loc, element);
}

#include "SelfOpt/Autodiff/Pullbacks.cpp.inc"
