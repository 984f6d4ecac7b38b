//===- Checkpoint.cpp - Pausing and continuing ------------------------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Runtime/Checkpoint.h"
#include "ExecutableImpl.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace selfopt;

//===----------------------------------------------------------------------===//
// Taking and restoring
//===----------------------------------------------------------------------===//

/// What goes over to another plan, if its shape is the same.
static bool isCarried(StringRef name) {
  return name.starts_with("parameter.") || name.starts_with("state.") || name == "losses" || name == "age";
}

Checkpoint Executable::pause(StringRef plan) const {
  Checkpoint c;
  c.plan = plan.str();
  c.seed = impl->seed;
  c.epoch = impl->nextEpoch;
  c.epochs = impl->epochs;
  c.steps = impl->outcome.steps;
  c.epochLoss = impl->outcome.epochLoss;
  c.arena.assign(impl->arena, size_t(arenaSize));
  // In the order of the names, since a file's digest depends on it.
  SmallVector<StringRef> names;
  for (StringRef name : impl->names.keys())
    if (isCarried(name))
      names.push_back(name);
  llvm::sort(names);
  for (StringRef name : names) {
    auto [at, type] = impl->names.lookup(name);
    std::string text;
    llvm::raw_string_ostream(text) << type;
    c.buffers.push_back({name.str(), text, at - impl->arena, bytesOf(type)});
  }
  return c;
}

int64_t selfopt::continuedEpoch(const Checkpoint &c, int64_t epochs) {
  if (c.epochs <= 0 || c.epochs == epochs)
    return std::min(c.epoch, epochs);
  return std::min(int64_t(std::nearbyint(double(c.epoch) / double(c.epochs) * double(epochs))), epochs);
}

/// Optimizer states: the numbers s of the buffers "state.s.i".
static int64_t countStates(llvm::function_ref<bool(StringRef)> has) {
  int64_t n = 0;
  while (has("state." + std::to_string(n) + ".0"))
    ++n;
  return n;
}

void Executable::resume(const Checkpoint &c, StringRef plan) {
  impl->seed = c.seed;
  impl->outcome = TrainOutcome();
  impl->outcome.epochLoss = c.epochLoss;
  if (c.plan == plan && int64_t(c.arena.size()) == arenaSize && c.epochs == impl->epochs) {
    std::memcpy(impl->arena, c.arena.data(), c.arena.size());
    impl->nextEpoch = c.epoch;
    impl->outcome.steps = c.steps;
    return;
  }
  llvm::StringMap<const Checkpoint::Buffer *> from;
  for (const Checkpoint::Buffer &buffer : c.buffers)
    from[buffer.name] = &buffer;
  bool sameStates = countStates([&](StringRef name) { return from.contains(name); }) ==
                    countStates([&](StringRef name) { return impl->names.contains(name); });
  for (auto &entry : impl->names) {
    StringRef name = entry.getKey();
    auto [at, type] = entry.second;
    bool carried = isCarried(name) && (sameStates || !name.starts_with("state."));
    const Checkpoint::Buffer *buffer = from.lookup(name);
    std::string text;
    llvm::raw_string_ostream(text) << type;
    if (carried && buffer && buffer->type == text && buffer->bytes == bytesOf(type) && buffer->offset >= 0 &&
        buffer->bytes <= int64_t(c.arena.size()) - buffer->offset)
      std::memcpy(at, c.arena.data() + buffer->offset, size_t(buffer->bytes));
  }
  impl->nextEpoch = continuedEpoch(c, impl->epochs);
  impl->outcome.steps = impl->nextEpoch * impl->batches;
  // What the sampler would have been told at the end of the epoch before.
  if (void *fraction = lookup("epoch_fraction"); fraction && impl->epochs)
    *static_cast<float *>(fraction) = float(double(impl->nextEpoch) / double(impl->epochs));
}

//===----------------------------------------------------------------------===//
// As bytes
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral magic = "selfopt checkpoint 1\n";

namespace {
struct Writer {
  std::string out;
  void add(uint64_t x) {
    char bytes[8];
    llvm::support::endian::write64le(bytes, x);
    out.append(bytes, sizeof bytes);
  }
  void add(StringRef text) {
    add(uint64_t(text.size()));
    out += text;
  }
};

/// After the first thing that is missing, everything is 0 and empty.
struct Reader {
  StringRef in;
  bool good = true;
  uint64_t number() {
    if (in.size() < 8) {
      good = false;
      in = "";
      return 0;
    }
    uint64_t x = llvm::support::endian::read64le(in.data());
    in = in.drop_front(8);
    return x;
  }
  std::string text() {
    uint64_t n = number();
    if (n > in.size()) {
      good = false;
      in = "";
    }
    std::string s = in.take_front(n).str();
    in = in.drop_front(std::min<uint64_t>(n, in.size()));
    return s;
  }
};
} // namespace

std::string selfopt::writeCheckpoints(const std::vector<Checkpoint> &checkpoints) {
  Writer w;
  w.out = magic.str();
  w.add(uint64_t(checkpoints.size()));
  for (const Checkpoint &c : checkpoints) {
    w.add(c.plan);
    for (uint64_t x : {c.seed, uint64_t(c.epoch), uint64_t(c.epochs), uint64_t(c.steps), uint64_t(c.epochLoss.size())})
      w.add(x);
    for (double loss : c.epochLoss)
      w.add(llvm::bit_cast<uint64_t>(loss));
    w.add(uint64_t(c.buffers.size()));
    for (const Checkpoint::Buffer &b : c.buffers) {
      w.add(b.name);
      w.add(b.type);
      w.add(uint64_t(b.offset));
      w.add(uint64_t(b.bytes));
    }
    w.add(c.arena);
  }
  return std::move(w.out);
}

llvm::Expected<std::vector<Checkpoint>> selfopt::readCheckpoints(StringRef bytes) {
  if (!bytes.starts_with(magic))
    return llvm::createStringError("expected a checkpoint, found other bytes");
  Reader r{bytes.drop_front(magic.size())};
  std::vector<Checkpoint> checkpoints;
  for (uint64_t n = r.number(); n > 0 && r.good; --n) {
    Checkpoint c;
    c.plan = r.text();
    c.seed = r.number();
    c.epoch = int64_t(r.number());
    c.epochs = int64_t(r.number());
    c.steps = int64_t(r.number());
    for (uint64_t k = r.number(); k > 0 && r.good; --k)
      c.epochLoss.push_back(llvm::bit_cast<double>(r.number()));
    for (uint64_t k = r.number(); k > 0 && r.good; --k) {
      Checkpoint::Buffer b;
      b.name = r.text();
      b.type = r.text();
      b.offset = int64_t(r.number());
      b.bytes = int64_t(r.number());
      c.buffers.push_back(std::move(b));
    }
    c.arena = r.text();
    checkpoints.push_back(std::move(c));
  }
  if (!r.good || !r.in.empty())
    return llvm::createStringError("expected a whole checkpoint, found one that is cut off or too long");
  return checkpoints;
}
