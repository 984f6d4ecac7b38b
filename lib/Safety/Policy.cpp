//===- Policy.cpp - Whether a candidate keeps the policy -------------------------------- -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/Policy.h"
#include "SelfOpt/Dialect/AsmUtils.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/Safety/Properties.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Dialect/Structure.h"
#include "SelfOpt/Runtime/DatasetFromOp.h"
#include "SelfOpt/Safety/Objective.h"
#include "SelfOpt/Safety/RewardShaping.h"
#include "SelfOpt/Safety/TrainedChecks.h"
#include "SelfOpt/Safety/UpdateRule.h"
#include "SelfOpt/Support/Digest.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringSet.h"
#include <set>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::safety;

static std::string printed(Operation *op) {
  std::string text;
  llvm::raw_string_ostream os(text);
  op->print(os, OpPrintingFlags().useLocalScope());
  return text;
}
/// sealDigest; adds the names of all that went into it to `closure`.
static FailureOr<std::string> digestClosure(ModuleOp spec, StringRef symbol, std::set<std::string> *closure = nullptr) {
  // The closure over references, of programs and datasets; a policy and a search name what may change, so their own text
  // is all that is sealed of them.
  Digester digester;
  llvm::StringSet<> seen;
  SmallVector<std::string> pending{symbol.str()};
  while (!pending.empty()) {
    std::string name = pending.pop_back_val();
    if (!seen.insert(name).second)
      continue;
    Operation *op = spec.lookupSymbol(name);
    if (!op)
      return failure();
    digester.addField(name);
    digester.addField(printed(op));
    if (auto dataset = dyn_cast<DatasetOp>(op)) {
      auto data = loadDataset(dataset, {});
      if (failed(data))
        return failure();
      digester.addField((*data)->digest);
    }
    if (isa<PolicyOp, evolve::SearchOp>(op))
      continue;
    walkSymbolRefs(op, [&](SymbolRefAttr ref) { pending.push_back(ref.getRootReference().str()); });
  }
  if (closure)
    closure->insert(seen.keys().begin(), seen.keys().end());
  return digester.hex();
}

FailureOr<std::string> selfopt::sealDigest(ModuleOp spec, StringRef symbol) { return digestClosure(spec, symbol); }

FailureOr<Policy> Policy::fix(ModuleOp spec, StringRef policyName, StringRef program) {
  Policy fixed;
  fixed.policyName = policyName.str();
  fixed.programName = program.str();
  auto policy = spec.lookupSymbol<PolicyOp>(policyName);
  if (!policy)
    return spec.emitError() << "expects a safety.policy @" << policyName << ", found none", failure();
  std::set<std::string> closure;
  for (auto seal : policy.getOps<SealOp>())
    for (auto symbol : seal.getSymbols().getAsRange<FlatSymbolRefAttr>()) {
      auto digest = digestClosure(spec, symbol.getValue(), &closure);
      if (failed(digest))
        return seal.emitOpError("can't seal ") << symbol, failure();
      fixed.sealed[symbol.getValue().str()] = *digest;
      fixed.sealText += (fixed.sealText.empty() ? "seal @" : " @") + symbol.getValue().str();
    }
  fixed.original = std::make_shared<OwningOpRef<ModuleOp>>(spec.clone());
  for (Operation &op : *(*fixed.original)->getBody())
    if (auto name = op.getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName()); name && !isa<evolve::LineageOp>(op))
      fixed.symbols[name.getValue()] = &op;
  for (const std::string &name : closure)
    fixed.closure.push_back((*fixed.original)->lookupSymbol(name));
  // Everything that learns is mutable, everything that judges is sealed, and there is no third kind.
  for (auto search : spec.getOps<evolve::SearchOp>()) {
    llvm::StringSet<> mutable_;
    for (ArrayAttr loop : {search.getArchitecture(), search.getPipeline(), search.getObjective()})
      for (auto symbol : loop.getAsRange<FlatSymbolRefAttr>()) {
        mutable_.insert(symbol.getValue());
        if (fixed.sealed.count(symbol.getValue().str()))
          return search.emitOpError("mutates ") << symbol << ", which @" << policyName << " seals", failure();
      }
    for (StringRef judge : {search.getMetric(), search.getPolicy(), StringRef(search.getSymName())})
      if (!fixed.sealed.count(judge.str())) {
        InFlightDiagnostic d = policy.emitOpError("does not seal @") << judge << ", which judges @"
                                                                     << search.getSymName();
        d.attachNote() << "expected safety.seal @" << judge;
        return failure();
      }
    for (Operation &op : *spec.getBody()) {
      auto name = op.getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName());
      if (!name || isa<evolve::LineageOp>(op))
        continue;
      if (!fixed.sealed.count(name.str()) && !mutable_.contains(name.getValue()) && name.getValue() != program) {
        InFlightDiagnostic d = op.emitOpError("is neither sealed nor mutable");
        d.attachNote(search.getLoc()) << "expected @" << name.getValue() << " in safety.seal of @" << policyName
                                      << ", or in mutate(...) of @" << search.getSymName();
        return failure();
      }
    }
  }
  return fixed;
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

