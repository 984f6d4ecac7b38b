//===- KernelSpace.h - Loops and operands of a kernel ------------*- C++ -*-===//
#ifndef SELFOPT_LIB_CODEGEN_KERNELSPACE_H
#define SELFOPT_LIB_CODEGEN_KERNELSPACE_H

#include "BodyEmitter.h"
#include "KernelForm.h"

namespace selfopt::codegen {

/// The loops of a kernel with the accesses of its one or two generics, all in dimensions of one space: those of the
/// epilogue are renamed to the parallel dimensions of the main op.
struct KernelSpace {
  Space space;
  llvm::SmallVector<unsigned> mainDims, epilogueDims;
  llvm::SmallVector<Access> mainAccesses, epilogueAccesses;
};

/// Emits sizes, strides and rank-1 views at the insertion point. With `collapse`, adjacent dimensions that all operands
/// walk together become one, so that an elementwise kernel on whole matrices is one flat loop.
KernelSpace buildSpace(mlir::OpBuilder &b, KernelForm &form, bool collapse);

/// The dimension to make vectors of: the one along which most operands are contiguous, outputs counting double. With
/// `parallelOnly`, never a reduction. None if there is no such dimension.
std::optional<unsigned> chooseVectorDim(const KernelSpace &space, unsigned numInputs, bool parallelOnly);

/// The two lowerings. `kernel` has been checked; code goes to the end of its block.
void lowerElementwise(mlir::OpBuilder &b, KernelForm &form, unsigned lanes);
void lowerContraction(mlir::OpBuilder &b, KernelForm &form, const ContractionForm &contraction, unsigned lanes);

using Accumulators = llvm::SmallVector<mlir::Value>;
using LoopBody = llvm::function_ref<Accumulators(mlir::Value index, llvm::ArrayRef<mlir::Value> carried)>;
/// An scf.for from `low` to `high`; `carried` values pass through it.
Accumulators emitFor(mlir::OpBuilder &b, mlir::Value low, mlir::Value high, int64_t step,
                     llvm::ArrayRef<mlir::Value> carried, LoopBody body);

} // namespace selfopt::codegen

#endif // SELFOPT_LIB_CODEGEN_KERNELSPACE_H
