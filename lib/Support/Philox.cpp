//===- Philox.cpp - counter-based random numbers --------------------------===//

#include "SelfOpt/Support/Philox.h"

#include "Random123/philox.h"
#undef philox4x32 // a macro there, a function here

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

using namespace selfopt;

std::array<uint32_t, 4> selfopt::philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  philox4x32_ctr_t c{{counter[0], counter[1], counter[2], counter[3]}};
  philox4x32_key_t k{{key[0], key[1]}};
  const philox4x32_ctr_t r = philox4x32_R(10, c, k);
  return {r.v[0], r.v[1], r.v[2], r.v[3]};
}

void Philox::refill() {
  block = philox4x32({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), static_cast<uint32_t>(stream),
                      static_cast<uint32_t>(stream >> 32)},
                     {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  ++index;
  used = 0;
}

uint64_t Philox::below(uint64_t n) {
  if (n == 0)
    return 0;
  unsigned __int128 product = static_cast<unsigned __int128>(next64()) * n;
  if (static_cast<uint64_t>(product) < n) {
    // 2^64 mod n values of the low half would make the small results likelier.
    uint64_t threshold = (0 - n) % n;
    while (static_cast<uint64_t>(product) < threshold)
      product = static_cast<unsigned __int128>(next64()) * n;
  }
  return static_cast<uint64_t>(product >> 64);
}

double Philox::normal() {
  // 1 - u is in (0, 1], so the logarithm is finite.
  double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(6.283185307179586476925 * uniform());
}

void selfopt::shuffle(llvm::MutableArrayRef<int32_t> values, Philox &random) {
  for (size_t i = values.size(); i > 1; --i)
    std::swap(values[i - 1], values[random.below(i)]);
}

void selfopt::weightedOrder(llvm::ArrayRef<float> weights, llvm::MutableArrayRef<int32_t> order, Philox &random) {
  assert(weights.size() == order.size() && "one place per weight");
  struct Entry {
    double key;
    int32_t index;
    bool last;
  };
  std::vector<Entry> entries(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    double exponential = -std::log(1.0 - random.uniform());
    double weight = weights[i];
    bool positive = weight > 0.0; // false for NaN too
    entries[i] = {positive ? exponential / weight : exponential, static_cast<int32_t>(i), !positive};
  }
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    if (a.last != b.last)
      return b.last;
    return a.key != b.key ? a.key < b.key : a.index < b.index;
  });
  for (size_t i = 0; i < entries.size(); ++i)
    order[i] = entries[i].index;
}
