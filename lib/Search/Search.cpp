//===- Search.cpp - The search --------------------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Search/Search.h"
#include "Candidate.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Runtime/DatasetFromOp.h"
#include "SelfOpt/Search/Strategy.h"
#include "SelfOpt/Support/Digest.h"
#include "SelfOpt/Support/File.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringMap.h"
#include <chrono>
#include <cmath>
#include <thread>

using namespace mlir;
using namespace selfopt;

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(std::make_error_code(std::errc::invalid_argument), message);
}

/// The text of a block of mutation ops, one a line.
static std::string mutationText(Block &lineage, size_t from) {
  std::string text;
  llvm::raw_string_ostream os(text);
  size_t i = 0;
  for (Operation &op : lineage) {
    if (i++ < from)
      continue;
    op.print(os, OpPrintingFlags().useLocalScope());
    os << "\n";
  }
  return text;
}

/// `source` is the file that the text stands for, so that data is looked for beside it.
static OwningOpRef<ModuleOp> parseSpec(StringRef text, MLIRContext &context, StringRef source = "") {
  return parseSourceString<ModuleOp>(text, ParserConfig(&context), source);
}

/// The lineage op of a module, made where there is none.
static Block &lineageOf(ModuleOp spec, StringRef from) {
  for (auto lineage : spec.getOps<evolve::LineageOp>())
    return lineage.getBody().front();
  OpBuilder b = OpBuilder::atBlockEnd(spec.getBody());
  auto lineage = evolve::LineageOp::create(b, spec.getLoc(), from);
  return lineage.getBody().emplaceBlock();
}

namespace {

/// The state of one search.
class Searcher {
public:
  Searcher(ModuleOp spec, const SearchOptions &options, llvm::function_ref<void(const SearchProgress &)> report)
      : spec(spec), options(options), report(report), context(*spec.getContext()) {}

  llvm::Expected<SearchOutcome> run();

private:
  llvm::Error setUp();
  llvm::Error openArchive();
  llvm::Error restore();
  llvm::Error propose(int64_t id);
  llvm::Error settle();
  llvm::Error collect(double timeout);
  llvm::Error store(CandidateRow &row);
  void count(const CandidateRow &row);
  Fitness fitnessOf(const CandidateRow &row);
  llvm::Error finish(SearchOutcome &outcome);
  /// The result of a candidate whose program was seen before; empty while that one is under way.
  const CandidateRow *resultOf(int64_t id) const;

  ModuleOp spec;
  const SearchOptions &options;
  llvm::function_ref<void(const SearchProgress &)> report;
  MLIRContext &context;
  evolve::SearchOp search;
  std::string program, metric, startDigest, source;
  uint64_t seed = 0;
  int64_t total = 0, trainRows = 0;
  MutationScope scope;
  std::optional<Policy> policy;
  std::unique_ptr<Strategy> strategy;
  std::unique_ptr<Archive> archive;
  std::unique_ptr<WorkerPool> pool;
  std::unique_ptr<CandidateEvaluator> evaluator;

  std::vector<CandidateRow> rows;     ///< By id; texts of candidates stay, since any may become a parent.
  std::vector<bool> settled;          ///< Whether the row's result is known.
  llvm::StringMap<int64_t> firstSeen; ///< Digest to the first candidate that has it.
  int64_t stored = 0, told = 0;
  double begin = 0, lastReport = 0;
  SearchProgress progress;
};

} // namespace

