//===- Explain.cpp - What a winner's mutations are worth -------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Report/Explain.h"
#include "Lineage.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Interfaces/Interfaces.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Report/FinalScores.h"
#include "SelfOpt/Search/Search.h"
#include "SelfOpt/Search/Trials.h"
#include "SelfOpt/Support/File.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <set>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::report;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(std::make_error_code(std::errc::invalid_argument), message);
}

namespace {
/// The work of one explanation.
class Explainer {
public:
  Explainer(StringRef directory, MLIRContext &context, const ExplainOptions &options,
            llvm::function_ref<void(StringRef)> progress)
      : directory(directory), context(context), options(options), progress(progress) {}
  llvm::Expected<Explanation> run();

private:
  /// A variant of the winner that is a simplification, if it is as good.
  struct Edit {
    std::string name;
    std::vector<std::string> lineage;
    OwningOpRef<ModuleOp> spec;
    std::string text, digest;
  };
  llvm::Error setUp();
  llvm::Error ablate();
  llvm::Error simplify();
  llvm::Error conclude();
  /// Trains variants on all seeds and adds up what that cost.
  llvm::Expected<std::vector<TrialResult>> train(ArrayRef<std::string> programs, unsigned seeds);
  ProgramSize sizeOf(ModuleOp spec, const TrialResult &trial) const;
  std::vector<Edit> enumerateDrops(ArrayRef<size_t> order);
  std::vector<Edit> enumerateAppended();
  llvm::Expected<std::optional<size_t>> firstGood(std::vector<Edit> &edits, std::set<std::string> &tried,
                                                  TrialResult &trial);
  llvm::Error take(Edit &edit, const TrialResult &trial);
  bool goodEnough(const TrialResult &trial) const;
  void addAppended(std::vector<Edit> &edits, const std::string &mutation);
  bool worse(double value, double bound) const { return out.maximize ? value < bound : value > bound; }

  StringRef directory;
  MLIRContext &context;
  const ExplainOptions &options;
  llvm::function_ref<void(StringRef)> progress;
  Explanation out;
  OwningOpRef<ModuleOp> start, current;
  std::vector<std::string> lineage; ///< Of `current`.
  std::string currentDigest;
  TrialResult winnerTrial, currentTrial;
  std::unique_ptr<TrialRunner> trials;
  std::set<std::string> refused; ///< Digests of programs that are too bad, or larger.
  unsigned spent = 0;            ///< Variants trained for the simplification.
};
} // namespace

llvm::Error Explainer::setUp() {
  auto archive = Archive::openIntact(directory);
  if (!archive)
    return archive.takeError();
  auto best = (*archive)->getMeta("best");
  if (!best)
    return best.takeError();
  if (!*best)
    return makeError(directory + ": expected a search that has finished, found one that has not; go on with --resume");
  std::string source = options.source;
  if (source.empty())
    if (auto kept = loadFinalScores(directory, **archive, 0))
      source = kept->source;
  auto spec = specOfArchive(**archive, context, source);
  if (!spec)
    return spec.takeError();
  start = std::move(*spec);
  evolve::SearchOp search = *start->getOps<evolve::SearchOp>().begin();
  out.metric = search.getMetric().str();
  out.maximize = search.getMaximize();
  out.winnerId = std::stoll(**best);
  out.seeds = options.seeds;
  auto seed = metaOf(**archive, "seed");
  if (!seed)
    return seed.takeError();
  out.firstSeed = freshSeed(std::stoull(*seed));
  auto row = (*archive)->get(out.winnerId);
  if (!row)
    return row.takeError();
  if (!*row)
    return makeError(directory + ": expected a candidate " + Twine(out.winnerId) + ", found none");
  OwningOpRef<ModuleOp> winner = parseSourceString<ModuleOp>((*row)->program, ParserConfig(&context), source);
  if (!winner)
    return makeError(directory + ": the winner does not parse again");
  lineage = report::lineageOf(*winner);
  Replayed again = replay(*start, lineage);
  if (!again.lost.empty() || canonicalDigest(*again.spec) != (*row)->digest)
    return makeError(directory + ": the winner's mutations do not lead to it again" +
                     (again.reason.empty() ? "" : ": " + again.reason));
  current = std::move(again.spec);
  currentDigest = out.digest = (*row)->digest;
  auto runner = TrialRunner::create(*start, out.firstSeed, options.workers);
  if (!runner)
    return runner.takeError();
  trials = std::move(*runner);
  return llvm::Error::success();
}

llvm::Expected<std::vector<TrialResult>> Explainer::train(ArrayRef<std::string> programs, unsigned seeds) {
  auto results = trials->run(programs, seeds);
  if (results)
    for (const TrialResult &r : *results) {
      out.cpuSeconds += r.cpu;
      ++out.trials;
    }
  return results;
}

