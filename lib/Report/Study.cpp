//===- Study.cpp - A search against its alternatives ---------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Report/Study.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/Evolve/Strategies.h"
#include "SelfOpt/Dialect/Safety/Safety.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Support/File.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::report;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(std::make_error_code(std::errc::invalid_argument), message);
}

static llvm::Expected<evolve::SearchOp> searchOf(ModuleOp spec) {
  auto searches = spec.getOps<evolve::SearchOp>();
  if (searches.empty()) {
    spec.emitError() << "expects an evolve.search, found none";
    return makeError("the spec has no evolve.search");
  }
  return *searches.begin();
}

//===----------------------------------------------------------------------===//
// The arms
//===----------------------------------------------------------------------===//

/// The search's clause of a loop.
static ArrayAttr loopOf(evolve::SearchOp search, StringRef loop) {
  return loop == "architecture" ? search.getArchitecture()
         : loop == "pipeline"   ? search.getPipeline()
                                : search.getObjective();
}

static constexpr llvm::StringLiteral loopNames[] = {"architecture", "pipeline", "objective"};

llvm::Expected<OwningOpRef<ModuleOp>> report::deriveSpec(ModuleOp spec, StringRef strategy, StringRef loop,
                                                         uint64_t seed, std::optional<int64_t> candidates) {
  OwningOpRef<ModuleOp> derived(spec.clone());
  auto found = searchOf(*derived);
  if (!found)
    return found.takeError();
  evolve::SearchOp search = *found;
  if (!strategy.empty()) {
    const evolve::StrategyKind *kind = evolve::findStrategy(strategy);
    if (!kind)
      return makeError("expected the name of a strategy, found '" + strategy + "'");
    // Parameters that both strategies have stay; the others are at their defaults.
    Builder b(search.getContext());
    NamedAttrList settings;
    for (const evolve::StrategyParameter &parameter : kind->parameters) {
      Attribute own = search.getSettings().get(parameter.name);
      if (own || !parameter.optional)
        settings.append(parameter.name, own ? own : b.getI64IntegerAttr(parameter.initial));
    }
    search.setStrategy(strategy);
    search.setSettingsAttr(settings.getDictionary(search.getContext()));
    if (!kind->maxAxes)
      search.setAxesAttr(b.getArrayAttr({}));
  }
  search.setSeed(seed);
  if (candidates)
    search.setCandidates(*candidates);
  if (!loop.empty()) {
    Builder b(search.getContext());
    SmallVector<Attribute> frozen;
    for (StringRef other : loopNames) {
      if (other == loop)
        continue;
      for (Attribute symbol : loopOf(search, other)) {
        // A training pipeline refers to what the kept loop rewrites, and so can't be sealed; that nothing mutates it is
        // what keeps it as it is.
        if (cast<FlatSymbolRefAttr>(symbol).getValue() != search.getProgram() &&
            !llvm::is_contained(loopOf(search, loop), symbol) && !llvm::is_contained(frozen, symbol))
          frozen.push_back(symbol);
      }
      search->setAttr(other, b.getArrayAttr({}));
    }
    auto policy = derived->lookupSymbol<safety::PolicyOp>(search.getPolicy());
    if (!policy || policy.getOps<safety::SealOp>().empty())
      return makeError("expected a policy with a safety.seal, found none");
    safety::SealOp seal = *policy.getOps<safety::SealOp>().begin();
    SmallVector<Attribute> symbols(seal.getSymbols().begin(), seal.getSymbols().end());
    for (Attribute symbol : frozen)
      if (!llvm::is_contained(symbols, symbol))
        symbols.push_back(symbol);
    seal.setSymbolsAttr(b.getArrayAttr(symbols));
  }
  if (failed(verify(*derived)))
    return makeError("the spec of an arm does not verify");
  return derived;
}

namespace {
struct ArmPlan {
  std::string name, strategy, loop;
  StudyArm::Role role;
};
} // namespace

