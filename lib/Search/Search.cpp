//===- Search.cpp - The search ---------------------------------------------------------  -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Search/Search.h"
#include "Carry.h"
#include "Searcher.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Runtime/DatasetFromOp.h"
#include "SelfOpt/Support/Digest.h"
#include "llvm/ADT/bit.h"
#include <chrono>
#include <thread>

using namespace mlir;
using namespace selfopt;

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

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
  inFlight = search.getInFlight();
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
  startText = printSpec(spec);
  StrategySettings settings;
  settings.name = search.getStrategy().str();
  settings.epochs = train.getEpochs();
  for (NamedAttribute setting : search.getSettings())
    settings.parameters[setting.getName().str()] = cast<IntegerAttr>(setting.getValue()).getInt();
  for (auto axis : search.getAxes().getAsRange<DictionaryAttr>())
    settings.axes.push_back({axis.getAs<StringAttr>("quantity").str(), axis.getAs<FloatAttr>("low").getValueAsDouble(),
                             axis.getAs<FloatAttr>("high").getValueAsDouble(),
                             axis.getAs<IntegerAttr>("cells").getInt(), axis.getAs<BoolAttr>("log").getValue()});
  strategy = makeStrategy(settings);
  if (!strategy) {
    search.emitOpError("names a strategy that this search does not know: ") << settings.name;
    return makeError("the strategy is unknown");
  }
  // Every candidate trains on the same seeds, so that equal programs have equal results.
  if (auto file = spec.getLoc()->findInstanceOf<FileLineColLoc>())
    source = file.getFilename().str();
  evaluator.reset(new CandidateEvaluator{context, *policy, program, metric, source, trainRows,
                                         int64_t(search.getRepeats()), seed * 1000, options.directory});
  workbench = std::make_unique<Workbench>(context.getDialectRegistry(), source, startDigest);

  // The start must keep its own policy: nothing else is worth proposing from.
  auto planned = planTraining(spec, program);
  if (failed(planned))
    return makeError("the spec can't be planned");
  auto facts = programFacts(spec, *planned, search.getPolicy());
  if (failed(facts))
    return makeError("the spec can't be compiled");
  for (const CheckResult &c : policy->check(spec, *facts))
    // What its weights must show is found out when it is trained.
    if (c.verdict != Verdict::Holds && c.needs != Needs::Weights) {
      InFlightDiagnostic d = mlir::emitError(c.location)
                             << (c.verdict == Verdict::Violated
                                     ? "is violated by the spec that the search starts from: "
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
  std::pair<StringRef, std::string> keys[] = {{"spec", startText},
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
  if (row.duplicateOf >= 0)
    ++(row.reusedBy == "probe" ? progress.savedByProbe : progress.savedByDigest);
  if (!row.validation)
    return;
  Fitness fitness = fitnessOf(row);
  if (progress.bestId >= 0 && !(fitness < bestFitness))
    return;
  bestFitness = std::move(fitness);
  progress.bestId = row.id;
  progress.best = *row.validation;
  progress.bestParameters = row.parameters;
  if (!bestState.empty() && bestState != row.state)
    released.push_back({stored, bestState});
  bestState = row.state;
}

//===----------------------------------------------------------------------===//
// Proposing
//===----------------------------------------------------------------------===//

Proposal Searcher::ask(int64_t id, Philox &random) {
  Proposal proposal = strategy->ask(id, random);
  // The first candidate is the spec, however long the strategy trains it.
  if (id == 0)
    return {-1, 0, Keep::Nothing, proposal.budget, -1, -1};
  return proposal;
}

/// Results reach the strategy in order, and states that it is done with are let go.
void Searcher::tellUpTo(int64_t last) {
  for (; told <= last; ++told) {
    auto it = untold.find(told);
    strategy->tell(told, it->second ? &*it->second : nullptr);
    if (!it->second)
      release(told, told); // there is nothing to continue from
    untold.erase(it);
    for (int64_t id : strategy->takeDone())
      release(id, told);
  }
}

/// The mutations of a candidate that goes on with its parent's weights, carried over: equal programs may have them in
/// other places (the identity in front of a layer, or behind it).
static StringRef carryOf(const CandidateRow &row) {
  return !row.startState.empty() && carriesWeights(row.mutation) ? StringRef(row.mutation) : StringRef();
}

std::string Searcher::keyOf(const CandidateRow &row) {
  Digester digester;
  return digester.addField(row.digest)
      .add(llvm::bit_cast<uint64_t>(row.budget))
      .addField(row.startState)
      .addField(carryOf(row))
      .hex();
}

/// Goes through the archive as if its candidates were proposed once more, so that the strategy stands where it stood.
llvm::Error Searcher::restore() {
  auto error = archive->forEach([&](const CandidateRow &row) -> llvm::Error {
    tellUpTo(row.id - inFlight);
    Philox random(seed, uint64_t(row.id));
    Proposal proposal = ask(row.id, random);
    auto describe = [](int64_t parent, int64_t donor, double budget, int64_t continues) {
      return "a child of " + std::to_string(parent) + (donor < 0 ? "" : " and " + std::to_string(donor)) +
             " with a budget of " + std::to_string(budget) +
             (continues < 0 ? "" : " that continues " + std::to_string(continues));
    };
    if (proposal.parent != row.parent || proposal.donor != row.donor || proposal.budget != row.budget ||
        proposal.continues != row.continues)
      return makeError(options.directory + ": expected candidate " + Twine(row.id) + " to be " +
                       describe(proposal.parent, proposal.donor, proposal.budget, proposal.continues) + ", found " +
                       describe(row.parent, row.donor, row.budget, row.continues) +
                       "; the archive is of another release, or was changed");
    untold[row.id] = resultOf(row);
    hold(row.id, keyOf(row));
    keepState(row);
    ++stored;
    count(row);
    return llvm::Error::success();
  });
  proposed = stored;
  return error;
}

/// Text and digest of a candidate that may be a parent. The spec may be one before it is in the archive.
llvm::Expected<std::pair<std::string, std::string>> Searcher::programOf(int64_t id) {
  if (id == 0)
    return std::pair(startText, startDigest);
  auto row = archive->get(id);
  if (!row)
    return row.takeError();
  if (!*row)
    return makeError("the archive has no candidate " + Twine(id));
  return std::pair(std::move((*row)->program), std::move((*row)->digest));
}

/// Draws candidate `id`, and hands it to a worker unless its program is known.
llvm::Error Searcher::propose(int64_t id) {
  Pending entry;
  CandidateRow &row = entry.row;
  row.id = id;
  row.seed = evaluator->seed;
  Philox random(seed, uint64_t(id));
  Proposal proposal = ask(id, random);
  row.parent = proposal.parent;
  row.donor = proposal.donor;
  row.budget = proposal.budget;
  row.continues = proposal.continues;
  CandidateRequest request;
  if (id == 0) {
    row.program = startText;
    row.digest = startDigest;
  } else {
    auto parent = programOf(row.parent);
    if (!parent)
      return parent.takeError();
    if (proposal.mutations == 0) {
      row.program = std::move(parent->first);
      row.digest = std::move(parent->second);
    } else {
      std::string donor;
      if (row.donor >= 0) {
        auto second = programOf(row.donor);
        if (!second)
          return second.takeError();
        donor = std::move(second->first);
      }
      auto child = workbench->mutateProgram(parent->first, proposal, random, donor);
      if (!child)
        return child.takeError();
      row.program = std::move(child->program);
      row.digest = std::move(child->digest);
      row.mutation = std::move(child->mutation);
    }
  }
  if (row.continues >= 0) {
    auto before = archive->get(row.continues);
    if (!before)
      return before.takeError();
    if (!*before || (*before)->state.empty())
      return makeError("candidate " + Twine(row.continues) + " has left no state to continue from");
    row.startState = (*before)->state;
    request.spent = (*before)->trainFlops;
    if (!carryOf(row).empty())
      request.parent = std::move((*before)->program);
  }
  entry.key = keyOf(row);
  // Known, if its result can be had whole: where trainings pause, also the state that it left.
  auto running = pendingKeys.find(entry.key);
  if (running != pendingKeys.end()) {
    row.duplicateOf = running->second;
  } else {
    auto known = archive->findTrial(row.digest, row.budget, row.startState, carryOf(row));
    if (!known)
      return known.takeError();
    if (*known && ((*known)->state.empty() || liveKeys.count(entry.key)))
      row.duplicateOf = (*known)->id;
  }
  hold(id, entry.key);
  if (row.duplicateOf >= 0) {
    row.reusedBy = "digest";
    pending[id] = std::move(entry);
    return llvm::Error::success();
  }
  request.id = id;
  request.program = row.program;
  request.budget = row.budget;
  request.startState = row.startState;
  request.pause = strategy->pauses();
  request.probe = search.getReuse() == "probe";
  request.lookBack = id - inFlight;
  entry.request = encodeRequest(request);
  pendingKeys[entry.key] = id;
  pool->submit(id, entry.request);
  pending[id] = std::move(entry);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

static void copyResult(CandidateRow &row, const CandidateRow &first) {
  row.parameters = first.parameters;
  row.flopsPerExample = first.flopsPerExample;
  row.trainFlops = first.trainFlops;
  row.memory = first.memory;
  row.validation = first.validation;
  row.trainLoss = first.trainLoss;
  row.state = first.state;
  row.curve = first.curve;
  row.scores = first.scores;
  row.verdicts = first.verdicts;
  bool trained = first.status == CandidateRow::Status::Evaluated || first.status == CandidateRow::Status::Reused;
  row.status = trained ? CandidateRow::Status::Reused : first.status;
  row.reason = first.reason;
}

std::optional<TrialResult> Searcher::resultOf(const CandidateRow &row) {
  if (!row.validation)
    return std::nullopt;
  return TrialResult{fitnessOf(row), *row.validation, row.parameters, row.flopsPerExample, row.trainFlops, row.memory};
}

/// Rows whose result is that of an earlier one, then storing and telling in order.
llvm::Error Searcher::settle() {
  bool batch = false;
  while (true) {
    auto it = pending.find(stored);
    if (it == pending.end())
      break;
    Pending &entry = it->second;
    CandidateRow &row = entry.row;
    if (!entry.settled) {
      // The first of its kind has a smaller id, so it is in the archive by now.
      if (row.duplicateOf < 0)
        break;
      auto first = archive->get(row.duplicateOf);
      if (!first || !*first) {
        archive->rollback();
        return first ? makeError("the archive has no candidate " + Twine(row.duplicateOf)) : first.takeError();
      }
      copyResult(row, **first);
    }
    if (!batch) {
      if (auto error = archive->begin())
        return error;
      batch = true;
    }
    if (auto error = archive->appendCandidate(row))
      return error;
    untold[stored] = resultOf(row);
    keepState(row);
    ++stored;
    count(row);
    if (auto key = pendingKeys.find(entry.key); key != pendingKeys.end() && key->second == row.id)
      pendingKeys.erase(key);
    pending.erase(it);
  }
  if (!batch)
    return llvm::Error::success();
  if (auto error = archive->commit())
    return error;
  removeReleased();
  return llvm::Error::success();
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
  Pending &entry = pending[result->job];
  CandidateRow &row = entry.row;
  row.wall += result->wall;
  row.cpu += result->cpu;
  row.worker = result->worker;
  std::string machineProblem;
  if (!result->ok || !decodeResult(result->payload, row, machineProblem)) {
    row.status = CandidateRow::Status::Failed;
    row.reason = result->ok ? std::string("sent a malformed answer") : result->reason;
  }
  // It would be another result tomorrow: nothing to keep of this candidate.
  if (!machineProblem.empty())
    return makeError(machineProblem);
  // An equal state of an earlier candidate may have gone after the worker had seen it: it is written again.
  if (!row.state.empty() && !states.contains(row.state)) {
    pool->submit(result->job, entry.request);
    return llvm::Error::success();
  }
  entry.request.clear();
  // Found to be an earlier one, by probe and plan.
  entry.settled = row.duplicateOf < 0;
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// The loop
//===----------------------------------------------------------------------===//

llvm::Error Searcher::loop(SearchOutcome &outcome) {
  int64_t restored = stored;
  for (proposed = stored; proposed < total || stored < proposed;) {
    bool timeUp = options.seconds > 0 && now() - begin > options.seconds;
    if (timeUp && proposed < total) {
      outcome.interrupted = true;
      total = proposed;
    }
    // Candidate i may look back as far as i - in_flight, and no nearer.
    if (proposed < total && (stored > proposed - inFlight || proposed == 0)) {
      tellUpTo(proposed - inFlight);
      if (auto error = propose(proposed++))
        return error;
      if (auto error = settle())
        return error;
      // Keep the workers busy before looking at what they have.
      if (proposed < total && stored > proposed - inFlight)
        continue;
    }
    if (!pool->idle())
      if (auto error = collect(0.2))
        return error;
    if (auto error = settle())
      return error;
    progress.seconds = now() - begin;
    progress.perSecond = double(progress.done - restored) / std::max(1e-9, progress.seconds);
    progress.secondsLeft = progress.perSecond > 0 ? double(total - progress.done) / progress.perSecond : 0;
    // The last one is reported behind the loop.
    if (progress.done < total && now() - lastReport > 0.25) {
      lastReport = now();
      report(progress);
    }
  }
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
  if (options.resume)
    if (auto error = sweepStates())
      return std::move(error);
  progress.total = total;
  unsigned workers = options.workers ? options.workers : std::max(1u, std::thread::hardware_concurrency());
  auto made = WorkerPool::create(workers, options.limits, [this](StringRef text) {
    CandidateRequest request;
    if (!decodeRequest(text, request))
      return std::string();
    if (options.beforeCandidate)
      options.beforeCandidate(request.id);
    return encodeResult(evaluator->evaluate(request));
  });
  if (!made)
    return made.takeError();
  pool = std::move(*made);
  SearchOutcome outcome;
  if (auto error = loop(outcome))
    return std::move(error);
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

llvm::Expected<SearchOutcome> selfopt::runSearch(ModuleOp spec, const SearchOptions &options,
                                                 llvm::function_ref<void(const SearchProgress &)> report) {
  return Searcher(spec, options, report).run();
}
