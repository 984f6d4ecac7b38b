//===- Call.cpp - selfopt-run call --------------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Commands.h"
#include "Options.h"
#include "SelfOpt/Autodiff/Autodiff.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Reference/Interpreter.h"
#include "SelfOpt/Support/File.h"
#include "SelfOpt/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include <cstring>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::run;
namespace cl = llvm::cl;

namespace selfopt::run {
cl::SubCommand callCommand("call", "calls one function of a module on arrays");
}
static cl::opt<std::string> callFile(cl::Positional, cl::desc("FILE"), cl::Required, cl::sub(callCommand));
static cl::opt<std::string> callFunction(cl::Positional, cl::desc("@function"), cl::Required, cl::sub(callCommand));
static cl::list<std::string> inFiles("in", cl::desc("an argument (.npy), in order"), cl::sub(callCommand));
static cl::list<std::string> outFiles("out", cl::desc("where a result goes (.npy), in order"), cl::sub(callCommand));
static cl::list<std::string> gradientFiles("gradient",
                                           cl::desc("where the gradient by an argument goes (.npy), in order"),
                                           cl::sub(callCommand));
static cl::opt<std::string> engine("engine", cl::desc("reference or cpu"), cl::init("cpu"), cl::sub(callCommand));

static int fail(const llvm::Twine &message) {
  llvm::errs() << "error: " << message << "\n";
  return refused;
}

static Array::Kind kindOf(Type element) {
  if (element.isF32())
    return Array::Kind::F32;
  if (element.isF64())
    return Array::Kind::F64;
  if (element.isInteger(1))
    return Array::Kind::Bool;
  return element.isInteger(32) ? Array::Kind::I32 : Array::Kind::I64;
}

/// A program of a spec as a func.func of one example; a model's parameters become leading arguments.
static FailureOr<func::FuncOp> asFunction(ModuleOp module, Operation *op) {
  if (auto f = dyn_cast<func::FuncOp>(op))
    return f;
  auto program = dyn_cast<ProgramOpInterface>(op);
  if (!program)
    return op->emitOpError("can't be called"), failure();
  OpBuilder b(op);
  b.setInsertionPointToEnd(module.getBody());
  SmallVector<Type> inputs;
  Block &block = program.getProgramBlock();
  SmallVector<ParameterSpec> parameters = ProgramParameters::of(block).specs;
  for (const ParameterSpec &p : parameters)
    inputs.push_back(p.type);
  llvm::append_range(inputs, block.getArgumentTypes());
  // One example is a batch of one, between two reshapes that the interpreter and the planner see through.
  auto f = func::FuncOp::create(b, op->getLoc(), (SymbolTable::getSymbolName(op).getValue() + ".call").str(),
                                b.getFunctionType(inputs, program.getProgramResultTypes()));
  b.setInsertionPointToStart(f.addEntryBlock());
  auto results = instantiateExample(b, op, f.getArguments().drop_front(parameters.size()),
                                    f.getArguments().take_front(parameters.size()));
  if (failed(results)) {
    f.erase();
    return failure();
  }
  func::ReturnOp::create(b, op->getLoc(), *results);
  return f;
}

static LogicalResult runReference(func::FuncOp f, ArrayRef<Array> inputs, SmallVectorImpl<Array> &outputs) {
  SmallVector<reference::Tensor> arguments, results;
  for (const Array &in : inputs) {
    bool isFloat = in.kind == Array::Kind::F32 || in.kind == Array::Kind::F64;
    reference::Tensor t = reference::Tensor::zeros(in.shape, isFloat);
    for (int64_t i = 0; i < t.size(); ++i) {
      const char *at = in.bytes.data() + i * elementBytes(in.kind);
      switch (in.kind) {
      case Array::Kind::F32: {
        float x;
        std::memcpy(&x, at, 4);
        t.floats[i] = x;
        break;
      }
      case Array::Kind::F64:
        std::memcpy(&t.floats[i], at, 8);
        break;
      case Array::Kind::I32: {
        int32_t x;
        std::memcpy(&x, at, 4);
        t.integers[i] = x;
        break;
      }
      case Array::Kind::I64:
        std::memcpy(&t.integers[i], at, 8);
        break;
      case Array::Kind::Bool:
        t.integers[i] = *at != 0;
        break;
      }
    }
    arguments.push_back(std::move(t));
  }
  reference::Interpreter interpreter;
  if (failed(interpreter.call(f, arguments, results)))
    return failure();
  for (auto [t, type] : llvm::zip(results, f.getResultTypes())) {
    Array a;
    a.kind = kindOf(getElementTypeOrSelf(type));
    a.shape.assign(t.shape.begin(), t.shape.end());
    int64_t width = elementBytes(a.kind);
    a.bytes.resize(t.size() * width);
    for (int64_t i = 0; i < t.size(); ++i) {
      char *at = a.bytes.data() + i * width;
      if (a.kind == Array::Kind::F32) {
        float x = float(t.floats[i]);
        std::memcpy(at, &x, 4);
      } else if (a.kind == Array::Kind::F64) {
        std::memcpy(at, &t.floats[i], 8);
      } else {
        std::memcpy(at, &t.integers[i], width);
      }
    }
    outputs.push_back(std::move(a));
  }
  return success();
}

