//===- MonitorBench.cpp - What a monitored training costs ---------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Trains one program with nothing watched, with what its own policy has watched, and with predictions, gradients and
// weights watched; in alternation, on one core. Prints one line of JSON: medians of the times, in milliseconds, and
// medians over the rounds of the ratios to the training that nobody watches.
//
//===----------------------------------------------------------------------===//

#include "Bench.h"
#include "SelfOpt/Dialect/Safety/Safety.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Runtime/Dataset.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace selfopt;
using bench::median;
using bench::now;

int main(int argc, char **argv) {
  useDataBeside(argv[0], reinterpret_cast<void *>(&main));
  int rounds = argc > 2 ? std::atoi(argv[2]) : 101;
  if (argc < 2 || rounds < 1) {
    llvm::errs() << "usage: monitor-bench docs/examples/digits.mlir [ROUNDS]\n";
    return 2;
  }
  bench::pinToCore();

  std::unique_ptr<MLIRContext> owned = bench::makeContext();
  MLIRContext &context = *owned;
  std::vector<PlannedProgram> planned;
  std::vector<std::unique_ptr<Executable>> executables;
  enum { Nothing, Own, Everything, Variants };
  for (int variant = 0; variant < Variants; ++variant) {
    OwningOpRef<ModuleOp> spec = parseSourceFile<ModuleOp>(argv[1], ParserConfig(&context));
    std::string program = spec ? defaultProgram(*spec) : "";
    if (program.empty())
      return 1;
    if (variant != Own)
      spec->walk([](safety::RequireOp op) { op.erase(); });
    if (variant == Everything) {
      auto train = spec->lookupSymbol<TrainOp>(program);
      OwningOpRef<ModuleOp> policy = parseSourceString<ModuleOp>(
          llvm::formatv("module attributes {{} {{ {0}\n {1}\n safety.policy @everything {{\n"
                        "safety.require finite({2})\n safety.require finite_state({3})\n } }",
                        *spec->lookupSymbol(train.getLossAttr().getRootReference()),
                        *spec->lookupSymbol(train.getOptimizerAttr().getRootReference()), train.getLossAttr(),
                        train.getOptimizerAttr())
              .str(),
          ParserConfig(&context));
      if (!policy)
        return 1;
      policy->lookupSymbol("everything")->moveBefore(&spec->getBody()->front());
    }
    auto plan = planTraining(*spec, program);
    if (failed(plan))
      return 1;
    planned.push_back(std::move(*plan));
    auto executable = loadProgram(planned.back());
    if (failed(executable))
      return 1;
    executables.push_back(std::move(*executable));
  }
  std::vector<double> times[Variants], ratios[Variants];
  for (int round = -3; round < rounds; ++round) { // the first ones warm up
    double seconds[Variants];
    for (int k = 0; k < Variants; ++k) {
      int variant = (k + round + Variants) % Variants;
      executables[variant]->initialize(uint64_t(round + 3));
      double begin = now();
      TrainOutcome outcome = executables[variant]->train();
      seconds[variant] = now() - begin;
      if (outcome.diverged) {
        llvm::errs() << "error: " << outcome.reason << "\n";
        return 1;
      }
    }
    for (int variant = 0; variant < Variants && round >= 0; ++variant) {
      times[variant].push_back(seconds[variant] * 1e3);
      ratios[variant].push_back(seconds[variant] / seconds[Nothing]);
    }
  }
  llvm::outs() << llvm::formatv("{{\"nothing_ms\": {0:f3}, \"own_policy_ms\": {1:f3}, \"everything_ms\": {2:f3}, "
                                "\"own_policy_ratio\": {3:f4}, \"everything_ratio\": {4:f4}}\n",
                                median(times[Nothing]), median(times[Own]), median(times[Everything]),
                                median(ratios[Own]), median(ratios[Everything]));
  return 0;
}
