//===- Interpreter.h - Runs any function op by op ----------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle of every other engine: it asks each op for its value through `EvaluableOpInterface` and does nothing
// clever. It runs spec programs (a model with explicit parameters, a loss, a metric, an optimizer, a schedule, a
// sampler), `func.func`s after any of the stages S1 and S2, and users' own functions of upstream ops.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_REFERENCE_INTERPRETER_H
#define SELFOPT_REFERENCE_INTERPRETER_H

#include "SelfOpt/Reference/Tensor.h"
#include "mlir/IR/Block.h"
#include "mlir/IR/Operation.h"
#include "mlir/IR/Region.h"
#include "mlir/IR/Types.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/LogicalResult.h"

namespace selfopt::reference {

enum class Precision {
  AsTyped, ///< Every f32 result is rounded to f32.
  Double   ///< Every float is computed in f64, whatever its type: for finite differences.
};

class Interpreter {
public:
  explicit Interpreter(Precision precision = Precision::AsTyped) : precision(precision) {}

  /// Calls a func.func, or a program op of a spec, with one tensor per argument; `results` gets one per result.
  /// Parameters of layers inside a model are taken from `setParameters`. Fails with an error on the op at fault.
  llvm::LogicalResult call(mlir::Operation *function, llvm::ArrayRef<Tensor> arguments,
                           llvm::SmallVectorImpl<Tensor> &results);

  /// Runs the ops of a block with its arguments bound; `results` gets the terminator's operands. Ops with regions
  /// (linalg.generic, linalg.reduce) call this for every element; values defined outside the block stay visible.
  llvm::LogicalResult runBlock(mlir::Block &block, llvm::ArrayRef<Tensor> arguments,
                               llvm::SmallVectorImpl<Tensor> &results);

  /// The parameters that a layer op owns, in the order of `LayerOpInterface::getParameters`.
  void setParameters(mlir::Operation *layer, llvm::SmallVector<Tensor> parameters) {
    layerParameters[layer] = std::move(parameters);
  }
  llvm::ArrayRef<Tensor> getParameters(mlir::Operation *layer) const {
    auto it = layerParameters.find(layer);
    return it == layerParameters.end() ? llvm::ArrayRef<Tensor>() : llvm::ArrayRef<Tensor>(it->second);
  }

  /// Rounds to the element type's precision unless `Precision::Double` was asked for.
  double round(double x, mlir::Type elementType) const {
    // Asked for every element of every value.
    return elementType == knownF32 ? double(float(x)) : roundOther(x, elementType);
  }
  Precision getPrecision() const { return precision; }
  /// The value that an SSA value has now (operands of region terminators, captured values).
  const Tensor &lookup(mlir::Value v) const { return values.find(v)->second; }

  /// The indices of the iteration that a structured op is at, for the ops of its body (linalg.index). The array is
  /// read when asked, so one push serves all iterations.
  void pushIteration(llvm::ArrayRef<int64_t> indices) { iterations.push_back(indices); }
  void popIteration() { iterations.pop_back(); }
  /// The innermost iteration; empty outside of structured ops.
  llvm::ArrayRef<int64_t> getIteration() const {
    return iterations.empty() ? llvm::ArrayRef<int64_t>() : iterations.back();
  }

private:
  double roundOther(double x, mlir::Type elementType) const;

  Precision precision;
  mutable mlir::Type knownF32; ///< Null until it was met, and where nothing is rounded.
  unsigned depth = 0; ///< Of calls, so that a recursive function ends in an error.
  llvm::SmallVector<llvm::ArrayRef<int64_t>> iterations;
  llvm::DenseMap<mlir::Value, Tensor> values;
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<Tensor>> layerParameters;
};

} // namespace selfopt::reference
#endif // SELFOPT_REFERENCE_INTERPRETER_H
