//===- Philox.h - counter-based random numbers ------------------*- C++ -*-===//
//
// Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011). A block of
// four 32-bit words is a pure function of a 128-bit counter and a 64-bit key, so two users of one seed stay independent
// by their stream numbers, and nobody depends on how many numbers somebody else drew before.
//
//   counter = (index low, index high, stream low, stream high)      index: number of the block, from 0
//   key     = (seed low, seed high)
//
// The words of a block are given out in the order 0, 1, 2, 3. 64-bit values take two words, the low one first.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SUPPORT_PHILOX_H
#define SELFOPT_SUPPORT_PHILOX_H

#include "llvm/ADT/ArrayRef.h"

#include <array>
#include <cstdint>

namespace selfopt {

/// One block: the function that the compiled code has to agree with, word for word.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// A sequence of random numbers, named by (seed, stream).
class Philox {
public:
  explicit Philox(uint64_t seed, uint64_t stream = 0) : seed(seed), stream(stream) {}

  uint32_t next32() {
    if (used == 4)
      refill();
    return block[used++];
  }

  uint64_t next64() {
    uint64_t low = next32();
    return low | static_cast<uint64_t>(next32()) << 32;
  }

  /// Uniform on 0 .. n-1 without bias (Lemire, "Fast random integer generation in an interval", 2019, with 64-bit
  /// words). 0 for n = 0. Takes two words, more where a draw is rejected.
  uint64_t below(uint64_t n);

  /// Uniform on [0, 1), a multiple of 2^-53. Takes two words.
  double uniform() { return static_cast<double>(next64() >> 11) * 0x1p-53; }

  /// Standard normal by Box and Muller's transform (its cosine half). Takes four words.
  double normal();

private:
  void refill();

  uint64_t seed;
  uint64_t stream;
  uint64_t index = 0;
  std::array<uint32_t, 4> block{};
  unsigned used = 4;
};

/// Permutes `values` uniformly (Fisher-Yates, from the last place to the second).
void shuffle(llvm::MutableArrayRef<int32_t> values, Philox &random);

/// Fills `order`, as long as `weights`, with the indices 0 .. n-1 in the order in which weighted sampling without
/// replacement takes them: each next one with probability proportional to its weight among those left (Efraimidis and
/// Spirakis, "Weighted random sampling with a reservoir", 2006, as keys -log(u)/w in ascending order, ties by index).
/// An infinite weight goes first. A weight of 0, a negative one or NaN goes behind all others, those among themselves
/// in random order. Index i always takes the i-th uniform number of `random`, so one weight's change moves one key
/// only.
void weightedOrder(llvm::ArrayRef<float> weights, llvm::MutableArrayRef<int32_t> order, Philox &random);

} // namespace selfopt

#endif // SELFOPT_SUPPORT_PHILOX_H