namespace {

Needs needsOf(Operation *op) {
  if (auto limit = dyn_cast<LimitOp>(op))
    return limit.getQuantity() == Quantity::Memory      ? Needs::Plan
           : limit.getQuantity() == Quantity::CodeBytes ? Needs::Code
                                                        : Needs::Text;
  auto require = dyn_cast<RequireOp>(op);
  return require && require.needsWeights() ? Needs::Weights : Needs::Text;
}

/// Whether a dataset is read from the same files: names are relative to the spec.
bool sameFolder(Operation *a, Operation *b) {
  auto x = a->getLoc()->findInstanceOf<FileLineColLoc>(), y = b->getLoc()->findInstanceOf<FileLineColLoc>();
  return x && y && x.getFilename() == y.getFilename();
}

struct Checker {
  ModuleOp spec;
  StringRef program;
  const std::map<std::string, std::string> &sealed;
  ArrayRef<Operation *> closure;
  ModuleOp original;
  const ProgramFacts &facts;
  Policy::Proofs &proofs;
  const llvm::StringMap<Operation *> &originals;
  /// The spec's symbols, the first of each name.
  llvm::SmallDenseMap<StringAttr, Operation *, 32> symbols{};

  void findSymbols() {
    auto key = StringAttr::get(spec.getContext(), SymbolTable::getSymbolAttrName());
    for (Operation &op : *spec.getBody())
      if (auto name = op.getAttrOfType<StringAttr>(key))
        symbols.try_emplace(name, &op);
  }
  Operation *lookup(StringAttr name) const { return symbols.lookup(name); }

  /// A candidate trains and searches what its spec does, with the same programs and judged on the same data, and a policy
  /// that nothing seals is the spec's, too. What else is new is reached by none of these. Says what differs.
  std::string findStranger() {
    for (Operation &op : *spec.getBody()) {
      if (!isa<TrainOp, PolicyOp, evolve::SearchOp, ModuleOp>(op))
        continue;
      auto name = op.getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName());
      std::string what = "@" + (name ? name.str() : "");
      Operation *then = name ? originals.lookup(name.getValue()) : nullptr;
      if (!then || then->getName().getStringRef() != op.getName().getStringRef())
        return what + " is no " + op.getName().getStringRef().str() + " of the spec";
      if (isa<PolicyOp>(op) && !sealed.count(name.str()) && printed(&op) != printed(then))
        return what + " is not the spec's, and nothing seals it";
      if (!isa<TrainOp>(op) || op.getAttrDictionary() == then->getAttrDictionary())
        continue;
      // What it names now, or named in the spec. Other data to train on is for no_flow, where it is judged on the same;
      // another split of the same data is one that it is judged on.
      for (NamedAttribute role : llvm::concat<const NamedAttribute>(op.getAttrs(), then->getAttrs())) {
        auto names = op.getAttrOfType<SymbolRefAttr>(role.getName().getValue());
        auto named = then->getAttrOfType<SymbolRefAttr>(role.getName().getValue());
        // A dataset is its training split.
        auto leafOf = [](SymbolRefAttr a) { return a.getNestedReferences().empty() ? "train" : a.getLeafReference().getValue(); };
        auto dataOf = [](ModuleOp m, SymbolRefAttr a) { return m.lookupSymbol<DatasetOp>(a.getRootReference()); };
        if (names == named)
          continue;
        if (names && named && leafOf(names) == leafOf(named) &&
            (names.getRootReference() == named.getRootReference() || judgeAlike(dataOf(spec, names), dataOf(original, named))))
          continue;
        auto text = [](Attribute a) { return a ? llvm::formatv("{0}", a).str() : "nothing"; };
        return what + " has " + text(names) + " for its " + role.getName().str() + ", and " + text(named) + " in the spec";
      }
    }
    return "";
  }

