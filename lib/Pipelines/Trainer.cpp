//===- Trainer.cpp - From a spec to a trained, scored program ------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/Plan/Plan.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Runtime/DatasetFromOp.h"
#include "SelfOpt/Support/Digest.h"
#include "SelfOpt/Support/File.h"
#include "SelfOpt/Transforms/Passes.h"
#include "llvm/Support/Path.h"
#include <cstdlib>
#include <cstring>

using namespace mlir;
using namespace selfopt;

FailureOr<PlannedProgram> selfopt::planTraining(ModuleOp spec, StringRef program, ArrayRef<std::string> searchPath) {
  auto train = spec.lookupSymbol<TrainOp>(program);
  if (!train)
    return spec.emitError() << "expects a selfopt.train @" << program << ", found none", failure();
  auto dataset = spec.lookupSymbol<DatasetOp>(train.getDataAttr().getRootReference());
  auto data = loadDataset(dataset, searchPath);
  if (failed(data))
    return failure();
  int64_t rows = splitSizes(**data, train.getDataAttr()).train;
  if (int64_t(train.getBatch()) > rows)
    return train.emitOpError("expects a batch of at most the ") << rows << " training examples, found "
                                                                << int64_t(train.getBatch()),
           failure();
  OwningOpRef<ModuleOp> copy(spec.clone());
  // Other programs of the spec have nothing to do with this one.
  for (auto other : llvm::make_early_inc_range(copy->getOps<TrainOp>()))
    if (other.getSymName() != program)
      other.erase();
  if (failed(instantiate(*copy)) || failed(differentiate(*copy)))
    return failure();
  PlannedProgram planned;
  planned.name = program.str();
  planned.data = *data;
  auto pipeline = copy->lookupSymbol<PipelineOp>(program);
  for (auto metric : pipeline.getMetrics().getAsRange<StringAttr>())
    planned.metrics.push_back(metric.str());
  plan::SplitSizes sizes = splitSizes(**data, pipeline.getDataAttr());
  planned.epochs = pipeline.getEpochs();
  planned.trainRows = sizes.train;
  auto initialize = copy->lookupSymbol<func::FuncOp>((program + ".initialize").str());
  for (Type type : initialize.getResultTypes())
    planned.parameters.push_back(cast<RankedTensorType>(type));
  auto module = plan::planProgram(*copy, program, sizes);
  if (failed(module))
    return failure();
  planned.module = std::move(*module);
  planned.arenaBytes = planned.module->lookupSymbol<plan::ProgramOp>(program).getArena();
  return planned;
}

std::string selfopt::defaultProgram(ModuleOp spec) {
  for (auto search : spec.getOps<evolve::SearchOp>())
    return search.getProgram().str();
  auto trains = spec.getOps<TrainOp>();
  if (!llvm::hasSingleElement(trains)) {
    spec.emitError() << "expects one selfopt.train, or --program to name one of several; found "
                     << std::distance(trains.begin(), trains.end());
    return "";
  }
  return (*trains.begin()).getSymName().str();
}

llvm::Expected<codegen::KernelCompiler *> selfopt::processCompiler() {
  static std::unique_ptr<codegen::KernelCompiler> compiler;
  if (compiler)
    return compiler.get();
  codegen::CompilerOptions options;
  if (const char *dir = std::getenv("SELFOPT_CACHE_DIR")) {
    options.cacheDir = dir;
  } else if (const char *cache = std::getenv("XDG_CACHE_HOME")) {
    options.cacheDir = std::string(cache) + "/selfopt";
  } else {
    SmallString<128> home;
    if (llvm::sys::path::home_directory(home))
      options.cacheDir = (home + "/.cache/selfopt").str();
  }
  auto made = codegen::KernelCompiler::create(options);
  if (!made)
    return made.takeError();
  compiler = std::move(*made);
  return compiler.get();
}

FailureOr<std::unique_ptr<Executable>> selfopt::loadProgram(PlannedProgram &planned) {
  auto compiler = processCompiler();
  if (!compiler)
    return planned.module->emitError() << llvm::toString(compiler.takeError()), failure();
  return Executable::create(*planned.module, planned.name, **compiler, planned.data);
}