/// The symbols that the search may rewrite.
static SmallVector<FlatSymbolRefAttr> scopeOf(ModuleOp spec) {
  MutationScope scope = MutationScope::of(spec);
  SmallVector<FlatSymbolRefAttr> symbols;
  for (Loop loop : {Loop::Architecture, Loop::Pipeline, Loop::Objective})
    llvm::append_range(symbols, scope.symbols(loop));
  return symbols;
}

ProgramSize Explainer::sizeOf(ModuleOp spec, const TrialResult &trial) const {
  ProgramSize size;
  size.parameters = trial.parameters;
  size.flopsPerExample = trial.flopsPerExample;
  for (FlatSymbolRefAttr symbol : scopeOf(spec))
    if (auto program = dyn_cast_or_null<ProgramOpInterface>(spec.lookupSymbol(symbol)))
      for (Operation &op : program.getProgramBlock().without_terminator())
        size.ops += !op.hasTrait<OpTrait::ConstantLike>();
  size.mutations = report::lineageOf(spec).size();
  return size;
}

//===----------------------------------------------------------------------===//
// Ablation
//===----------------------------------------------------------------------===//

llvm::Error Explainer::ablate() {
  auto base = train({printSpec(*current)}, options.seeds);
  if (!base)
    return base.takeError();
  winnerTrial = currentTrial = base->front();
  if (winnerTrial.validation.empty())
    return makeError("the winner can't be trained again on fresh seeds: " + winnerTrial.reason);
  out.winner = bootstrapMean(winnerTrial.validation);
  out.winnerSize = sizeOf(*current, winnerTrial);
  Replayed full = replay(*start, lineage);
  std::vector<std::string> programs;
  std::vector<size_t> asked;
  for (size_t i = 0; i < lineage.size(); ++i) {
    MutationWorth worth;
    worth.mutation = lineage[i];
    std::vector<std::string> rest = lineage;
    rest.erase(rest.begin() + i);
    Replayed without = replay(*start, rest);
    for (size_t lost : without.lost)
      worth.lost.push_back(rest[lost]);
    // Another effect of a later mutation at a place of the same program: the place is counted differently now.
    for (size_t k = i; k < rest.size(); ++k)
      if (targetOf(rest[k]) == targetOf(lineage[i]) && StringRef(rest[k]).contains(" at(") &&
          !llvm::is_contained(without.lost, k) && without.effects[k] != full.effects[k + 1])
        worth.shifted.push_back(rest[k]);
    worth.noEffect = canonicalDigest(*without.spec) == currentDigest;
    if (worth.noEffect) {
      worth.trained = true;
      worth.without = out.winner.mean;
      worth.worth.count = options.seeds;
      worth.parameters = out.winnerSize.parameters;
    } else {
      programs.push_back(printSpec(*without.spec));
      asked.push_back(i);
    }
    out.mutations.push_back(std::move(worth));
  }
  progress(llvm::formatv("ablation: {0} mutations, {1} variants to train on {2} seeds", lineage.size(), programs.size(),
                         options.seeds)
               .str());
  auto results = train(programs, options.seeds);
  if (!results)
    return results.takeError();
  for (auto [i, trial] : llvm::zip(asked, *results)) {
    MutationWorth &worth = out.mutations[i];
    worth.parameters = trial.parameters;
    worth.reason = trial.reason;
    worth.trained = !trial.validation.empty();
    if (!worth.trained)
      continue;
    worth.without = meanOf(trial.validation);
    worth.worth = out.maximize ? pairedDifference(winnerTrial.validation, trial.validation)
                               : pairedDifference(trial.validation, winnerTrial.validation);
  }
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Simplification
//===----------------------------------------------------------------------===//

/// A float as MLIR reads it back exactly, no longer than it must be.
static std::string literal(double value) {
  char buffer[64];
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(buffer, sizeof buffer, "%.*e", digits, value);
    if (std::strtod(buffer, nullptr) == value)
      break;
  }
  return buffer;
}

static SmallVector<double> scalarConstants(Operation *program) {
  SmallVector<double> values;
  auto expression = dyn_cast_or_null<ProgramOpInterface>(program);
  if (!expression)
    return values;
  for (auto constant : expression.getProgramBlock().getOps<arith::ConstantOp>())
    if (auto value = dyn_cast<FloatAttr>(constant.getValue()))
      values.push_back(value.getValueAsDouble());
  return values;
}

void Explainer::addAppended(std::vector<Edit> &edits, const std::string &mutation) {
  Replayed one = replay(*current, {mutation});
  if (!one.lost.empty())
    return;
  Edit edit;
  edit.name = mutation;
  edit.lineage = lineage;
  edit.lineage.push_back(mutation);
  edit.digest = canonicalDigest(*one.spec);
  edit.text = printSpec(*one.spec);
  edit.spec = std::move(one.spec);
  if (edit.digest != currentDigest)
    edits.push_back(std::move(edit));
}

