//===- Finish.cpp - The end of a search: who has won -------------------------------------------  -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Searcher.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Safety/PolicyResults.h"
#include "SelfOpt/Support/Digest.h"
#include "SelfOpt/Support/File.h"
#include "llvm/Support/FileSystem.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;

FailureOr<FinalScore> selfopt::scoreFinally(ModuleOp spec, StringRef program, StringRef metric, unsigned seeds,
                                            uint64_t firstSeed, bool elite, const Policy *policy) {
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
  BoundCompiler bounds;
  size_t keeping = 0;
  score.asked = policy;
  for (unsigned s = 0; s < seeds; ++s) {
    (*executable)->initialize(firstSeed + s);
    if ((*executable)->train().diverged) {
      ++score.failedSeeds;
      continue;
    }
    auto validation = metricOf((*executable)->score(planned->data->validation), planned->metrics, metric);
    std::optional<double> test = 0.0;
    if (elite)
      test = metricOf((*executable)->score(planned->data->test), planned->metrics, metric);
    if (!validation || !test || !std::isfinite(*validation) || !std::isfinite(*test)) {
      ++score.failedSeeds;
      continue;
    }
    score.validation += *validation;
    tests.push_back(*test);
    score.test += *test;
    bool keeps = true;
    std::string bytes = elite || policy ? encodeParameters(**executable, *planned) : "";
    if (policy) {
      auto weights = TrainedWeights::decode("the weights", bytes);
      if (!weights)
        return spec.emitError() << llvm::toString(weights.takeError()), failure();
      std::string reason;
      auto holdBy = [&](const BoundEngine &engine) {
        auto checks = policy->checkWeights(spec, *weights, engine);
        return checks.empty() || allHold(checks, &reason);
      };
      // A checker interprets what is compiled here, slowly: it is asked of the weights that may be kept.
      keeps = holdBy(std::ref(bounds)) && (keeping > 0 || holdBy(interpretBounds));
      score.brokenSeeds += !keeps;
      if (!keeps && score.broken.empty())
        score.broken = reason;
    }
    if (elite)
      score.weights.insert(keeps ? score.weights.begin() + keeping : score.weights.end(),
                           {firstSeed + s, std::move(bytes)});
    keeping += keeps;
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

/// The best candidates by the score that they were selected on, each program once.
llvm::Expected<std::vector<int64_t>> Searcher::findFinalists() {
  struct Entry {
    Fitness fitness;
    int64_t id;
    std::string digest;
  };
  std::vector<Entry> best;
  auto error = archive->forEach([&](const CandidateRow &row) -> llvm::Error {
    if (!row.validation)
      return llvm::Error::success();
    Entry entry{fitnessOf(row), row.id, row.digest};
    auto before = [](const Entry &a, const Entry &b) {
      return a.fitness < b.fitness || (a.fitness == b.fitness && a.id < b.id);
    };
    auto same = llvm::find_if(best, [&](const Entry &e) { return e.digest == entry.digest; });
    if (same != best.end()) {
      if (!before(entry, *same))
        return llvm::Error::success();
      best.erase(same);
    }
    best.insert(llvm::lower_bound(best, entry, before), entry);
    if (best.size() > options.finalists)
      best.pop_back();
    return llvm::Error::success();
  });
  if (error)
    return std::move(error);
  std::vector<int64_t> ids;
  for (const Entry &entry : best)
    ids.push_back(entry.id);
  return ids;
}

/// What a strategy that weighs its objectives has found, from the whole archive: its last population may have lost
/// some.
llvm::Error Searcher::findFront(SearchOutcome &outcome) {
  ParetoFront front;
  auto error = archive->forEach([&](const CandidateRow &row) {
    if (row.validation)
      front.add(row.id, fitnessOf(row));
    return llvm::Error::success();
  });
  if (error)
    return error;
  llvm::json::Array list;
  for (const ParetoFront::Entry &entry : front.sorted()) {
    FrontMember member{entry.id, search.getMaximize() ? -entry.fitness[0] : entry.fitness[0], {}};
    for (auto [i, quantity] : llvm::enumerate(search.getMinimize().getAsRange<StringAttr>()))
      member.minimized.push_back({quantity.str(), int64_t(entry.fitness[i + 1])});
    list.push_back(toJson(member));
    outcome.front.push_back(std::move(member));
  }
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(list));
  return archive->setMeta("front", text);
}

llvm::json::Object selfopt::toJson(const FrontMember &member) {
  llvm::json::Object object{{"candidate", member.id}, {"validation", member.validation}};
  for (auto &[quantity, value] : member.minimized)
    object[quantity] = value;
  return object;
}

//===----------------------------------------------------------------------===//
// What it leaves
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral finalWeightsKey = "final.weights";

llvm::Expected<std::vector<FinalWeights>> selfopt::finalWeightsOf(Archive &archive) {
  std::vector<FinalWeights> list;
  auto text = archive.getMeta(finalWeightsKey);
  if (!text)
    return text.takeError();
  if (!*text)
    return list;
  auto malformed = [&] {
    return makeError(archive.path() + ": expected a list of candidates, seeds and digests as '" + finalWeightsKey +
                     "', found '" + **text + "'");
  };
  auto value = llvm::json::parse(**text);
  if (!value) {
    llvm::consumeError(value.takeError());
    return malformed();
  }
  const llvm::json::Array *entries = value->getAsArray();
  if (!entries)
    return malformed();
  for (const llvm::json::Value &entry : *entries) {
    const llvm::json::Object *o = entry.getAsObject();
    auto candidate = o ? o->getInteger("candidate") : std::nullopt;
    auto seed = o ? o->getInteger("seed") : std::nullopt;
    auto digest = o ? o->getString("weights") : std::nullopt;
    if (!candidate || !seed || !digest)
      return malformed();
    list.push_back({*candidate, uint64_t(*seed), digest->str()});
  }
  return list;
}

llvm::Error selfopt::verifyWeights(Archive &archive, StringRef directory) {
  auto finals = finalWeightsOf(archive);
  if (!finals)
    return finals.takeError();
  for (const FinalWeights &w : *finals)
    if (auto bytes = StateStore(directory).readWeights(w.digest); !bytes)
      return makeError("the weights of candidate " + Twine(w.candidate) + " from seed " + Twine(w.seed) + ": " +
                       llvm::toString(bytes.takeError()));
  auto best = archive.getMeta("best.weights");
  if (!best)
    return best.takeError();
  if (!*best || (*best)->empty())
    return llvm::Error::success();
  std::string path = (directory + "/best.safetensors").str();
  auto bytes = readRawFile(path);
  if (!bytes)
    return bytes.takeError();
  if (std::string found = digestHex(*bytes); found != **best)
    return makeError(path + ": expected the bytes of digest " + **best + ", found those of " + found);
  return llvm::Error::success();
}

/// Whether the whole training of a candidate, and not only the part that was run, keeps the policy.
bool Searcher::keepsPolicy(ModuleOp module) {
  auto planned = planTraining(module, program);
  auto facts =
      succeeded(planned) ? programFacts(module, *planned, search.getPolicy()) : FailureOr<ProgramFacts>(failure());
  if (failed(facts))
    return false;
  // What is required of its weights, every final training is asked.
  return llvm::all_of(policy->check(module, *facts),
                      [](const CheckResult &c) { return c.verdict == Verdict::Holds || c.needs == Needs::Weights; });
}

/// best.cert, and then best.mlir, which names it: killed between the two, they disagree, and the checker says so.
llvm::Error Searcher::writeBest(const FinalScore &winner) {
  OwningOpRef<ModuleOp> best = parseSpec(winner.text, context, source);
  if (!best)
    return makeError("the best candidate does not parse again");
  std::optional<TrainedWeights> weights;
  if (asksFor(spec, search.getPolicy(), Needs::Weights) && !winner.weights.empty()) {
    // Those that best.safetensors will hold.
    auto decoded = TrainedWeights::decode("the weights", winner.weights.front().second);
    if (!decoded)
      return decoded.takeError();
    weights = std::move(*decoded);
  }
  auto certificate = certifyCandidate(spec, *best, weights ? &*weights : nullptr);
  if (!certificate)
    return certificate.takeError();
  auto printed = printCertificate(*certificate);
  if (!printed)
    return printed.takeError();
  (*best)->setAttr(safety::certificateAttr, StringAttr::get(&context, llvm::cantFail(digestOf(*certificate))));
  if (auto error = writeFileAtomically(options.directory + "/best.cert", *printed))
    return error;
  return writeFileAtomically(options.directory + "/best.mlir", printSpec(*best));
}

/// Stores the weights of start and winner, then says so in the archive, then lets go of those of an earlier end:
/// whenever it is killed, what the archive names is there.
llvm::Error Searcher::keepWeights(SearchOutcome &outcome) {
  auto before = finalWeightsOf(*archive);
  if (!before)
    return before.takeError();
  llvm::json::Array list;
  std::set<std::string> kept;
  for (FinalScore *score : {&outcome.start, &outcome.best}) {
    // The start may have won.
    if (score == &outcome.best && score->id == outcome.start.id)
      continue;
    for (auto &[seed, bytes] : score->weights) {
      auto digest = states.writeWeights(bytes);
      if (!digest)
        return digest.takeError();
      list.push_back(llvm::json::Object{{"candidate", score->id}, {"seed", int64_t(seed)}, {"weights", *digest}});
      kept.insert(*digest);
    }
  }
  // Nothing, where the training diverged on every fresh seed.
  std::string bestFile = options.directory + "/best.safetensors", bestDigest;
  if (outcome.best.weights.empty()) {
    llvm::sys::fs::remove(bestFile);
  } else {
    const std::string &bytes = outcome.best.weights.front().second;
    bestDigest = digestHex(bytes);
    if (auto error = writeFileAtomically(bestFile, bytes))
      return error;
  }
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(list));
  if (auto error = archive->begin())
    return error;
  for (auto &[key, value] : {std::pair<StringRef, std::string>("best", std::to_string(outcome.best.id)),
                             {"best.weights", bestDigest},
                             {finalWeightsKey, text},
                             {"finished", std::to_string(stored)}})
    if (auto error = archive->setMeta(key, value))
      return error;
  if (auto error = archive->commit())
    return error;
  for (const FinalWeights &w : *before)
    if (!kept.count(w.digest))
      states.removeWeights(w.digest);
  outcome.start.weights.clear();
  outcome.best.weights.clear();
  return llvm::Error::success();
}

