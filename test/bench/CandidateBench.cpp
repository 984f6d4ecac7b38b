//===- CandidateBench.cpp - What one candidate of the digits search costs ------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Times one candidate on one core: mutate, verify, digest, check, plan, load, train 660 steps of batch 32, score. Caches
// of kernels are warm. Widths come in two kinds: seen before in this process, and never seen. Prints one line of JSON with
// medians in milliseconds; `candidates.py` holds it against JAX in the same run.
//
//===----------------------------------------------------------------------===//

#include "Bench.h"
#include "../../lib/Search/Candidate.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Runtime/DatasetFromOp.h"
#include "SelfOpt/Transforms/Passes.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace selfopt;
using bench::median;
using bench::now;

int main(int argc, char **argv) {
  useDataBeside(argv[0], reinterpret_cast<void *>(&main));
  if (argc != 2) {
    llvm::errs() << "usage: candidate-bench docs/examples/digits.mlir\n";
    return 2;
  }
  bench::pinToCore();

  std::unique_ptr<MLIRContext> owned = bench::makeContext();
  MLIRContext &context = *owned;
  OwningOpRef<ModuleOp> spec = parseSourceFile<ModuleOp>(argv[1], ParserConfig(&context));
  auto policy = spec ? Policy::fix(*spec, "policy", "fit") : FailureOr<Policy>(failure());
  if (failed(policy))
    return 1;
  auto train = spec->lookupSymbol<TrainOp>("fit");
  auto data = loadDataset(spec->lookupSymbol<DatasetOp>("digits"), {});
  if (failed(data))
    return 1;
  CandidateEvaluator evaluator{context, *policy, "fit", "accuracy", argv[1], splitSizes(**data, train.getDataAttr()).train, 1, 0, ""};
  std::string text = printSpec(*spec);

  double stages[4] = {};
  int runs = 0;
  auto candidate = [&](int64_t width) {
    double t0 = now();
    OwningOpRef<ModuleOp> child = parseSourceString<ModuleOp>(text, ParserConfig(&context));
    OwningOpRef<ModuleOp> mutation = parseSourceString<ModuleOp>(
        llvm::formatv("evolve.lineage from(\"\") {{ evolve.{0} @net at(0) units({1}) }", width > 32 ? "widen" : "narrow",
                      width)
            .str(),
        ParserConfig(&context));
    auto lineage = mutation->getBody()->front().getRegion(0).begin();
    if (failed(applyLineage(*child, *lineage)))
      return -1.0;
    double t1 = now();
    std::string digest = canonicalDigest(*child), childText = printSpec(*child);
    double t2 = now();
    CandidateRequest request;
    request.program = childText;
    CandidateResult result = evaluator.evaluate(request);
    double t3 = now();
    stages[0] += t1 - t0;
    stages[1] += t2 - t1;
    stages[2] += t3 - t2;
    ++runs;
    if (result.status != CandidateRow::Status::Evaluated) {
      llvm::errs() << "candidate failed: " << result.reason << "\n";
      return -1.0;
    }
    return t3 - t0;
  };
  candidate(31); // start-up: context, compiler, data
  candidate(33);
  std::vector<double> seen, fresh;
  for (int round = 0; round < 12; ++round) {
    int64_t width = 17 + 3 * round + (round >= 5);
    double first = candidate(width), again = candidate(width);
    if (first < 0 || again < 0)
      return 1;
    fresh.push_back(first * 1e3);
    seen.push_back(again * 1e3);
  }
  // Training alone, for the share of the rest.
  auto planned = planTraining(*spec, "fit");
  auto executable = failed(planned) ? FailureOr<std::unique_ptr<Executable>>(failure()) : loadProgram(*planned);
  if (failed(executable))
    return 1;
  std::vector<double> training;
  for (int i = 0; i < 15; ++i) {
    (*executable)->initialize(i);
    double start = now();
    (*executable)->train();
    training.push_back((now() - start) * 1e3);
  }
  // Where the rest goes: medians of each stage on the spec itself.
  llvm::MapVector<StringRef, std::vector<double>> stage;
  for (int i = 0; i < 21; ++i) {
    double t = now();
    auto lap = [&](StringRef name) {
      double next = now();
      stage[name].push_back((next - t) * 1e3);
      t = now();
    };
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, ParserConfig(&context));
    lap("parse");
    ProgramFacts facts;
    facts.cost = programCost(*module, "fit", evaluator.trainRows);
    (void)policy->check(*module, facts);
    lap("check");
    if (failed(instantiate(*module)))
      return 1;
    lap("instantiate");
    if (failed(differentiate(*module)))
      return 1;
    lap("differentiate");
    auto plan = plan::planProgram(*module, "fit", splitSizes(**data, train.getDataAttr()));
    lap("plan");
    auto loaded = Executable::create(**plan, "fit", **processCompiler(), *data);
    lap("load");
    (*loaded)->initialize(i);
    lap("initialize");
    (*loaded)->train();
    lap("train");
    (*loaded)->score((*data)->validation);
    lap("score");
  }
  llvm::errs() << "stages, ms:";
  for (auto &[name, times] : stage)
    llvm::errs() << llvm::formatv("  {0} {1:f3}", name, median(times));
  llvm::errs() << "\n";
  llvm::outs() << llvm::formatv("{{\"seen_ms\": {0:f3}, \"never_seen_ms\": {1:f3}, \"training_alone_ms\": {2:f3}, "
                                "\"mutate_ms\": {3:f3}, \"digest_and_print_ms\": {4:f3}, \"evaluate_ms\": {5:f3}}\n",
                                median(seen), median(fresh), median(training), stages[0] / runs * 1e3,
                                stages[1] / runs * 1e3, stages[2] / runs * 1e3);
  return 0;
}