static llvm::Expected<std::vector<ArmPlan>> planArms(evolve::SearchOp search, const StudyOptions &options) {
  std::string own = search.getStrategy().str();
  if (!evolve::findStrategy(options.against))
    return makeError("--against expects the name of a strategy, found '" + options.against + "'");
  if (options.against == own)
    return makeError("--against expects another strategy than the spec's own, found " + own);
  std::vector<ArmPlan> arms{{own, "", "", StudyArm::Role::Spec},
                            {options.against, options.against, "", StudyArm::Role::Against}};
  unsigned filled = 0;
  for (StringRef loop : loopNames)
    filled += !loopOf(search, loop).empty();
  // With one loop there is nothing to take away.
  if (options.loops && filled > 1)
    for (StringRef loop : loopNames)
      if (!loopOf(search, loop).empty())
        arms.push_back({loop.str(), "", loop.str(), StudyArm::Role::Loop});
  return arms;
}

//===----------------------------------------------------------------------===//
// The runs
//===----------------------------------------------------------------------===//

std::vector<CurvePoint> report::bestSoFar(ArrayRef<CandidateRow> rows, bool maximize) {
  std::vector<CurvePoint> curve;
  CurvePoint at;
  bool have = false;
  for (const CandidateRow &row : rows) {
    at.candidates = row.id + 1;
    at.cpu += row.cpu;
    if (!row.validation || (have && (maximize ? *row.validation <= at.best : *row.validation >= at.best)))
      continue;
    have = true;
    at.best = *row.validation;
    curve.push_back(at);
  }
  if (have && curve.back().candidates != at.candidates)
    curve.push_back(at);
  return curve;
}

/// What an archive and its final scores say of a finished search.
static llvm::Expected<StudyRun> summarize(StringRef folder, StringRef name, uint64_t seed, MLIRContext &context,
                                          const FinalScores &scores, int64_t repeats) {
  auto archive = Archive::openReadOnly(folder);
  if (!archive)
    return archive.takeError();
  auto rows = (*archive)->loadAll();
  if (!rows)
    return rows.takeError();
  StudyRun run;
  run.seed = seed;
  run.directory = name.str();
  run.candidates = rows->size();
  for (const CandidateRow &row : *rows) {
    run.cpuSeconds += row.cpu;
    if (row.status == CandidateRow::Status::Evaluated) {
      ++run.evaluated;
      run.trainFlops += double(row.trainFlops) * double(repeats);
    }
  }
  run.parameters = scores.best.parameters;
  run.flopsPerExample = scores.best.flopsPerExample;
  run.validation = meanOf(scores.best.validations());
  run.test = meanOf(scores.best.tests());
  run.startValidation = meanOf(scores.start.validations());
  run.startTest = meanOf(scores.start.tests());
  if (scores.best.validations().empty() || scores.start.validations().empty())
    return makeError(folder +
                     ": expected a start and a winner that train on some fresh seed, found one that diverges on all");
  run.curve = bestSoFar(*rows, scores.maximize);
  return run;
}

/// Whether a folder holds this very search, finished. An archive of another one is an error.
static llvm::Expected<std::optional<FinalScores>> finishedRun(StringRef folder, StringRef specText, int64_t candidates,
                                                              unsigned finalSeeds) {
  if (!Archive::exists(folder))
    return std::nullopt;
  auto archive = Archive::openReadOnly(folder);
  if (!archive)
    return archive.takeError();
  auto spec = (*archive)->getMeta("spec");
  if (!spec)
    return spec.takeError();
  if (*spec && **spec != specText)
    return makeError(folder +
                     ": expected a search of this study, found one of another spec or budget; choose another --out");
  auto finished = (*archive)->getMeta("finished");
  if (!finished)
    return finished.takeError();
  if (!*finished || **finished != std::to_string(candidates))
    return std::nullopt;
  return loadFinalScores(folder, **archive, finalSeeds);
}

std::string report::differenceSentence(StringRef arm, StringRef against, const Estimate &d, StringRef metric) {
  std::string numbers = llvm::formatv("{0:f4} [{1:f4}, {2:f4}]", d.mean, d.low, d.high);
  if (d.count < 2)
    return llvm::formatv("{0} against {1}: {2:f4} on one search seed, which says nothing of chance ({3})", arm, against,
                         d.mean, metric);
  if (d.low > 0)
    return llvm::formatv("{0} beats {1} by {2} ({3})", arm, against, numbers, metric);
  if (d.high < 0)
    return llvm::formatv("{0} loses to {1} by {2:f4} [{3:f4}, {4:f4}] ({5})", arm, against, -d.mean, -d.high, -d.low,
                         metric);
  return llvm::formatv("{0} does not beat {1}: {2} includes zero ({3})", arm, against, numbers, metric);
}

