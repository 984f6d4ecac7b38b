//===- MutationFuzz.cpp - Chains of mutations, each step checked -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A chain starts at a spec and takes 20 steps. A step is a drawn mutation or, one time in five, an op with attributes
// from anywhere, which may be refused. Checked after each:
//   the spec verifies and instantiates; it prints; its text parses back to the same text and canonical digest;
//   a drawn mutation changed the text and said nothing; a refused one left the text and said why once.
// And after all: the chain's lineage, through text, leads from the first spec to the last.
//
// As `mutation-stress [N]` this runs chains for N mutants; as a libFuzzer target, one chain per input.
//
//===----------------------------------------------------------------------===//

#include "../unit/Mutation/Specs.h"
#include "SelfOpt/Transforms/Passes.h"
#include "mlir/IR/IRMapping.h"
#include <chrono>
#include <cstring>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

using Clock = std::chrono::steady_clock;

/// Numbers from the fuzzer's input, then from Philox.
class Choices {
public:
  Choices(ArrayRef<uint8_t> bytes, uint64_t seed) : bytes(bytes), random(seed, /*stream=*/1) {}
  uint64_t next() {
    if (bytes.empty())
      return random.next64();
    uint64_t value = 0;
    size_t n = std::min<size_t>(8, bytes.size());
    std::memcpy(&value, bytes.data(), n);
    bytes = bytes.drop_front(n);
    return value;
  }
  uint64_t below(uint64_t n) { return next() % n; }

private:
  ArrayRef<uint8_t> bytes;
  Philox random;
};

struct Totals {
  uint64_t mutants = 0, refused = 0, exhausted = 0, failures = 0;
  Clock::duration engine{}; ///< Spent in mutate, verify and canonicalDigest.
  void fail(StringRef what, StringRef text) {
    ++failures;
    llvm::errs() << "FAILURE: " << what << "\n" << text << "\n";
  }
};

int64_t anyInteger(Choices &choices) {
  static constexpr int64_t edges[] = {-1, 0, 1, INT64_MAX, INT64_MIN, int64_t(1) << 32, int64_t(1) << 62};
  return choices.below(4) ? int64_t(choices.below(40)) : edges[choices.below(std::size(edges))];
}
double anyDouble(Choices &choices) {
  static constexpr double edges[] = {0, -0.0, 1, -1, 1e-300, 1e300, 0.5, 64};
  if (choices.below(2))
    return edges[choices.below(std::size(edges))];
  uint64_t bits = choices.next();
  double value;
  std::memcpy(&value, &bits, 8);
  return value;
}
StringRef anyName(Choices &choices) {
  static constexpr StringLiteral names[] = {
      "relu",     "gelu",       "lr", "batch",      "epochs",         "arith.addf", "arith.negf", "math.sqrt",
      "math.log", "nn.softmax", "",   "arith.cmpf", "selfopt.return", "tanh",       "sigmoid",    "arith.divf",
      "rms_norm", "layer_norm", "lion", "linear",   "focal",          "mse",        "none",       "confidence"};
  return names[choices.below(std::size(names))];
}

/// A mutation whose attributes have the right kinds and nothing else right.
Operation *anyMutation(OpBuilder &b, ModuleOp spec, Choices &choices) {
  const MutationKind &kind = getMutationKinds()[choices.below(getMutationKinds().size())];
  SmallVector<Attribute> symbols{FlatSymbolRefAttr::get(b.getContext(), "nowhere")};
  for (Operation &op : *spec.getBody())
    if (StringAttr name = SymbolTable::getSymbolName(&op))
      symbols.push_back(FlatSymbolRefAttr::get(name));
  OperationState state(b.getUnknownLoc(), ("evolve." + kind.name).str());
  state.addAttribute("target", symbols[choices.below(symbols.size())]);
  // What an attribute holds goes by its name, but for a few that are texts in one kind and numbers in another.
  auto holds = [&](StringRef name) -> StringRef {
    if ((name == "to" && kind.name == "swap_activation") || (name == "by" && kind.name == "replace_op") ||
        (name == "from" && kind.name == "use_program") || name == "activation" || name == "hyper" || name == "op" ||
        name == "kind")
      return "text";
    if (name == "place" || name == "units" || name == "operand" || name == "keep" || name == "value" ||
        name == "rank" || name == "from" || name == "with")
      return "integer";
    return name == "state" ? "state" : "number";
  };
  for (StringAttr name :
       RegisteredOperationName::lookup(state.name.getStringRef(), b.getContext())->getAttributeNames()) {
    bool optional = name == "state" || (name == "value" && kind.name == "insert_op");
    if (name == "target" || (optional && choices.below(2)))
      continue;
    StringRef what = holds(name);
    if (what == "text")
      state.addAttribute(name, b.getStringAttr(anyName(choices)));
    else if (what == "integer")
      state.addAttribute(name, b.getI64IntegerAttr(anyInteger(choices)));
    else if (what == "state")
      state.addAttribute(name, b.getDenseF64ArrayAttr(SmallVector<double>(choices.below(4), anyDouble(choices))));
    else
      state.addAttribute(name, b.getF64FloatAttr(anyDouble(choices)));
  }
  if (kind.graft) {
    // The body of some program of the spec, fit or not.
    SmallVector<Operation *> programs;
    for (Operation &op : *spec.getBody())
      if (isa<ProgramOpInterface>(op))
        programs.push_back(&op);
    IRMapping map;
    programs[choices.below(programs.size())]->getRegion(0).cloneInto(state.addRegion(), map);
  }
  return b.create(state);
}

