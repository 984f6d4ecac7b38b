//===- Lowering.h - The stages of kernel compilation -------------*- C++ -*-===//
//
// linalg on memrefs --lowerKernelToVector--> scf + vector + arith + memref --lowerVectorToLLVM--> LLVM dialect.
//
// Forms of a kernel that the first stage takes (fills, constants and scalar arithmetic may come before):
//
//  * elementwise and reductions: one `linalg.generic` whose indexing maps are projected permutations;
//  * contraction: a matmul-like `linalg.generic` or `linalg.matmul`;
//  * either of the two with an epilogue: the first op writes a local `memref.alloca`, and one all-parallel generic over
//    the same parallel dimensions reads it. The local never becomes memory.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_CODEGEN_LOWERING_H
#define SELFOPT_CODEGEN_LOWERING_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"

namespace selfopt::codegen {

/// Replaces the body of `kernel` by loops over vectors of `lanes` f32 (4, 8 or 16). The signature stays, except that
/// memrefs of i1 become memrefs of i8, which is what they are in memory. On failure an error was emitted at the op at
/// fault and the body is in no defined state.
///
/// The order of summation depends on the sizes and on `lanes` alone. maximumf and minimumf propagate NaN but do not
/// order the two zeros.
llvm::LogicalResult lowerKernelToVector(mlir::func::FuncOp kernel, unsigned lanes);

/// Lowers every function of a module of such kernels to the LLVM dialect, each as `void @name(ptr slots)`.
llvm::LogicalResult lowerVectorToLLVM(mlir::ModuleOp module);

/// The dialects, translations and external models that the stages need.
void registerCodegenDialects(mlir::DialectRegistry &registry);

} // namespace selfopt::codegen

#endif // SELFOPT_CODEGEN_LOWERING_H