std::optional<double> report::bestAtTime(const StudyRun &run, double now) {
  std::optional<double> best;
  for (const CurvePoint &p : run.curve)
    if (p.cpu <= now)
      best = p.best;
  return best;
}

std::string report::equalTimeSentence(const StudyDifference &d, StringRef metric) {
  return llvm::formatv("{0} spent {1:f2} times the CPU time of {2}; at equal CPU time its best validation {3} differs by {4:f4} "
                       "[{5:f4}, {6:f4}]",
                       d.arm, d.cpuRatio, d.against, metric, d.equalTime.mean, d.equalTime.low, d.equalTime.high);
}

static void compare(Study &study) {
  study.differences.clear();
  const StudyArm &own = study.arms.front();
  double sign = study.maximize ? 1 : -1;
  auto column = [&](const StudyArm &arm, double StudyRun::*member) {
    std::vector<double> values;
    for (const StudyRun &run : arm.runs)
      values.push_back(sign * (run.*member));
    return values;
  };
  for (const StudyArm &other : ArrayRef(study.arms).drop_front()) {
    StudyDifference d;
    d.arm = own.name;
    d.against = other.name;
    d.validation = pairedDifference(column(own, &StudyRun::validation), column(other, &StudyRun::validation));
    d.test = pairedDifference(column(own, &StudyRun::test), column(other, &StudyRun::test));
    std::vector<double> mine, theirs;
    double myTime = 0, theirTime = 0;
    for (auto [x, y] : llvm::zip(own.runs, other.runs)) {
      myTime += x.cpuSeconds;
      theirTime += y.cpuSeconds;
      double now = std::min(x.cpuSeconds, y.cpuSeconds);
      auto a = bestAtTime(x, now), b = bestAtTime(y, now);
      if (!a || !b)
        continue;
      mine.push_back(sign * *a);
      theirs.push_back(sign * *b);
    }
    d.equalTime = pairedDifference(mine, theirs);
    d.cpuRatio = theirTime > 0 ? myTime / theirTime : 1;
    d.sentence = differenceSentence(d.arm, d.against + (other.role == StudyArm::Role::Loop ? " alone" : ""), d.test,
                                    "test " + study.metric);
    study.differences.push_back(std::move(d));
  }
}

