//===- Predict.h - A trained model on many examples --------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_REFERENCE_PREDICT_H
#define SELFOPT_REFERENCE_PREDICT_H

#include "mlir/IR/Operation.h"
#include <vector>

namespace selfopt::reference {

/// What a program of one tensor argument computes for each of `count` examples, one after the other, in f32: count x
/// elements of its result. `parameters` are those of its layers, in the order of ProgramParameters, as large as these
/// say. Fails with an error on the op at fault.
llvm::FailureOr<std::vector<double>> predict(mlir::Operation *program, llvm::ArrayRef<std::vector<float>> parameters,
                                             llvm::ArrayRef<float> examples, int64_t count);

} // namespace selfopt::reference
#endif // SELFOPT_REFERENCE_PREDICT_H