  /// What a proof takes for granted of how @program uses a program of its own: empty, or what does not hold.
  std::string findUnassumed(Operation *proved, RequireOp op) {
    auto train = dyn_cast_or_null<TrainOp>(lookup(StringAttr::get(spec.getContext(), program)));
    auto dataset = train ? dyn_cast_or_null<DatasetOp>(lookup(train.getDataAttr().getRootReference())) : DatasetOp();
    StringRef name = SymbolTable::getSymbolName(proved).getValue();
    if (!dataset)
      return "";
    // Numbers of the data that the program sees, and what it is proved of.
    auto outside = [&](StringRef what, const APFloat &least, const APFloat &most, double low,
                       double high) -> std::string {
      double l = least.convertToDouble(), h = most.convertToDouble();
      if (l >= low && h <= high)
        return "";
      return (what + " of @" + dataset.getSymName() + " are in [" + formatDouble(l) + ", " + formatDouble(h) +
              "], and what was asked for is proved of [" + formatDouble(low) + ", " + formatDouble(high) + "]")
          .str();
    };
    double domain = op.takes("domain") ? op.getParameter("domain") : std::numeric_limits<double>::infinity();
    if (auto loss = dyn_cast<LossOp>(proved); loss && train.getLoss() == name) {
      auto scores = dyn_cast<RankedTensorType>(loss.getFunctionType().getInput(0));
      if (dataset.hasLabel())
        return outside("labels", dataset.getAnswerLow(), dataset.getAnswerHigh(), 0,
                       double(scores ? scores.getNumElements() - 1 : 0));
      return outside("targets", dataset.getAnswerLow(), dataset.getAnswerHigh(), -domain, domain);
    }
    if (isa<AugmentOp>(proved) && train.getAugment() == name)
      return outside("features", dataset.getFeatureLow(), dataset.getFeatureHigh(), -domain, domain);
    // Steps, and the ages of examples that a sampler passes over.
    if (train.getOptimizer() == name || train.getSampler() == name) {
      UpdateRuleOptions options;
      if (double lr = train.getLr().convertToDouble(); isa<OptimizerOp>(proved) && !(lr > 0 && lr <= options.maxLearningRate))
        return "lr is " + formatDouble(lr) + ", and what was asked for is proved of (0, 1]";
      if (facts.cost && double(facts.cost->steps) > options.steps)
        return "it is " + std::to_string(facts.cost->steps) + " steps, and what was asked for is proved of " +
               std::to_string(int64_t(options.steps));
    }
    return "";
  }

  /// Whether all that the sealed digests were taken of is still written as it was, so that they are what they were.
  bool untouched() {
    // Attributes are compared by their addresses.
    if (spec.getContext() != original.getContext())
      return false;
    for (Operation *then : closure) {
      Operation *now = lookup(SymbolTable::getSymbolName(then));
      if (!now || !sameStructure(then, now) || (isa<DatasetOp>(now) && !sameFolder(then, now)))
        return false;
    }
    return true;
  }

  CheckResult make(Operation *op, const Twine &constraint, Verdict verdict, const Twine &detail) {
    return {constraint.str(), verdict, detail.str(), op->getLoc(), "", nullptr, needsOf(op)};
  }