llvm::Expected<Study> report::runStudy(ModuleOp spec, StringRef source, const StudyOptions &options,
                                       llvm::function_ref<void(const StudyProgress &)> progress) {
  auto found = searchOf(spec);
  if (!found)
    return found.takeError();
  evolve::SearchOp search = *found;
  auto plans = planArms(search, options);
  if (!plans)
    return plans.takeError();
  if (std::error_code code = llvm::sys::fs::create_directories(options.directory))
    return makeError(options.directory + ": could not make the folder: " + code.message());
  Study study;
  study.spec = source.str();
  study.metric = search.getMetric().str();
  study.maximize = search.getMaximize();
  study.candidates = options.candidates.value_or(search.getCandidates());
  study.finalSeeds = options.finalSeeds;
  int64_t repeats = search.getRepeats();
  uint64_t firstSeed = search.getSeed();
  for (const ArmPlan &plan : *plans) {
    StudyArm arm;
    arm.name = plan.name;
    arm.role = plan.role;
    arm.strategy = plan.strategy.empty() ? search.getStrategy().str() : plan.strategy;
    study.arms.push_back(std::move(arm));
  }
  StudyProgress state;
  state.runs = plans->size() * options.seeds;
  // Seed by seed, so that a study that is cut short has compared something.
  for (unsigned s = 0; s < options.seeds; ++s)
    for (auto [a, plan] : llvm::enumerate(*plans)) {
      uint64_t seed = firstSeed + s;
      auto derived = deriveSpec(spec, plan.strategy, plan.loop, seed, study.candidates);
      if (!derived)
        return derived.takeError();
      std::string name = plan.name + "-" + std::to_string(seed), folder = options.directory + "/" + name;
      std::string text = printSpec(**derived);
      if (auto error = writeFileAtomically(folder + ".mlir", text))
        return std::move(error);
      state.arm = plan.name;
      state.seed = seed;
      ++state.run;
      auto finished = finishedRun(folder, text, study.candidates, options.finalSeeds);
      if (!finished)
        return finished.takeError();
      state.skipped = finished->has_value();
      state.search = {};
      progress(state);
      if (!*finished) {
        SearchOptions run;
        run.directory = folder;
        run.workers = options.workers;
        run.finalSeeds = options.finalSeeds;
        run.resume = Archive::exists(folder);
        auto outcome = runSearch(**derived, run, [&](const SearchProgress &p) {
          state.search = p;
          progress(state);
        });
        if (!outcome)
          return makeError(name + ": " + llvm::toString(outcome.takeError()));
        auto archive = Archive::openReadOnly(folder);
        if (!archive)
          return archive.takeError();
        auto scores = finalScores(folder, **archive, *spec.getContext(), source, options.finalSeeds);
        if (!scores)
          return scores.takeError();
        *finished = std::move(*scores);
      }
      auto summary = summarize(folder, name, seed, *spec.getContext(), **finished, repeats);
      if (!summary)
        return summary.takeError();
      study.arms[a].runs.push_back(std::move(*summary));
      if (s == 0 && a == 0)
        study.start = (*finished)->start;
    }
  for (auto &[name, module] : options.baselines) {
    std::string program = defaultProgram(module);
    if (program.empty())
      return makeError(name + ": expected a program to train, found none");
    auto scores = scoreProgram(module, program, study.metric, options.finalSeeds, freshSeed(firstSeed));
    if (!scores)
      return makeError(name + ": " + llvm::toString(scores.takeError()));
    scores->name = name;
    study.baselines.push_back(std::move(*scores));
  }
  compare(study);
  if (auto error = writeStudy(options.directory, study))
    return std::move(error);
  return study;
}

//===----------------------------------------------------------------------===//
// study.json
//===----------------------------------------------------------------------===//

static StringRef roleName(StudyArm::Role role) {
  return role == StudyArm::Role::Spec ? "spec" : role == StudyArm::Role::Against ? "against" : "loop";
}

static llvm::json::Object runJson(const StudyRun &run) {
  llvm::json::Array curve;
  for (const CurvePoint &p : run.curve)
    curve.push_back(llvm::json::Array{p.candidates, p.cpu, p.best});
  llvm::json::Object o{{"seed", int64_t(run.seed)},
                       {"directory", run.directory},
                       {"candidates", run.candidates},
                       {"evaluated", run.evaluated},
                       {"parameters", run.parameters},
                       {"flops_per_example", run.flopsPerExample},
                       {"cpu_seconds", run.cpuSeconds},
                       {"train_flops", run.trainFlops},
                       {"validation", run.validation},
                       {"test", run.test},
                       {"start_validation", run.startValidation},
                       {"start_test", run.startTest}};
  o["curve"] = std::move(curve);
  return o;
}

llvm::Error report::writeStudy(StringRef directory, const Study &study) {
  llvm::json::Array arms, differences, baselines;
  for (const StudyArm &arm : study.arms) {
    llvm::json::Array runs;
    std::vector<double> validation, test;
    for (const StudyRun &run : arm.runs) {
      runs.push_back(runJson(run));
      validation.push_back(run.validation);
      test.push_back(run.test);
    }
    llvm::json::Object o{{"name", arm.name}, {"strategy", arm.strategy}, {"role", roleName(arm.role)}};
    o["validation"] = toJson(bootstrapMean(validation));
    o["test"] = toJson(bootstrapMean(test));
    o["runs"] = std::move(runs);
    arms.push_back(std::move(o));
  }
  for (const StudyDifference &d : study.differences) {
    llvm::json::Object o{{"arm", d.arm}, {"against", d.against}, {"sentence", d.sentence}};
    o["validation"] = toJson(d.validation);
    o["test"] = toJson(d.test);
    o["equal_time"] = toJson(d.equalTime);
    o["cpu_ratio"] = d.cpuRatio;
    differences.push_back(std::move(o));
  }
  for (const ProgramScores &p : study.baselines)
    baselines.push_back(toJson(p));
  llvm::json::Object o{{"version", 1},
                       {"spec", study.spec},
                       {"metric", study.metric},
                       {"maximize", study.maximize},
                       {"candidates", study.candidates},
                       {"final_seeds", study.finalSeeds},
                       {"method", bootstrapNote()}};
  o["start"] = toJson(study.start);
  o["arms"] = std::move(arms);
  o["differences"] = std::move(differences);
  o["baselines"] = std::move(baselines);
  return writeJson((directory + "/study.json").str(), std::move(o));
}

