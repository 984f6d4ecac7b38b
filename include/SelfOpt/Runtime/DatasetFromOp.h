//===- DatasetFromOp.h - The data that a dataset op names ---- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_RUNTIME_DATASETFROMOP_H
#define SELFOPT_RUNTIME_DATASETFROMOP_H

#include "SelfOpt/Runtime/Dataset.h"
#include "SelfOpt/Transforms/Planner.h"

namespace selfopt {
class DatasetOp;

/// What the readers need to know of a `selfopt.dataset`.
DatasetSpec datasetSpec(DatasetOp op, llvm::ArrayRef<std::string> searchPath);
/// Reads and splits; errors are on the op, with file and row. Datasets of one spec are read once per process.
llvm::FailureOr<std::shared_ptr<Dataset>> loadDataset(DatasetOp op, llvm::ArrayRef<std::string> searchPath);
/// Whether what is judged on either, validation and test split, is the same: the examples, and in their order.
bool judgeAlike(DatasetOp a, DatasetOp b);
/// The sizes of the splits as a pipeline sees them: `@digits::validation` trains on what is otherwise validation.
plan::SplitSizes splitSizes(const Dataset &data, mlir::SymbolRefAttr symbol);

} // namespace selfopt
#endif // SELFOPT_RUNTIME_DATASETFROMOP_H
