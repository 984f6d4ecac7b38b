//===- RobustBench.cpp - What certifying a trained model costs ----------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Trains one program, then certifies its validation split at a radius, in alternation with an evaluation of that split
// and with a whole training, on one core. Prints one line of JSON: what is certified; medians in milliseconds; and the
// ratios of certifying to evaluating (only running the functions that bound, and all of it: deriving, planning, loading
// and running them, kernels from the cache) and to training.
//
//===----------------------------------------------------------------------===//

#include "Bench.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using bench::median;
using bench::now;

int main(int argc, char **argv) {
  useDataBeside(argv[0], reinterpret_cast<void *>(&main));
  double radius = argc > 2 ? std::atof(argv[2]) : 0.5;
  int rounds = argc > 3 ? std::atoi(argv[3]) : 31;
  if (argc < 2 || !(radius >= 0) || rounds < 1) {
    llvm::errs() << "usage: robust-bench docs/examples/digits.mlir [RADIUS] [ROUNDS]\n";
    return 2;
  }
  bench::pinToCore();
  std::unique_ptr<MLIRContext> context = bench::makeContext();
  OwningOpRef<ModuleOp> spec = parseSourceFile<ModuleOp>(argv[1], ParserConfig(context.get()));
  std::string program = spec ? defaultProgram(*spec) : "";
  if (program.empty())
    return 1;
  auto planned = planTraining(*spec, program);
  if (failed(planned))
    return 1;
  auto executable = loadProgram(*planned);
  if (failed(executable))
    return 1;
  auto model = spec->lookupSymbol<ModelOp>(spec->lookupSymbol<TrainOp>(program).getModel());
  const Split &split = planned->data->validation;

  enum { Train, Evaluate, Run, Whole, Kinds };
  std::vector<double> times[Kinds];
  int64_t certified = 0, calls = 0;
  for (int round = -3; round < rounds; ++round) { // the first ones warm up
    double at[Kinds + 1];
    (*executable)->initialize(1000);
    at[0] = now();
    (*executable)->train();
    at[1] = now();
    (*executable)->score(split);
    at[2] = now();
    TrainedWeights weights =
        llvm::cantFail(TrainedWeights::decode("weights", encodeParameters(**executable, *planned)));
    double begin = now();
    auto propagation = BoundPropagation::create(model, weights, BoundCompiler());
    if (!propagation) {
      llvm::errs() << "error: " << llvm::toString(propagation.takeError()) << "\n";
      return 1;
    }
    auto margins = llvm::cantFail(propagation->margins(split.features, split.count, radius, split.labels));
    double loaded = now();
    calls = propagation->calls();
    certified = llvm::count_if(margins, [](float m) { return m > 0; });
    llvm::cantFail(propagation->margins(split.features, split.count, radius, split.labels));
    double done = now();
    if (round < 0)
      continue;
    times[Train].push_back(at[1] - at[0]);
    times[Evaluate].push_back(at[2] - at[1]);
    times[Run].push_back(done - loaded);
    times[Whole].push_back(loaded - begin);
  }
  double ms[Kinds];
  for (int kind = 0; kind < Kinds; ++kind)
    ms[kind] = 1e3 * median(times[kind]);
  llvm::outs() << llvm::formatv(
      "{{\"radius\": {0}, \"certified\": {1}, \"examples\": {2}, \"calls\": {3}, \"train_ms\": {4:f3}, "
      "\"evaluate_ms\": {5:f4}, \"run_ms\": {6:f4}, \"whole_ms\": {7:f4}, \"run_evaluations\": {8:f2}, "
      "\"whole_evaluations\": {9:f2}, \"whole_trainings\": {10:f4}}\n",
      radius, certified, split.count, calls, ms[Train], ms[Evaluate], ms[Run], ms[Whole], ms[Run] / ms[Evaluate],
      ms[Whole] / ms[Evaluate], ms[Whole] / ms[Train]);
  return 0;
}
