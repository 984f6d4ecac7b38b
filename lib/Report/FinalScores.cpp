//===- FinalScores.cpp - Start and winner, seed by seed ------------------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Report/FinalScores.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Safety/ProgramCost.h"
#include "SelfOpt/Search/Search.h"
#include "SelfOpt/Support/File.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include <chrono>
#include <cmath>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::report;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(std::make_error_code(std::errc::invalid_argument), message);
}

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<double> ProgramScores::validations() const {
  std::vector<double> values;
  for (const SeedScore &s : seeds)
    if (!s.failed)
      values.push_back(s.validation);
  return values;
}

std::vector<double> ProgramScores::tests() const {
  std::vector<double> values;
  for (const SeedScore &s : seeds)
    if (!s.failed)
      values.push_back(s.test);
  return values;
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

llvm::Expected<llvm::json::Object> report::readJson(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return makeError(path + ": " + buffer.getError().message());
  auto value = llvm::json::parse((*buffer)->getBuffer());
  if (!value)
    return makeError(path + ": " + llvm::toString(value.takeError()));
  if (llvm::json::Object *o = value->getAsObject())
    return std::move(*o);
  return makeError(path + ": expected an object, found something else");
}

llvm::Error report::writeJson(StringRef path, llvm::json::Object object) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::formatv("{0:2}", llvm::json::Value(std::move(object))) << "\n";
  return writeFileAtomically(path, text);
}

llvm::Expected<std::string> report::metaOf(Archive &archive, StringRef key) {
  auto value = archive.getMeta(key);
  if (!value)
    return value.takeError();
  if (!*value)
    return makeError(archive.path() + ": expected the key '" + key + "', found none");
  return **value;
}

llvm::Expected<OwningOpRef<ModuleOp>> report::specOfArchive(Archive &archive, MLIRContext &context, StringRef source) {
  auto text = metaOf(archive, "spec");
  if (!text)
    return text.takeError();
  OwningOpRef<ModuleOp> spec = parseSourceString<ModuleOp>(*text, ParserConfig(&context), source);
  if (!spec || spec->getOps<evolve::SearchOp>().empty())
    return makeError(archive.path() + ": expected a spec with an evolve.search, found none that parses");
  return spec;
}

llvm::json::Object report::toJson(const ProgramScores &p) {
  llvm::json::Array seeds, losses, epochs(p.lossEpochs);
  for (const SeedScore &s : p.seeds) {
    llvm::json::Object o{{"seed", int64_t(s.seed)}, {"failed", s.failed}};
    if (!s.failed) {
      o["validation"] = s.validation;
      o["test"] = s.test;
    }
    seeds.push_back(std::move(o));
  }
  for (const std::vector<double> &curve : p.losses) {
    llvm::json::Array values;
    for (double x : curve)
      values.push_back(std::isfinite(x) ? llvm::json::Value(x) : llvm::json::Value(nullptr));
    losses.push_back(std::move(values));
  }
  llvm::json::Object o{{"name", p.name},
                       {"digest", p.digest},
                       {"candidate", p.id},
                       {"parameters", p.parameters},
                       {"flops_per_example", p.flopsPerExample},
                       {"train_flops", p.trainFlops},
                       {"epochs", p.epochs},
                       {"train_seconds", p.trainSeconds}};
  o["seeds"] = std::move(seeds);
  o["loss_epochs"] = std::move(epochs);
  o["losses"] = std::move(losses);
  return o;
}