llvm::Error Searcher::setUp() {
  auto searches = spec.getOps<evolve::SearchOp>();
  if (searches.empty()) {
    spec.emitError() << "expects an evolve.search, found none";
    return makeError("the spec has no evolve.search");
  }
  search = *searches.begin();
  program = search.getProgram().str();
  metric = search.getMetric().str();
  seed = options.seed.value_or(search.getSeed());
  total = options.candidates.value_or(search.getCandidates());
  scope = MutationScope::of(spec);
  auto train = spec.lookupSymbol<TrainOp>(program);
  auto judge = spec.lookupSymbol<MetricOp>(metric);
  auto loss = spec.lookupSymbol<LossOp>(train.getLoss());
  if (judge.getFunctionType().getInputs() != loss.getFunctionType().getInputs()) {
    judge.emitOpError("takes other types than the loss of @") << program;
    return makeError("the metric does not fit the program");
  }
  auto data = loadDataset(spec.lookupSymbol<DatasetOp>(train.getDataAttr().getRootReference()), {});
  if (failed(data))
    return makeError("the dataset can't be read");
  trainRows = splitSizes(**data, train.getDataAttr()).train;
  if ((*data)->validation.count == 0) {
    search.emitOpError("selects on the validation split, which is empty");
    return makeError("the validation split is empty");
  }
  auto fixed = Policy::fix(spec, search.getPolicy(), program);
  if (failed(fixed))
    return makeError("the policy can't be fixed");
  policy = std::move(*fixed);
  startDigest = canonicalDigest(spec);
  strategy = search.getStrategy() == evolve::Strategy::Random
                 ? makeRandomStrategy()
                 : makeAgingStrategy(search.getPopulation(), search.getTournament());
  // Every candidate trains on the same seeds, so that equal programs have equal results.
  if (auto file = spec.getLoc()->findInstanceOf<FileLineColLoc>())
    source = file.getFilename().str();
  evaluator.reset(new CandidateEvaluator{context, *policy, program, metric, source, trainRows, int64_t(search.getRepeats()),
                                         seed * 1000});

  // The start must keep its own policy: nothing else is worth proposing from.
  ProgramFacts facts;
  facts.cost = programCost(spec, program, trainRows);
  auto planned = planTraining(spec, program);
  if (failed(planned))
    return makeError("the spec can't be planned");
  facts.arenaBytes = planned->arenaBytes;
  for (const CheckResult &c : policy->check(spec, facts))
    if (c.verdict != Verdict::Holds) {
      InFlightDiagnostic d = mlir::emitError(c.location)
                             << (c.verdict == Verdict::Violated ? "is violated by the spec that the search starts from: "
                                                                : "can't be decided for the spec that the search starts "
                                                                  "from: ")
                             << c.detail;
      d.attachNote() << "expected every constraint to hold, found " << stringifyVerdict(c.verdict) << ": "
                     << c.constraint;
      d.report();
      return makeError("the spec breaks its policy");
    }
  return llvm::Error::success();
}

llvm::Error Searcher::openArchive() {
  auto opened = options.resume ? Archive::openForResume(options.directory) : Archive::create(options.directory);
  if (!opened)
    return opened.takeError();
  archive = std::move(*opened);
  std::pair<StringRef, std::string> keys[] = {{"spec", printSpec(spec)},
                                              {"spec.digest", startDigest},
                                              {"seed", std::to_string(seed)},
                                              {"program", program},
                                              {"metric", metric}};
  for (auto &[key, value] : keys) {
    auto old = archive->getMeta(key);
    if (!old)
      return old.takeError();
    if (*old && **old != value)
      return makeError(options.directory + ": expected an archive of this search, found another " + key +
                       "; resume with the spec and seed that it was begun with");
    if (!*old)
      if (auto error = archive->setMeta(key, value))
        return error;
  }
  return archive->setMeta("candidates", std::to_string(total));
}

Fitness Searcher::fitnessOf(const CandidateRow &row) {
  Fitness fitness{search.getMaximize() ? -*row.validation : *row.validation};
  for (auto quantity : search.getMinimize().getAsRange<StringAttr>())
    fitness.push_back(double(quantity == "parameters"          ? row.parameters
                             : quantity == "flops_per_example" ? row.flopsPerExample
                             : quantity == "train_flops"       ? row.trainFlops
                                                               : row.memory));
  return fitness;
}

const CandidateRow *Searcher::resultOf(int64_t id) const { return settled[id] ? &rows[id] : nullptr; }

void Searcher::count(const CandidateRow &row) {
  ++progress.done;
  switch (row.status) {
  case CandidateRow::Status::Evaluated:
    ++progress.evaluated;
    break;
  case CandidateRow::Status::Reused:
    ++progress.reused;
    break;
  case CandidateRow::Status::Rejected:
    ++progress.rejected;
    ++progress.reasons[StringRef(row.reason).split(':').first.str()];
    break;
  case CandidateRow::Status::Failed:
    ++progress.failed;
    ++progress.reasons[StringRef(row.reason).split(':').first.str()];
    break;
  }
  if (row.validation && (progress.bestId < 0 || fitnessOf(row) < fitnessOf(rows[progress.bestId]))) {
    progress.bestId = row.id;
    progress.best = *row.validation;
    progress.bestParameters = row.parameters;
  }
}