  /// What was sealed when the policy was fixed, whatever the candidate's own policy says.
  CheckResult checkSeals(Operation *op, StringRef text) {
    // The usual case, without printing. Whoever finds a difference says which by the digests.
    if (untouched())
      return make(op, text, Verdict::Holds, Twine(sealed.size()) + " digests are equal");
    for (auto &[symbol, digest] : sealed) {
      if (!spec.lookupSymbol(symbol))
        return make(op, text, Verdict::Violated, "@" + symbol + " is gone");
      auto now = sealDigest(spec, symbol);
      if (failed(now))
        return make(op, text, Verdict::Unknown, "@" + symbol + " or the data that it reads can't be read");
      if (*now != digest)
        return make(op, text, Verdict::Violated,
                    "@" + symbol + " changed: digest " + StringRef(*now).take_front(16) + ", sealed as " +
                        StringRef(digest).take_front(16));
    }
    return make(op, text, Verdict::Holds, Twine(sealed.size()) + " digests are equal");
  }

  CheckResult check(RangeOp op) {
    double low = op.getLow().convertToDouble(), high = op.getHigh().convertToDouble();
    std::string text = ("range @" + op.getProgram() + " \"" + op.getHyper() + "\" in [" + formatDouble(low) + ", " +
                        formatDouble(high) + "]")
                           .str();
    auto train = spec.lookupSymbol<TrainOp>(op.getProgram());
    if (!train)
      return make(op, text, Verdict::Unknown, "@" + op.getProgram() + " is no selfopt.train");
    double value = op.getHyper() == "lr"      ? train.getLr().convertToDouble()
                   : op.getHyper() == "batch" ? double(int64_t(train.getBatch()))
                                              : double(int64_t(train.getEpochs()));
    bool inside = low <= value && value <= high;
    return make(op, text, inside ? Verdict::Holds : Verdict::Violated,
                op.getHyper() + " is " + formatDouble(value) + (inside ? "" : ", outside"));
  }

  CheckResult check(LimitOp op) {
    int64_t bound = op.getBound();
    std::string text = ("limit " + stringifyQuantity(op.getQuantity()) + " <= " + Twine(bound)).str();
    Quantity quantity = op.getQuantity();
    // In the order of the enum; what has none is found out by planning and compiling.
    static constexpr int64_t ProgramCost::*costs[] = {
        &ProgramCost::parameters, &ProgramCost::flopsPerExample, &ProgramCost::trainFlops, nullptr,
        &ProgramCost::depth,      &ProgramCost::stateBytes,      nullptr};
    std::optional<int64_t> value = quantity == Quantity::Memory ? facts.arenaBytes : facts.codeBytes;
    if (auto cost = costs[size_t(quantity)])
      value = facts.cost ? std::optional((*facts.cost).*cost) : std::nullopt;
    if (!value)
      return make(op, text, Verdict::Unknown,
                  quantity == Quantity::Memory      ? "the program has not been planned"
                  : quantity == Quantity::CodeBytes ? "the program has not been compiled"
                                                    : "an op has no known cost, or the cost leaves 64 bits");
    bool holds = *value <= bound;
    CheckResult result = make(op, text, holds ? Verdict::Holds : Verdict::Violated,
                              Twine(*value) + (holds ? " <= " : " > ") + Twine(bound));
    if (quantity == Quantity::CodeBytes) {
      result.engine = "compiler";
      result.evidence = llvm::json::Object{{"bytes", *value}, {"target", facts.target}};
    }
    return result;
  }