namespace {
class CompiledBounds : public BoundFunction {
public:
  CompiledBounds(std::shared_ptr<Executable> from, const TrainedWeights &weights)
      : executable(std::move(from)), weights(weights) {
    for (void *place; (place = executable->lookup("argument." + std::to_string(arguments.size())));)
      arguments.push_back(place);
    for (std::string name; executable->lookup(name = "result." + std::to_string(results.size()));) {
      size_t size = executable->lookupType(name).getNumElements();
      results.push_back({static_cast<float *>(executable->lookup(name)), size});
    }
  }

  void *argument(size_t i) override {
    i += weights.parameters.size();
    return i < arguments.size() ? arguments[i] : nullptr;
  }
  LogicalResult run() override {
    // An argument's place is used for something else once it has been read, so all are set each time.
    for (auto [values, place] : llvm::zip(weights.parameters, arguments))
      std::memcpy(place, values.data(), values.size() * sizeof(values[0]));
    return success(executable->run("call"));
  }
  ArrayRef<float> result(size_t i) override { return results[i]; }

private:
  std::shared_ptr<Executable> executable;
  const TrainedWeights &weights;
  SmallVector<void *> arguments;
  SmallVector<ArrayRef<float>> results;
};
} // namespace

llvm::Expected<std::unique_ptr<BoundFunction>> BoundCompiler::operator()(ModelOp model, BoundProgram kind,
                                                                         const TrainedWeights &weights) {
  std::string text;
  llvm::raw_string_ostream(text) << model;
  auto &[key, executable] = last[kind];
  if (text != key) {
    OwningOpRef<ModuleOp> module = ModuleOp::create(model.getLoc());
    auto function = deriveBounds(model, kind, BoundPropagation::slice, *module);
    if (!function)
      return function.takeError();
    auto planned = plan::planFunction(*module, function->getSymName());
    auto compiler = processCompiler();
    if (!compiler)
      return compiler.takeError();
    auto loaded = failed(planned) ? FailureOr<std::unique_ptr<Executable>>(failure())
                                  : Executable::create(**planned, function->getSymName(), **compiler, nullptr);
    if (failed(loaded))
      return llvm::createStringError(std::make_error_code(std::errc::invalid_argument),
                                     "@" + function->getSymName() + " can't be compiled");
    executable = std::move(*loaded);
    key = text;
  }
  return std::make_unique<CompiledBounds>(executable, weights);
}

std::string selfopt::targetName() {
  auto compiler = processCompiler();
  if (!compiler)
    return llvm::consumeError(compiler.takeError()), "";
  std::string description = (*compiler)->targetDescription();
  auto [triple, rest] = StringRef(description).split(' ');
  return (triple + " " + rest.split(' ').first).str();
}

FailureOr<ProgramFacts> selfopt::programFacts(ModuleOp spec, PlannedProgram &planned, StringRef policy) {
  ProgramFacts facts;
  facts.cost = programCost(spec, planned.name, planned.trainRows);
  facts.arenaBytes = planned.arenaBytes;
  if (!asksFor(spec, policy, Needs::Code))
    return facts;
  auto executable = loadProgram(planned);
  if (failed(executable))
    return failure();
  facts.codeBytes = (*executable)->codeBytes();
  facts.target = targetName();
  return facts;
}

std::string selfopt::planDigest(const PlannedProgram &planned) {
  std::string text;
  llvm::raw_string_ostream os(text);
  planned.module.get().print(os, OpPrintingFlags().useLocalScope());
  return digestHex(text);
}

std::string selfopt::encodeParameters(const Executable &executable, const PlannedProgram &planned) {
  TensorFile file;
  for (auto [i, type] : llvm::enumerate(planned.parameters)) {
    NamedArray array;
    array.name = "parameter." + std::to_string(i);
    array.array.kind = Array::Kind::F32;
    array.array.shape.assign(type.getShape().begin(), type.getShape().end());
    array.array.bytes.resize(type.getNumElements() * sizeof(float));
    std::memcpy(array.array.bytes.data(), executable.lookup(array.name), array.array.bytes.size());
    file.tensors.push_back(std::move(array));
  }
  return llvm::cantFail(encodeSafetensors("parameters", file)); // names that differ, and shapes that are full
}

llvm::Error selfopt::saveParameters(const Executable &executable, const PlannedProgram &planned, StringRef path) {
  return writeFileAtomically(path, encodeParameters(executable, planned));
}
