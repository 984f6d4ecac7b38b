//===- Check.cpp - Whether a certificate holds -------------------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Digest/CanonicalDigest.h"
#include "SelfOpt/Runtime/DatasetFromOp.h"
#include "SelfOpt/Safety/Certificate.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace selfopt;

//===----------------------------------------------------------------------===//
// What writer and checker share
//===----------------------------------------------------------------------===//

std::string selfopt::mutationText(Operation *mutation) {
  std::string text;
  llvm::raw_string_ostream os(text);
  mutation->print(os, OpPrintingFlags().useLocalScope());
  return text;
}

llvm::Expected<std::vector<Operation *>> selfopt::lineageBetween(ModuleOp spec, ModuleOp candidate) {
  auto only = [](ModuleOp module, StringRef what) -> llvm::Expected<evolve::LineageOp> {
    evolve::LineageOp found;
    for (auto lineage : module.getOps<evolve::LineageOp>()) {
      if (found)
        return llvm::createStringError("expected one evolve.lineage in the " + what + ", found several");
      found = lineage;
    }
    return found;
  };
  auto before = only(spec, "spec");
  if (!before)
    return before.takeError();
  auto after = only(candidate, "candidate");
  if (!after)
    return after.takeError();
  std::vector<Operation *> steps;
  if (*after)
    for (Operation &op : (*after).getBody().front())
      steps.push_back(&op);
  // A search from what an earlier one found goes on with its lineage.
  std::string from = *before ? (*before).getFrom().str() : canonicalDigest(spec);
  if (*after && (*after).getFrom() != from)
    return llvm::createStringError("expected a lineage from " + from + ", found one from " + (*after).getFrom());
  size_t own = 0;
  if (*before)
    for (Operation &op : (*before).getBody().front()) {
      std::string expected = mutationText(&op);
      if (own == steps.size() || mutationText(steps[own]) != expected)
        return llvm::createStringError("expected the candidate's lineage to begin with the spec's own, found no '" +
                                       expected + "' at " + Twine(own));
      ++own;
    }
  steps.erase(steps.begin(), steps.begin() + own);
  return steps;
}

/// What `Policy::check` has to know, from the texts and the data alone; the arena is given.
static llvm::Expected<ProgramFacts> staticFacts(ModuleOp candidate, StringRef program, int64_t arenaBytes) {
  auto train = candidate.lookupSymbol<TrainOp>(program);
  auto dataset = train ? candidate.lookupSymbol<DatasetOp>(train.getDataAttr().getRootReference()) : DatasetOp();
  if (!dataset)
    return llvm::createStringError("expected a selfopt.train @" + program +
                                   " with a dataset in the candidate, found none");
  auto data = loadDataset(dataset, {});
  if (failed(data))
    return llvm::createStringError("expected the data of @" + dataset.getSymName() +
                                   ", found nothing that can be read");
  int64_t rows = splitSizes(**data, train.getDataAttr()).train, batch = train.getBatch();
  // One step at least: otherwise the program trains nothing, and costs nothing.
  if (batch > rows)
    return llvm::createStringError("expected a batch of at most the " + Twine(rows) + " training examples, found " +
                                   Twine(batch));
  ProgramFacts facts;
  facts.cost = programCost(candidate, program, rows);
  facts.arenaBytes = arenaBytes;
  return facts;
}

//===----------------------------------------------------------------------===//
// Checking
//===----------------------------------------------------------------------===//

namespace {

struct Checker {
  ModuleOp spec, candidate;
  const Certificate &certificate;
  std::vector<std::string> &reasons;
  const TrainedWeights *weights = nullptr;

  /// One line, whatever it quotes.
  void refuse(const Twine &what, const Twine &why) {
    std::string line;
    for (char c : (what + ": " + why).str())
      line += c == '\n' ? ' ' : c;
    reasons.push_back(std::move(line));
  }
  void refuse(const Twine &what, llvm::Error error) { refuse(what, llvm::toString(std::move(error))); }
  bool expect(const Twine &what, StringRef expected, StringRef found) {
    // Evidence may be long: then from where it differs on.
    size_t same = std::mismatch(expected.begin(), expected.end(), found.begin(), found.end()).first - expected.begin();
    auto shown = [&](StringRef text) { return text.size() < 1000 ? text : text.substr(same, 200); };
    if (expected != found)
      refuse(what, "expected " + shown(expected) + ", found " + shown(found));
    return expected == found;
  }

  void checkNames() {
    expect("spec", "digest " + certificate.spec, "digest " + canonicalDigest(spec));
    expect("candidate", "digest " + certificate.candidate, "digest " + canonicalDigest(candidate));
    Attribute names = candidate->getDiscardableAttr(safety::certificateAttr);
    if (!names)
      return;
    auto text = dyn_cast<StringAttr>(names);
    // A certificate that was read can be written.
    std::string digest = llvm::cantFail(digestOf(certificate));
    if (!text || text.getValue() != digest)
      refuse("candidate", "expected " + safety::certificateAttr + " to name this certificate, " + digest + ", found " +
                              (text ? text.getValue() : "no string"));
  }

