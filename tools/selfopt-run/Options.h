//===- Options.h - The command line of selfopt-run ----------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_RUN_OPTIONS_H
#define SELFOPT_RUN_OPTIONS_H

#include "llvm/Support/CommandLine.h"

namespace selfopt::run {
extern llvm::cl::SubCommand searchCommand, trainCommand, callCommand, replayCommand, certifyCommand, answersCommand,
    digestCommand, studyCommand, explainCommand, reportCommand;
extern llvm::cl::opt<bool> json;
extern llvm::cl::opt<std::string> specFile;
extern llvm::cl::opt<std::string> program;
extern llvm::cl::opt<uint64_t> seed;
extern llvm::cl::opt<std::string> sourceSpec; ///< --spec of explain and report.
} // namespace selfopt::run
#endif // SELFOPT_RUN_OPTIONS_H
