//===- RangeAnalysis.h - Ranges of the values of a block -*- C++ -* -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_RANGEANALYSIS_H
#define SELFOPT_SAFETY_RANGEANALYSIS_H

#include "SelfOpt/Interfaces/Interval.h"
#include "mlir/IR/Block.h"
#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/LogicalResult.h"

namespace selfopt {

/// What is known of any value of a type: all numbers and NaN for floats, all numbers of the width for integers.
Interval rangeOfType(mlir::Type type);

/// Whether an op of arith or math may have no defined result for operands in these ranges, or end the process: a division
/// by zero or one that overflows, a shift by the width, a conversion of what the integer type has no number for, and whatever
/// a flag of integers excludes. Ranges say nothing of such a result.
bool mayBeUndefined(mlir::Operation *op, llvm::ArrayRef<Interval> operands);

/// The range of a value from `ranges`, else from its constant, else from its type.
Interval lookupRange(const llvm::DenseMap<mlir::Value, Interval> &ranges, mlir::Value v);

/// Asks every op of the block, in order, through RangeOpInterface, with one interval per block argument; `ranges` gets
/// one interval per argument and result. An op without the interface has results that may be anything. Fails, with an
/// error on the op around the block, when `arguments` has the wrong size.
llvm::LogicalResult inferBlockRanges(mlir::Block &block, llvm::ArrayRef<Interval> arguments,
                                     llvm::DenseMap<mlir::Value, Interval> &ranges);

/// The first op of a block that may be undefined for arguments in these ranges; null for none.
mlir::Operation *findUndefined(mlir::Block &block, llvm::ArrayRef<Interval> arguments);

} // namespace selfopt
#endif // SELFOPT_SAFETY_RANGEANALYSIS_H