  CheckResult check(RequireOp op) {
    std::string text = ("require " + stringifyProperty(op.getProperty()) + "(@").str();
    text += op.getSubjectAttr().getRootReference().str();
    for (auto nested : op.getSubjectAttr().getNestedReferences())
      text += "::" + nested.getValue().str();
    if (op.getTargetAttr())
      text += " -> @" + op.getTargetAttr().getValue().str();
    if (op.getSplit())
      text += " on " + op.getOn();
    text += ")";
    for (auto [parameter, value] : llvm::zip(getInfo(op.getProperty()).parameters, op.getParameters()))
      text += (" " + parameter.name + "(" + formatDouble(value) + ")").str();
    if (op.getProperty() == Property::NoFlow)
      return checkFlow(op, text);
    Operation *program = lookup(op.getSubjectAttr().getRootReference());
    if (!program)
      return make(op, text, Verdict::Unknown, "@" + op.getSubjectAttr().getRootReference().getValue() + " is not defined");
    ProofResult proof;
    if (op.needsWeights() && facts.weights) {
      proof = checkTrained(spec, this->program, op, *facts.weights, facts.boundEngine);
    } else if (op.needsWeights()) {
      proof.detail = "it was not re-checked: it is of trained weights, and none were given";
    } else if (facts.evidence) {
      auto claimed = facts.evidence->find(text);
      proof = prove(program, op, claimed == facts.evidence->end() ? nullptr : &claimed->second);
    } else if (spec.getContext() != original.getContext()) {
      proof = prove(program, op);
    } else { // A program of the same structure has the same proof.
      auto &known = *proofs.byProgram.get(program, [](Operation *) { return std::make_unique<std::map<std::string, ProofResult>>(); });
      auto [entry, fresh] = known.try_emplace(text);
      if (fresh)
        entry->second = prove(program, op);
      proof = entry->second;
    }
    if (std::string why = findUnassumed(program, op); proof.verdict == Verdict::Holds && !why.empty())
      proof = {Verdict::Unknown, proof.engine, why};
    CheckResult result = make(op, text, proof.verdict, proof.detail);
    result.engine = std::move(proof.engine);
    result.evidence = std::move(proof.evidence);
    return result;
  }

  /// By the evidence that is claimed, or else by what is found.
  ProofResult prove(Operation *program, RequireOp op, const llvm::json::Value *claimed = nullptr) {
    // In the environment that was sealed: were this one another, what is remembered of it would be said of that one.
    if (op.getProperty() == Property::PotentialBased)
      return provePotentialBased(program, original, closure, claimed);
    if (op.getProperty() != Property::BoundedStep && op.getProperty() != Property::FiniteState)
      return proveProgram(program, op, claimed);
    auto optimizer = dyn_cast<OptimizerOp>(program);
    if (!optimizer)
      return {Verdict::Unknown, "", ("@" + op.getSubjectAttr().getRootReference().getValue() + " is no selfopt.optimizer").str()};
    if (op.getProperty() == Property::FiniteState)
      return proveFiniteState(optimizer, op.getParameter("gradient"), {}, claimed);
    return proveBoundedStep(optimizer, op.getParameter("gradient"), op.getParameter("at_most"), {}, claimed);
  }

  /// Which datasets, and which split of them, a program's training can read: every symbol that it reaches.
  CheckResult checkFlow(RequireOp op, StringRef text) {
    Operation *source = lookup(op.getSubjectAttr().getRootReference());
    StringRef split = op.getSubjectAttr().getNestedReferences().empty()
                          ? StringRef()
                          : op.getSubjectAttr().getLeafReference().getValue();
    // What is reached, and by which earlier one of these.
    struct Visit {
      SymbolRefAttr ref;
      size_t from;
    };
    SmallVector<Visit, 16> visits{{op.getTargetAttr(), ~size_t(0)}};
    auto pathTo = [&](size_t i) {
      std::string path;
      for (; i != ~size_t(0); i = visits[i].from)
        path = "@" + visits[i].ref.getRootReference().str() + (path.empty() ? "" : " -> ") + path;
      return path;
    };
    SmallPtrSet<Operation *, 16> seen;
    SmallVector<size_t, 16> pending{0};
    unsigned reached = 0;
    while (!pending.empty()) {
      size_t here = pending.pop_back_val();
      SymbolRefAttr ref = visits[here].ref;
      Operation *target = lookup(ref.getRootReference());
      if (!target)
        return make(op, text, Verdict::Unknown, pathTo(here) + " is not defined");
      ++reached;
      if (auto dataset = dyn_cast<DatasetOp>(target)) {
        StringRef read = ref.getNestedReferences().empty() ? StringRef("train") : ref.getLeafReference().getValue();
        std::string leak = overlap(source, split, dataset, read);
        if (!leak.empty())
          return make(op, text, Verdict::Violated, pathTo(here) + "::" + read + " " + leak);
        continue;
      }
      if (target == source)
        return make(op, text, Verdict::Violated, pathTo(here) + " reads it");
      // Each symbol once; a dataset may be reached through several of its splits.
      if (!seen.insert(target).second)
        continue;
      walkSymbolRefs(target, [&](SymbolRefAttr next) {
        pending.push_back(visits.size());
        visits.push_back({next, here});
      });
    }
    return make(op, text, Verdict::Holds, Twine(reached) + " symbols reached, none reads it");
  }

