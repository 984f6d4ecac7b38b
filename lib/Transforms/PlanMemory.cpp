//===- PlanMemory.cpp - S3: launches merged, buffers placed -------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Transforms/Planner.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::plan;

/// Where a cache line starts; also the width of the widest vector.
static constexpr int64_t alignment = 64;

void Planner::coalesce(FunctionPlan &plan) {
  SmallVector<Launch> merged;
  for (size_t i = 0; i < plan.launches.size();) {
    size_t end = i + 1;
    const Launch &first = plan.launches[i];
    if (first.flat && !first.kernel.empty())
      while (end < plan.launches.size() && plan.launches[end].kernel == first.kernel)
        ++end;
    // Operand j of the run: the same scalar or rank-0 buffer in every launch, or a different buffer in each.
    unsigned count = first.operands.size();
    bool fits = end - i > 1;
    SmallVector<bool> sideBySide(count, false);
    for (unsigned j = 0; fits && j < count; ++j) {
      llvm::DenseSet<int> seen;
      bool same = true, different = true;
      for (size_t k = i; k < end; ++k) {
        const Operand &operand = plan.launches[k].operands[j];
        same &= operand.buffer == first.operands[j].buffer && operand.scalar == first.operands[j].scalar;
        different &= operand.buffer >= 0 && operand.view.getRank() == 1 && seen.insert(operand.buffer).second &&
                     buffers[operand.buffer].type.getElementType() ==
                         buffers[first.operands[j].buffer].type.getElementType();
      }
      bool broadcast = same && (first.operands[j].buffer < 0 || first.operands[j].view.getRank() == 0);
      sideBySide[j] = different && !broadcast;
      fits &= broadcast || different;
    }
    // Each run of buffers must be free to lie side by side, or lie so already (an output that is its own input).
    for (unsigned j = 0; fits && j < count; ++j) {
      if (!sideBySide[j])
        continue;
      int group = buffers[first.operands[j].buffer].group;
      for (size_t k = i; k < end; ++k)
        fits &= buffers[plan.launches[k].operands[j].buffer].group == group;
      if (fits && group >= 0) {
        // The same members in the same order?
        size_t members = llvm::count_if(buffers, [&](const Buffer &x) { return x.group == group; });
        for (size_t k = i; k < end; ++k)
          fits &= buffers[plan.launches[k].operands[j].buffer].rank == int(k - i);
        fits &= members == end - i;
      } else if (fits) {
        for (size_t k = i; k < end; ++k) {
          const Buffer &buffer = buffers[plan.launches[k].operands[j].buffer];
          fits &= !buffer.literal && buffer.persistent == buffers[first.operands[j].buffer].persistent;
        }
        if (fits) {
          for (size_t k = i; k < end; ++k) {
            Buffer &buffer = buffers[plan.launches[k].operands[j].buffer];
            buffer.group = groups;
            buffer.rank = int(k - i);
          }
          ++groups;
        }
      }
    }
    if (!fits) {
      for (; i < end; ++i)
        merged.push_back(plan.launches[i]);
      continue;
    }
    Launch one = first;
    for (unsigned j = 0; j < count; ++j) {
      if (!sideBySide[j])
        continue;
      int64_t elements = 0;
      for (size_t k = i; k < end; ++k)
        elements += plan.launches[k].operands[j].view.getNumElements();
      one.operands[j].view = MemRefType::get({elements}, one.operands[j].view.getElementType());
    }
    merged.push_back(one);
    i = end;
  }
  plan.launches = std::move(merged);
}

void plan::monitorResults(FunctionPlan &plan, unsigned first, unsigned count, StringRef what, double bound,
                          ArrayRef<Buffer> buffers, std::optional<double> from) {
  for (int result : ArrayRef(plan.results).slice(first, count)) {
    // A launch over a group writes all of it.
    auto writes = [&](const Launch &launch) {
      return llvm::any_of(ArrayRef(launch.operands).take_back(launch.outputs), [&](const Operand &operand) {
        return operand.buffer == result || (operand.buffer >= 0 && buffers[result].group >= 0 &&
                                            buffers[operand.buffer].group == buffers[result].group);
      });
    };
    size_t at = plan.launches.size();
    while (at > 0 && !writes(plan.launches[at - 1]))
      --at;
    // Behind the results that are looked at there already.
    while (at < plan.launches.size() && !plan.launches[at].monitored.empty())
      ++at;
    Launch look;
    look.operands = {{result, buffers[result].type, {}}};
    look.monitored = what.str();
    look.bound = bound;
    look.from = from;
    plan.launches.insert(plan.launches.begin() + at, look);
  }
  plan.results.erase(plan.results.begin() + first, plan.results.begin() + first + count);
}

