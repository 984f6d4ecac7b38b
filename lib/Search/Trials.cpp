//===- Trials.cpp - Programs beside a search's, judged its way ----------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Search/Trials.h"
#include "Candidate.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Runtime/DatasetFromOp.h"
#include "llvm/Support/JSON.h"
#include <thread>

using namespace mlir;
using namespace selfopt;

struct TrialRunner::Impl {
  std::optional<Policy> policy;
  std::unique_ptr<CandidateEvaluator> evaluator;
  std::unique_ptr<WorkerPool> pool;
  unsigned workers = 1;
};

TrialRunner::TrialRunner(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
TrialRunner::~TrialRunner() = default;
unsigned TrialRunner::workers() const { return impl->workers; }

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(std::make_error_code(std::errc::invalid_argument), message);
}

llvm::Expected<std::unique_ptr<TrialRunner>> TrialRunner::create(ModuleOp spec, uint64_t firstSeed, unsigned workers) {
  auto searches = spec.getOps<evolve::SearchOp>();
  if (searches.empty())
    return makeError("the spec has no evolve.search");
  evolve::SearchOp search = *searches.begin();
  auto train = spec.lookupSymbol<TrainOp>(search.getProgram());
  auto data = loadDataset(spec.lookupSymbol<DatasetOp>(train.getDataAttr().getRootReference()), {});
  if (failed(data))
    return makeError("the dataset can't be read");
  auto impl = std::make_unique<Impl>();
  auto fixed = Policy::fix(spec, search.getPolicy(), search.getProgram());
  if (failed(fixed))
    return makeError("the policy can't be fixed");
  impl->policy = std::move(*fixed);
  std::string source;
  if (auto file = spec.getLoc()->findInstanceOf<FileLineColLoc>())
    source = file.getFilename().str();
  impl->evaluator.reset(new CandidateEvaluator{*spec.getContext(), *impl->policy, search.getProgram().str(),
                                               search.getMetric().str(), source,
                                               splitSizes(**data, train.getDataAttr()).train, 1, firstSeed});
  impl->workers = workers ? workers : std::max(1u, std::thread::hardware_concurrency());
  // A request is the number of seeds, a line feed, and the program.
  auto pool = WorkerPool::create(impl->workers, WorkerLimits{uint64_t(4) << 30, 600, 600},
                                 [evaluator = impl->evaluator.get()](StringRef request) {
                                   auto [seeds, program] = request.split('\n');
                                   seeds.getAsInteger(10, evaluator->repeats);
                                   CandidateRequest trial;
                                   trial.program = program.str();
                                   return encodeResult(evaluator->evaluate(trial));
                                 });
  if (!pool)
    return pool.takeError();
  impl->pool = std::move(*pool);
  return std::unique_ptr<TrialRunner>(new TrialRunner(std::move(impl)));
}

llvm::Expected<std::vector<TrialResult>> TrialRunner::run(ArrayRef<std::string> programs, unsigned seeds) {
  std::vector<TrialResult> results(programs.size());
  for (auto [i, program] : llvm::enumerate(programs))
    impl->pool->submit(i, std::to_string(seeds) + "\n" + program);
  while (!impl->pool->idle()) {
    auto answer = impl->pool->waitOne(-1);
    if (!answer)
      return answer.takeError();
    TrialResult &result = results[answer->job];
    CandidateRow row;
    std::string machineProblem;
    if (!answer->ok || !decodeResult(answer->payload, row, machineProblem)) {
      result.reason = answer->ok ? std::string("sent a malformed answer") : answer->reason;
      continue;
    }
    if (!machineProblem.empty())
      return makeError(machineProblem);
    result.status = row.status;
    result.reason = row.reason;
    result.parameters = row.parameters;
    result.flopsPerExample = row.flopsPerExample;
    result.trainFlops = row.trainFlops;
    result.cpu = answer->cpu;
    if (row.status != CandidateRow::Status::Evaluated)
      continue;
    auto scores = llvm::json::parse(row.scores);
    if (!scores)
      return scores.takeError();
    if (const llvm::json::Array *list = scores->getAsArray())
      for (const llvm::json::Value &value : *list)
        if (const llvm::json::Object *o = value.getAsObject())
          if (auto validation = o->getNumber("validation"))
            result.validation.push_back(*validation);
    if (result.validation.size() != seeds) {
      result.status = CandidateRow::Status::Failed;
      result.reason =
          "expected " + std::to_string(seeds) + " scores, found " + std::to_string(result.validation.size());
    }
  }
  return results;
}