  void checkPolicy() {
    auto searches = spec.getOps<evolve::SearchOp>();
    if (!llvm::hasSingleElement(searches))
      return refuse("spec", "expected one evolve.search, which names program and policy; found " +
                                Twine(std::distance(searches.begin(), searches.end())));
    evolve::SearchOp search = *searches.begin();
    bool same = expect("program", ("@" + certificate.program), ("@" + search.getProgram()).str());
    same &= expect("policy", ("@" + certificate.policy), ("@" + search.getPolicy()).str());
    if (!same)
      return;
    std::string heard;
    auto first = [&](Diagnostic &d) {
      if (heard.empty())
        heard = d.str();
      return success();
    };
    ScopedDiagnosticHandler collect(spec.getContext(), first);
    auto policy = Policy::fix(spec, search.getPolicy(), search.getProgram());
    if (failed(policy))
      return refuse("policy", "expected one that can be fixed on the spec, found: " + heard);
    checkSeals(policy->getSeals());
    auto facts = staticFacts(candidate, search.getProgram(), certificate.arenaBytes);
    if (!facts)
      return refuse("program", facts.takeError());
    // Parameters are in the arena: what is assumed of it can't be anything.
    if (facts->cost && certificate.arenaBytes / int64_t(sizeof(float)) < facts->cost->parameters)
      refuse("memory", "expected an arena that holds at least " + Twine(facts->cost->parameters) +
                           " parameters, found one of " + Twine(certificate.arenaBytes) + " bytes");
    // Nor is it compiled here.
    std::map<std::string, llvm::json::Value> evidence;
    for (const CertifiedCheck &check : certificate.checks) {
      evidence.try_emplace(check.constraint, check.evidence);
      if (const llvm::json::Object *code = check.engine == "compiler" ? check.evidence.getAsObject() : nullptr) {
        // No program is without code.
        if (auto bytes = code->getInteger("bytes"); bytes > 0)
          facts->codeBytes = bytes;
        facts->target = code->getString("target").value_or("").str();
      }
    }
    facts->weights = weights;
    facts->evidence = &evidence;
    checkConstraints(policy->check(candidate, *facts));
  }

  void checkSeals(const std::map<std::string, std::string> &seals) {
    for (auto &[symbol, digest] : seals)
      if (auto it = certificate.seals.find(symbol); it == certificate.seals.end())
        refuse("seal @" + symbol, "expected digest " + digest + " in the certificate, found none");
      else
        expect("seal @" + symbol, "digest " + it->second, "digest " + digest);
    for (auto &[symbol, digest] : certificate.seals)
      if (!seals.count(symbol))
        refuse("seal @" + symbol, "expected the spec's policy to seal it, found that it does not");
  }

  void checkConstraints(const std::vector<CheckResult> &results) {
    if (results.empty())
      refuse("policy", "expected a constraint at least, found none");
    for (auto [i, result] : llvm::enumerate(results)) {
      if (result.needs == Needs::Weights && !weights) {
        refuse(result.constraint, "expected the trained weights (--weights best.safetensors), found none: it was not "
                                  "re-checked");
        continue;
      }
      if (result.verdict != Verdict::Holds)
        refuse(result.constraint, "expected holds, found " + stringifyVerdict(result.verdict) + ": " + result.detail);
      CertifiedCheck found = certifiedCheck(result);
      if (i >= certificate.checks.size()) {
        refuse(found.constraint, "expected it in the certificate, found nothing of it");
        continue;
      }
      const CertifiedCheck &claimed = certificate.checks[i];
      // The rest of another constraint says nothing.
      if (!expect("constraint " + Twine(i), "'" + claimed.constraint + "'", "'" + found.constraint + "'"))
        continue;
      expect(found.constraint + " (verdict)", claimed.verdict, found.verdict);
      expect(found.constraint + " (engine)", claimed.engine, found.engine);
      expect(found.constraint + " (status)", claimed.status, found.status);
      expect(found.constraint + " (detail)", "'" + claimed.detail + "'", "'" + found.detail + "'");
      expect(found.constraint + " (evidence)", llvm::formatv("{0}", claimed.evidence).str(),
             llvm::formatv("{0}", found.evidence).str());
    }
    for (size_t i = results.size(); i < certificate.checks.size(); ++i)
      refuse(certificate.checks[i].constraint, "expected it in the candidate's policy, found no such constraint");
  }

  void checkLineage() {
    auto steps = lineageBetween(spec, candidate);
    if (!steps)
      return refuse("lineage", steps.takeError());
    if (steps->size() != certificate.lineage.size())
      refuse("lineage", "expected the " + Twine(certificate.lineage.size()) +
                            " mutations that the certificate lists, found " + Twine(steps->size()) +
                            " in the candidate");
    std::string at = certificate.spec;
    for (auto [i, step] : llvm::enumerate(certificate.lineage)) {
      std::string where = "lineage step " + std::to_string(i);
      expect(where + " (before)", "digest " + at, "digest " + step.before);
      at = step.after;
      if (i >= steps->size())
        continue;
      Operation *op = (*steps)[i];
      expect(where, "'" + step.mutation + "'", "'" + mutationText(op) + "'");
      expect(where + " (claim)", step.claim, stringifyClaim(cast<MutationOpInterface>(op).getClaim()));
    }
    expect("lineage end", "digest " + at, "digest " + certificate.candidate);
  }
};

} // namespace

std::vector<std::string> selfopt::checkCertificate(ModuleOp spec, ModuleOp candidate, StringRef text,
                                                   const TrainedWeights *weights) {
  std::vector<std::string> reasons;
  auto certificate = parseCertificate(text);
  if (!certificate) {
    // What an edited text says is not worth comparing.
    Checker{spec, candidate, {}, reasons}.refuse("certificate", certificate.takeError());
    return reasons;
  }
  Checker checker{spec, candidate, *certificate, reasons, weights};
  checker.checkNames();
  checker.checkPolicy();
  checker.checkLineage();
  return reasons;
}
