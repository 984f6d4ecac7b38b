//===- Executable.h - A plan.program, loaded and run ---------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loading resolves a plan.program to an arena, native kernels and a list of instructions whose addresses are final;
// running walks that list. Nothing is looked up, allocated or decided per step.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_RUNTIME_EXECUTABLE_H
#define SELFOPT_RUNTIME_EXECUTABLE_H

#include "SelfOpt/Codegen/KernelCompiler.h"
#include "SelfOpt/Runtime/Checkpoint.h"
#include "SelfOpt/Runtime/Dataset.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringMap.h"
#include <limits>
#include <memory>

namespace selfopt {

struct TrainOutcome {
  int64_t steps = 0;
  std::vector<double> epochLoss; ///< Mean training loss of each epoch.
  bool diverged = false;         ///< Training stopped early:
  /// "diverged: ..." at the end of an epoch whose loss was not finite, or "left its domain: gradient 12345.6 > 10000 at
  /// step 17" where a plan.monitor said so, before anything else saw that value. Step 0 is the initial state.
  std::string reason;
};

struct ScoreOutcome {
  double loss = 0;             ///< Mean over the split.
  std::vector<double> metrics; ///< Means, in the order of the pipeline's metrics.
  int64_t count = 0;
};

class Executable {
public:
  /// Loads `program` of a planned module. `data` may be null for a plain function. Errors are on the op at fault.
  static llvm::FailureOr<std::unique_ptr<Executable>> create(mlir::ModuleOp planned, llvm::StringRef program,
                                                            codegen::KernelCompiler &compiler,
                                                            std::shared_ptr<Dataset> data);
  ~Executable();

  /// Fresh parameters and state. The same seed gives the same run, bit for bit, on one kind of CPU.
  void initialize(uint64_t seed);
  /// Trains from where the run stands (its beginning, after `initialize`) to the end, or pauses before epoch `untilEpoch`.
  /// The outcome is that of the whole run so far.
  TrainOutcome train(int64_t untilEpoch = std::numeric_limits<int64_t>::max());
  int64_t epochs() const;     ///< Of a whole training.
  int64_t epochsDone() const; ///< Of this run.
  /// The run as it stands between two calls of `train`. `plan` is the digest of the loaded plan.
  Checkpoint pause(llvm::StringRef plan) const;
  /// Goes on from a checkpoint of this plan, exactly, or of another one, as Checkpoint.h says; call `initialize` first.
  void resume(const Checkpoint &checkpoint, llvm::StringRef plan);
  ScoreOutcome score(const Split &split);
  /// Runs a section once: "call" of a plain function, or any other by name. False when there is none.
  bool run(llvm::StringRef section);
  /// One training step on given rows, for tests: gathers them, then runs the step's launches.
  void step(llvm::ArrayRef<int32_t> rows);

  /// A buffer by its name ("parameter.0", "argument.1", "result.0"), or null.
  void *lookup(llvm::StringRef name) const;
  mlir::MemRefType lookupType(llvm::StringRef name) const;
  int64_t arenaBytes() const { return arenaSize; }
  /// Machine code of all kernels that the program launches, each once.
  int64_t codeBytes() const { return codeSize; }
  /// One row per instruction of a training step: what it launches, and its median time over `repeats` runs, in seconds.
  std::vector<std::pair<std::string, double>> profileStep(unsigned repeats);

private:
  Executable() = default;
  struct Instruction;
  struct Impl;
  std::unique_ptr<Impl> impl;
  int64_t arenaSize = 0, codeSize = 0;
};

} // namespace selfopt
#endif // SELFOPT_RUNTIME_EXECUTABLE_H
