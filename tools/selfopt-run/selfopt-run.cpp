//===- selfopt-run.cpp - The main jobs --------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Commands.h"
#include "Options.h"
#include "SelfOpt/InitAll.h"
#include "SelfOpt/Runtime/Dataset.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace selfopt::run;

std::unique_ptr<MLIRContext> selfopt::run::makeContext() {
  DialectRegistry registry;
  selfopt::registerAllDialects(registry);
  // One thread: worker processes are forked from this one, and modules are small.
  auto context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  context->printOpOnDiagnostic(false);
  return context;
}

std::optional<LoadedSpec> selfopt::run::loadSpec(StringRef path) {
  LoadedSpec spec;
  spec.context = makeContext();
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path);
  if (!buffer) {
    llvm::errs() << "error: " << path << ": " << buffer.getError().message() << "\n";
    return std::nullopt;
  }
  spec.sources = std::make_unique<llvm::SourceMgr>();
  spec.sources->AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
  spec.handler = std::make_unique<SourceMgrDiagnosticHandler>(*spec.sources, spec.context.get());
  spec.module = parseSourceFile<ModuleOp>(*spec.sources, spec.context.get());
  if (!spec.module)
    return std::nullopt;
  return spec;
}

void selfopt::run::printJson(llvm::json::Object object) {
  llvm::outs() << llvm::json::Value(std::move(object)) << "\n";
  llvm::outs().flush();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  selfopt::useDataBeside(argv[0], reinterpret_cast<void *>(&main));
  std::string message;
  llvm::raw_string_ostream errors(message);
  if (!llvm::cl::ParseCommandLineOptions(argc, argv,
                                         "selfopt-run: searches, explains, trains, calls and replays training specs\n",
                                         &errors)) {
    llvm::errs() << errors.str();
    return usage;
  }
  if (searchCommand)
    return searchMain();
  if (trainCommand)
    return trainMain();
  if (answersCommand)
    return answersMain();
  if (callCommand)
    return callMain();
  if (replayCommand)
    return replayMain();
  if (certifyCommand)
    return certifyMain();
  if (digestCommand)
    return digestMain();
  if (studyCommand)
    return studyMain();
  if (explainCommand)
    return explainMain();
  if (reportCommand)
    return reportMain();
  llvm::errs() << "selfopt-run: expected a command (search, study, explain, report, train, answers, call, replay, "
                  "certify, digest); see --help\n";
  return usage;
}
