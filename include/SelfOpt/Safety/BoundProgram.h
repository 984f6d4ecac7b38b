//===- BoundProgram.h - The program that bounds a model ---- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a trained model may answer over a box of inputs is computed by a program, which is derived from the model op by op
// through BoundOpInterface, and compiled and run like any other:
//
//   selfopt.model @net(%x: tensor<64xf32>) -> tensor<10xf32>
//
//   func.func @net.bounds(parameters..., %x: tensor<Ex64xf32>, %radius: tensor<Exf32>)
//       -> (tensor<10xExf32>, tensor<10xExf32>)
//   func.func @net.margins(..., %label: tensor<Exi32>) -> tensor<10xExf32>
//   func.func @net.relaxed(..., %label: tensor<Exi32>, %rival: tensor<2xExi32>) -> tensor<2xExf32>
//
// over E examples, each with a ball of its own. Margins are bounds from below of score[label] - score[k], for every class
// k. They are not differences of two scores' bounds: the difference goes back through the layers as a linear form, as far
// from the end as ops are linear, and its least value over the bounds there is taken (interval bound propagation with the
// last layers taken together, Gowal et al. 2018). @net.relaxed replaces each relu by a line above and one below it, too,
// so that the form goes back to the input (CROWN, Zhang et al. 2018): the same input can't be high for one unit and low
// for another. That costs more, so it is asked of a few rivals at a time. Neither is always the better one, and both hold.
//
// Inside, examples are the last dimension of all values, so that they are the lanes of every loop.
//
// Bounds hold for the model as f32 computes it, if every op rounds its result, or keeps more digits than that, fused with
// the next one; products of a layer may be added in any order, subnormal numbers may be taken for zero. What a layer
// makes is taken to be computed once, or alike, for all that read it. Where nothing is known, they are NaN.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_BOUNDPROGRAM_H
#define SELFOPT_SAFETY_BOUNDPROGRAM_H

#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace selfopt {

enum class BoundProgram { Bounds, Margins, Relaxed };

/// How many rivals of an example @net.relaxed takes at once: they share what is bounded on the way to the scores.
constexpr int64_t rivalsAtOnce = 2;

/// The suffix of its name, as above.
llvm::StringRef stringifyBoundProgram(BoundProgram kind);

/// Appends it to `module`, for so many examples. An error names the op that has no rule.
llvm::Expected<mlir::func::FuncOp> deriveBounds(ModelOp model, BoundProgram kind, int64_t examples,
                                                mlir::ModuleOp module);

} // namespace selfopt
#endif // SELFOPT_SAFETY_BOUNDPROGRAM_H