/// Whether a mutant becomes functions over a batch. Of a plain module there is nothing to make.
bool instantiates(ModuleOp mutant) {
  OwningOpRef<ModuleOp> copy = mutant.clone();
  return succeeded(instantiate(*copy)) && succeeded(verify(*copy));
}

void runChain(ModuleOp original, uint64_t seed, ArrayRef<uint8_t> bytes, Totals &totals) {
  Philox random(seed);
  Choices choices(bytes, seed);
  OwningOpRef<ModuleOp> spec = original.clone();
  MutationScope scope = scopeOf(*spec);
  OwningOpRef<ModuleOp> donor = original.clone();
  OwningOpRef<ModuleOp> holder = ModuleOp::create(UnknownLoc::get(&context()));
  OpBuilder b = OpBuilder::atBlockEnd(holder->getBody());
  auto lineage = evolve::LineageOp::create(b, b.getUnknownLoc(), canonicalDigest(*spec));
  Block &list = lineage.getBody().emplaceBlock();
  std::string text = printSpec(*spec), heard;
  ScopedDiagnosticHandler listen(&context(), [&](Diagnostic &d) {
    heard += d.str() + "\n";
    return success();
  });
  for (int step = 0; step < 20; ++step) {
    heard.clear();
    if (choices.below(5) == 0) {
      b.setInsertionPointToEnd(&list);
      Operation *given = anyMutation(b, *spec, choices);
      if (failed(applyMutation(given, *spec))) {
        ++totals.refused;
        if (printSpec(*spec) != text)
          totals.fail("a refused mutation changed the spec", text + heard);
        if (!StringRef(heard).starts_with("'evolve.") || StringRef(heard).count("'evolve.") != 1)
          totals.fail("a refused mutation is to say one error", heard);
        given->erase();
        continue;
      }
      text.clear(); // It may have changed nothing.
    } else {
      auto start = Clock::now();
      // Now and then a crossover, with what this chain was half its length ago or with the original.
      bool cross = step > 4 && choices.below(8) == 0;
      std::vector<std::string> kinds;
      if (cross)
        kinds = {"graft_program", "graft_layers"};
      Operation *drawn = mutate(*spec, scope, random, list, kinds, cross ? *donor : ModuleOp());
      totals.engine += Clock::now() - start;
      if (!heard.empty())
        totals.fail("mutate spoke", heard);
      if (!drawn) {
        ++totals.exhausted;
        continue;
      }
    }
    ++totals.mutants;
    if (step == 10)
      donor = spec->clone();
    auto start = Clock::now();
    bool verified = succeeded(verify(*spec));
    std::string digest = canonicalDigest(*spec);
    totals.engine += Clock::now() - start;
    std::string next = printSpec(*spec);
    if (!verified)
      totals.fail("a mutant does not verify: " + heard, next);
    else if (!instantiates(*spec))
      totals.fail("a mutant does not instantiate: " + heard, next);
    if (next == text)
      totals.fail("a drawn mutation changed nothing", next);
    text = next;
    OwningOpRef<ModuleOp> back = parse(text);
    if (!back)
      totals.fail("a mutant does not parse: " + heard, text);
    else if (printSpec(*back) != text)
      totals.fail("a mutant prints differently after parsing", text);
    else if (canonicalDigest(*back) != digest)
      totals.fail("a mutant's digest differs after parsing", text);
  }
  std::string listed = printSpec(*holder);
  OwningOpRef<ModuleOp> parsed = parse(listed), replayed = original.clone();
  if (!parsed)
    return totals.fail("a lineage does not parse: " + heard, listed);
  if (failed(applyLineage(*replayed, (*parsed->getOps<evolve::LineageOp>().begin()).getBody().front())) ||
      printSpec(*replayed) != printSpec(*spec))
    totals.fail("a lineage does not replay: " + heard, listed + "expected\n" + printSpec(*spec) + "found\n" + printSpec(*replayed));
}

ArrayRef<OwningOpRef<ModuleOp>> specs() {
  static std::vector<OwningOpRef<ModuleOp>> parsed = [] {
    std::vector<OwningOpRef<ModuleOp>> all;
    for (const std::string &text : specTexts())
      all.push_back(parse(text));
    return all;
  }();
  return parsed;
}

} // namespace

#ifdef SELFOPT_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 9)
    return 0;
  uint64_t seed;
  std::memcpy(&seed, data + 1, 8);
  Totals totals;
  runChain(specs()[data[0] % specs().size()].get(), seed, ArrayRef(data + 9, size - 9), totals);
  if (totals.failures)
    abort();
  return 0;
}
#else
int main(int argc, char **argv) {
  uint64_t wanted = 10000;
  if (argc > 2 || (argc == 2 && StringRef(argv[1]).getAsInteger(10, wanted))) {
    llvm::errs() << "usage: mutation-stress [number of mutants]\n";
    return 2;
  }
  Totals totals;
  auto start = Clock::now();
  for (uint64_t seed = 0; totals.mutants < wanted && totals.failures < 10; ++seed)
    runChain(specs()[seed % specs().size()].get(), seed, {}, totals);
  double all = std::chrono::duration<double>(Clock::now() - start).count();
  double engine = std::chrono::duration<double>(totals.engine).count();
  llvm::outs() << totals.mutants << " mutants, " << totals.failures << " failures, "
               << uint64_t(double(totals.mutants) / all) << " per second (" << uint64_t(double(totals.mutants) / engine)
               << " without printing, parsing and replay); " << totals.refused << " given mutations refused, "
               << totals.exhausted << " draws without a mutation\n";
  return totals.failures != 0;
}
#endif
