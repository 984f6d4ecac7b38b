//===- Executable.cpp - A plan.program, loaded and run -------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Runtime/Executable.h"
#include "ExecutableImpl.h"
#include "SelfOpt/Dialect/Plan/Plan.h"
#include "SelfOpt/Support/Philox.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/bit.h"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace mlir;
using namespace selfopt;

namespace {
/// Denormals are flushed to zero while a program runs, as in the frameworks that we are compared with: Adam's second
/// moment decays into them and would slow every step.
struct FlushDenormals {
#if defined(__x86_64__)
  unsigned saved = _mm_getcsr();
  FlushDenormals() { _mm_setcsr(saved | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(saved); }
#endif
};

/// Streams of the run's random numbers; parameters take 0, 1, ... for themselves.
constexpr uint64_t orderStream = uint64_t(1) << 32;
} // namespace

void Executable::Impl::sample(const Instruction &i) {
  // a: order, b: weights, c: age, d: fraction of epochs done
  MutableArrayRef<int32_t> order(reinterpret_cast<int32_t *>(i.a), i.count);
  Philox random(seed, orderStream + epoch);
  weightedOrder(ArrayRef<float>(reinterpret_cast<float *>(i.b), i.count), order, random);
  float *age = reinterpret_cast<float *>(i.c);
  for (int64_t k = 0; k < i.count; ++k)
    age[k] += 1;
  for (int64_t k = 0; k < i.extra; ++k)
    age[order[k]] = 0;
  *reinterpret_cast<float *>(i.d) = float(double(epoch + 1) / double(i.bytes));
}

/// The bits of the largest magnitude: those of floats without their sign are in the order of the floats, with NaN above
/// infinity.
__attribute__((always_inline)) static inline int32_t largestMagnitudeInLines(const char *from, int64_t count) {
  // Four chains: one alone would wait for each maximum. The last line may overlap the one before.
  typedef int32_t Line __attribute__((vector_size(64), aligned(4), may_alias));
  constexpr int64_t width = sizeof(Line) / sizeof(int32_t);
  Line most[4] = {};
  auto look = [&](Line &chain, int64_t at) {
    Line bits = *reinterpret_cast<const Line *>(from + at * int64_t(sizeof(int32_t)));
    chain = __builtin_elementwise_max(chain, bits & 0x7fffffff);
  };
  int64_t k = 0;
  for (; k + 4 * width <= count; k += 4 * width)
    for (int64_t chain = 0; chain < 4; ++chain)
      look(most[chain], k + chain * width);
  if (count >= width) {
    for (int64_t chain = 0; k < count; k += width, ++chain)
      look(most[chain], std::min(k, count - width));
    k = count;
  }
  Line both = __builtin_elementwise_max(__builtin_elementwise_max(most[0], most[1]),
                                        __builtin_elementwise_max(most[2], most[3]));
  int32_t largest = __builtin_reduce_max(both);
  for (; k < count; ++k) {
    int32_t bits;
    std::memcpy(&bits, from + k * int64_t(sizeof bits), sizeof bits);
    largest = std::max(largest, bits & 0x7fffffff);
  }
  return largest;
}
#if defined(__x86_64__)
__attribute__((target("avx512f"), min_vector_width(512))) static int32_t largestMagnitude512(const char *from,
                                                                                             int64_t count) {
  return largestMagnitudeInLines(from, count);
}
__attribute__((target("avx2"))) static int32_t largestMagnitude256(const char *from, int64_t count) {
  return largestMagnitudeInLines(from, count);
}
#endif
static int32_t largestMagnitude128(const char *from, int64_t count) { return largestMagnitudeInLines(from, count); }

static int32_t (*findLargestMagnitude())(const char *, int64_t) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return largestMagnitude512;
  if (__builtin_cpu_supports("avx2"))
    return largestMagnitude256;
#endif
  return largestMagnitude128;
}
static int32_t (*const largestMagnitude)(const char *, int64_t) = findLargestMagnitude();

bool Executable::Impl::keeps(const Instruction &i) {
  float largest = llvm::bit_cast<float>(largestMagnitude(i.a, i.count));
  // Few values have a bound of their own below.
  const float *values = reinterpret_cast<const float *>(i.a);
  const float *below = i.from > -i.bound ? std::find_if(values, values + i.count, [&](float x) { return x < i.from; })
                                         : values + i.count;
  if (largest <= i.bound && below == values + i.count)
    return true;
  outcome.diverged = true;
  if (largest <= i.bound) {
    outcome.reason = fmt::format("left its domain: {} {} < {} at step {}", i.label, *below, i.from, outcome.steps);
    return false;
  }
  outcome.reason = fmt::format("left its domain: {} {}{} at step {}", i.label, largest,
                               std::isnan(largest) ? "" : fmt::format(" > {}", i.bound), outcome.steps);
  return false;
}

