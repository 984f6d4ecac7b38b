//===- PlanOps.cpp - Definitions of the plan dialect ------------------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/Plan/Plan.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::plan;

#include "SelfOpt/Dialect/Plan/PlanDialect.cpp.inc"
#define GET_OP_CLASSES
#include "SelfOpt/Dialect/Plan/PlanOps.cpp.inc"

void PlanDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "SelfOpt/Dialect/Plan/PlanOps.cpp.inc"
      >();
}