/// A mutation less, with those that hang on it.
std::vector<Explainer::Edit> Explainer::enumerateDrops(ArrayRef<size_t> order) {
  std::vector<Edit> edits;
  for (size_t i : order) {
    std::vector<std::string> rest = lineage;
    rest.erase(rest.begin() + i);
    Replayed without = replay(*start, rest);
    Edit edit;
    edit.name = "without " + lineage[i];
    if (!without.lost.empty())
      edit.name += llvm::formatv(" and the {0} that need it", without.lost.size());
    edit.lineage = without.applied;
    edit.digest = canonicalDigest(*without.spec);
    edit.text = printSpec(*without.spec);
    edit.spec = std::move(without.spec);
    edits.push_back(std::move(edit));
  }
  return edits;
}

/// What a further mutation can take back or take out.
std::vector<Explainer::Edit> Explainer::enumerateAppended() {
  std::vector<Edit> edits;
  // Back to a number of the start.
  for (FlatSymbolRefAttr symbol : scopeOf(*start)) {
    std::string name = ("@" + symbol.getValue()).str();
    Operation *was = start->lookupSymbol(symbol), *is = current->lookupSymbol(symbol);
    if (auto train = dyn_cast_or_null<TrainOp>(was)) {
      for (NamedAttribute attribute : train->getAttrs()) {
        Attribute other = is->getAttr(attribute.getName());
        if (attribute.getValue() == other)
          continue;
        std::string value;
        if (auto real = dyn_cast<FloatAttr>(attribute.getValue()))
          value = literal(real.getValueAsDouble());
        else if (auto integer = dyn_cast<IntegerAttr>(attribute.getValue()))
          value = literal(double(integer.getInt()));
        else
          continue;
        addAppended(
            edits,
            ("evolve.set_hyper " + name + " \"" + attribute.getName().getValue() + "\" to(" + value + ")").str());
      }
      continue;
    }
    SmallVector<double> before = scalarConstants(was), now = scalarConstants(is);
    if (before.size() == now.size())
      for (auto [i, pair] : llvm::enumerate(llvm::zip(before, now)))
        if (std::get<0>(pair) != std::get<1>(pair))
          addAppended(edits,
                      llvm::formatv("evolve.edit_constant {0} at({1}) to({2})", name, i, literal(std::get<0>(pair))));
  }
  // An op or a layer less. Kinds that take something out at a place are asked for every place.
  for (FlatSymbolRefAttr symbol : scopeOf(*current)) {
    Operation *target = current->lookupSymbol(symbol);
    auto program = dyn_cast_or_null<ProgramOpInterface>(target);
    if (!program)
      continue;
    for (const MutationKind &kind : getMutationKinds()) {
      bool drops = kind.name == "drop_op";
      if ((!drops && !kind.name.starts_with("remove_")) || !kind.accepts(target))
        continue;
      for (auto [at, op] : llvm::enumerate(program.getProgramBlock().without_terminator()))
        for (unsigned keep = 0, n = drops ? op.getNumOperands() : 1; keep < n; ++keep) {
          std::string text = llvm::formatv("evolve.{0} @{1} at({2})", kind.name, symbol.getValue(), at);
          if (drops)
            text += llvm::formatv(" keep({0})", keep);
          addAppended(edits, text);
        }
    }
  }
  return edits;
}

/// No worse than the bad end of the winner's interval, and not shown to be worse seed by seed.
bool Explainer::goodEnough(const TrialResult &trial) const {
  if (trial.validation.empty() || worse(meanOf(trial.validation), out.maximize ? out.winner.low : out.winner.high))
    return false;
  Estimate loss = out.maximize ? pairedDifference(winnerTrial.validation, trial.validation)
                               : pairedDifference(trial.validation, winnerTrial.validation);
  return !(loss.excludesZero() && loss.mean > 0);
}

/// How many edits are tried together: a number of the method and not of the machine, since what is learned of a batch
/// counts even behind its first good one.
static constexpr size_t batchSize = 4;

