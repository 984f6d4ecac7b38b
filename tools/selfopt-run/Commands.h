//===- Commands.h - The commands of selfopt-run ------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_RUN_COMMANDS_H
#define SELFOPT_RUN_COMMANDS_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/SourceMgr.h"
#include <memory>
#include <optional>
#include <string>

namespace selfopt::run {

/// Exit statuses of every command.
enum Status { done = 0, refused = 1, usage = 2 };

/// A context with everything registered, and a spec in it. Null, with the errors printed, when it doesn't parse.
/// Diagnostics show the spec's lines for as long as this lives.
struct LoadedSpec {
  std::unique_ptr<mlir::MLIRContext> context;
  std::unique_ptr<llvm::SourceMgr> sources;
  std::unique_ptr<mlir::SourceMgrDiagnosticHandler> handler;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};
std::optional<LoadedSpec> loadSpec(llvm::StringRef path);
std::unique_ptr<mlir::MLIRContext> makeContext();

/// One line of --json output.
void printJson(llvm::json::Object object);

int trainMain();
int searchMain();
int callMain();
int answersMain();
int replayMain();
int certifyMain();
int digestMain();
int studyMain();
int explainMain();
int reportMain();

/// Leaves DIR/report.html. Whatever keeps it from that is a warning: the run that it tells of is not lost. `source` is the
/// spec's file, or empty; `seeds` are the fresh training seeds, or 0 for what was kept.
bool writeReport(llvm::StringRef directory, llvm::StringRef source, unsigned seeds);

} // namespace selfopt::run
#endif // SELFOPT_RUN_COMMANDS_H
