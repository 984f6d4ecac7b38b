//===- Train.cpp - selfopt-run train ------------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Commands.h"
#include "Options.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Safety/ProgramCost.h"
#include "llvm/Support/FormatVariadic.h"
#include <chrono>

using namespace mlir;
using namespace selfopt;
namespace cl = llvm::cl;

namespace selfopt::run {
cl::SubCommand trainCommand("train", "trains a program of a spec as it is written");
cl::opt<std::string> specFile(cl::Positional, cl::desc("SPEC"), cl::Required, cl::sub(trainCommand),
                              cl::sub(searchCommand), cl::sub(studyCommand), cl::sub(answersCommand));
cl::opt<std::string> program("program", cl::desc("which selfopt.train (default: the search's, or the only one)"),
                             cl::value_desc("@name"), cl::sub(trainCommand), cl::sub(answersCommand));
cl::opt<uint64_t> seed("seed", cl::desc("training seed, or the search's instead of the spec's"), cl::init(0),
                       cl::sub(trainCommand), cl::sub(searchCommand));
cl::opt<bool> json("json", cl::desc("print lines of JSON for programs"), cl::sub(trainCommand), cl::sub(searchCommand),
                   cl::sub(replayCommand), cl::sub(callCommand), cl::sub(answersCommand), cl::sub(digestCommand),
                   cl::sub(certifyCommand), cl::sub(studyCommand), cl::sub(explainCommand));
} // namespace selfopt::run

static cl::opt<std::string> saveFile("save", cl::desc("write the trained parameters (safetensors)"),
                                     cl::value_desc("FILE"), cl::sub(run::trainCommand));
static cl::opt<unsigned> repeatCount("seeds", cl::desc("train with this many seeds, from --seed on, and print means"),
                                     cl::init(1), cl::sub(run::trainCommand));

static cl::opt<bool> profile("profile", cl::desc("print what each launch of a training step costs"),
                             cl::sub(run::trainCommand));

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int run::trainMain() {
  auto spec = loadSpec(specFile);
  if (!spec)
    return refused;
  if (repeatCount < 1) {
    llvm::errs() << "error: --seeds expects at least 1, found 0\n";
    return usage;
  }
  std::string name = StringRef(program).ltrim('@').str();
  if (name.empty())
    name = defaultProgram(*spec->module);
  if (name.empty())
    return refused;
  double begin = now();
  auto planned = planTraining(*spec->module, name);
  if (failed(planned))
    return refused;
  auto executable = loadProgram(*planned);
  if (failed(executable))
    return refused;
  double compileSeconds = now() - begin;
  auto cost = programCost(*spec->module, name, planned->trainRows);

  const Split *splits[] = {&planned->data->train, &planned->data->validation, &planned->data->test};
  const char *names[] = {"train", "validation", "test"};
  double losses[3] = {}, metrics[3] = {}, trainSeconds = 0;
  int64_t steps = 0, epochs = 0;
  bool diverged = false;
  std::string reason; // of the first seed that stopped early
  for (unsigned r = 0; r < repeatCount; ++r) {
    (*executable)->initialize(seed + r);
    double start = now();
    TrainOutcome outcome = (*executable)->train();
    trainSeconds += now() - start;
    steps = outcome.steps;
    epochs = outcome.epochLoss.size();
    diverged |= outcome.diverged;
    if (reason.empty())
      reason = outcome.reason;
    if (!json && repeatCount == 1)
      for (auto [e, loss] : llvm::enumerate(outcome.epochLoss))
        if (e + 1 == outcome.epochLoss.size() || (e + 1) % std::max<size_t>(1, outcome.epochLoss.size() / 10) == 0)
          llvm::outs() << llvm::formatv("epoch {0,4}  loss {1:f6}\n", e + 1, loss);
    for (int s = 0; s < 3; ++s) {
      ScoreOutcome score = (*executable)->score(*splits[s]);
      losses[s] += score.loss / repeatCount;
      if (!score.metrics.empty())
        metrics[s] += score.metrics[0] / repeatCount;
    }
  }
  if (!saveFile.empty()) {
    if (auto error = saveParameters(**executable, *planned, saveFile)) {
      llvm::errs() << "error: " << llvm::toString(std::move(error)) << "\n";
      return refused;
    }
  }
  if (profile)
    for (auto &[what, seconds] : (*executable)->profileStep(1001))
      llvm::outs() << llvm::formatv("{0,8:f0} ns  {1}\n", seconds * 1e9, what);
  int64_t parameters = 0;
  for (RankedTensorType type : planned->parameters)
    parameters += type.getNumElements();
  std::string metric = planned->metrics.empty() ? "loss" : planned->metrics[0];
  double perRun = trainSeconds / repeatCount;
  double flops = cost ? double(cost->trainFlops) : 0;
  if (json) {
    llvm::json::Object loss, metricObject;
    for (int s = 0; s < 3; ++s) {
      loss[names[s]] = losses[s];
      metricObject[names[s]] = metrics[s];
    }
    llvm::json::Object line{{"event", "done"},
                            {"seconds", perRun},
                            {"compile_seconds", compileSeconds},
                            {"steps", steps},
                            {"epochs", epochs},
                            {"parameters", parameters},
                            {"flops_per_example", cost ? cost->flopsPerExample : 0},
                            {"flops_per_second", perRun > 0 ? flops / perRun : 0.0},
                            {"arena_bytes", planned->arenaBytes},
                            {"seeds", int64_t(repeatCount)},
                            {"diverged", diverged}};
    if (diverged)
      line["reason"] = reason;
    line["loss"] = std::move(loss);
    if (!planned->metrics.empty())
      line["metric"] = std::move(metricObject);
    printJson(std::move(line));
  } else {
    llvm::outs() << llvm::formatv("@{0}: {1} parameters, {2} steps, {3} epochs, arena {4} bytes\n", name, parameters,
                                  steps, epochs, planned->arenaBytes);
    llvm::outs() << llvm::formatv("compiled in {0:f3} s, trained in {1:f4} s ({2:f1} GFLOP/s)\n", compileSeconds, perRun,
                                  perRun > 0 ? flops / perRun * 1e-9 : 0.0);
    for (int s = 0; s < 3; ++s) {
      if (!splits[s]->count)
        continue;
      llvm::outs() << llvm::formatv("{0,-10}  {1,6} examples  loss {2:f6}", names[s], splits[s]->count, losses[s]);
      if (!planned->metrics.empty())
        llvm::outs() << llvm::formatv("  {0} {1:f4}", metric, metrics[s]);
      llvm::outs() << "\n";
    }
  }
  if (diverged) {
    llvm::errs() << "error: @" << name << ": " << reason << "; training stopped after " << steps << " steps\n";
    return refused;
  }
  return done;
}