llvm::Error Searcher::restore() {
  auto old = archive->loadAll();
  if (!old)
    return old.takeError();
  for (CandidateRow &row : *old) {
    if (!row.digest.empty())
      firstSeen.try_emplace(row.digest, row.id);
    rows.push_back(row);
    settled.push_back(true);
    count(row);
  }
  stored = rows.size();
  return llvm::Error::success();
}

/// Draws candidate `id`, and hands it to a worker unless its program is known.
llvm::Error Searcher::propose(int64_t id) {
  CandidateRow row;
  row.id = id;
  row.seed = evaluator->seed;
  Philox random(seed, uint64_t(id));
  OwningOpRef<ModuleOp> child;
  if (id == 0) {
    child = OwningOpRef<ModuleOp>(spec.clone());
  } else {
    Proposal proposal = strategy->ask(id, random);
    row.parent = proposal.parent;
    child = parseSpec(rows[row.parent].program, context, source);
    if (!child)
      return makeError("candidate " + Twine(row.parent) + " does not parse again");
    Block &lineage = lineageOf(*child, startDigest);
    size_t before = lineage.getOperations().size();
    bool any = false;
    for (unsigned m = 0; m < proposal.mutations; ++m)
      any |= mutate(*child, scope, random, lineage) != nullptr;
    row.mutation = mutationText(lineage, before);
    if (!any)
      row.reason = "no mutation applies";
  }
  row.program = printSpec(*child);
  row.digest = canonicalDigest(*child);
  auto [it, fresh] = firstSeen.try_emplace(row.digest, id);
  rows.push_back(row);
  settled.push_back(false);
  if (!fresh) {
    rows[id].duplicateOf = it->second;
    return llvm::Error::success();
  }
  pool->submit(id, row.program);
  return llvm::Error::success();
}

/// Rows whose result is that of an earlier one, then storing and telling in order.
llvm::Error Searcher::settle() {
  int64_t ready = stored;
  while (ready < int64_t(rows.size())) {
    CandidateRow &row = rows[ready];
    if (!settled[ready] && row.duplicateOf >= 0) {
      const CandidateRow *first = resultOf(row.duplicateOf);
      if (first) {
        row.parameters = first->parameters;
        row.flopsPerExample = first->flopsPerExample;
        row.trainFlops = first->trainFlops;
        row.memory = first->memory;
        row.validation = first->validation;
        row.trainLoss = first->trainLoss;
        row.scores = first->scores;
        row.verdicts = first->verdicts;
        row.status = first->status == CandidateRow::Status::Evaluated ? CandidateRow::Status::Reused : first->status;
        row.reason = first->reason;
        settled[ready] = true;
      }
    }
    if (!settled[ready])
      break;
    ++ready;
  }
  if (ready == stored)
    return llvm::Error::success();
  if (auto error = archive->begin())
    return error;
  for (; stored < ready; ++stored) {
    if (auto error = archive->appendCandidate(rows[stored]))
      return error;
    count(rows[stored]);
  }
  return archive->commit();
}

llvm::Error Searcher::collect(double timeout) {
  auto result = pool->waitOne(timeout);
  if (!result) {
    std::error_code code;
    auto rest = llvm::handleErrors(result.takeError(), [&](const llvm::StringError &e) -> llvm::Error {
      if (e.convertToErrorCode() == std::make_error_code(std::errc::timed_out))
        return llvm::Error::success();
      return llvm::createStringError(e.convertToErrorCode(), e.getMessage());
    });
    return rest;
  }
  CandidateRow &row = rows[result->job];
  row.wall = result->wall;
  row.cpu = result->cpu;
  row.worker = result->worker;
  if (!result->ok || !decodeResult(result->payload, row)) {
    row.status = CandidateRow::Status::Failed;
    row.reason = result->ok ? std::string("sent a malformed answer") : result->reason;
  }
  settled[result->job] = true;
  return llvm::Error::success();
}

