//===- Harness.h - One program, compiled and interpreted ------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_TEST_RUNTIME_HARNESS_H
#define SELFOPT_TEST_RUNTIME_HARNESS_H

#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/InitAll.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Runtime/DatasetFromOp.h"
#include "SelfOpt/Transforms/Passes.h"
#include "SelfOpt/Transforms/Planner.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>
#include <cstdlib>
#include <cstring>
#include "gtest/gtest.h"
#include <map>
#include <random>
#include <string>

namespace selfopt::test {

using reference::Interpreter;
using reference::Precision;
using reference::Tensor;
using Tensors = llvm::SmallVector<Tensor>;

inline mlir::MLIRContext &context() {
  static auto *instance = [] {
    // No objects of another build.
    ::setenv("SELFOPT_CACHE_DIR", "", 1);
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    auto *made = new mlir::MLIRContext(registry, mlir::MLIRContext::Threading::DISABLED);
    made->loadAllAvailableDialects();
    return made;
  }();
  return *instance;
}

inline mlir::OwningOpRef<mlir::ModuleOp> parse(llvm::StringRef text) {
  return mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(&context()));
}

inline std::string readExample(llvm::StringRef name) {
  auto buffer = llvm::MemoryBuffer::getFile(SELFOPT_SOURCE_DIR "/docs/examples/" + name.str());
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

/// `text` with the one occurrence of `from` replaced; empty, so that nothing parses, when it isn't one.
inline std::string replaced(std::string text, llvm::StringRef from, llvm::StringRef to) {
  size_t at = text.find(from.str());
  if (at == std::string::npos || text.find(from.str(), at + 1) != std::string::npos) {
    llvm::errs() << "expected once: " << from << "\n";
    return "";
  }
  return text.replace(at, from.size(), to.str());
}

/// `text` with all from `begin` to the end of the line "  }" replaced: one program of a spec.
inline std::string replacedProgram(std::string text, llvm::StringRef begin, llvm::StringRef to) {
  size_t at = text.find(begin.str());
  size_t end = at == std::string::npos ? at : text.find("\n  }", at);
  if (end == std::string::npos) {
    llvm::errs() << "expected a program: " << begin << "\n";
    return "";
  }
  return text.replace(at, end + 4 - at, to.str());
}

/// All that was said while it lives.
struct Listener {
  std::string text;
  mlir::ScopedDiagnosticHandler handler;
  Listener() : handler(&context(), [this](mlir::Diagnostic &d) {
    text += d.str() + "\n";
    return mlir::success();
  }) {}
};

//===--- Buffers as tensors -------------------------------------------------===//

inline Tensor readTensor(const void *from, mlir::MemRefType type) {
  Tensor t = Tensor::zeros(type.getShape(), mlir::isa<mlir::FloatType>(type.getElementType()));
  unsigned width = type.getElementTypeBitWidth();
  for (int64_t i = 0; i < t.size(); ++i) {
    if (t.isFloat)
      t.floats[i] = width == 64 ? static_cast<const double *>(from)[i] : static_cast<const float *>(from)[i];
    else
      t.integers[i] = width == 64   ? static_cast<const int64_t *>(from)[i]
                      : width == 32 ? static_cast<const int32_t *>(from)[i]
                                    : static_cast<const int8_t *>(from)[i];
  }
  return t;
}
inline Tensor readBuffer(const Executable &executable, const std::string &name) {
  return readTensor(executable.lookup(name), executable.lookupType(name));
}
inline void writeBuffer(const Executable &executable, const std::string &name, const Tensor &t) {
  void *to = executable.lookup(name);
  unsigned width = executable.lookupType(name).getElementTypeBitWidth();
  for (int64_t i = 0; i < t.size(); ++i) {
    if (t.isFloat)
      static_cast<float *>(to)[i] = float(t.floats[i]);
    else if (width == 64)
      static_cast<int64_t *>(to)[i] = t.integers[i];
    else if (width == 32)
      static_cast<int32_t *>(to)[i] = int32_t(t.integers[i]);
    else
      static_cast<int8_t *>(to)[i] = int8_t(t.integers[i]);
  }
}

inline double magnitude(const Tensor &t) {
  double m = 0;
  for (double x : t.floats)
    if (std::isfinite(x))
      m = std::max(m, std::fabs(x));
  return m;
}

/// The largest difference of two tensors, infinite where one is not finite and the other is something else.
inline double distance(const Tensor &a, const Tensor &b) {
  if (a.isFloat != b.isFloat || a.size() != b.size())
    return INFINITY;
  double most = 0;
  for (size_t i = 0; i < a.integers.size(); ++i)
    most = std::max(most, a.integers[i] == b.integers[i] ? 0.0 : INFINITY);
  for (size_t i = 0; i < a.floats.size(); ++i) {
    double x = a.floats[i], y = b.floats[i];
    if (std::isnan(x) != std::isnan(y))
      return INFINITY;
    if (!std::isnan(x) && x != y)
      most = std::max(most, std::isfinite(x) && std::isfinite(y) ? std::fabs(x - y) : INFINITY);
  }
  return most;
}

//===--- A training program, twice ------------------------------------------===//

/// Everything that one step reads.
struct StepInput {
  Tensors parameters; ///< And behind them the state, state by state.
  Tensor x, y;
  double lr = 0, fraction = 0, number = 0;
};

struct Twin {
  mlir::OwningOpRef<mlir::ModuleOp> spec, lowered;
  PlannedProgram planned;
  std::unique_ptr<Executable> executable;
  std::vector<std::string> names; ///< Of the parameters, then of the state.
  int64_t batch = 0, parameters = 0;

  /// Null, with a diagnostic, where a stage refuses.
  static std::unique_ptr<Twin> make(mlir::OwningOpRef<mlir::ModuleOp> spec, llvm::StringRef program = "fit") {
    if (!spec)
      return nullptr;
    auto twin = std::make_unique<Twin>();
    auto planned = planTraining(*spec, program);
    if (failed(planned))
      return nullptr;
    twin->planned = std::move(*planned);
    auto executable = loadProgram(twin->planned);
    if (failed(executable))
      return nullptr;
    twin->executable = std::move(*executable);
    twin->lowered = mlir::OwningOpRef<mlir::ModuleOp>(spec->clone());
    if (failed(instantiate(*twin->lowered)) || failed(differentiate(*twin->lowered)))
      return nullptr;
    auto pipeline = twin->lowered->lookupSymbol<PipelineOp>(program);
    twin->batch = pipeline.getBatch();
    twin->parameters = pipeline.getParameters();
    for (int64_t i = 0; i < twin->parameters; ++i)
      twin->names.push_back("parameter." + std::to_string(i));
    for (size_t s = 0; s < pipeline.getStateInit().size(); ++s)
      for (int64_t i = 0; i < twin->parameters; ++i)
        twin->names.push_back("state." + std::to_string(s) + "." + std::to_string(i));
    twin->spec = std::move(spec);
    return twin;
  }
  static std::unique_ptr<Twin> make(const std::string &text) { return make(parse(text)); }

  mlir::Operation *function(llvm::StringRef role) { return lowered->lookupSymbol(("fit." + role).str()); }

  /// The batch that `rows` of the training split are.
  StepInput inputFor(llvm::ArrayRef<int32_t> rows) {
    StepInput in;
    for (const std::string &name : names)
      in.parameters.push_back(readBuffer(*executable, name));
    const Split &split = planned.data->train;
    int64_t features = planned.data->featureSize, targets = planned.data->targetSize;
    in.x = Tensor::zeros(executable->lookupType("x").getShape(), true);
    in.y = Tensor::zeros(executable->lookupType("y").getShape(), targets > 0);
    for (size_t r = 0; r < rows.size(); ++r) {
      for (int64_t f = 0; f < features; ++f)
        in.x.floats[r * features + f] = split.features[rows[r] * features + f];
      for (int64_t t = 0; t < targets; ++t)
        in.y.floats[r * targets + t] = split.targets[rows[r] * targets + t];
      if (!targets)
        in.y.integers[r] = split.labels[rows[r]];
    }
    return in;
  }

  /// One compiled step; `in` gets what the clock set.
  void step(StepInput &in, llvm::ArrayRef<int32_t> rows) {
    executable->step(rows);
    in.lr = readBuffer(*executable, "lr").floats[0];
    in.fraction = readBuffer(*executable, "fraction").floats[0];
    in.number = readBuffer(*executable, "number").floats[0];
  }

  /// The same step, interpreted: parameters, state, the loss, and the loss of each row.
  mlir::FailureOr<Tensors> interpret(const StepInput &in, Precision precision = Precision::AsTyped) {
    Tensors arguments(in.parameters), results;
    arguments.append({in.x, in.y, Tensor::scalar(in.lr), Tensor::scalar(in.fraction), Tensor::scalar(in.number)});
    // A step that draws random numbers takes the training seed too.
    if (mlir::cast<mlir::func::FuncOp>(function("step")).getNumArguments() > arguments.size())
      arguments.push_back(readBuffer(*executable, "seed"));
    Interpreter interpreter(precision);
    if (failed(interpreter.call(function("step"), arguments, results)))
      return mlir::failure();
    return results;
  }
};

/// The bytes of all parameters and state.
inline std::string bytesOf(Twin &twin) {
  std::string bytes;
  for (const std::string &name : twin.names) {
    mlir::MemRefType type = twin.executable->lookupType(name);
    bytes.append(static_cast<const char *>(twin.executable->lookup(name)), type.getNumElements() * 4);
  }
  return bytes;
}

inline std::vector<int32_t> someRows(int64_t count, int64_t of, std::mt19937 &engine) {
  std::vector<int32_t> all(of), rows;
  for (int64_t i = 0; i < of; ++i)
    all[i] = int32_t(i);
  std::shuffle(all.begin(), all.end(), engine);
  rows.assign(all.begin(), all.begin() + count);
  return rows;
}

//===--- What is planned ----------------------------------------------------===//

/// A function @f as text.
inline std::string function(const std::string &signature, const std::string &body) {
  return "func.func @f" + signature + " {\n" + body + "}\n";
}

/// A copy of a function with all that it may call: planning changes what it is given.
inline mlir::func::FuncOp copyOf(mlir::ModuleOp module, mlir::ModuleOp scratch, llvm::StringRef name) {
  for (auto f : module.getOps<mlir::func::FuncOp>())
    if (!scratch.lookupSymbol(f.getSymName()))
      scratch.push_back(f->clone());
  return scratch.lookupSymbol<mlir::func::FuncOp>(name);
}

/// Lives counted anew from the launches: no two buffers that are alive together may share a byte.
inline void checkPlaces(const plan::Planner &planner, llvm::ArrayRef<const plan::FunctionPlan *> plans, int64_t arena) {
  auto membersOf = [&](int i) {
    std::vector<int> members{i};
    if (planner.buffers[i].group >= 0) {
      members.clear();
      for (size_t k = 0; k < planner.buffers.size(); ++k)
        if (planner.buffers[k].group == planner.buffers[i].group)
          members.push_back(int(k));
    }
    return members;
  };
  for (const plan::FunctionPlan *plan : plans) {
    int end = int(plan->launches.size());
    std::map<int, std::pair<int, int>> lives;
    auto touch = [&](int i, int from, int to) {
      for (int k : membersOf(i)) {
        auto [it, fresh] = lives.try_emplace(k, std::make_pair(from, to));
        it->second = {std::min(it->second.first, from), std::max(it->second.second, to)};
      }
    };
    for (int i : plan->arguments)
      touch(i, -1, -1);
    for (int i : plan->results)
      touch(i, end, end);
    for (auto [when, launch] : llvm::enumerate(plan->launches))
      for (const plan::Operand &operand : launch.operands)
        if (operand.buffer >= 0) {
          touch(operand.buffer, int(when), int(when));
          // A view of a group must not reach behind it.
          int64_t bytes = 0;
          for (int k : membersOf(operand.buffer))
            bytes += planner.buffers[k].bytes();
          EXPECT_LE(operand.view.getNumElements() * int64_t(operand.view.getElementTypeBitWidth() / 8), bytes);
        }
    // What persists is alive in all functions.
    for (size_t i = 0; i < planner.buffers.size(); ++i)
      if (planner.buffers[i].persistent && planner.buffers[i].offset >= 0)
        lives[int(i)] = {-1, end};
    for (auto a = lives.begin(); a != lives.end(); ++a) {
      const plan::Buffer &x = planner.buffers[a->first];
      ASSERT_GE(x.offset, 0) << x.name;
      ASSERT_LE(x.offset + x.bytes(), arena) << x.name;
      for (auto b = std::next(a); b != lives.end(); ++b) {
        const plan::Buffer &y = planner.buffers[b->first];
        bool together = a->second.first <= b->second.second && b->second.first <= a->second.second;
        bool shared = x.offset < y.offset + y.bytes() && y.offset < x.offset + x.bytes();
        ASSERT_FALSE(together && shared)
            << x.name << " at " << x.offset << " and " << y.name << " at " << y.offset << " are alive together";
      }
    }
  }
}

} // namespace selfopt::test
#endif // SELFOPT_TEST_RUNTIME_HARNESS_H
