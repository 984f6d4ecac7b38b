//===- ExplainJson.cpp - explain.json ------------------------------------------------------------ -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Report/Explain.h"
#include "SelfOpt/Report/FinalScores.h"

using namespace selfopt;
using namespace selfopt::report;
using llvm::StringRef;

static llvm::json::Object sizeJson(const ProgramSize &s) {
  return llvm::json::Object{{"parameters", s.parameters},
                            {"flops_per_example", s.flopsPerExample},
                            {"ops", s.ops},
                            {"mutations", s.mutations}};
}

static ProgramSize sizeFromJson(const llvm::json::Object *o) {
  ProgramSize s;
  if (!o)
    return s;
  s.parameters = o->getInteger("parameters").value_or(0);
  s.flopsPerExample = o->getInteger("flops_per_example").value_or(0);
  s.ops = o->getInteger("ops").value_or(0);
  s.mutations = o->getInteger("mutations").value_or(0);
  return s;
}

static std::vector<std::string> strings(const llvm::json::Array *array) {
  std::vector<std::string> list;
  if (array)
    for (const llvm::json::Value &value : *array)
      list.push_back(value.getAsString().value_or("").str());
  return list;
}

llvm::json::Object report::toJson(const Explanation &e) {
  llvm::json::Array mutations, steps;
  for (const MutationWorth &w : e.mutations) {
    llvm::json::Object o{{"mutation", w.mutation},
                         {"trained", w.trained},
                         {"no_effect", w.noEffect},
                         {"reason", w.reason},
                         {"without", w.without},
                         {"parameters_without", w.parameters},
                         {"lost", llvm::json::Array(w.lost)},
                         {"shifted", llvm::json::Array(w.shifted)}};
    if (w.trained)
      o["worth"] = toJson(w.worth);
    mutations.push_back(std::move(o));
  }
  for (const SimplifyStep &s : e.steps) {
    llvm::json::Object o{{"edit", s.edit}};
    o["validation"] = toJson(s.validation);
    o["size"] = sizeJson(s.size);
    steps.push_back(std::move(o));
  }
  llvm::json::Object o{{"version", 1},
                       {"digest", e.digest},
                       {"winner_candidate", e.winnerId},
                       {"metric", e.metric},
                       {"maximize", e.maximize},
                       {"seeds", e.seeds},
                       {"first_seed", int64_t(e.firstSeed)},
                       {"trials", e.trials},
                       {"limited", e.limited},
                       {"cpu_seconds", e.cpuSeconds},
                       {"method", bootstrapNote()}};
  o["winner"] = llvm::json::Object{{"validation", toJson(e.winner)}, {"size", sizeJson(e.winnerSize)}};
  o["simplified"] = llvm::json::Object{{"validation", toJson(e.simplified)}, {"size", sizeJson(e.simplifiedSize)}};
  o["mutations"] = std::move(mutations);
  o["steps"] = std::move(steps);
  return o;
}

std::optional<Explanation> report::loadExplanation(StringRef directory, StringRef winnerDigest) {
  auto object = readJson((directory + "/explain.json").str());
  if (!object) {
    llvm::consumeError(object.takeError()); // none was made
    return std::nullopt;
  }
  const llvm::json::Object &o = *object;
  const llvm::json::Object *winner = o.getObject("winner"), *simplified = o.getObject("simplified");
  if (o.getInteger("version").value_or(0) != 1 || o.getString("digest").value_or("") != winnerDigest || !winner ||
      !simplified)
    return std::nullopt;
  Explanation e;
  e.digest = winnerDigest.str();
  e.metric = o.getString("metric").value_or("").str();
  e.maximize = o.getBoolean("maximize").value_or(true);
  e.winnerId = o.getInteger("winner_candidate").value_or(-1);
  e.seeds = o.getInteger("seeds").value_or(0);
  e.trials = o.getInteger("trials").value_or(0);
  e.limited = o.getBoolean("limited").value_or(false);
  e.cpuSeconds = o.getNumber("cpu_seconds").value_or(0);
  e.winner = estimateFromJson(winner->getObject("validation")).value_or(Estimate());
  e.simplified = estimateFromJson(simplified->getObject("validation")).value_or(Estimate());
  e.winnerSize = sizeFromJson(winner->getObject("size"));
  e.simplifiedSize = sizeFromJson(simplified->getObject("size"));
  if (const llvm::json::Array *mutations = o.getArray("mutations"))
    for (const llvm::json::Value &value : *mutations) {
      const llvm::json::Object *m = value.getAsObject();
      if (!m)
        continue;
      MutationWorth w;
      w.mutation = m->getString("mutation").value_or("").str();
      w.trained = m->getBoolean("trained").value_or(false);
      w.noEffect = m->getBoolean("no_effect").value_or(false);
      w.reason = m->getString("reason").value_or("").str();
      w.without = m->getNumber("without").value_or(0);
      w.parameters = m->getInteger("parameters_without").value_or(0);
      w.lost = strings(m->getArray("lost"));
      w.shifted = strings(m->getArray("shifted"));
      w.worth = estimateFromJson(m->getObject("worth")).value_or(Estimate());
      e.mutations.push_back(std::move(w));
    }
  if (const llvm::json::Array *steps = o.getArray("steps"))
    for (const llvm::json::Value &value : *steps)
      if (const llvm::json::Object *s = value.getAsObject())
        e.steps.push_back({s->getString("edit").value_or("").str(),
                           estimateFromJson(s->getObject("validation")).value_or(Estimate()),
                           sizeFromJson(s->getObject("size"))});
  return e;
}
