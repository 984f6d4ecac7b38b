//===- Repair.h - Edits that make a proof go through -------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_MUTATION_REPAIR_H
#define SELFOPT_MUTATION_REPAIR_H

#include "mlir/IR/Builders.h"

namespace selfopt {

/// The smallest edit after which a program is proved finite on [-domain, domain]: the logarithm of a softmax in its stable
/// form, else an epsilon under a logarithm, a root or a divisor (the smallest of some), else a clamp in front of an
/// exponential (the widest of some). Makes an evolve.repair; null where the program is finite, or none of them is enough.
mlir::Operation *proposeRepairFor(mlir::OpBuilder &b, mlir::Operation *program, double domain);

} // namespace selfopt
#endif // SELFOPT_MUTATION_REPAIR_H