static LogicalResult runCpu(ModuleOp module, func::FuncOp f, ArrayRef<Array> inputs, SmallVectorImpl<Array> &outputs) {
  auto planned = plan::planFunction(module, f.getSymName());
  if (failed(planned))
    return failure();
  auto compiler = processCompiler();
  if (!compiler)
    return f.emitError() << llvm::toString(compiler.takeError());
  auto executable = Executable::create(**planned, f.getSymName(), **compiler, nullptr);
  if (failed(executable))
    return failure();
  for (auto [i, in] : llvm::enumerate(inputs))
    std::memcpy((*executable)->lookup("argument." + std::to_string(i)), in.bytes.data(), in.bytes.size());
  (*executable)->run("call");
  for (auto [i, type] : llvm::enumerate(f.getResultTypes())) {
    Array a;
    a.kind = kindOf(getElementTypeOrSelf(type));
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      a.shape.assign(tensor.getShape().begin(), tensor.getShape().end());
    int64_t count = 1;
    for (int64_t d : a.shape)
      count *= d;
    a.bytes.resize(count * elementBytes(a.kind));
    std::memcpy(a.bytes.data(), (*executable)->lookup("result." + std::to_string(i)), a.bytes.size());
    outputs.push_back(std::move(a));
  }
  return success();
}

int run::callMain() {
  if (engine != "reference" && engine != "cpu") {
    llvm::errs() << "error: --engine expects reference or cpu, found '" << engine << "'\n";
    return usage;
  }
  auto spec = loadSpec(callFile);
  if (!spec)
    return refused;
  ModuleOp module = *spec->module;
  Operation *symbol = module.lookupSymbol(StringRef(callFunction).ltrim('@'));
  if (!symbol)
    return fail(callFile + ": expects a function " + callFunction + ", found no such symbol");
  auto function = asFunction(module, symbol);
  if (failed(function))
    return refused;
  func::FuncOp f = *function;
  unsigned arguments = f.getNumArguments(), results = f.getNumResults();
  if (inFiles.size() != arguments)
    return fail(callFunction + " takes " + llvm::Twine(arguments) + " arguments, found " +
                llvm::Twine(inFiles.size()) + " of --in");
  if (outFiles.size() > results)
    return fail(callFunction + " has " + llvm::Twine(results) + " results, found " + llvm::Twine(outFiles.size()) +
                " of --out");
  if (gradientFiles.size() > arguments)
    return fail(callFunction + " takes " + llvm::Twine(arguments) + " arguments, found " +
                llvm::Twine(gradientFiles.size()) + " of --gradient");
  SmallVector<Array> inputs, outputs;
  for (auto [i, file] : llvm::enumerate(inFiles)) {
    auto array = readNpy(file);
    if (!array)
      return fail(llvm::toString(array.takeError()));
    Type type = f.getArgumentTypes()[i];
    SmallVector<int64_t> shape;
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      shape.assign(tensor.getShape().begin(), tensor.getShape().end());
    if (array->kind != kindOf(getElementTypeOrSelf(type)) || ArrayRef<int64_t>(array->shape) != ArrayRef(shape)) {
      std::string expected, found = kindName(array->kind).str();
      llvm::raw_string_ostream(expected) << type;
      for (int64_t d : array->shape)
        found += " " + std::to_string(d);
      return fail(file + ": expected an array for argument " + llvm::Twine(i) + " of type " + expected + ", found " +
                  found);
    }
    inputs.push_back(std::move(*array));
  }
  func::FuncOp called = f;
  if (!gradientFiles.empty()) {
    // Integer arguments carry no gradient; they must come last to be left out.
    if (failed(differentiate(module)))
      return refused;
    auto gradient = buildGradientFunction(f, gradientFiles.size());
    if (failed(gradient))
      return refused;
    called = *gradient;
  } else if (failed(differentiate(module))) {
    return refused;
  }
  LogicalResult ok =
      engine == "reference" ? runReference(called, inputs, outputs) : runCpu(module, called, inputs, outputs);
  if (failed(ok))
    return refused;
  auto write = [&](const std::string &file, const Array &array) -> bool {
    if (auto error = writeNpy(file, array)) {
      fail(llvm::toString(std::move(error)));
      return false;
    }
    return true;
  };
  for (auto [i, file] : llvm::enumerate(outFiles))
    if (!write(file, outputs[i]))
      return refused;
  for (auto [i, file] : llvm::enumerate(gradientFiles))
    if (!write(file, outputs[results + i]))
      return refused;
  if (json)
    printJson(llvm::json::Object{{"event", "done"}, {"engine", engine.getValue()}, {"results", int64_t(results)}});
  return done;
}
