//===- Candidate.cpp - What a worker does with a candidate ---------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Candidate.h"
#include "Carry.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "SelfOpt/Safety/PolicyResults.h"
#include "SelfOpt/Support/Digest.h"
#include "StateStore.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <fmt/format.h>

using namespace mlir;
using namespace selfopt;

std::optional<double> selfopt::metricOf(const ScoreOutcome &score, ArrayRef<std::string> names, StringRef metric) {
  for (auto [name, value] : llvm::zip(names, score.metrics))
    if (name == metric)
      return value;
  return std::nullopt;
}

/// The mean loss of each epoch in the fewest digits that read back as the same float.
static std::string curveText(ArrayRef<double> losses) {
  std::string text = "[";
  for (double loss : losses)
    text += fmt::format("{}{}", text.size() > 1 ? "," : "", float(loss));
  return text + "]";
}

/// Steps on the first rows, from the first seed: what they leave in parameters, state and loss. Equal programs have
/// equal probes; equal probes make programs worth comparing.
static constexpr int64_t probeSteps = 3;
static std::string probeDigest(Executable &executable, const PlannedProgram &planned, uint64_t seed) {
  executable.initialize(seed);
  int64_t batch = executable.lookupType("x").getDimSize(0);
  SmallVector<int32_t> rows(planned.trainRows);
  Digester digester;
  for (int64_t s = 0; s < probeSteps; ++s) {
    for (int64_t i = 0; i < planned.trainRows; ++i)
      rows[i] = int32_t((s * batch + i) % planned.trainRows);
    executable.step(rows);
    digester.add(StringRef(static_cast<const char *>(executable.lookup("loss")), sizeof(float)));
  }
  for (StringRef kind : {"parameter.", "state.0.", "state.1.", "state.2.", "state.3."})
    for (int64_t i = 0; executable.lookup((kind + Twine(i)).str()); ++i) {
      std::string name = (kind + Twine(i)).str();
      digester.addField(StringRef(static_cast<const char *>(executable.lookup(name)),
                                  size_t(executable.lookupType(name).getNumElements()) * sizeof(float)));
    }
  return digester.hex();
}

llvm::Expected<int64_t> CandidateEvaluator::findSame(const CandidateResult &result, int64_t lookBack) const {
  auto archive = Archive::openReadOnly(directory);
  if (!archive)
    return archive.takeError();
  auto rows = (*archive)->findProbes(result.probe, lookBack);
  if (!rows)
    return rows.takeError();
  for (const CandidateRow &row : *rows)
    if (row.plan == result.plan)
      return row.id;
  return -1;
}