/// The first edit that is as good as the winner. Names in `tried` are passed over.
llvm::Expected<std::optional<size_t>> Explainer::firstGood(std::vector<Edit> &edits, std::set<std::string> &tried,
                                                           TrialResult &trial) {
  double bound = out.maximize ? out.winner.low : out.winner.high;
  // What is hopeless on the first seed is not trained on the others: worse than the bound by three times the interval.
  double screen = bound + (out.maximize ? -3 : 3) * (out.winner.high - out.winner.low);
  for (size_t i = 0; i < edits.size();) {
    std::vector<size_t> batch;
    std::vector<std::string> texts;
    std::optional<size_t> same; // the same program: nothing to train
    for (; i < edits.size() && batch.size() < batchSize && !same; ++i) {
      if (edits[i].digest == currentDigest) {
        same = i;
      } else if (!refused.count(edits[i].digest) && !tried.count(edits[i].name)) {
        batch.push_back(i);
        texts.push_back(edits[i].text);
      }
    }
    if (!batch.empty()) {
      if (spent + batch.size() > options.trials) {
        out.limited = true;
        return std::nullopt;
      }
      spent += batch.size();
      auto first = train(texts, 1);
      if (!first)
        return first.takeError();
      std::vector<std::string> hopeful;
      std::vector<size_t> index;
      for (auto [k, t] : llvm::enumerate(*first)) {
        tried.insert(edits[batch[k]].name);
        // A mutation less may mean a larger program: that is not simpler.
        if (!t.validation.empty() && !worse(t.validation[0], screen) && t.parameters <= currentTrial.parameters) {
          hopeful.push_back(texts[k]);
          index.push_back(batch[k]);
        } else {
          refused.insert(edits[batch[k]].digest);
        }
      }
      auto results = train(hopeful, options.seeds);
      if (!results)
        return results.takeError();
      for (auto [k, t] : llvm::enumerate(*results)) {
        if (goodEnough(t)) {
          trial = t;
          return index[k];
        }
        refused.insert(edits[index[k]].digest);
      }
    }
    if (same) {
      trial = currentTrial;
      return same;
    }
  }
  return std::nullopt;
}

llvm::Error Explainer::take(Edit &edit, const TrialResult &trial) {
  currentTrial = trial;
  lineage = edit.lineage;
  currentDigest = edit.digest;
  Replayed again = replay(*start, lineage);
  if (!again.lost.empty() || canonicalDigest(*again.spec) != currentDigest)
    return makeError("the simplified spec's mutations do not lead to it again: " + edit.name);
  current = std::move(again.spec);
  out.steps.push_back({edit.name, bootstrapMean(currentTrial.validation), sizeOf(*current, currentTrial)});
  progress(llvm::formatv("  {0}: validation {1:f4}", edit.name, out.steps.back().validation.mean).str());
  return llvm::Error::success();
}

llvm::Error Explainer::simplify() {
  // First what the search added, the least worth first, then the last first: each taking shortens the lineage.
  std::vector<size_t> order(lineage.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  llvm::sort(order, [&](size_t a, size_t b) {
    auto worth = [&](size_t i) { return out.mutations[i].trained ? out.mutations[i].worth.mean : HUGE_VAL; };
    return std::pair(worth(a), a) < std::pair(worth(b), b);
  });
  TrialResult trial;
  while (!out.limited) {
    std::vector<Edit> edits = enumerateDrops(order);
    progress(llvm::formatv("simplification: {0} mutations to do without", edits.size()).str());
    std::set<std::string> tried;
    auto good = firstGood(edits, tried, trial);
    if (!good)
      return good.takeError();
    if (!*good)
      break;
    if (auto error = take(edits[**good], trial))
      return error;
    order.clear();
    for (size_t i = lineage.size(); i-- > 0;)
      order.push_back(i);
  }
  // Then what it started with: each taking leaves fewer ops, or a number less that differs from the start's. What was
  // tried is tried again only after a pass that took something.
  std::set<std::string> tried;
  bool taken = false;
  while (!out.limited) {
    std::vector<Edit> edits = enumerateAppended();
    if (tried.empty())
      progress(llvm::formatv("simplification: {0} numbers, ops and layers to do without", edits.size()).str());
    auto good = firstGood(edits, tried, trial);
    if (!good)
      return good.takeError();
    if (*good) {
      if (auto error = take(edits[**good], trial))
        return error;
      taken = true;
    } else if (taken) {
      taken = false;
      tried.clear();
    } else {
      break;
    }
  }
  return llvm::Error::success();
}

llvm::Error Explainer::conclude() {
  out.simplified = bootstrapMean(currentTrial.validation);
  out.simplifiedSize = sizeOf(*current, currentTrial);
  if (failed(verify(*current)))
    return makeError("the simplified spec does not verify");
  if (auto error = writeFileAtomically((directory + "/simplified.mlir").str(), printSpec(*current)))
    return error;
  return writeJson((directory + "/explain.json").str(), toJson(out));
}

llvm::Expected<Explanation> Explainer::run() {
  if (auto error = setUp())
    return std::move(error);
  if (auto error = ablate())
    return std::move(error);
  if (auto error = simplify())
    return std::move(error);
  if (auto error = conclude())
    return std::move(error);
  return std::move(out);
}

llvm::Expected<Explanation> report::explainWinner(StringRef directory, MLIRContext &context,
                                                  const ExplainOptions &options,
                                                  llvm::function_ref<void(StringRef)> progress) {
  return Explainer(directory, context, options, progress).run();
}
