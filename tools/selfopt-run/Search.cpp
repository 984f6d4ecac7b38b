//===- Search.cpp - selfopt-run search, replay, digest ----------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Search/Search.h"
#include "Commands.h"
#include "Options.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Report/FinalScores.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <unistd.h>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::run;
namespace cl = llvm::cl;

namespace selfopt::run {
cl::SubCommand searchCommand("search", "searches from a spec as its evolve.search says");
cl::SubCommand replayCommand("replay", "makes a candidate of an archive again from the spec and its mutations, and checks "
                                       "the rows and the weights that the archive names");
cl::SubCommand digestCommand("digest", "prints one digest of what an archive holds");
} // namespace selfopt::run

static cl::opt<std::string> outDir("out", cl::desc("where the archive, the best spec and the page go"), cl::value_desc("DIR"),
                                   cl::init("selfopt-out"), cl::sub(searchCommand));
static cl::opt<unsigned> workers("workers", cl::desc("worker processes (default: one per core)"), cl::init(0),
                                 cl::sub(searchCommand));
static cl::opt<int64_t> candidates("candidates", cl::desc("how many, instead of the spec's budget"), cl::init(0),
                                   cl::sub(searchCommand));
static cl::opt<double> seconds("seconds", cl::desc("stop proposing after this long"), cl::init(0),
                               cl::sub(searchCommand));
static cl::opt<bool> resume("resume", cl::desc("go on with an interrupted search"), cl::sub(searchCommand));
static cl::opt<std::string> target("target", cl::desc("what to compile for: cpu"), cl::init("cpu"),
                                   cl::sub(searchCommand));
static cl::list<std::string> compare("compare", cl::desc("a spec to train beside the winner, for the closing table"),
                                     cl::value_desc("SPEC"), cl::sub(searchCommand));
static cl::opt<unsigned> finalSeeds("final-seeds", cl::desc("fresh training seeds of the closing table"), cl::init(5),
                                    cl::sub(searchCommand));
static cl::opt<std::string> replayDir(cl::Positional, cl::desc("DIR"), cl::Required, cl::sub(replayCommand),
                                      cl::sub(digestCommand));
static cl::opt<std::string> replayDigest("candidate", cl::desc("which candidate (default: the best)"),
                                         cl::value_desc("DIGEST"), cl::sub(replayCommand));

static int fail(llvm::Error error) {
  llvm::errs() << "error: " << llvm::toString(std::move(error)) << "\n";
  return refused;
}

static std::string duration(double s) {
  if (s < 100)
    return llvm::formatv("{0:f0} s", s).str();
  return llvm::formatv("{0} min {1} s", int(s) / 60, int(s) % 60).str();
}

static llvm::json::Object progressJson(const SearchProgress &p) {
  llvm::json::Object reasons;
  for (auto &[reason, n] : p.reasons)
    reasons[reason] = n;
  llvm::json::Object o{{"event", "progress"},    {"candidates", p.done},      {"total", p.total},
                       {"evaluated", p.evaluated}, {"reused", p.reused},      {"rejected", p.rejected},
                       {"failed", p.failed},     {"seconds", p.seconds},      {"per_second", p.perSecond},
                       {"seconds_left", p.secondsLeft}, {"best", p.best},     {"best_parameters", p.bestParameters}};
  o["reasons"] = std::move(reasons);
  o["saved"] = llvm::json::Object{{"digest", p.savedByDigest}, {"probe", p.savedByProbe}};
  return o;
}

static void row(StringRef name, const FinalScore &s) {
  llvm::outs() << llvm::formatv("{0,-24} {1,8:f4} +- {2:f4} {3,12} {4,16} {5,12:f4}\n", name, s.test, s.testDeviation,
                                s.parameters, s.flopsPerExample, s.validation);
}

/// Means over the seeds that did not fail, as the search's own scores are.
static FinalScore summarize(const report::ProgramScores &scores) {
  FinalScore f;
  std::vector<double> tests = scores.tests();
  f.digest = scores.digest;
  f.parameters = scores.parameters;
  f.flopsPerExample = scores.flopsPerExample;
  f.epochs = scores.epochs;
  f.seeds = scores.seeds.size();
  f.failedSeeds = scores.seeds.size() - tests.size();
  f.validation = report::meanOf(scores.validations());
  f.test = report::meanOf(tests);
  for (double t : tests)
    f.testDeviation += (t - f.test) * (t - f.test);
  f.testDeviation = tests.size() > 1 ? std::sqrt(f.testDeviation / double(tests.size() - 1)) : 0;
  return f;
}

