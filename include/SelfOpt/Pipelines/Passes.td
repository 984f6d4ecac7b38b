//===- Passes.td - Passes that need more than one engine ---------------------------------------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===--------------------------------------------------------------------------------------------------------------===//
#ifndef SELFOPT_PIPELINES_PASSES_TD
#define SELFOPT_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerToCpu : Pass<"selfopt-lower-to-cpu", "::mlir::ModuleOp"> {
  let summary = "S4: lowers the kernels of a planned program to the LLVM dialect";
  let description = [{
    Every kernel of a `plan.program` becomes a `llvm.func` that takes one pointer to its slots (addresses, sizes and
    constants); the launch list stays as it is. With `stage=vector` it stops half way: loops over vectors of `lanes`
    floats, with masks at the edges. Does nothing to a module without kernels.

    After it: no op of `linalg`, `memref`, `vector`, `scf`, `arith` or `math` is left in a kernel
    (`--selfopt-verify-lowered`).
  }];
  let options = [Option<"stage", "stage", "std::string", /*default=*/"\"llvm\"", "vector or llvm">,
                 Option<"lanes", "lanes", "unsigned", /*default=*/"16", "f32 lanes of a vector: 4, 8 or 16">];
}

def VerifyLowered : Pass<"selfopt-verify-lowered", "::mlir::ModuleOp"> {
  let summary = "checks what holds after S4";
}

def DeriveBounds : Pass<"selfopt-derive-bounds", "::mlir::ModuleOp"> {
  let summary = "adds the programs that bound each model over a box of inputs";
  let description = [{
    For every `selfopt.model @net`, the functions `@net.bounds`, `@net.margins` and `@net.relaxed`, which compute
    what the model may answer over a ball of inputs, for so many examples. They are functions of upstream ops, which
    `--selfopt-plan` and the stages behind it take as they are. What a policy requires as `robust` is decided by them.
  }];
  let options = [Option<"examples", "examples", "int64_t", /*default=*/"64", "examples of one call">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def ProveEquivalent : Pass<"selfopt-prove-equivalent", "::mlir::ModuleOp"> {
  let summary = "proves that two programs of a module compute the same";
  let description = [{
    Runs `@before` and `@after` on generated inputs, then asks Z3 whether any other tells them apart. Fails where one does,
    and where neither is shown. Leaves in the module what was asked: a `smt.solver` for each question, as
    `mlir-translate --export-smtlib` takes it. Numbers are bits; an op that rounds is any function that keeps the laws
    of IEEE 754 about signs, zeros, ones, powers of two, NaN and the order of operands.
  }];
  let options = [Option<"before", "before", "std::string", "", "symbol of a program">,
                 Option<"after", "after", "std::string", "", "symbol of another one of the same types">];
  let dependentDialects = ["::mlir::smt::SMTDialect"];
}

def CheckPolicy : Pass<"selfopt-check-policy", "::mlir::ModuleOp"> {
  let summary = "checks a spec against its own policy";
  let description = [{
    Prints one remark per constraint: holds, violated with a witness, or unknown with a reason. Fails unless all hold.
    Changes nothing. Where nothing trains (a spec of an environment and its rewards), costs are unknown. With `policy-of`, the module is a candidate, and is held to the policy as it stands in that spec.
  }];
  let options = [
    Option<"policyOf", "policy-of", "std::string", "", "the spec that the policy is fixed from, instead of the module itself">,
  ];
  // What the planner makes on the way to the exact size of the arena, and the repairs that are proposed.
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::memref::MemRefDialect", "::selfopt::plan::PlanDialect", "::selfopt::evolve::EvolveDialect"];
}

#endif // SELFOPT_PIPELINES_PASSES_TD
