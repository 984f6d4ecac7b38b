//===- ExecutableImpl.h - What a loaded program holds ----------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_LIB_RUNTIME_EXECUTABLEIMPL_H
#define SELFOPT_LIB_RUNTIME_EXECUTABLEIMPL_H

#include "SelfOpt/Runtime/Executable.h"
#include <algorithm>
#include <cstdlib>

namespace selfopt {

struct Executable::Instruction {
  // clang-format off
  enum Kind { Launch, Copy, CopyRows, Fill, Clock, Shuffle, Sample, Gather, GatherSlice, Scatter, Record, Monitor,
              Repeat };
  // clang-format on
  Kind kind = Launch;
  codegen::KernelFn function = nullptr;
  size_t slots = 0; ///< First slot of a launch.
  char *a = nullptr, *b = nullptr, *c = nullptr, *d = nullptr;
  int64_t bytes = 0, count = 0; ///< Copy and fill: bytes, elements; repeat: times; gather: bytes of a row, rows.
  int64_t extra = 0, stride = 0; ///< Copy of rows: bytes from row to row of the source, and of the target.
  float value = 0;
  double bound = 0; ///< Monitor: of the magnitude of `count` floats at `a`; its label is what they are called.
  double from = 0;  ///< Monitor: what none of them is below.
  const char *source = nullptr; ///< Gather: the table of the training split.
  bool features = false;
  std::vector<Instruction> body; ///< Repeat.
  std::string label;             ///< For profiles.
};

struct Executable::Impl {
  char *arena = nullptr;
  ~Impl() { std::free(arena); }
  std::shared_ptr<Dataset> data;
  const Split *trainSplit = nullptr;
  std::vector<uint64_t> slots;
  llvm::StringMap<std::vector<Instruction>> sections;
  llvm::StringMap<std::pair<char *, mlir::MemRefType>> names;

  int64_t epochs = 0, batches = 0; ///< Of a whole training, and of one of its epochs.

  // The state of a run.
  uint64_t seed = 0;
  int64_t nextEpoch = 0, untilEpoch = 0; ///< Where training stands, and where it pauses.
  int64_t epoch = 0, batch = 0;
  double lossSum = 0;
  int64_t lossCount = 0;
  TrainOutcome outcome;
  const Split *slice = nullptr;
  int64_t sliceStart = 0;

  void execute(llvm::ArrayRef<Instruction> list);
  void sample(const Instruction &i);
  bool keeps(const Instruction &i); ///< A monitor's bound; says in the outcome what doesn't.
};

inline int64_t elementBytes(mlir::MemRefType type) { return std::max<int64_t>(1, type.getElementTypeBitWidth() / 8); }
inline int64_t bytesOf(mlir::MemRefType type) { return type.getNumElements() * elementBytes(type); }

} // namespace selfopt
#endif // SELFOPT_LIB_RUNTIME_EXECUTABLEIMPL_H