/// Keeps start and winner seed by seed, and writes the page. What keeps it from that is a warning: the run is not lost.
static bool leaveReport(MLIRContext &context, std::vector<report::ProgramScores> baselines) {
  auto keep = [&]() -> llvm::Error {
    auto archive = Archive::openReadOnly(outDir);
    if (!archive)
      return archive.takeError();
    auto scores = report::finalScores(outDir, **archive, context, specFile, finalSeeds);
    if (!scores)
      return scores.takeError();
    if (baselines.empty())
      return llvm::Error::success();
    scores->baselines = std::move(baselines);
    return report::writeFinalScores(outDir, *scores);
  };
  if (auto error = keep()) {
    llvm::errs() << "warning: no report.html: " << llvm::toString(std::move(error)) << "\n";
    return false;
  }
  return writeReport(outDir, specFile, finalSeeds);
}

int run::searchMain() {
  if (target != "cpu") {
    llvm::errs() << "error: --target expects cpu, found '" << target << "'\n";
    return usage;
  }
  if (candidates.getNumOccurrences() && candidates < 1) {
    llvm::errs() << "error: --candidates expects at least 1, found " << candidates << "\n";
    return usage;
  }
  if (finalSeeds < 1) {
    llvm::errs() << "error: --final-seeds expects at least 1, found 0\n";
    return usage;
  }
  auto spec = loadSpec(specFile);
  if (!spec)
    return refused;
  SearchOptions options;
  options.directory = outDir;
  options.workers = workers;
  options.resume = resume;
  options.seconds = seconds;
  options.finalSeeds = finalSeeds;
  if (candidates.getNumOccurrences())
    options.candidates = candidates;
  if (seed.getNumOccurrences())
    options.seed = seed;
  bool terminal = !json && isatty(STDERR_FILENO);
  auto report = [&](const SearchProgress &p) {
    if (json) {
      printJson(progressJson(p));
      return;
    }
    // One line that is written over on a terminal; elsewhere only the last one.
    if (!terminal && p.done < p.total)
      return;
    std::string line = llvm::formatv("{0}/{1}  {2:f1} candidates/s  best {3:f4} ({4} parameters)  {5} reused  {6} "
                                     "rejected  {7} failed  {8} left",
                                     p.done, p.total, p.perSecond, p.best, p.bestParameters, p.reused, p.rejected,
                                     p.failed, duration(p.secondsLeft));
    llvm::errs() << (terminal ? "\r\033[K" : "") << line << (terminal && p.done < p.total ? "" : "\n");
  };
  auto outcome = runSearch(*spec->module, options, report);
  if (!outcome)
    return fail(outcome.takeError());
  std::vector<std::pair<std::string, FinalScore>> others;
  std::vector<report::ProgramScores> baselines;
  for (const std::string &file : compare) {
    auto other = loadSpec(file);
    if (!other)
      return refused;
    std::string program = defaultProgram(*other->module);
    if (program.empty())
      return refused;
    auto scores = report::scoreProgram(*other->module, program, outcome->metric, finalSeeds, freshSeed(outcome->seed));
    if (!scores)
      return fail(scores.takeError());
    scores->name = file;
    others.push_back({file, summarize(*scores)});
    baselines.push_back(std::move(*scores));
  }
  bool page = leaveReport(*spec->context, std::move(baselines));
  const SearchProgress &p = outcome->progress;
  if (json) {
    llvm::json::Array table;
    for (auto &[name, s] : others)
      table.push_back(llvm::json::Object{
          {"spec", name}, {"parameters", s.parameters}, {"flops_per_example", s.flopsPerExample}, {"test", s.test}});
    auto scores = [](const FinalScore &s) {
      return llvm::json::Object{{"digest", s.digest},
                                {"candidate", s.id},
                                {"parameters", s.parameters},
                                {"flops_per_example", s.flopsPerExample},
                                {"metric", llvm::json::Object{{"validation", s.validation}, {"test", s.test}}},
                                {"test_deviation", s.testDeviation},
                                {"broken_seeds", int64_t(s.brokenSeeds)},
                                {"seeds", int64_t(s.seeds)}};
    };
    llvm::json::Object line{{"event", "done"},
                            {"candidates", p.done},
                            {"evaluated", p.evaluated},
                            {"reused", p.reused},
                            {"rejected", p.rejected},
                            {"failed", p.failed},
                            {"saved", llvm::json::Object{{"digest", p.savedByDigest}, {"probe", p.savedByProbe}}},
                            {"seconds", p.seconds},
                            {"start", scores(outcome->start)},
                            {"best", scores(outcome->best)},
                            {"compared", std::move(table)}};
    if (!outcome->front.empty()) {
      llvm::json::Array front;
      for (const FrontMember &member : outcome->front)
        front.push_back(toJson(member));
      line["front"] = std::move(front);
    }
    printJson(std::move(line));
    return done;
  }
  llvm::outs() << llvm::formatv("{0} candidates in {1}: {2} trained, {3} known already, {4} refused, {5} failed\n", p.done,
                                duration(p.seconds), p.evaluated, p.reused, p.rejected, p.failed);
  if (p.savedByDigest + p.savedByProbe)
    llvm::outs() << llvm::formatv("  {0,6}  evaluations saved by the canonical digest\n", p.savedByDigest);
  if (p.savedByProbe)
    llvm::outs() << llvm::formatv("  {0,6}  saved by what the first steps compute, confirmed by the plan\n", p.savedByProbe);
  for (auto &[reason, n] : p.reasons)
    llvm::outs() << llvm::formatv("  {0,6}  {1}\n", n, reason);
  llvm::outs() << llvm::formatv("\n{0,-24} {1,18} {2,12} {3,16} {4,12}\n", "", "test " + outcome->metric, "parameters",
                                "FLOPs/example", "validation");
  row("as written", outcome->start);
  row("best found", outcome->best);
  for (auto &[name, s] : others)
    row(StringRef(name).rsplit('/').second.empty() ? StringRef(name) : StringRef(name).rsplit('/').second, s);
  llvm::outs() << "(means over " << finalSeeds << " fresh training seeds; test was looked at only now)\n\n";
  if (outcome->best.asked)
    llvm::outs() << "what the policy requires of weights: the best keeps it on "
                 << outcome->best.seeds - outcome->best.failedSeeds - outcome->best.brokenSeeds << " of "
                 << outcome->best.seeds << " seeds"
                 << (outcome->best.broken.empty() ? "" : "; " + outcome->best.broken) << "\n";
  llvm::outs() << "the best: " << outDir << "/best.mlir (with its lineage), " << outDir << "/best.safetensors\n"
               << "its certificate: " << outDir << "/best.cert (selfopt-check " << specFile << " " << outDir << "/best.mlir "
               << outDir << "/best.cert" << (outcome->best.asked ? " --weights " + outDir + "/best.safetensors" : "")
               << ")\n";
  if (page)
    llvm::outs() << "the page: " << outDir << "/report.html\n";
  return done;
}

