//===- Proposers.h - What draws mutations -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_MUTATION_PROPOSERS_H
#define SELFOPT_LIB_MUTATION_PROPOSERS_H

#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Support/Philox.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/SymbolTable.h"

namespace selfopt {

/// The nearest number with that many significant decimal digits, so that a lineage reads well.
double roundToDigits(double x, int digits);

inline llvm::StringRef nameOf(mlir::Operation *op) { return mlir::SymbolTable::getSymbolName(op); }

/// What a drawn layer may have behind it: the names of nn.activation's kinds.
inline constexpr llvm::StringLiteral activations[] = {"relu", "tanh", "gelu", "sigmoid"};

inline llvm::SmallVector<nn::DenseOp> denseLayers(mlir::Operation *model) {
  return llvm::to_vector(model->getRegion(0).getOps<nn::DenseOp>());
}
/// The number of a dense layer; nothing where the model has none.
inline std::optional<uint64_t> drawDense(mlir::Operation *model, Philox &random) {
  size_t count = denseLayers(model).size();
  if (!count)
    return std::nullopt;
  return random.below(count);
}

template <typename Range> auto pick(const Range &from, Philox &random) { return from[random.below(std::size(from))]; }

mlir::Operation *proposeEditConstant(mlir::OpBuilder &b, mlir::Operation *program, Philox &random);
mlir::Operation *proposeReplaceOp(mlir::OpBuilder &b, mlir::Operation *program, Philox &random);
mlir::Operation *proposeRewireOperand(mlir::OpBuilder &b, mlir::Operation *program, Philox &random);
mlir::Operation *proposeInsertOp(mlir::OpBuilder &b, mlir::Operation *program, Philox &random);
mlir::Operation *proposeDropOp(mlir::OpBuilder &b, mlir::Operation *program, Philox &random);

mlir::Operation *proposeInsertNoise(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeInsertDropout(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeSetAmount(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeDropLayer(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeAddDecay(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeRepair(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeSmoothLabels(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeInsertNorm(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeDeepen(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeGrow(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeSimplify(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeRepeatBlock(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeFactorDense(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeInsertSkip(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeInsertZeroSkip(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeInsertBranch(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeInsertGate(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeDropMerge(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeShareParameters(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeEndSharing(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeAddState(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeUseProgram(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
mlir::Operation *proposeAddTerm(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);
/// From the program of the same name of another parent.
mlir::Operation *proposeGraftProgram(mlir::OpBuilder &b, mlir::Operation *target, mlir::Operation *donor, Philox &random);
mlir::Operation *proposeGraftLayers(mlir::OpBuilder &b, mlir::Operation *target, mlir::Operation *donor, Philox &random);
mlir::Operation *proposeTemper(mlir::OpBuilder &b, mlir::Operation *target, Philox &random);

} // namespace selfopt
#endif // SELFOPT_LIB_MUTATION_PROPOSERS_H
