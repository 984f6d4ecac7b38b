//===- Passes.h - Passes that need more than one engine -- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_PIPELINES_PASSES_H
#define SELFOPT_PIPELINES_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace selfopt {
#define GEN_PASS_DECL
#include "SelfOpt/Pipelines/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "SelfOpt/Pipelines/Passes.h.inc"
} // namespace selfopt

#endif // SELFOPT_PIPELINES_PASSES_H