int run::replayMain() {
  auto archive = Archive::openIntact(replayDir);
  if (!archive)
    return fail(archive.takeError());
  std::optional<CandidateRow> row;
  if (replayDigest.empty()) {
    auto best = (*archive)->getMeta("best");
    if (!best)
      return fail(best.takeError());
    if (!*best) {
      llvm::errs() << "error: " << replayDir << ": the search has not finished; name a --candidate\n";
      return refused;
    }
    auto found = (*archive)->get(std::stoll(**best));
    if (!found)
      return fail(found.takeError());
    row = *found;
  } else {
    auto found = (*archive)->getByDigest(replayDigest);
    if (!found)
      return fail(found.takeError());
    row = *found;
  }
  if (!row) {
    llvm::errs() << "error: " << replayDir << ": expected a candidate with digest " << replayDigest << ", found none\n";
    return refused;
  }
  auto context = makeContext();
  auto spec = replayCandidate(**archive, row->id, *context);
  if (!spec)
    return fail(spec.takeError());
  std::string text = printSpec(**spec);
  bool equal = text == row->program && canonicalDigest(**spec) == row->digest;
  if (auto error = verifyWeights(**archive, replayDir))
    return fail(std::move(error));
  if (json) {
    printJson(llvm::json::Object{{"event", "done"}, {"candidate", row->id}, {"digest", row->digest}, {"equal", equal}});
  } else {
    llvm::outs() << text;
    llvm::errs() << (equal ? "replayed: equal to the archive, digest " : "replayed: DIFFERS from the archive, digest ")
                 << row->digest << "\n";
  }
  return equal ? done : refused;
}

int run::digestMain() {
  auto archive = Archive::openReadOnly(replayDir);
  if (!archive)
    return fail(archive.takeError());
  auto digest = (*archive)->contentDigest();
  if (!digest)
    return fail(digest.takeError());
  if (json)
    printJson(llvm::json::Object{{"event", "done"}, {"digest", *digest}});
  else
    llvm::outs() << *digest << "\n";
  return done;
}
