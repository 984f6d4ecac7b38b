//===- ReportData.cpp - What a report says ------------------------------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Report/ReportData.h"
#include "Lineage.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Search/Strategy.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <map>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::report;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(std::make_error_code(std::errc::invalid_argument), message);
}

static std::vector<std::string> mutationsOf(const CandidateRow &row) {
  std::vector<std::string> list;
  SmallVector<StringRef> lines;
  StringRef(row.mutation).split(lines, '\n', -1, false);
  for (StringRef line : lines)
    if (!kindOf(line).empty()) {
      // Of what a graft carries, the first line is enough.
      line.consume_back("{");
      list.push_back(line.trim().str());
    }
  return list;
}

/// Better is positive. Means over seeds differ in their last bits where nothing has changed: that is no gain.
static double gainOver(const CandidateRow &row, const CandidateRow &parent, bool maximize) {
  double gain = (maximize ? 1 : -1) * (*row.validation - *parent.validation);
  return std::fabs(gain) <= 1e-9 * std::max(std::fabs(*row.validation), std::fabs(*parent.validation)) ? 0 : gain;
}

static void countKinds(ReportData &data, ArrayRef<CandidateRow> rows, evolve::SearchOp search) {
  std::map<std::string, KindStatistics> kinds;
  std::map<std::string, std::vector<double>> gains;
  auto loopOf = [&](StringRef kind, StringRef target) -> StringRef {
    std::pair<StringRef, ArrayAttr> loops[] = {{"architecture", search.getArchitecture()},
                                               {"pipeline", search.getPipeline()},
                                               {"objective", search.getObjective()}};
    for (auto &[name, symbols] : loops)
      for (auto symbol : symbols.getAsRange<FlatSymbolRefAttr>())
        if (symbol.getValue() == target)
          return name;
    const MutationKind *known = findMutationKind(kind);
    return known ? stringifyLoop(known->loop) : StringRef();
  };
  for (const CandidateRow &row : rows) {
    std::map<std::string, std::string> seen; // a kind counts once for a candidate
    for (const std::string &mutation : mutationsOf(row))
      seen[(loopOf(kindOf(mutation), targetOf(mutation)) + " " + kindOf(mutation)).str()] = mutation;
    for (auto &[key, mutation] : seen) {
      KindStatistics &k = kinds[key];
      k.loop = StringRef(key).split(' ').first.str();
      k.name = StringRef(key).split(' ').second.str();
      ++k.tries;
      k.rejected += row.status == CandidateRow::Status::Rejected;
      k.failed += row.status == CandidateRow::Status::Failed;
      if (!row.validation || row.parent < 0 || row.parent >= int64_t(rows.size()) || !rows[row.parent].validation)
        continue;
      double gain = gainOver(row, rows[row.parent], data.maximize);
      ++k.scored;
      k.improved += gain > 0;
      gains[key].push_back(gain);
    }
  }
  for (auto &[key, k] : kinds) {
    std::vector<double> &list = gains[key];
    llvm::sort(list);
    k.meanGain = meanOf(list);
    k.medianGain = quantile(list, 0.5);
    data.kinds.push_back(k);
  }
  llvm::sort(data.kinds, [](const KindStatistics &a, const KindStatistics &b) {
    return std::tuple(-a.improved, -a.tries, a.name, a.loop) < std::tuple(-b.improved, -b.tries, b.name, b.loop);
  });
}

static void countReasons(ReportData &data, ArrayRef<CandidateRow> rows) {
  std::map<std::pair<std::string, std::string>, int64_t> reasons;
  for (const CandidateRow &row : rows)
    if (row.status == CandidateRow::Status::Rejected || row.status == CandidateRow::Status::Failed)
      ++reasons[{statusName(row.status).str(), StringRef(row.reason).split(':').first.str()}];
  for (auto &[key, count] : reasons)
    data.reasons.push_back({key.first, key.second, count});
  llvm::sort(data.reasons, [](const ReasonCount &a, const ReasonCount &b) {
    return std::tuple(-a.count, a.status, a.reason) < std::tuple(-b.count, b.status, b.reason);
  });
}

static llvm::Error traceGenealogy(ReportData &data, ArrayRef<CandidateRow> rows, MLIRContext &context) {
  std::vector<int64_t> chain;
  for (int64_t at = data.bestId; at >= 0; at = rows[at].parent) {
    if (at >= int64_t(rows.size()) || (rows[at].parent >= at))
      return makeError(data.directory + ": expected parents before their children, found candidate " + Twine(at) +
                       " with parent " + Twine(at < int64_t(rows.size()) ? rows[at].parent : -1));
    chain.push_back(at);
  }
  std::string before;
  for (int64_t id : llvm::reverse(chain)) {
    const CandidateRow &row = rows[id];
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(row.program, ParserConfig(&context));
    if (!module)
      return makeError(data.directory + ": candidate " + Twine(id) + " does not parse again");
    std::string text = textWithoutLineage(*module);
    GenealogyStep step;
    step.id = id;
    step.parameters = row.parameters;
    step.donor = row.donor;
    step.validation = row.validation;
    step.mutations = mutationsOf(row);
    if (row.parent >= 0) {
      step.diff = shorten(diffSpecs(before, text));
      if (row.validation && rows[row.parent].validation)
        step.gain = gainOver(row, rows[row.parent], data.maximize);
    }
    before = std::move(text);
    data.genealogy.push_back(std::move(step));
  }
  data.bestText = before;
  return llvm::Error::success();
}

static int64_t quantityOf(const CandidateRow &row, StringRef quantity) {
  return quantity == "parameters"          ? row.parameters
         : quantity == "flops_per_example" ? row.flopsPerExample
         : quantity == "train_flops"       ? row.trainFlops
                                           : row.memory;
}