CandidateResult CandidateEvaluator::evaluate(const CandidateRequest &request) {
  CandidateResult result;
  std::string diagnostics;
  ScopedDiagnosticHandler collect(&context, [&](Diagnostic &d) {
    if (diagnostics.empty())
      diagnostics = d.str();
    return success();
  });
  auto fail = [&](const Twine &stage) {
    result.status = CandidateRow::Status::Failed;
    result.reason = (stage + ": " + diagnostics).str();
    return result;
  };
  auto machine = [&](llvm::Error error) {
    result.machineProblem = llvm::toString(std::move(error));
    return result;
  };
  OwningOpRef<ModuleOp> spec = parseSourceString<ModuleOp>(request.program, ParserConfig(&context), source);
  if (!spec)
    return fail("parse");
  // The static part first: a candidate that is too large is not even planned.
  auto train = spec->lookupSymbol<TrainOp>(program);
  std::vector<Checkpoint> states;
  if (!request.startState.empty()) {
    auto bytes = StateStore(directory).read(request.startState);
    auto read = bytes ? readCheckpoints(*bytes) : llvm::Expected<std::vector<Checkpoint>>(bytes.takeError());
    if (!read)
      return fail("the state to continue from: " + llvm::toString(read.takeError()));
    if (int64_t(read->size()) != repeats)
      return fail("the state to continue from: expected that of " + Twine(repeats) + " seeds, found " +
                  Twine(read->size()));
    states = std::move(*read);
    if (!request.parent.empty()) {
      OwningOpRef<ModuleOp> parent = parseSourceString<ModuleOp>(request.parent, ParserConfig(&context), source);
      if (!parent)
        return fail("parse the parent");
      auto carried = carryCheckpoints(states, *parent, *spec, program);
      if (!carried)
        return fail(llvm::toString(carried.takeError()));
      states = std::move(*carried);
    }
  }
  // Epochs, of this program's: at least one where the training begins.
  int64_t epochs = train.getEpochs(), from = 0;
  if (!states.empty())
    from = continuedEpoch(states[0], epochs);
  int64_t until = std::max({int64_t(std::ceil(request.budget * double(epochs) - 1e-9)), from, int64_t(states.empty())});
  ProgramFacts facts;
  facts.cost = programCost(*spec, program, trainRows);
  if (facts.cost) {
    // What this candidate spends, and what was spent to get where it begins.
    std::optional<int64_t> now = checkedProduct({facts.cost->trainFlops / std::max<int64_t>(1, epochs), until - from});
    int64_t sum = 0;
    if (now && !llvm::AddOverflow(*now, request.spent, sum))
      facts.cost->trainFlops = sum;
    else
      facts.cost.reset();
  }
  if (facts.cost) {
    result.parameters = facts.cost->parameters;
    result.flopsPerExample = facts.cost->flopsPerExample;
    result.trainFlops = facts.cost->trainFlops;
  }
  // Of what is known already: the rest is asked again before anything runs, and of weights once it is trained.
  auto reject = [&](ArrayRef<CheckResult> checks, Needs known) {
    for (const CheckResult &c : checks)
      if (c.verdict != Verdict::Holds && c.needs <= known) {
        result.status = CandidateRow::Status::Rejected;
        result.reason = (stringifyVerdict(c.verdict) + " " + c.constraint + ": " + c.detail).str();
        result.verdicts = toJson(checks);
        return true;
      }
    return false;
  };
  if (int64_t(train.getBatch()) > trainRows) {
    result.status = CandidateRow::Status::Rejected;
    result.reason =
        "violated batch <= examples: " + std::to_string(int64_t(train.getBatch())) + " > " + std::to_string(trainRows);
    return result;
  }
  if (reject(policy.check(*spec, facts), Needs::Text))
    return result;
  auto planned = planTraining(*spec, program);
  if (failed(planned))
    return fail("plan");
  facts.arenaBytes = result.memory = planned->arenaBytes;
  auto checks = policy.check(*spec, facts);
  if (reject(checks, Needs::Plan))
    return result;
  result.verdicts = toJson(checks);
  // Everything that needs no code holds: now it may be compiled.
  auto executable = loadProgram(*planned);
  if (failed(executable))
    return fail("compile");
  if (llvm::any_of(checks, [](const CheckResult &c) { return c.needs == Needs::Code; })) {
    facts.codeBytes = (*executable)->codeBytes();
    facts.target = targetName();
    checks = policy.check(*spec, facts);
    if (reject(checks, Needs::Code))
      return result;
    result.verdicts = toJson(checks);
  }
  // Everything holds: now it may be run.
  std::string plan = request.pause ? planDigest(*planned) : "";
  if (request.probe) {
    result.plan = planDigest(*planned);
    result.probe = probeDigest(**executable, *planned, seed);
    auto same = findSame(result, request.lookBack);
    if (!same)
      return machine(same.takeError());
    if ((result.sameAs = *same) >= 0)
      return result;
  }
  BoundCompiler bounds;
  bool asksWeights = llvm::any_of(checks, [](const CheckResult &c) { return c.needs == Needs::Weights; });
  double sum = 0, lossSum = 0;
  llvm::json::Array perSeed;
  std::vector<Checkpoint> left;
  for (int64_t r = 0; r < repeats; ++r) {
    (*executable)->initialize(seed + r);
    if (!states.empty())
      (*executable)->resume(states[r], plan);
    TrainOutcome outcome = (*executable)->train(until);
    if (outcome.diverged) {
      result.status = CandidateRow::Status::Failed;
      result.reason = outcome.reason;
      return result;
    }
    // What is required of weights, once the training is at its end: whatever the seed, or the candidate is not it.
    if (asksWeights && until >= epochs) {
      auto weights = TrainedWeights::decode("the weights", encodeParameters(**executable, *planned));
      if (!weights)
        return fail(llvm::toString(weights.takeError()));
      auto found = policy.checkWeights(*spec, *weights, std::ref(bounds));
      if (reject(found, Needs::Weights))
        return result;
      // It holds for every seed; what is kept is what the first one shows.
      for (CheckResult &c : checks)
        if (c.needs == Needs::Weights && c.verdict != Verdict::Holds)
          c = *llvm::find_if(found, [&](const CheckResult &f) { return f.constraint == c.constraint; });
    }
    ScoreOutcome score = (*executable)->score(planned->data->validation);
    auto value = metricOf(score, planned->metrics, metric);
    if (!value || !std::isfinite(*value)) {
      result.status = CandidateRow::Status::Failed;
      result.reason = "metric @" + metric + " is not finite";
      return result;
    }
    double loss = outcome.epochLoss.back();
    sum += *value;
    lossSum += loss;
    perSeed.push_back(llvm::json::Object{{"seed", int64_t(seed + r)},
                                         {"validation", *value},
                                         {"validation_loss", std::isfinite(score.loss) ? score.loss : 0},
                                         {"train_loss", loss}});
    if (r == 0)
      result.curve = curveText(outcome.epochLoss);
    if (request.pause)
      left.push_back((*executable)->pause(plan));
  }
  if (request.pause) {
    auto written = StateStore(directory).write(writeCheckpoints(left));
    if (!written)
      return machine(written.takeError());
    result.state = *written;
  }
  result.verdicts = toJson(checks);
  result.status = CandidateRow::Status::Evaluated;
  result.validation = sum / double(repeats);
  result.trainLoss = lossSum / double(repeats);
  result.scores = std::move(perSeed);
  return result;
}

