//===- Edits.h - What the mutations' appliers share ------------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_MUTATION_EDITS_H
#define SELFOPT_LIB_MUTATION_EDITS_H

#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/NN/NN.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "mlir/IR/TypeUtilities.h"

namespace selfopt {

/// The op of one kind at a place of a program, or an error on the program.
template <typename OpT>
mlir::FailureOr<OpT> opAt(mlir::Operation *program, int64_t place, llvm::StringRef what) {
  llvm::SmallVector<OpT> ops = llvm::to_vector(program->getRegion(0).getOps<OpT>());
  if (place < 0 || place >= int64_t(ops.size()))
    return program->emitError() << "expected a place below " << ops.size() << ", the number of " << what << ", found "
                                << place;
  return ops[place];
}

/// editProgram on a target that must be an `OpT`.
template <typename OpT>
llvm::LogicalResult applyTo(mlir::Operation *mutation, mlir::FlatSymbolRefAttr symbol, mlir::ModuleOp spec,
                            llvm::function_ref<llvm::LogicalResult(mlir::Operation *)> edit) {
  mlir::Operation *target = lookupTarget(mutation, symbol, spec);
  if (!target)
    return llvm::failure();
  if (!mlir::isa<OpT>(target))
    return mutation->emitOpError("expects ")
           << symbol << " to be a " << OpT::getOperationName() << ", found a " << target->getName();
  return editProgram(mutation, target, edit);
}

/// Whether a layer may have that many units, or an error on the program.
inline llvm::LogicalResult checkUnits(mlir::Operation *program, int64_t units) {
  if (units < 1 || units > maxUnits)
    return program->emitError() << "expected 1 to " << maxUnits << " units, found " << units;
  return llvm::success();
}

inline mlir::FailureOr<nn::Activation> parseActivation(mlir::Operation *program, mlir::StringAttr name) {
  if (auto kind = nn::symbolizeActivation(name.getValue()))
    return *kind;
  program->emitError() << "expected an activation (relu, tanh, gelu, sigmoid), found " << name;
  return llvm::failure();
}

/// Layers of one operand that keep its type, dense layers aside: what drop_layer counts.
inline bool keepsShape(mlir::Operation &op) {
  return !mlir::isa<nn::DenseOp>(op) && op.getNumOperands() == 1 && op.getNumResults() == 1 && mlir::isa<LayerOpInterface>(op) &&
         op.getOperand(0).getType() == op.getResult(0).getType() &&
         mlir::isa<mlir::RankedTensorType>(op.getResult(0).getType());
}

/// Elementwise ops of two vectors that are no constants, and concatenations: what drop_merge counts.
inline bool mergesVectors(mlir::Operation &op) {
  if (op.getNumOperands() < 2 || op.getNumResults() != 1 || !mlir::isa<mlir::RankedTensorType>(op.getResult(0).getType()) ||
      !(mlir::isa<nn::ConcatOp>(op) || op.hasTrait<mlir::OpTrait::Elementwise>()))
    return false;
  return llvm::all_of(op.getOperands(), [](mlir::Value v) {
    mlir::Operation *def = v.getDefiningOp();
    auto type = mlir::dyn_cast<mlir::RankedTensorType>(v.getType());
    return type && type.getElementType().isF32() && !(def && def->hasTrait<mlir::OpTrait::ConstantLike>());
  });
}

/// Folds, and takes out common and dead code. Whether there are fewer ops, constants aside, or fewer
/// constants: another order of operands alone is no simpler.
bool simplifyProgram(mlir::Operation *program);

/// The dense layers that read the units of `layer`. Fails where an op on the way does not treat all units alike, or
/// nothing reads them; `why` says so, where it is not null.
llvm::LogicalResult findUnitReaders(nn::DenseOp layer, llvm::SmallVectorImpl<nn::DenseOp> &readers, std::string *why);

} // namespace selfopt

#endif // SELFOPT_LIB_MUTATION_EDITS_H