static llvm::Error gatherSearch(ReportData &data, StringRef directory, MLIRContext &context, StringRef source,
                                unsigned seeds) {
  auto archive = Archive::openIntact(directory);
  if (!archive)
    return archive.takeError();
  auto loaded = (*archive)->loadAll();
  if (!loaded)
    return loaded.takeError();
  std::vector<CandidateRow> &rows = *loaded;
  if (rows.empty())
    return makeError(directory + ": expected a search with candidates, found none");
  auto best = (*archive)->getMeta("best");
  if (!best)
    return best.takeError();
  auto kept = loadFinalScores(directory, **archive, seeds);
  std::string from = !source.empty() ? source.str() : kept ? kept->source : std::string();
  auto spec = specOfArchive(**archive, context, from);
  if (!spec)
    return spec.takeError();
  evolve::SearchOp search = *(*spec)->getOps<evolve::SearchOp>().begin();
  auto seed = metaOf(**archive, "seed");
  if (!seed)
    return seed.takeError();
  if (auto name = (*spec)->getSymName())
    data.title = name->str();
  data.directory = directory.str();
  data.metric = search.getMetric().str();
  data.maximize = search.getMaximize();
  data.strategy = search.getStrategy().str();
  data.seed = std::stoull(*seed);
  data.repeats = search.getRepeats();
  data.finished = best->has_value();
  data.candidates = rows.size();
  for (StringRef quantity : search.getMinimize().getAsValueRange<StringAttr>())
    data.minimized.push_back(quantity.str());
  data.ownObjectives = !data.minimized.empty();
  if (!data.ownObjectives)
    data.minimized.push_back("parameters");
  ParetoFront front;
  int64_t soFar = -1;
  for (const CandidateRow &row : rows) {
    data.cpuSeconds += row.cpu;
    switch (row.status) {
    case CandidateRow::Status::Evaluated:
      ++data.evaluated;
      data.trainFlops += double(row.trainFlops) * double(data.repeats);
      break;
    case CandidateRow::Status::Reused:
      ++data.reused;
      break;
    case CandidateRow::Status::Rejected:
      ++data.rejected;
      break;
    case CandidateRow::Status::Failed:
      ++data.failed;
      break;
    }
    std::string mutation;
    for (const std::string &m : mutationsOf(row))
      mutation += (mutation.empty() ? "" : "; ") + m;
    std::vector<int64_t> minimized;
    for (StringRef quantity : data.minimized)
      minimized.push_back(quantityOf(row, quantity));
    data.points.push_back({row.id, row.parameters, data.cpuSeconds, row.validation, std::move(minimized), mutation});
    if (row.validation) {
      Fitness fitness{data.maximize ? -*row.validation : *row.validation};
      fitness.insert(fitness.end(), data.points.back().minimized.begin(), data.points.back().minimized.end());
      front.add(row.id, fitness);
    }
    if (row.validation && (soFar < 0 || (data.maximize ? *row.validation > *rows[soFar].validation
                                                       : *row.validation < *rows[soFar].validation)))
      soFar = row.id;
  }
  data.startCpuSeconds = rows[0].cpu;
  data.startTrainFlops = double(rows[0].trainFlops) * double(data.repeats);
  data.bestId = data.finished ? std::stoll(**best) : std::max<int64_t>(0, soFar);
  if (data.bestId >= int64_t(rows.size()))
    return makeError(directory + ": expected the winner among " + Twine(rows.size()) + " candidates, found " +
                     Twine(data.bestId));
  data.curve = bestSoFar(rows, data.maximize);
  for (const ParetoFront::Entry &entry : front.sorted())
    data.front.push_back(size_t(entry.id));
  gatherCurves(data, rows);
  countKinds(data, rows, search);
  countReasons(data, rows);
  data.startText = textWithoutLineage(**spec);
  if (auto error = traceGenealogy(data, rows, context))
    return error;
  std::string program = search.getProgram().str();
  data.startGraph = modelGraph(**spec, program);
  OwningOpRef<ModuleOp> winner = parseSourceString<ModuleOp>(rows[data.bestId].program, ParserConfig(&context), from);
  if (!winner)
    return makeError(directory + ": candidate " + Twine(data.bestId) + " does not parse again");
  data.bestGraph = modelGraph(*winner, program);
  if (data.finished) {
    auto finals = finalScores(directory, **archive, context, from, seeds);
    if (!finals)
      return finals.takeError();
    data.finals = std::move(*finals);
    data.explanation = loadExplanation(directory, rows[data.bestId].digest);
  }
  return llvm::Error::success();
}

llvm::Expected<ReportData> report::gatherReport(StringRef directory, MLIRContext &context, StringRef source,
                                                unsigned seeds) {
  ReportData data;
  if (Archive::exists(directory) || !llvm::sys::fs::exists(directory + "/study.json")) {
    if (auto error = gatherSearch(data, directory, context, source, seeds))
      return std::move(error);
    return data;
  }
  auto study = loadStudy(directory);
  if (!study)
    return study.takeError();
  // The search to look at closely: of the spec's own, the one that validation prefers.
  const StudyRun *shown = nullptr;
  for (const StudyRun &run : study->arms.front().runs)
    if (!shown || (study->maximize ? run.validation > shown->validation : run.validation < shown->validation))
      shown = &run;
  data.shownRun = shown->directory;
  if (auto error = gatherSearch(data, (directory + "/" + shown->directory).str(), context, source, seeds))
    return std::move(error);
  if (data.finals)
    data.finals->baselines = study->baselines;
  data.study = std::move(*study);
  return data;
}
