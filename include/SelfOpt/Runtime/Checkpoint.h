//===- Checkpoint.h - A training run that pauses ---------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A training run pauses between two epochs. All that it knows then is the bytes of its arena, the number of the next
// epoch, the steps that its clock has counted, and its seed: every random number comes from (seed, epoch), so there is
// no generator's state beyond that. A run that goes on from there is the run that never paused, bit for bit.
//
// Between two plans (the other one has a mutated pipeline) values go over by name and shape, and everything else is
// what the new plan initializes:
//   parameter.*                 always, where the shape is the same
//   state.*                     where the update rule has the same number of states, and the shape is the same
//   losses, age                 the sampler's tables, where both have them
// and the position goes over as the fraction of the training that is done.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_RUNTIME_CHECKPOINT_H
#define SELFOPT_RUNTIME_CHECKPOINT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <vector>

namespace selfopt {

struct Checkpoint {
  /// A named buffer of the arena.
  struct Buffer {
    std::string name, type; ///< The type as MLIR prints it.
    int64_t offset = 0, bytes = 0;
  };
  std::string plan; ///< Digest of the plan whose arena this is.
  uint64_t seed = 0;
  int64_t epoch = 0;  ///< The next one.
  int64_t epochs = 0; ///< Of the whole training.
  int64_t steps = 0;  ///< That the clock has counted.
  std::vector<double> epochLoss;
  std::vector<Buffer> buffers;
  std::string arena;
};

/// The epoch at which a training of `epochs` goes on from a checkpoint: after the same fraction of it.
int64_t continuedEpoch(const Checkpoint &checkpoint, int64_t epochs);

/// Checkpoints as the bytes of a file (one per training seed), and back; whoever reads checks the digest of the bytes.
std::string writeCheckpoints(const std::vector<Checkpoint> &checkpoints);
llvm::Expected<std::vector<Checkpoint>> readCheckpoints(llvm::StringRef bytes);

} // namespace selfopt
#endif // SELFOPT_RUNTIME_CHECKPOINT_H