namespace {
/// Buffers that are placed as one.
struct Slab {
  SmallVector<int> members;
  int64_t bytes = 0, offset = -1;
  int first = INT_MAX, last = -1;
};
} // namespace

static SmallVector<Slab> makeSlabs(ArrayRef<Buffer> buffers, llvm::function_ref<bool(int)> include) {
  llvm::MapVector<int, Slab> blocks;
  for (int i = 0; i < int(buffers.size()); ++i) {
    if (!include(i))
      continue;
    const Buffer &buffer = buffers[i];
    Slab &block = blocks[buffer.group >= 0 ? -1 - buffer.group : i];
    block.members.push_back(i);
    block.bytes += buffer.bytes();
    block.first = std::min(block.first, buffer.first);
    block.last = std::max(block.last, buffer.last);
  }
  SmallVector<Slab> result;
  for (auto &[key, block] : blocks) {
    llvm::stable_sort(block.members, [&](int x, int y) { return buffers[x].rank < buffers[y].rank; });
    result.push_back(block);
  }
  return result;
}

static void place(SmallVectorImpl<Buffer> &buffers, const Slab &block) {
  int64_t offset = block.offset;
  for (int member : block.members) {
    buffers[member].offset = offset;
    offset += buffers[member].bytes();
  }
}

int64_t Planner::allocate(ArrayRef<FunctionPlan *> functions) {
  // What persists lies in front, one after the other.
  int64_t base = 0;
  for (Slab &block : makeSlabs(buffers, [&](int i) { return buffers[i].persistent; })) {
    block.offset = base;
    place(buffers, block);
    base = llvm::alignTo(base + block.bytes, alignment);
  }
  int64_t end = base;
  for (FunctionPlan *plan : functions) {
    // Lives: arguments from before the first launch, results to behind the last one.
    llvm::DenseSet<int> used;
    auto touch = [&](int i, int when) {
      if (i < 0)
        return;
      used.insert(i);
      buffers[i].first = std::min(buffers[i].first, when);
      buffers[i].last = std::max(buffers[i].last, when);
    };
    for (int i : plan->arguments)
      touch(i, -1);
    for (auto [when, launch] : llvm::enumerate(plan->launches))
      for (const Operand &operand : launch.operands) {
        touch(operand.buffer, when);
        // A launch over a group touches all of it.
        if (operand.buffer >= 0 && buffers[operand.buffer].group >= 0)
          for (int i = 0; i < int(buffers.size()); ++i)
            if (buffers[i].group == buffers[operand.buffer].group)
              touch(i, when);
      }
    for (int i : plan->results)
      touch(i, plan->launches.size());
    SmallVector<Slab> slabs =
        makeSlabs(buffers, [&](int i) { return used.contains(i) && !buffers[i].persistent && buffers[i].offset < 0; });
    // Largest first, each at the lowest offset that is free for its whole life (Pisarchyk and Lee 2020).
    llvm::stable_sort(slabs, [](const Slab &x, const Slab &y) { return x.bytes > y.bytes; });
    SmallVector<const Slab *> placed;
    for (Slab &block : slabs) {
      SmallVector<std::pair<int64_t, int64_t>> busy;
      for (const Slab *other : placed)
        if (other->first <= block.last && block.first <= other->last)
          busy.push_back({other->offset, other->offset + other->bytes});
      llvm::sort(busy);
      int64_t at = base;
      for (auto [from, to] : busy) {
        if (at + block.bytes <= from)
          break;
        at = std::max(at, int64_t(llvm::alignTo(to, alignment)));
      }
      block.offset = at;
      place(buffers, block);
      placed.push_back(&block);
      end = std::max(end, at + block.bytes);
    }
  }
  return llvm::alignTo(end, alignment);
}
