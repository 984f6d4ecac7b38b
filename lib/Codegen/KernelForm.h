//===- KernelForm.h - What a kernel's body consists of -----------*- C++ -*-===//
#ifndef SELFOPT_LIB_CODEGEN_KERNELFORM_H
#define SELFOPT_LIB_CODEGEN_KERNELFORM_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include <optional>

namespace selfopt::codegen {

/// The parts of a kernel, checked. `main` is the elementwise op, reduction or contraction; `epilogue` is set when
/// `main` writes locals.
struct KernelForm {
  mlir::func::FuncOp func;
  mlir::linalg::GenericOp main;
  mlir::linalg::GenericOp epilogue;
  /// memref -> the scalar that a linalg.fill put there before `main`.
  llvm::DenseMap<mlir::Value, mlir::Value> fills;
  llvm::DenseSet<mlir::Value> locals;
};

/// Dimensions of a matrix product out[m, n] += a[..] * b[..], as dimension numbers of the generic.
struct ContractionForm {
  unsigned m, n, k;
  /// Position among the inputs.
  unsigned a, b;
  /// a is accessed as [k, m].
  bool aTransposed;
  /// b is accessed as [n, k].
  bool bTransposed;
};

/// Emits an error and returns nullopt when `func` is not a kernel. Named linalg ops other than fill become generics.
std::optional<KernelForm> matchKernel(mlir::func::FuncOp func);

/// A rank-2 product of f32 with a mulf + addf body, else nullopt.
std::optional<ContractionForm> matchContraction(mlir::linalg::GenericOp op);

/// The dimensions that the results of a projected permutation name.
llvm::SmallVector<unsigned> mapDims(mlir::AffineMap map);

} // namespace selfopt::codegen

#endif // SELFOPT_LIB_CODEGEN_KERNELFORM_H