llvm::Error Searcher::finish(SearchOutcome &outcome) {
  auto rowOf = [&](int64_t id) -> llvm::Expected<CandidateRow> {
    auto row = archive->get(id);
    if (!row)
      return row.takeError();
    if (!*row)
      return makeError("the archive has no candidate " + Twine(id));
    return std::move(**row);
  };
  if (progress.bestId < 0) {
    auto start = rowOf(0);
    if (!start)
      return start.takeError();
    return makeError("no candidate could be evaluated, not even the start: " + start->reason);
  }
  if (strategy->weighsObjectives())
    if (auto error = findFront(outcome))
      return error;
  // A single validation score of the best of hundreds is too good to be true: the finalists train again on fresh seeds,
  // and the best mean wins. Test is looked at for the winner and the start alone.
  uint64_t fresh = freshSeed(seed);
  auto finalists = findFinalists();
  if (!finalists)
    return finalists.takeError();
  auto scored = [&](const CandidateRow &row, bool elite) -> llvm::Expected<FinalScore> {
    OwningOpRef<ModuleOp> module = parseSpec(row.program, context, source);
    auto score = module ? scoreFinally(*module, program, metric, options.finalSeeds, fresh, elite,
                                       asksFor(spec, search.getPolicy(), Needs::Weights) ? &*policy : nullptr)
                        : FailureOr<FinalScore>(failure());
    if (failed(score))
      return makeError("candidate " + Twine(row.id) + " can't be trained again");
    score->id = row.id;
    score->digest = row.digest;
    score->text = row.program;
    return *score;
  };
  auto startRow = rowOf(0);
  if (!startRow)
    return startRow.takeError();
  auto start = scored(*startRow, true);
  if (!start)
    return start.takeError();
  outcome.start = *start;
  bool have = false;
  Fitness bestFitness;
  for (int64_t id : *finalists) {
    auto row = rowOf(id);
    if (!row)
      return row.takeError();
    // One that was never trained to the end in one go has not shown that it may be.
    if (row->budget < 1 || row->continues >= 0) {
      OwningOpRef<ModuleOp> module = parseSpec(row->program, context, source);
      if (!module || !keepsPolicy(*module))
        continue;
    }
    auto score = scored(*row, false);
    if (!score)
      return score.takeError();
    // One that diverges on some seed is no winner, however good its other seeds are.
    if (score->failedSeeds && have)
      continue;
    row->validation = score->validation;
    Fitness fitness = fitnessOf(*row);
    // Nor is one whose weights break the policy on more seeds than another one's.
    unsigned broken = score->brokenSeeds, least = outcome.best.brokenSeeds;
    if (!have || outcome.best.failedSeeds || broken < least || (broken == least && fitness < bestFitness)) {
      have = true;
      bestFitness = fitness;
      outcome.best = *score;
    }
  }
  // The start keeps its policy.
  auto winnerRow = have ? rowOf(outcome.best.id) : rowOf(0);
  if (!winnerRow)
    return winnerRow.takeError();
  auto winnerScore = scored(*winnerRow, true);
  if (!winnerScore)
    return winnerScore.takeError();
  outcome.best = *winnerScore;
  if (auto error = writeBest(outcome.best))
    return error;
  return keepWeights(outcome);
}
