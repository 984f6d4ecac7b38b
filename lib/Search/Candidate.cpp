//===- Candidate.cpp - What a worker does with a candidate ---------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Candidate.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Pipelines/Trainer.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include <cmath>

using namespace mlir;
using namespace selfopt;

std::optional<double> selfopt::metricOf(const ScoreOutcome &score, ArrayRef<std::string> names, StringRef metric) {
  for (auto [name, value] : llvm::zip(names, score.metrics))
    if (name == metric)
      return value;
  return std::nullopt;
}

CandidateResult CandidateEvaluator::evaluate(StringRef text) {
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
  OwningOpRef<ModuleOp> spec = parseSourceString<ModuleOp>(text, ParserConfig(&context), source);
  if (!spec)
    return fail("parse");
  // The static part first: a candidate that is too large is not even planned.
  auto train = spec->lookupSymbol<TrainOp>(program);
  ProgramFacts facts;
  facts.cost = programCost(*spec, program, trainRows);
  if (facts.cost) {
    result.parameters = facts.cost->parameters;
    result.flopsPerExample = facts.cost->flopsPerExample;
    result.trainFlops = facts.cost->trainFlops;
  }
  auto reject = [&](ArrayRef<CheckResult> checks) {
    for (const CheckResult &c : checks)
      if (c.verdict != Verdict::Holds && !(c.verdict == Verdict::Unknown && !facts.arenaBytes && isMemory(c))) {
        result.status = CandidateRow::Status::Rejected;
        result.reason = (stringifyVerdict(c.verdict) + " " + c.constraint + ": " + c.detail).str();
        result.verdicts = toJson(checks);
        return true;
      }
    return false;
  };
  if (int64_t(train.getBatch()) > trainRows) {
    result.status = CandidateRow::Status::Rejected;
    result.reason = "violated batch <= examples: " + std::to_string(int64_t(train.getBatch())) + " > " +
                    std::to_string(trainRows);
    return result;
  }
  if (reject(policy.check(*spec, facts)))
    return result;
  auto planned = planTraining(*spec, program);
  if (failed(planned))
    return fail("plan");
  facts.arenaBytes = result.memory = planned->arenaBytes;
  auto checks = policy.check(*spec, facts);
  if (reject(checks))
    return result;
  result.verdicts = toJson(checks);
  // Everything holds: now it may be compiled and run.
  auto executable = loadProgram(*planned);
  if (failed(executable))
    return fail("compile");
  double sum = 0, lossSum = 0;
  llvm::json::Array perSeed;
  for (int64_t r = 0; r < repeats; ++r) {
    (*executable)->initialize(seed + r);
    TrainOutcome outcome = (*executable)->train();
    if (outcome.diverged) {
      result.status = CandidateRow::Status::Failed;
      result.reason = "diverged: the training loss was not finite";
      return result;
    }
    ScoreOutcome score = (*executable)->score(planned->data->validation);
    auto value = metricOf(score, planned->metrics, metric);
    if (!value || !std::isfinite(*value)) {
      result.status = CandidateRow::Status::Failed;
      result.reason = "metric @" + metric + " is not finite";
      return result;
    }
    sum += *value;
    lossSum += outcome.epochLoss.back();
    perSeed.push_back(llvm::json::Object{{"seed", int64_t(seed + r)}, {"validation", *value}});
  }
  result.status = CandidateRow::Status::Evaluated;
  result.validation = sum / double(repeats);
  result.trainLoss = lossSum / double(repeats);
  result.scores = std::move(perSeed);
  return result;
}

bool CandidateEvaluator::isMemory(const CheckResult &c) { return StringRef(c.constraint).starts_with("limit memory"); }

//===----------------------------------------------------------------------===//
// Across the pipe
//===----------------------------------------------------------------------===//

std::string selfopt::encodeResult(const CandidateResult &r) {
  llvm::json::Object o{{"status", statusName(r.status)},
                       {"reason", r.reason},
                       {"parameters", r.parameters},
                       {"flops_per_example", r.flopsPerExample},
                       {"train_flops", r.trainFlops},
                       {"memory", r.memory},
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

bool selfopt::decodeResult(StringRef text, CandidateRow &row) {
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
  row.parameters = o->getInteger("parameters").value_or(0);
  row.flopsPerExample = o->getInteger("flops_per_example").value_or(0);
  row.trainFlops = o->getInteger("train_flops").value_or(0);
  row.memory = o->getInteger("memory").value_or(0);
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
