//===- Passes.td - The stages ------------------------------------------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===--------------------------------------------------------------------------------------------------------------===//
#ifndef SELFOPT_TRANSFORMS_PASSES_TD
#define SELFOPT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def Instantiate : Pass<"selfopt-instantiate", "::mlir::ModuleOp"> {
  let summary = "S1: makes batch and parameters of every training program explicit";
  let description = [{
    Replaces every `selfopt.train @fit` and the programs that it uses by plain functions over tensors:
    `@fit.initialize`, `@fit.objective`, `@fit.update`, `@fit.schedule`, `@fit.sampler`, `@fit.step`, `@fit.score`, and a
    `selfopt.pipeline @fit` that says how they are driven. Policies and searches are dropped: they judge specs, not
    stages. Does nothing to a module without `selfopt.train`.

    After it: no op of `nn` and no program is left; shapes are static; the only ops of `selfopt` are `dataset`,
    `pipeline`, `gradient` and `stop_gradient` (`--selfopt-verify-instantiated`).
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def VerifyInstantiated : Pass<"selfopt-verify-instantiated", "::mlir::ModuleOp"> {
  let summary = "checks what holds after S1";
}

def Differentiate : Pass<"selfopt-differentiate", "::mlir::ModuleOp"> {
  let summary = "S2: replaces selfopt.gradient by functions that compute gradients";
  let description = [{
    Every `selfopt.gradient @f` becomes a call of `@f.gradient`, which computes the results of `@f` and, in reverse
    order through `PullbackOpInterface`, the gradient of the first one. Works on any straight-line function of
    upstream ops. `selfopt.stop_gradient` becomes its operand. Does nothing to a module without either.

    After it: no `selfopt.gradient` and no `selfopt.stop_gradient` is left (`--selfopt-verify-differentiated`).
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
  let options = [Option<"function", "function", "std::string", /*default=*/"\"\"",
                        "also make NAME.gradient, by all f32 operands, of this function">];
}

def VerifyDifferentiated : Pass<"selfopt-verify-differentiated", "::mlir::ModuleOp"> {
  let summary = "checks what holds after S2";
}

def Plan : Pass<"selfopt-plan", "::mlir::ModuleOp"> {
  let summary = "S3: turns a differentiated program, or a function, into a launch list over one arena";
  let description = [{
    Every `selfopt.pipeline @fit` (or, with `function`, that func.func) becomes a `plan.program`: views at fixed offsets
    of one arena, and launches of kernels. Kernels are `func.func`s on memrefs of dynamic sizes whose float constants are
    arguments, each once, named by the digest of their text. Does nothing to a module without a pipeline.

    The number of rows of each split decides how many batches an epoch has; it is read from the dataset, or given by
    `train-rows`.

    After it: every launch names a kernel whose arguments its operands fit, and every view and literal lies inside the
    arena (`--selfopt-verify-planned`).
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::memref::MemRefDialect", "::selfopt::plan::PlanDialect"];
  let options = [Option<"function", "function", "std::string", /*default=*/"\"\"", "plan this func.func">,
                 Option<"trainRows", "train-rows", "int64_t", /*default=*/"0", "rows of the train split (0: read the data)">];
}

def VerifyPlanned : Pass<"selfopt-verify-planned", "::mlir::ModuleOp"> {
  let summary = "checks what holds after S3";
}

#endif // SELFOPT_TRANSFORMS_PASSES_TD
