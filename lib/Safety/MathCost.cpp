//===- MathCost.cpp - Costs of math -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CostModel.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::costs;

void selfopt::registerMathCost(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, math::MathDialect *) {
    using namespace math;
    // An elementary function counts as one.
    attachCosts<1, AbsFOp, AcosOp, AcoshOp, AsinOp, AsinhOp, AtanOp, AtanhOp, CbrtOp, CeilOp, CosOp, CoshOp, ErfOp,
                ErfcOp, ExpOp, Exp2Op, ExpM1Op, FloorOp, LogOp, Log10Op, Log1pOp, Log2Op, RoundOp, RoundEvenOp, RsqrtOp,
                SinOp, SinhOp, SqrtOp, TanOp, TanhOp, TruncOp, Atan2Op, CopySignOp, PowFOp, FPowIOp, IsFiniteOp,
                IsInfOp, IsNaNOp, IsNormalOp>(*context);
    attachCosts<2, FmaOp, ClampFOp, SincosOp>(*context);
    attachCosts<0, AbsIOp, CtPopOp, CountLeadingZerosOp, CountTrailingZerosOp, IPowIOp>(*context);
  });
}