llvm::Expected<SearchOutcome> Searcher::run() {
  begin = lastReport = now();
  if (auto error = setUp())
    return std::move(error);
  if (auto error = openArchive())
    return std::move(error);
  if (auto error = restore())
    return std::move(error);
  progress.total = total;
  unsigned workers = options.workers ? options.workers : std::max(1u, std::thread::hardware_concurrency());
  auto made = WorkerPool::create(workers, options.limits,
                                 [this](StringRef request) { return encodeResult(evaluator->evaluate(request)); });
  if (!made)
    return made.takeError();
  pool = std::move(*made);
  SearchOutcome outcome;
  int64_t restored = rows.size(), inFlight = search.getInFlight();
  for (int64_t id = restored; id < total || stored < int64_t(rows.size());) {
    bool timeUp = options.seconds > 0 && now() - begin > options.seconds;
    if (timeUp && id < total) {
      outcome.interrupted = true;
      total = id;
    }
    // Candidate `id` may look back as far as `id - inFlight`, and no nearer.
    if (id < total && (stored > id - inFlight || id == 0)) {
      for (; told <= id - inFlight; ++told) {
        Fitness fitness;
        if (rows[told].validation)
          fitness = fitnessOf(rows[told]);
        strategy->tell(told, rows[told].validation ? &fitness : nullptr);
      }
      if (auto error = propose(id++))
        return std::move(error);
      if (auto error = settle())
        return std::move(error);
      // Keep the workers busy before looking at what they have.
      if (id < total && stored > id - inFlight)
        continue;
    }
    if (!pool->idle())
      if (auto error = collect(0.2))
        return std::move(error);
    if (auto error = settle())
      return std::move(error);
    progress.seconds = now() - begin;
    progress.perSecond = double(progress.done - restored) / std::max(1e-9, progress.seconds);
    progress.secondsLeft = progress.perSecond > 0 ? double(total - progress.done) / progress.perSecond : 0;
    if (now() - lastReport > 0.25) {
      lastReport = now();
      report(progress);
    }
  }
  progress.total = total;
  progress.secondsLeft = 0;
  report(progress);
  if (outcome.interrupted)
    if (auto error = archive->setMeta("clock.stopped", std::to_string(total)))
      return std::move(error);
  pool.reset();
  outcome.metric = metric;
  outcome.seed = seed;
  if (auto error = finish(outcome))
    return std::move(error);
  outcome.progress = progress;
  return outcome;
}

//===----------------------------------------------------------------------===//
// The end of a search
//===----------------------------------------------------------------------===//

FailureOr<FinalScore> selfopt::scoreFinally(ModuleOp spec, StringRef program, StringRef metric, unsigned seeds,
                                            uint64_t firstSeed, bool lookAtTest) {
  auto planned = planTraining(spec, program);
  if (failed(planned))
    return failure();
  auto executable = loadProgram(*planned);
  if (failed(executable))
    return failure();
  FinalScore score;
  auto cost = programCost(spec, program, planned->trainRows);
  if (cost) {
    score.parameters = cost->parameters;
    score.flopsPerExample = cost->flopsPerExample;
  }
  score.epochs = planned->epochs;
  score.seeds = seeds;
  std::vector<double> tests;
  for (unsigned s = 0; s < seeds; ++s) {
    (*executable)->initialize(firstSeed + s);
    if ((*executable)->train().diverged) {
      ++score.failedSeeds;
      continue;
    }
    auto validation = metricOf((*executable)->score(planned->data->validation), planned->metrics, metric);
    std::optional<double> test = 0.0;
    if (lookAtTest)
      test = metricOf((*executable)->score(planned->data->test), planned->metrics, metric);
    if (!validation || !test || !std::isfinite(*validation) || !std::isfinite(*test)) {
      ++score.failedSeeds;
      continue;
    }
    score.validation += *validation;
    tests.push_back(*test);
    score.test += *test;
  }
  // Means over the seeds that have a score.
  double scored = std::max<size_t>(1, tests.size());
  score.validation /= scored;
  score.test /= scored;
  for (double t : tests)
    score.testDeviation += (t - score.test) * (t - score.test);
  score.testDeviation = tests.size() > 1 ? std::sqrt(score.testDeviation / double(tests.size() - 1)) : 0;
  return score;
}