//===----------------------------------------------------------------------===//
// Across the pipe
//===----------------------------------------------------------------------===//

std::string selfopt::encodeRequest(const CandidateRequest &r) {
  std::string text;
  llvm::raw_string_ostream os(text);
  // The budget by its bits: a fraction of thirds has no short decimal.
  os << llvm::json::Value(llvm::json::Object{{"id", r.id},
                                             {"budget", int64_t(llvm::bit_cast<uint64_t>(r.budget))},
                                             {"start_state", r.startState},
                                             {"parent_bytes", int64_t(r.parent.size())},
                                             {"spent", r.spent},
                                             {"pause", r.pause},
                                             {"probe", r.probe},
                                             {"look_back", r.lookBack}})
     << '\n'
     << r.parent << r.program;
  return text;
}

bool selfopt::decodeRequest(StringRef text, CandidateRequest &r) {
  auto [line, program] = text.split('\n');
  auto value = llvm::json::parse(line);
  if (!value) {
    llvm::consumeError(value.takeError());
    return false;
  }
  const llvm::json::Object *o = value->getAsObject();
  if (!o)
    return false;
  r.id = o->getInteger("id").value_or(0);
  r.budget = llvm::bit_cast<double>(uint64_t(o->getInteger("budget").value_or(0)));
  r.startState = o->getString("start_state").value_or("").str();
  r.spent = o->getInteger("spent").value_or(0);
  r.pause = o->getBoolean("pause").value_or(false);
  r.probe = o->getBoolean("probe").value_or(false);
  r.lookBack = o->getInteger("look_back").value_or(-1);
  size_t parentBytes = size_t(std::max<int64_t>(0, o->getInteger("parent_bytes").value_or(0)));
  r.parent = program.take_front(parentBytes).str();
  r.program = program.drop_front(std::min(parentBytes, program.size())).str();
  return true;
}

std::string selfopt::encodeResult(const CandidateResult &r) {
  llvm::json::Object o{{"status", statusName(r.status)},
                       {"reason", r.reason},
                       {"machine_problem", r.machineProblem},
                       {"parameters", r.parameters},
                       {"flops_per_example", r.flopsPerExample},
                       {"train_flops", r.trainFlops},
                       {"memory", r.memory},
                       {"state", r.state},
                       {"curve", r.curve},
                       {"plan", r.plan},
                       {"probe", r.probe},
                       {"same_as", r.sameAs},
                       {"scores", llvm::json::Array(r.scores)},
                       {"verdicts", llvm::json::Array(r.verdicts)}};
  if (r.validation)
    o["validation"] = *r.validation;
  if (r.trainLoss)
    o["train_loss"] = *r.trainLoss;
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(o));
  return text;
}

bool selfopt::decodeResult(StringRef text, CandidateRow &row, std::string &machineProblem) {
  auto value = llvm::json::parse(text);
  if (!value) {
    llvm::consumeError(value.takeError());
    return false;
  }
  const llvm::json::Object *o = value->getAsObject();
  if (!o)
    return false;
  StringRef status = o->getString("status").value_or("failed");
  row.status = status == "evaluated"  ? CandidateRow::Status::Evaluated
               : status == "rejected" ? CandidateRow::Status::Rejected
                                      : CandidateRow::Status::Failed;
  row.reason = o->getString("reason").value_or("").str();
  machineProblem = o->getString("machine_problem").value_or("").str();
  row.parameters = o->getInteger("parameters").value_or(0);
  row.flopsPerExample = o->getInteger("flops_per_example").value_or(0);
  row.trainFlops = o->getInteger("train_flops").value_or(0);
  row.memory = o->getInteger("memory").value_or(0);
  row.state = o->getString("state").value_or("").str();
  row.curve = o->getString("curve").value_or("").str();
  row.plan = o->getString("plan").value_or("").str();
  row.probe = o->getString("probe").value_or("").str();
  if ((row.duplicateOf = o->getInteger("same_as").value_or(-1)) >= 0)
    row.reusedBy = "probe";
  row.validation = o->getNumber("validation");
  row.trainLoss = o->getNumber("train_loss");
  auto text_ = [&](StringRef key) {
    std::string s;
    if (const llvm::json::Array *a = o->getArray(key); a && !a->empty())
      llvm::raw_string_ostream(s) << llvm::json::Value(llvm::json::Array(*a));
    return s;
  };
  row.scores = text_("scores");
  row.verdicts = text_("verdicts");
  return true;
}