ProgramScores report::programFromJson(const llvm::json::Object &o) {
  ProgramScores p;
  p.name = o.getString("name").value_or("").str();
  p.digest = o.getString("digest").value_or("").str();
  p.id = o.getInteger("candidate").value_or(-1);
  p.parameters = o.getInteger("parameters").value_or(0);
  p.flopsPerExample = o.getInteger("flops_per_example").value_or(0);
  p.trainFlops = o.getInteger("train_flops").value_or(0);
  p.epochs = o.getInteger("epochs").value_or(0);
  p.trainSeconds = o.getNumber("train_seconds").value_or(0);
  if (const llvm::json::Array *seeds = o.getArray("seeds"))
    for (const llvm::json::Value &value : *seeds)
      if (const llvm::json::Object *s = value.getAsObject())
        p.seeds.push_back({uint64_t(s->getInteger("seed").value_or(0)), s->getBoolean("failed").value_or(false),
                           s->getNumber("validation").value_or(0), s->getNumber("test").value_or(0)});
  if (const llvm::json::Array *epochs = o.getArray("loss_epochs"))
    for (const llvm::json::Value &e : *epochs)
      p.lossEpochs.push_back(e.getAsInteger().value_or(0));
  if (const llvm::json::Array *losses = o.getArray("losses"))
    for (const llvm::json::Value &curve : *losses) {
      p.losses.emplace_back();
      if (const llvm::json::Array *values = curve.getAsArray())
        for (const llvm::json::Value &x : *values)
          p.losses.back().push_back(x.getAsNumber().value_or(std::nan("")));
    }
  return p;
}

llvm::Error report::writeFinalScores(StringRef directory, const FinalScores &f) {
  llvm::json::Array baselines;
  for (const ProgramScores &p : f.baselines)
    baselines.push_back(toJson(p));
  llvm::json::Object o{{"version", 1},       {"source", f.source},     {"archive", f.archiveDigest},
                       {"metric", f.metric}, {"maximize", f.maximize}, {"first_seed", int64_t(f.firstSeed)},
                       {"seeds", f.seeds}};
  o["start"] = toJson(f.start);
  o["best"] = toJson(f.best);
  o["baselines"] = std::move(baselines);
  return writeJson((directory + "/final.json").str(), std::move(o));
}

std::optional<FinalScores> report::loadFinalScores(StringRef directory, Archive &archive, unsigned seeds) {
  auto object = readJson((directory + "/final.json").str());
  auto digest = archive.contentDigest();
  if (!object || !digest) {
    // Not there, or not readable: it is made anew, and the archive's own errors show there.
    if (!object)
      llvm::consumeError(object.takeError());
    if (!digest)
      llvm::consumeError(digest.takeError());
    return std::nullopt;
  }
  const llvm::json::Object &o = *object;
  const llvm::json::Object *start = o.getObject("start"), *best = o.getObject("best");
  if (o.getInteger("version").value_or(0) != 1 || o.getString("archive").value_or("") != *digest || !start || !best)
    return std::nullopt;
  FinalScores f;
  f.archiveDigest = *digest;
  f.source = o.getString("source").value_or("").str();
  f.metric = o.getString("metric").value_or("").str();
  f.maximize = o.getBoolean("maximize").value_or(true);
  f.firstSeed = uint64_t(o.getInteger("first_seed").value_or(0));
  f.seeds = o.getInteger("seeds").value_or(0);
  if (seeds && f.seeds != int64_t(seeds))
    return std::nullopt;
  f.start = programFromJson(*start);
  f.best = programFromJson(*best);
  if (const llvm::json::Array *baselines = o.getArray("baselines"))
    for (const llvm::json::Value &value : *baselines)
      if (const llvm::json::Object *p = value.getAsObject())
        f.baselines.push_back(programFromJson(*p));
  return f;
}

//===----------------------------------------------------------------------===//
// Training again
//===----------------------------------------------------------------------===//

