//===- InitAll.h - Everything, registered ------------------------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_INITALL_H
#define SELFOPT_INITALL_H

#include "mlir/IR/DialectRegistry.h"

namespace selfopt {

/// Our dialects, the upstream dialects that specs and stages use, and the external models of our interfaces.
void registerAllDialects(mlir::DialectRegistry &registry);
/// Every pass of ours, by its command line name.
void registerAllPasses();

} // namespace selfopt
#endif // SELFOPT_INITALL_H