void Executable::Impl::execute(ArrayRef<Instruction> list) {
  for (const Instruction &i : list) {
    switch (i.kind) {
    case Instruction::Launch:
      i.function(&slots[i.slots]);
      break;
    case Instruction::Copy:
      std::memcpy(i.b, i.a, i.bytes);
      break;
    case Instruction::CopyRows:
      for (int64_t k = 0; k < i.count; ++k)
        std::memcpy(i.b + k * i.stride, i.a + k * i.extra, i.bytes);
      break;
    case Instruction::Fill:
      std::fill_n(reinterpret_cast<float *>(i.a), i.count, i.value);
      break;
    case Instruction::Clock: {
      float &number = *reinterpret_cast<float *>(i.a);
      *reinterpret_cast<float *>(i.b) = i.count > 1 ? float(double(outcome.steps) / double(i.count - 1)) : 0.0f;
      number = float(++outcome.steps);
      break;
    }
    case Instruction::Shuffle: {
      Philox random(seed, orderStream + epoch);
      MutableArrayRef<int32_t> order(reinterpret_cast<int32_t *>(i.a), i.count);
      for (int64_t k = 0; k < i.count; ++k)
        order[k] = int32_t(k);
      shuffle(order, random);
      break;
    }
    case Instruction::Sample:
      sample(i);
      break;
    case Instruction::Gather: {
      const int32_t *order = reinterpret_cast<const int32_t *>(i.b) + batch * i.count;
      if (i.bytes == 4) { // labels
        const int32_t *from = reinterpret_cast<const int32_t *>(i.source);
        int32_t *to = reinterpret_cast<int32_t *>(i.a);
        for (int64_t k = 0; k < i.count; ++k)
          to[k] = from[order[k]];
      } else {
        for (int64_t k = 0; k < i.count; ++k)
          std::memcpy(i.a + k * i.bytes, i.source + order[k] * i.bytes, i.bytes);
      }
      break;
    }
    case Instruction::GatherSlice: {
      const char *table = i.features                  ? reinterpret_cast<const char *>(slice->features.data())
                          : slice->labels.empty()     ? reinterpret_cast<const char *>(slice->targets.data())
                                                      : reinterpret_cast<const char *>(slice->labels.data());
      int64_t rows = std::min(i.count, slice->count - sliceStart);
      std::memcpy(i.a, table + sliceStart * i.bytes, rows * i.bytes);
      for (int64_t k = rows; k < i.count; ++k)
        std::memcpy(i.a + k * i.bytes, table + (slice->count - 1) * i.bytes, i.bytes);
      break;
    }
    case Instruction::Scatter: {
      const int32_t *order = reinterpret_cast<const int32_t *>(i.c) + batch * i.count;
      const float *from = reinterpret_cast<const float *>(i.a);
      float *to = reinterpret_cast<float *>(i.b);
      for (int64_t k = 0; k < i.count; ++k)
        to[order[k]] = from[k];
      break;
    }
    case Instruction::Record:
      lossSum += *reinterpret_cast<const float *>(i.a);
      ++lossCount;
      break;
    case Instruction::Monitor:
      if (!keeps(i))
        return;
      break;
    case Instruction::Repeat:
      // Epochs go on from where training paused.
      for (int64_t n = i.features ? nextEpoch : 0, end = i.features ? std::min(untilEpoch, i.count) : i.count; n < end;
           ++n) {
        (i.features ? epoch : batch) = n;
        if (i.features)
          lossSum = 0, lossCount = 0;
        execute(i.body);
        if (outcome.diverged)
          return;
        if (!i.features)
          continue;
        nextEpoch = n + 1;
        outcome.epochLoss.push_back(lossSum / double(std::max<int64_t>(1, lossCount)));
        if (!std::isfinite(outcome.epochLoss.back())) {
          outcome.diverged = true;
          outcome.reason = "diverged: the training loss was not finite";
          return;
        }
      }
      break;
    }
  }
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

namespace {
MemRefType typeOf(Value v) { return cast<MemRefType>(v.getType()); }
} // namespace

FailureOr<std::unique_ptr<Executable>> Executable::create(ModuleOp planned, StringRef name,
                                                          codegen::KernelCompiler &compiler,
                                                          std::shared_ptr<Dataset> data) {
  auto program = planned.lookupSymbol<plan::ProgramOp>(name);
  if (!program)
    return planned.emitError() << "expects a plan.program @" << name << " to load, found none", failure();
  std::unique_ptr<Executable> executable(new Executable());
  executable->impl = std::make_unique<Impl>();
  Impl &impl = *executable->impl;
  executable->arenaSize = program.getArena();
  // Zeroed, so that a run never depends on what was there. The tail keeps masked vectors inside the allocation.
  size_t size = (size_t(program.getArena()) + 127) / 64 * 64;
  impl.arena = static_cast<char *>(std::aligned_alloc(64, size));
  if (!impl.arena)
    return program.emitOpError("needs an arena of ") << int64_t(program.getArena()) << " bytes, which can't be had",
           failure();
  std::memset(impl.arena, 0, size);
  impl.data = data;
  if (data) {
    auto symbol = program.getDataAttr();
    impl.trainSplit = &data->split(symbol ? symbol.getLeafReference().getValue() : "");
  }

  // Native code for every kernel that is launched, in one go.
  llvm::MapVector<StringRef, func::FuncOp> kernels;
  WalkResult walk = program.walk([&](plan::LaunchOp launch) {
    auto f = planned.lookupSymbol<func::FuncOp>(launch.getKernel());
    if (!f) {
      launch.emitOpError("expects ") << launch.getKernelAttr() << " to name a kernel";
      return WalkResult::interrupt();
    }
    kernels.insert({launch.getKernel(), f});
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();
  SmallVector<func::FuncOp> functions;
  for (auto &entry : kernels)
    functions.push_back(entry.second);
  auto compiled = compiler.getOrCompile(functions);
  if (!compiled)
    return program.emitOpError() << llvm::toString(compiled.takeError()), failure();
  llvm::StringMap<codegen::KernelFn> code;
  llvm::DenseSet<const void *> counted; // kernels of one text are one function
  for (auto [entry, fn] : llvm::zip(kernels, *compiled)) {
    code[entry.first] = fn;
    if (counted.insert(reinterpret_cast<const void *>(fn)).second)
      executable->codeSize += compiler.codeBytes(fn);
  }

  llvm::DenseMap<Value, char *> addresses;
  for (Operation &op : program.getBody().front()) {
    if (auto view = dyn_cast<plan::ViewOp>(op)) {
      addresses[view] = impl.arena + view.getOffset();
      impl.names.try_emplace(view.getName(), impl.arena + view.getOffset(), typeOf(view));
    } else if (auto literal = dyn_cast<plan::LiteralOp>(op)) {
      char *at = addresses[literal] = impl.arena + literal.getOffset();
      auto elements = dyn_cast<DenseElementsAttr>(literal.getValue());
      if (!elements)
        return op.emitOpError("expects dense elements"), failure();
      int64_t width = elementBytes(typeOf(literal)), count = typeOf(literal).getNumElements();
      for (int64_t i = 0; i < count; ++i) {
        if (elements.getElementType().isInteger(1))
          at[i] = elements.getValues<bool>()[i];
        else
          std::memcpy(at + i * width, elements.getRawData().data() + (elements.isSplat() ? 0 : i * width), width);
      }
    }
  }

  std::function<LogicalResult(Block &, std::vector<Instruction> &)> translate =
      [&](Block &block, std::vector<Instruction> &list) -> LogicalResult {
    for (Operation &op : block) {
      Instruction i;
      i.label = op.getName().getStringRef().str();
      auto at = [&](Value v) { return addresses.lookup(v); };
      if (auto launch = dyn_cast<plan::LaunchOp>(op)) {
        i.function = code.lookup(launch.getKernel());
        i.slots = impl.slots.size();
        i.label = launch.getKernel().str();
        for (Value operand : launch.getOperands())
          if (auto type = dyn_cast<MemRefType>(operand.getType())) {
            i.label += " ";
            llvm::interleave(type.getShape(), [&](int64_t d) { i.label += std::to_string(d); }, [&] { i.label += "x"; });
          }
        for (Value operand : launch.getOperands()) {
          if (auto constant = operand.getDefiningOp<arith::ConstantOp>()) {
            uint64_t bits = 0;
            if (auto f = dyn_cast<FloatAttr>(constant.getValue()))
              bits = f.getValue().bitcastToAPInt().getZExtValue();
            else
              bits = cast<IntegerAttr>(constant.getValue()).getValue().getZExtValue();
            impl.slots.push_back(bits);
            continue;
          }
          impl.slots.push_back(reinterpret_cast<uint64_t>(at(operand)));
          for (int64_t d : typeOf(operand).getShape())
            impl.slots.push_back(uint64_t(d));
        }
      } else if (auto copy = dyn_cast<plan::CopyOp>(op)) {
        i.kind = Instruction::Copy;
        i.a = at(copy.getSource());
        i.b = at(copy.getTarget());
        i.bytes = bytesOf(typeOf(copy.getTarget()));
      } else if (auto copy = dyn_cast<plan::CopyRowsOp>(op)) {
        MemRefType type = typeOf(copy.getTarget());
        int64_t width = type.getNumElements() ? bytesOf(type) / type.getNumElements() : 0;
        i.kind = Instruction::CopyRows;
        i.a = at(copy.getSource()) + int64_t(copy.getFrom()) * width;
        i.b = at(copy.getTarget()) + int64_t(copy.getTo()) * width;
        i.count = copy.getRows();
        i.bytes = int64_t(copy.getCount()) * width;
        i.extra = int64_t(copy.getSourceStride()) * width;
        i.stride = int64_t(copy.getTargetStride()) * width;
      } else if (auto fill = dyn_cast<plan::FillOp>(op)) {
        i.kind = Instruction::Fill;
        i.a = at(fill.getTarget());
        i.count = typeOf(fill.getTarget()).getNumElements();
        i.value = float(fill.getValue().convertToDouble());
      } else if (auto clock = dyn_cast<plan::ClockOp>(op)) {
        i.kind = Instruction::Clock;
        i.a = at(clock.getNumber());
        i.b = at(clock.getFraction());
        i.count = clock.getSteps();
      } else if (auto shuffle = dyn_cast<plan::ShuffleOp>(op)) {
        i.kind = Instruction::Shuffle;
        i.a = at(shuffle.getOrder());
        i.count = typeOf(shuffle.getOrder()).getNumElements();
      } else if (auto sample = dyn_cast<plan::SampleOp>(op)) {
        i.kind = Instruction::Sample;
        i.a = at(sample.getOrder());
        i.b = at(sample.getWeights());
        i.c = at(sample.getAge());
        i.d = at(sample.getFraction());
        i.count = typeOf(sample.getOrder()).getNumElements();
        i.extra = sample.getDrawn();
        i.bytes = sample.getEpochs();
      } else if (auto gather = dyn_cast<plan::GatherOp>(op)) {
        MemRefType type = typeOf(gather.getTarget());
        i.kind = gather.getOrder() ? Instruction::Gather : Instruction::GatherSlice;
        i.features = gather.getSource() == "features";
        i.a = at(gather.getTarget());
        i.count = type.getDimSize(0);
        i.bytes = bytesOf(type) / i.count;
        if (!data)
          return op.emitOpError("reads a dataset, but none was given");
        if (gather.getOrder()) {
          i.b = at(gather.getOrder());
          const Split &split = *impl.trainSplit;
          i.source = i.features              ? reinterpret_cast<const char *>(split.features.data())
                     : split.labels.empty()  ? reinterpret_cast<const char *>(split.targets.data())
                                             : reinterpret_cast<const char *>(split.labels.data());
        }
      } else if (auto scatter = dyn_cast<plan::ScatterOp>(op)) {
        i.kind = Instruction::Scatter;
        i.a = at(scatter.getSource());
        i.b = at(scatter.getTable());
        i.c = at(scatter.getOrder());
        i.count = typeOf(scatter.getSource()).getNumElements();
      } else if (auto record = dyn_cast<plan::RecordOp>(op)) {
        i.kind = Instruction::Record;
        i.a = at(record.getLoss());
      } else if (auto monitor = dyn_cast<plan::MonitorOp>(op)) {
        i.kind = Instruction::Monitor;
        i.label = monitor.getWhat().str();
        i.a = at(monitor.getBuffer());
        i.count = typeOf(monitor.getBuffer()).getNumElements();
        i.bound = monitor.getBound().convertToDouble();
        i.from = monitor.getFrom() ? monitor.getFrom()->convertToDouble() : -i.bound;
        // Buffers that lie side by side are looked at in one go.
        if (!list.empty() && list.back().kind == i.kind && list.back().label == i.label &&
            list.back().bound == i.bound && list.back().a + list.back().count * sizeof(float) == i.a) {
          list.back().count += i.count;
          continue;
        }
      } else if (auto repeat = dyn_cast<plan::RepeatOp>(op)) {
        i.kind = Instruction::Repeat;
        i.count = repeat.getTimes();
        i.features = repeat.getName() == "epochs";
        (i.features ? impl.epochs : impl.batches) = i.count;
        if (failed(translate(repeat.getBody().front(), i.body)))
          return failure();
      } else {
        return op.emitOpError("has no instruction");
      }
      list.push_back(std::move(i));
    }
    return success();
  };
  for (auto section : program.getBody().front().getOps<plan::SectionOp>())
    if (failed(translate(section.getBody().front(), impl.sections[section.getName()])))
      return failure();
  return executable;
}

Executable::~Executable() = default;

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

void *Executable::lookup(StringRef name) const {
  auto it = impl->names.find(name);
  return it == impl->names.end() ? nullptr : it->second.first;
}
MemRefType Executable::lookupType(StringRef name) const {
  auto it = impl->names.find(name);
  return it == impl->names.end() ? MemRefType() : it->second.second;
}

void Executable::initialize(uint64_t seed) {
  FlushDenormals flush;
  impl->seed = seed;
  impl->nextEpoch = 0;
  impl->outcome = TrainOutcome();
  if (void *slot = lookup("seed"))
    std::memcpy(slot, &seed, 8);
  impl->execute(impl->sections["initialize"]);
}

TrainOutcome Executable::train(int64_t untilEpoch) {
  FlushDenormals flush;
  if (impl->outcome.diverged)
    return impl->outcome;
  impl->untilEpoch = untilEpoch;
  impl->execute(impl->sections["train"]);
  return impl->outcome;
}

int64_t Executable::epochs() const { return impl->epochs; }
int64_t Executable::epochsDone() const { return impl->nextEpoch; }

bool Executable::run(StringRef section) {
  auto it = impl->sections.find(section);
  if (it == impl->sections.end())
    return false;
  FlushDenormals flush;
  impl->execute(it->second);
  return true;
}

ScoreOutcome Executable::score(const Split &split) {
  FlushDenormals flush;
  ScoreOutcome outcome;
  outcome.count = split.count;
  if (!split.count)
    return outcome;
  auto &section = impl->sections["score"];
  SmallVector<const float *> sums;
  for (int i = 0; void *p = lookup("score." + std::to_string(i)); ++i)
    sums.push_back(static_cast<const float *>(p));
  outcome.metrics.assign(sums.size(), 0);
  const float *loss = static_cast<const float *>(lookup("score.loss"));
  int32_t *valid = static_cast<int32_t *>(lookup("score.valid"));
  int64_t rows = lookupType("score.x").getDimSize(0);
  impl->slice = &split;
  for (int64_t start = 0; start < split.count; start += rows) {
    impl->sliceStart = start;
    *valid = int32_t(std::min(rows, split.count - start));
    impl->execute(section);
    outcome.loss += *loss;
    for (auto [sum, from] : llvm::zip(outcome.metrics, sums))
      sum += *from;
  }
  outcome.loss /= double(split.count);
  for (double &sum : outcome.metrics)
    sum /= double(split.count);
  return outcome;
}

std::vector<std::pair<std::string, double>> Executable::profileStep(unsigned repeats) {
  FlushDenormals flush;
  std::vector<std::pair<std::string, double>> rows;
  for (const Instruction &epochs : impl->sections["train"])
    for (const Instruction &batches : epochs.body)
      for (const Instruction &i : batches.body) {
        std::vector<double> times(repeats);
        for (double &time : times) {
          auto start = std::chrono::steady_clock::now();
          impl->execute(i);
          time = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        }
        std::nth_element(times.begin(), times.begin() + repeats / 2, times.end());
        rows.push_back({i.label, times[repeats / 2]});
      }
  return rows;
}

void Executable::step(ArrayRef<int32_t> rows) {
  FlushDenormals flush;
  std::memcpy(lookup("order"), rows.data(), rows.size() * sizeof(int32_t));
  impl->batch = 0;
  for (const Instruction &epochs : impl->sections["train"])
    for (const Instruction &batches : epochs.body)
      if (batches.kind == Instruction::Repeat)
        impl->execute(batches.body);
}