llvm::Expected<ProgramScores> report::scoreProgram(ModuleOp spec, StringRef program, StringRef metric, unsigned seeds,
                                                   uint64_t firstSeed) {
  auto planned = planTraining(spec, program);
  auto executable = failed(planned) ? FailureOr<std::unique_ptr<Executable>>(failure()) : loadProgram(*planned);
  if (failed(executable))
    return makeError("@" + program + " can't be trained again");
  auto it = llvm::find(planned->metrics, metric);
  if (it == planned->metrics.end())
    return makeError("expected a metric @" + metric + " that judges @" + program + ", found none");
  size_t index = it - planned->metrics.begin();
  ProgramScores result;
  result.digest = canonicalDigest(spec);
  result.epochs = planned->epochs;
  if (auto cost = programCost(spec, program, planned->trainRows)) {
    result.parameters = cost->parameters;
    result.flopsPerExample = cost->flopsPerExample;
    result.trainFlops = cost->trainFlops;
  }
  int64_t stride = std::max<int64_t>(1, (planned->epochs + 199) / 200);
  for (int64_t e = stride; e <= planned->epochs; e += stride)
    result.lossEpochs.push_back(e);
  if (planned->epochs % stride)
    result.lossEpochs.push_back(planned->epochs);
  for (unsigned s = 0; s < seeds; ++s) {
    SeedScore score;
    score.seed = firstSeed + s;
    (*executable)->initialize(score.seed);
    double begin = now();
    TrainOutcome outcome = (*executable)->train();
    result.trainSeconds += (now() - begin) / seeds;
    std::vector<double> &curve = result.losses.emplace_back();
    for (int64_t e : result.lossEpochs)
      if (e <= int64_t(outcome.epochLoss.size()))
        curve.push_back(outcome.epochLoss[e - 1]);
    score.failed = outcome.diverged;
    if (!score.failed) {
      ScoreOutcome validation = (*executable)->score(planned->data->validation);
      ScoreOutcome test = (*executable)->score(planned->data->test);
      score.validation = validation.metrics[index];
      score.test = test.metrics[index];
      score.failed = !std::isfinite(score.validation) || !std::isfinite(score.test);
    }
    result.seeds.push_back(score);
  }
  return result;
}

llvm::Expected<FinalScores> report::finalScores(StringRef directory, Archive &archive, MLIRContext &context,
                                                StringRef source, unsigned seeds) {
  if (auto kept = loadFinalScores(directory, archive, seeds))
    return *kept;
  auto best = archive.getMeta("best");
  if (!best)
    return best.takeError();
  if (!*best)
    return makeError(directory + ": expected a search that has finished, found one that has not; go on with --resume");
  auto spec = specOfArchive(archive, context, source);
  if (!spec)
    return spec.takeError();
  evolve::SearchOp search = *(*spec)->getOps<evolve::SearchOp>().begin();
  auto program = metaOf(archive, "program"), seed = metaOf(archive, "seed");
  auto digest = archive.contentDigest();
  if (!program)
    return program.takeError();
  if (!seed)
    return seed.takeError();
  if (!digest)
    return digest.takeError();
  FinalScores f;
  // What was kept of another number of seeds still knows what the search was compared with.
  if (auto old = loadFinalScores(directory, archive, 0))
    f.baselines = std::move(old->baselines);
  SmallString<128> absolute(source);
  if (!source.empty())
    llvm::sys::fs::make_absolute(absolute);
  f.source = std::string(absolute);
  f.archiveDigest = *digest;
  f.metric = search.getMetric().str();
  f.maximize = search.getMaximize();
  f.seeds = seeds ? seeds : 5;
  f.firstSeed = freshSeed(std::stoull(*seed));
  for (auto [id, scores, name] : {std::tuple(int64_t(0), &f.start, "as written"),
                                  std::tuple(int64_t(std::stoll(**best)), &f.best, "best found")}) {
    auto row = archive.get(id);
    if (!row)
      return row.takeError();
    if (!*row)
      return makeError(archive.path() + ": expected a candidate " + Twine(id) + ", found none");
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>((*row)->program, ParserConfig(&context), source);
    if (!module)
      return makeError(archive.path() + ": candidate " + Twine(id) + " does not parse again");
    auto made = scoreProgram(*module, *program, f.metric, unsigned(f.seeds), f.firstSeed);
    if (!made)
      return made.takeError();
    *scores = std::move(*made);
    scores->id = id;
    scores->name = name;
  }
  if (auto error = writeFinalScores(directory, f))
    return std::move(error);
  return f;
}