llvm::Error Searcher::finish(SearchOutcome &outcome) {
  if (progress.bestId < 0)
    return makeError("no candidate could be evaluated, not even the start: " + rows[0].reason);
  // A single validation score of the best of hundreds is too good to be true: the finalists train again on fresh seeds,
  // and the best mean wins. Test is looked at for the winner and the start alone.
  uint64_t fresh = freshSeed(seed);
  std::vector<int64_t> order;
  llvm::StringMap<bool> seen;
  for (const CandidateRow &row : rows)
    if (row.validation)
      order.push_back(row.id);
  llvm::stable_sort(order, [&](int64_t a, int64_t b) { return fitnessOf(rows[a]) < fitnessOf(rows[b]); });
  auto scored = [&](int64_t id, bool lookAtTest) -> llvm::Expected<FinalScore> {
    OwningOpRef<ModuleOp> module = parseSpec(rows[id].program, context, source);
    auto score = module ? scoreFinally(*module, program, metric, options.finalSeeds, fresh, lookAtTest)
                        : FailureOr<FinalScore>(failure());
    if (failed(score))
      return makeError("candidate " + Twine(id) + " can't be trained again");
    score->id = id;
    score->digest = rows[id].digest;
    score->text = rows[id].program;
    return *score;
  };
  auto start = scored(0, true);
  if (!start)
    return start.takeError();
  outcome.start = *start;
  bool have = false;
  Fitness bestFitness;
  unsigned taken = 0;
  for (int64_t id : order) {
    if (taken == options.finalists)
      break;
    if (!seen.try_emplace(rows[id].digest, true).second)
      continue;
    ++taken;
    auto score = scored(id, false);
    if (!score)
      return score.takeError();
    // One that diverges on some seed is no winner, however good its other seeds are.
    if (score->failedSeeds && have)
      continue;
    CandidateRow probe = rows[id];
    probe.validation = score->validation;
    Fitness fitness = fitnessOf(probe);
    if (!have || outcome.best.failedSeeds || fitness < bestFitness) {
      have = true;
      bestFitness = fitness;
      outcome.best = *score;
    }
  }
  auto winnerScore = scored(outcome.best.id, true);
  if (!winnerScore)
    return winnerScore.takeError();
  outcome.best = *winnerScore;
  if (auto error = writeFileAtomically(options.directory + "/best.mlir", outcome.best.text))
    return error;
  // The weights of the winner's first fresh seed.
  OwningOpRef<ModuleOp> winner = parseSpec(outcome.best.text, context, source);
  auto planned = planTraining(*winner, program);
  auto executable = failed(planned) ? FailureOr<std::unique_ptr<Executable>>(failure()) : loadProgram(*planned);
  if (failed(executable))
    return makeError("the winner can't be trained again");
  (*executable)->initialize(fresh);
  (*executable)->train();
  if (auto error = saveParameters(**executable, *planned, options.directory + "/best.safetensors"))
    return error;
  if (auto error = archive->setMeta("best", std::to_string(outcome.best.id)))
    return error;
  return archive->setMeta("finished", std::to_string(rows.size()));
}

llvm::Expected<SearchOutcome> selfopt::runSearch(ModuleOp spec, const SearchOptions &options,
                                                 llvm::function_ref<void(const SearchProgress &)> report) {
  return Searcher(spec, options, report).run();
}

//===----------------------------------------------------------------------===//
// Replay
//===----------------------------------------------------------------------===//

llvm::Expected<OwningOpRef<ModuleOp>> selfopt::replayCandidate(Archive &archive, int64_t id, MLIRContext &context) {
  auto text = archive.getMeta("spec");
  if (!text)
    return text.takeError();
  if (!*text)
    return makeError("the archive holds no spec");
  // The chain of parents, from the start on.
  std::vector<std::string> steps;
  for (int64_t at = id; at > 0;) {
    auto row = archive.get(at);
    if (!row)
      return row.takeError();
    if (!*row)
      return makeError("the archive has no candidate " + Twine(at));
    steps.push_back((*row)->mutation);
    at = (*row)->parent;
  }
  OwningOpRef<ModuleOp> spec = parseSpec(**text, context);
  if (!spec)
    return makeError("the archive's spec does not parse");
  if (steps.empty())
    return spec;
  std::string digest = canonicalDigest(*spec), all;
  for (auto it = steps.rbegin(); it != steps.rend(); ++it)
    all += *it;
  OwningOpRef<ModuleOp> holder = parseSpec("evolve.lineage from(\"" + digest + "\") {\n" + all + "}\n", context);
  if (!holder)
    return makeError("the mutations of candidate " + Twine(id) + " do not parse");
  auto lineage = *holder->getOps<evolve::LineageOp>().begin();
  if (failed(applyLineage(*spec, lineage.getBody().front())))
    return makeError("the mutations of candidate " + Twine(id) + " do not apply again");
  lineage->remove();
  spec->push_back(lineage);
  return spec;
}
