//===- selfopt-opt.cpp - Any stage, analysis or mutation, one by one -------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Codegen/Lowering.h"
#include "SelfOpt/InitAll.h"
#include "SelfOpt/Mutation/Library.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Mutation/MutatePass.h"
#include "SelfOpt/Runtime/Dataset.h"
#include "SelfOpt/Safety/Coverage.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/CommandLine.h"

static llvm::cl::opt<bool> listMutations("selfopt-list-mutations", llvm::cl::desc("list the kinds of mutation"));
static llvm::cl::opt<bool> listPrograms("selfopt-list-programs",
                                        llvm::cl::desc("list the library of programs that mutations may take"));
static llvm::cl::opt<bool> reportCoverage("selfopt-report-coverage",
                                          llvm::cl::desc("print which op has which meaning; fails on a hole"));

int main(int argc, char **argv) {
  selfopt::useDataBeside(argv[0], reinterpret_cast<void *>(&main));
  mlir::DialectRegistry registry;
  selfopt::registerAllDialects(registry);
  selfopt::codegen::registerCodegenDialects(registry);
  selfopt::registerAllPasses();
  mlir::registerTransformsPasses();
  auto [input, output] =
      mlir::registerAndParseCLIOptions(argc, argv, "selfopt-opt: SelfOpt's stages, analyses and mutations", registry);
  if (listMutations) {
    selfopt::listMutations(llvm::outs());
    return 0;
  }
  if (listPrograms) {
    selfopt::listLibrary(llvm::outs());
    return 0;
  }
  if (reportCoverage) {
    mlir::MLIRContext context(registry);
    context.loadAllAvailableDialects();
    return selfopt::printCoverage(context, llvm::outs()) ? 1 : 0;
  }
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, input, output, registry));
}
