//===- MutationBench.cpp - How many candidates a second the front of the search makes - -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What happens to every mutant before any is planned or trained, on one core: a copy of the parent, the mutation (with
// re-inference, dead code and verification), the canonical digest, the cost, and the policy, its memory limit aside.
// Parents are drawn as aging evolution draws them: among the last 100 mutants that keep the policy, and are less than 20
// generations deep. Data is read and hashed once, before the clock starts.
//
//   ninja mutation-bench && bin/mutation-bench docs/examples/digits.mlir          20,000 candidates: rate, stages
//   bin/mutation-bench docs/examples/digits.mlir 2000 digest                      what they were, as one digest
//
// Two builds that print one digest drew the same mutations, and gave them the same texts, digests, costs and verdicts.
// Times are the process's own, on a core. On a machine that does other things, count instructions: valgrind --tool=callgrind bin/mutation-bench ... 2000.
//
// `candidates_per_second` starts from a parent's module; `from_text_per_second` does what a search does between its
// archive and its workers: parses the parent, prints the child, and parses that once more in the worker's context.
//
//===----------------------------------------------------------------------===//

#include "Bench.h"
#include "../../lib/Search/Workbench.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Dialect/SelfOpt/SelfOpt.h"
#include "SelfOpt/Dialect/Structure.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Runtime/DatasetFromOp.h"
#include "SelfOpt/Safety/Policy.h"
#include "SelfOpt/Support/Digest.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"
#include <deque>
#include <time.h>

using namespace mlir;
using namespace selfopt;

/// Seconds of this process on a core: what others do on the machine counts little.
static double now() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

namespace {

constexpr size_t population = 100;
constexpr int maxDepth = 20;

struct Clock {
  llvm::MapVector<StringRef, double> stages;
  double last = 0;
  void start() { last = now(); }
  void lap(StringRef stage) {
    double next = now();
    stages[stage] += next - last;
    last = next;
  }
};

/// Whether all but the memory limit holds, as a worker decides before it plans.
bool keeps(ArrayRef<CheckResult> checks) {
  return llvm::all_of(checks, [](const CheckResult &c) {
    return c.verdict == Verdict::Holds || StringRef(c.constraint).starts_with("limit memory");
  });
}

struct Bench {
  MLIRContext &context;
  const Policy &policy;
  std::string program, startDigest;
  int64_t trainRows;

  int64_t rejected = 0, unchanged = 0;
  Clock clock;
  Digester seen;
  SpecDigester digester{};

  std::vector<CheckResult> check(ModuleOp child) {
    ProgramFacts facts;
    facts.cost = programCost(child, program, trainRows);
    return policy.check(child, facts);
  }

  void note(ModuleOp child, StringRef digest, ArrayRef<CheckResult> checks) {
    seen.addField(digest).addField(printSpec(child));
    for (const CheckResult &c : checks)
      seen.addField(c.constraint).addField(stringifyVerdict(c.verdict)).addField(c.detail);
  }

  /// From module to module; `count` candidates.
  void run(ModuleOp start, int64_t count, bool withDigest) {
    struct Member {
      OwningOpRef<ModuleOp> module;
      int depth;
    };
    OwningOpRef<ModuleOp> origin = start.clone();
    OpBuilder b = OpBuilder::atBlockEnd(origin->getBody());
    evolve::LineageOp::create(b, origin->getLoc(), startDigest).getBody().emplaceBlock();
    std::deque<Member> queue;
    for (int64_t id = 1; id <= count; ++id) {
      Philox random(1, uint64_t(id));
      Member *parent = nullptr;
      if (id > int64_t(population) && !queue.empty())
        parent = &queue[random.below(queue.size())];
      unsigned mutations = random.below(4) == 0 ? 2 : 1;
      clock.start();
      Member child{cloneSpec(parent ? *parent->module : *origin), parent ? parent->depth + 1 : 1};
      clock.lap("clone");
      Block &lineage = (*child.module->getOps<evolve::LineageOp>().begin()).getBody().front();
      MutationScope scope = MutationScope::of(*child.module);
      bool changed = false;
      for (unsigned m = 0; m < mutations; ++m)
        changed |= mutate(*child.module, scope, random, lineage) != nullptr;
      clock.lap("mutate");
      std::string digest = digester.digest(*child.module);
      clock.lap("digest");
      ProgramFacts facts;
      facts.cost = programCost(*child.module, program, trainRows);
      clock.lap("cost");
      std::vector<CheckResult> checks = policy.check(*child.module, facts);
      clock.lap("policy");
      if (withDigest)
        note(*child.module, digest, checks);
      clock.start();
      unchanged += !changed;
      bool kept = keeps(checks);
      rejected += !kept;
      if (kept && child.depth < maxDepth)
        queue.push_back(std::move(child));
      if (queue.size() > population)
        queue.pop_front();
      child.module = {};
      clock.lap("free");
    }
  }