llvm::Expected<Study> report::loadStudy(StringRef directory) {
  std::string path = (directory + "/study.json").str();
  auto object = readJson(path);
  if (!object)
    return object.takeError();
  const llvm::json::Object &o = *object;
  Study study;
  if (o.getInteger("version").value_or(0) != 1 || !o.getArray("arms") || !o.getObject("start"))
    return makeError(path + ": expected a study of version 1, found something else");
  study.spec = o.getString("spec").value_or("").str();
  study.metric = o.getString("metric").value_or("").str();
  study.maximize = o.getBoolean("maximize").value_or(true);
  study.candidates = o.getInteger("candidates").value_or(0);
  study.finalSeeds = o.getInteger("final_seeds").value_or(0);
  study.start = programFromJson(*o.getObject("start"));
  for (const llvm::json::Value &value : *o.getArray("arms")) {
    const llvm::json::Object *a = value.getAsObject();
    if (!a || !a->getArray("runs") || a->getArray("runs")->empty())
      return makeError(path + ": expected an arm with runs, found something else");
    StudyArm arm;
    arm.name = a->getString("name").value_or("").str();
    arm.strategy = a->getString("strategy").value_or("").str();
    StringRef role = a->getString("role").value_or("spec");
    arm.role = role == "spec"      ? StudyArm::Role::Spec
               : role == "against" ? StudyArm::Role::Against
                                   : StudyArm::Role::Loop;
    for (const llvm::json::Value &item : *a->getArray("runs")) {
      const llvm::json::Object *r = item.getAsObject();
      if (!r)
        return makeError(path + ": expected a run, found something else");
      StudyRun run;
      auto number = [&](StringRef key) { return r->getNumber(key).value_or(0); };
      auto integer = [&](StringRef key) { return r->getInteger(key).value_or(0); };
      run.seed = integer("seed");
      run.directory = r->getString("directory").value_or("").str();
      run.candidates = integer("candidates");
      run.evaluated = integer("evaluated");
      run.parameters = integer("parameters");
      run.flopsPerExample = integer("flops_per_example");
      run.cpuSeconds = number("cpu_seconds");
      run.trainFlops = number("train_flops");
      run.validation = number("validation");
      run.test = number("test");
      run.startValidation = number("start_validation");
      run.startTest = number("start_test");
      if (const llvm::json::Array *curve = r->getArray("curve"))
        for (const llvm::json::Value &point : *curve)
          if (const llvm::json::Array *p = point.getAsArray(); p && p->size() == 3)
            run.curve.push_back({(*p)[0].getAsInteger().value_or(0), (*p)[1].getAsNumber().value_or(0),
                                 (*p)[2].getAsNumber().value_or(0)});
      arm.runs.push_back(std::move(run));
    }
    study.arms.push_back(std::move(arm));
  }
  if (study.arms.empty())
    return makeError(path + ": expected an arm, found none");
  for (const StudyArm &arm : study.arms)
    if (arm.runs.size() != study.arms.front().runs.size())
      return makeError(path + ": expected as many runs in each arm, found " + Twine(study.arms.front().runs.size()) +
                       " and " + Twine(arm.runs.size()));
  compare(study);
  if (const llvm::json::Array *baselines = o.getArray("baselines"))
    for (const llvm::json::Value &value : *baselines)
      if (const llvm::json::Object *p = value.getAsObject())
        study.baselines.push_back(programFromJson(*p));
  return study;
}
