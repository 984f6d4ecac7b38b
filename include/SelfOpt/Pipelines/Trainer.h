//===- Trainer.h - From a spec to a trained, scored program - -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_PIPELINES_TRAINER_H
#define SELFOPT_PIPELINES_TRAINER_H

#include "SelfOpt/Runtime/Executable.h"
#include "SelfOpt/Safety/Policy.h"
#include "SelfOpt/Transforms/Planner.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace selfopt {

/// A program of a spec, planned: what the policy needs to know before anything is compiled.
struct PlannedProgram {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string name;
  std::vector<std::string> metrics;
  std::vector<mlir::RankedTensorType> parameters;
  int64_t arenaBytes = 0, epochs = 0, trainRows = 0;
  std::shared_ptr<Dataset> data;
};

/// Stages S1 to S3 of `selfopt.train @program`, on a copy: `spec` stays. Reads the dataset (once per process).
llvm::FailureOr<PlannedProgram> planTraining(mlir::ModuleOp spec, llvm::StringRef program,
                                             llvm::ArrayRef<std::string> searchPath = {});

/// The only `selfopt.train` of a spec, or the one of its search. Empty, with an error, when that isn't one.
std::string defaultProgram(mlir::ModuleOp spec);

/// The compiler of this process: kernels are compiled once, into SELFOPT_CACHE_DIR, else XDG_CACHE_HOME/selfopt, else
/// ~/.cache/selfopt.
llvm::Expected<codegen::KernelCompiler *> processCompiler();

/// What `policy` must know of a planned program of `spec`. Compiles it where the policy asks for its code.
llvm::FailureOr<ProgramFacts> programFacts(mlir::ModuleOp spec, PlannedProgram &planned, llvm::StringRef policy);

/// What this process compiles for, as a certificate names it: triple and processor.
std::string targetName();

/// A BoundEngine that plans and compiles what bounds a model over balls of inputs, like what trains. It keeps the last
/// one of each kind: a model is asked about with the weights of several seeds.
class BoundCompiler {
public:
  llvm::Expected<std::unique_ptr<BoundFunction>> operator()(ModelOp model, BoundProgram kind,
                                                            const TrainedWeights &weights);

private:
  std::map<BoundProgram, std::pair<std::string, std::shared_ptr<Executable>>> last; ///< With the model's text.
};

/// Loads a planned program.
llvm::FailureOr<std::unique_ptr<Executable>> loadProgram(PlannedProgram &planned);

/// The digest of a plan, its kernels and the dataset that it names: with one digest and one seed, two trainings are the
/// same, bit for bit.
std::string planDigest(const PlannedProgram &planned);

/// The parameters as they are now, as a safetensors file: "parameter.0", "parameter.1", ... in the order of the model's
/// layers.
std::string encodeParameters(const Executable &executable, const PlannedProgram &planned);
llvm::Error saveParameters(const Executable &executable, const PlannedProgram &planned, llvm::StringRef path);

} // namespace selfopt
#endif // SELFOPT_PIPELINES_TRAINER_H