  /// From text to text, and to the worker's module.
  llvm::Error runText(StringRef start, int64_t count) {
    Workbench bench(context.getDialectRegistry(), "", startDigest);
    std::deque<std::pair<std::string, int>> queue;
    for (int64_t id = 1; id <= count; ++id) {
      Philox random(1, uint64_t(id));
      StringRef parent = start;
      int depth = 0;
      if (id > int64_t(population) && !queue.empty()) {
        const auto &member = queue[random.below(queue.size())];
        parent = member.first;
        depth = member.second;
      }
      Proposal proposal;
      proposal.mutations = random.below(4) == 0 ? 2 : 1;
      auto child = bench.mutateProgram(parent, proposal, random);
      if (!child)
        return child.takeError();
      OwningOpRef<ModuleOp> module = parseSpec(child->program, context, source);
      if (!module)
        return llvm::createStringError("a mutant does not parse");
      if (keeps(check(*module)) && depth + 1 < maxDepth)
        queue.emplace_back(std::move(child->program), depth + 1);
      if (queue.size() > population)
        queue.pop_front();
    }
    return llvm::Error::success();
  }
  std::string source;
};

} // namespace

int main(int argc, char **argv) {
  useDataBeside(argv[0], reinterpret_cast<void *>(&main));
  int64_t count = 20000;
  bool withDigest = argc == 4 && StringRef(argv[3]) == "digest";
  if (argc < 2 || argc > 4 || (argc == 4 && !withDigest) ||
      (argc > 2 && (StringRef(argv[2]).getAsInteger(10, count) || count < 1))) {
    llvm::errs() << "usage: mutation-bench SPEC [CANDIDATES [digest]]\n";
    return 2;
  }
  bench::pinToCore();

  std::unique_ptr<MLIRContext> owned = bench::makeContext();
  MLIRContext &context = *owned;
  OwningOpRef<ModuleOp> spec = parseSourceFile<ModuleOp>(argv[1], ParserConfig(&context));
  if (!spec)
    return 1;
  auto searches = spec->getOps<evolve::SearchOp>();
  if (searches.empty()) {
    llvm::errs() << argv[1] << ": expected a spec with an evolve.search, found none\n";
    return 1;
  }
  evolve::SearchOp search = *searches.begin();
  std::string program = search.getProgram().str();
  auto train = spec->lookupSymbol<TrainOp>(program);
  auto data = loadDataset(spec->lookupSymbol<DatasetOp>(train.getDataAttr().getRootReference()), {});
  auto policy = Policy::fix(*spec, search.getPolicy(), program);
  if (failed(policy) || failed(data))
    return 1;
  Bench bench{context, *policy, program, canonicalDigest(*spec), splitSizes(**data, train.getDataAttr()).train};
  bench.source = argv[1];

  double begin = now();
  bench.run(*spec, count, withDigest);
  double total = 0, wall = now() - begin;
  for (auto &[stage, seconds] : bench.clock.stages)
    total += seconds;
  llvm::errs() << llvm::formatv("{0} candidates, {1} refused by the policy, {2} unchanged, {3:f2} s of a core\n", count,
                                bench.rejected, bench.unchanged, wall);
  for (auto &[stage, seconds] : bench.clock.stages)
    llvm::errs() << llvm::formatv("  {0,-8}{1,8:f1} us  {2,5:f1} %\n", stage, seconds / count * 1e6,
                                  seconds / total * 100);
  if (withDigest) {
    llvm::outs() << "{\"digest\": \"" << bench.seen.hex() << "\"}\n";
    return 0;
  }
  int64_t texts = std::max<int64_t>(1, count / 10);
  begin = now();
  if (auto error = bench.runText(printSpec(*spec), texts)) {
    llvm::errs() << llvm::toString(std::move(error)) << "\n";
    return 1;
  }
  double text = now() - begin;
  llvm::outs() << llvm::formatv("{{\"candidates_per_second\": {0:f0}, \"from_text_per_second\": {1:f0}}\n",
                                count / total, texts / text);
  return 0;
}