  /// Whether a split of `dataset` shares rows with the source; the witness, or nothing.
  std::string overlap(Operation *source, StringRef split, DatasetOp dataset, StringRef read) {
    auto sealedData = dyn_cast<DatasetOp>(source);
    bool own = sealedData == dataset, isThat = own && (split.empty() || split == read);
    // Splits of one file share no row.
    if (!sealedData || isThat || (own && dataset.getFiles().size() < 4))
      return isThat ? "is that split" : "";
    // The same bytes are the same rows, whatever they are called.
    auto a = loadDataset(sealedData, {}), b = loadDataset(dataset, {});
    if (failed(a) || failed(b))
      return "can't be read, so nothing is known of its rows";
    auto [known, fresh] = proofs.overlaps.try_emplace({a->get(), split.str(), b->get(), read.str()});
    if (fresh)
      for (StringRef part : {"train", "validation", "test"})
        if (split.empty() || split == part)
          if (auto row = sharedRow(**a, part, **b, read))
            known->second = "holds row " + std::to_string(*row) + " of its " + part.str() + " split";
    return known->second;
  }
};

} // namespace

std::vector<CheckResult> Policy::check(ModuleOp candidate, const ProgramFacts &facts) const {
  std::vector<CheckResult> results;
  auto policy = candidate.lookupSymbol<PolicyOp>(policyName);
  if (!policy) {
    results.push_back({"policy @" + policyName, Verdict::Violated, "the candidate has no such policy",
                       candidate.getLoc()});
    return results;
  }
  Checker checker{candidate, programName, sealed, closure, **original, facts, *proofs, symbols};
  checker.findSymbols();
  auto add = [&](CheckResult result, StringRef engine) {
    if (result.engine.empty())
      result.engine = engine.str();
    results.push_back(std::move(result));
  };
  if (std::string stranger = checker.findStranger(); !stranger.empty())
    results.push_back({"symbols of the spec", Verdict::Violated, stranger, candidate.getLoc(), "digest"});
  results.reserve(policy.getBody().front().getOperations().size() + 1);
  // First, and always: with the policy itself among what is sealed, its other constraints are the ones that were fixed.
  if (!sealed.empty()) {
    auto seals = policy.getOps<SealOp>();
    Operation *at = seals.empty() ? policy.getOperation() : (*seals.begin()).getOperation();
    add(checker.checkSeals(at, sealText), "digest");
  }
  for (Operation &op : policy.getBody().front()) {
    if (auto range = dyn_cast<RangeOp>(op))
      add(checker.check(range), "integers");
    else if (auto limit = dyn_cast<LimitOp>(op))
      add(checker.check(limit), "cost");
    else if (auto require = dyn_cast<RequireOp>(op))
      add(checker.check(require), require.getProperty() == Property::NoFlow ? "flow" : "");
  }
  return results;
}

std::vector<CheckResult> Policy::checkWeights(ModuleOp candidate, const TrainedWeights &weights,
                                              const BoundEngine &engine) const {
  std::vector<CheckResult> results;
  ProgramFacts facts;
  facts.weights = &weights;
  facts.boundEngine = engine;
  Checker checker{candidate, programName, sealed, closure, **original, facts, *proofs, symbols};
  checker.findSymbols();
  if (auto policy = candidate.lookupSymbol<PolicyOp>(policyName))
    for (auto require : policy.getOps<RequireOp>())
      if (require.needsWeights())
        results.push_back(checker.check(require));
  return results;
}

bool selfopt::asksFor(ModuleOp spec, StringRef policyName, Needs needs) {
  auto policy = spec.lookupSymbol<PolicyOp>(policyName);
  return policy && llvm::any_of(policy.getBody().front(), [&](Operation &op) { return needsOf(&op) == needs; });
}
