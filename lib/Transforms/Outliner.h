//===- Outliner.h - S3: groups become kernels and launches ------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_TRANSFORMS_OUTLINER_H
#define SELFOPT_LIB_TRANSFORMS_OUTLINER_H

#include "SelfOpt/Transforms/Planner.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/DenseSet.h"

namespace selfopt::plan {

/// A memref type of the same element, every dimension dynamic: what a kernel takes.
mlir::MemRefType dynamicType(mlir::MemRefType type, unsigned rank);

/// A product of two matrices: one reduction, two operands of rank 2, f32.
bool isMatrixProduct(mlir::linalg::GenericOp op);

/// Walks a simplified function and emits its launches.
class Outliner {
public:
  Outliner(Planner &planner, FunctionPlan &plan, mlir::MLIRContext *context)
      : planner(planner), plan(plan), b(context) {}

  llvm::LogicalResult run(mlir::func::FuncOp function, llvm::ArrayRef<int> given);

private:
  /// A kernel under construction.
  struct Kernel {
    mlir::func::FuncOp function;
    Launch launch;
    llvm::SmallVector<Operand> outputs;
    llvm::SmallVector<mlir::Type> outputTypes;
  };

  int bufferOf(mlir::Value v);
  /// The value of `v` where it is a constant for every element: a splat or a fill.
  mlir::TypedAttr splatOf(mlir::Value v);
  llvm::LogicalResult emitOp(mlir::Operation &op);
  llvm::LogicalResult emitGeneric(mlir::linalg::GenericOp op);
  llvm::LogicalResult emitContraction(mlir::linalg::GenericOp op);
  llvm::LogicalResult emitFill(mlir::Value v, mlir::TypedAttr value);
  void emitRowCopy(mlir::Value source, mlir::Value target, RowCopy part);
  llvm::LogicalResult emitConcat(mlir::tensor::ConcatOp op);
  llvm::LogicalResult emitExtractSlice(mlir::tensor::ExtractSliceOp op);
  mlir::linalg::GenericOp findEpilogue(mlir::linalg::GenericOp contraction);
  mlir::Value transposed(mlir::linalg::GenericOp op, mlir::Value operand);

  void begin();
  /// Adds an argument in front of the outputs and returns its block argument.
  mlir::Value addInput(Operand operand, mlir::Type argumentType);
  mlir::Value addBuffer(mlir::Value v, bool flat);
  mlir::Value addConstant(mlir::TypedAttr value);
  void addOutput(int buffer, bool flat);
  /// Clones a body with its elements bound; large constants become kernel arguments, listed in `extra`.
  void collectConstants(mlir::Block &body, llvm::SmallVectorImpl<mlir::Operation *> &hoisted);
  mlir::linalg::GenericOp buildGeneric(mlir::linalg::GenericOp like, mlir::ValueRange ins,
                                       llvm::ArrayRef<mlir::AffineMap> inMaps, mlir::ValueRange outs,
                                       llvm::ArrayRef<mlir::AffineMap> outMaps,
                                       llvm::ArrayRef<mlir::utils::IteratorType> iterators,
                                       llvm::ArrayRef<mlir::Operation *> hoisted, bool yieldFirstInput);
  void finish(bool flat);

  Planner &planner;
  FunctionPlan &plan;
  mlir::OpBuilder b;
  Kernel kernel;
  llvm::DenseMap<mlir::Value, int> bufferMap;
  llvm::DenseSet<mlir::Operation *> done;
  llvm::DenseSet<mlir::Operation *> plain; ///< Contractions whose epilogue belongs to a later one.
};

} // namespace selfopt::plan

#endif // SELFOPT_LIB_TRANSFORMS_OUTLINER_H
