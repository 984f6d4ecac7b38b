//===- MutationFuzz.cpp - Chains of mutations, each step checked -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A chain starts at a spec and takes 20 steps. A step is a drawn mutation or, one time in five, an op with attributes
// from anywhere, which may be refused. Checked after each:
//   the spec verifies; it prints; its text parses back to the same text and canonical digest;
//   a drawn mutation changed the text and said nothing; a refused one left the text and said why once.
// And after all: the chain's lineage, through text, leads from the first spec to the last.
//
// As `mutation-stress [N]` this runs chains for N mutants; as a libFuzzer target, one chain per input.
//
//===----------------------------------------------------------------------===//

#include "../unit/Mutation/Specs.h"
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
      "math.log", "nn.softmax", "",   "arith.cmpf", "selfopt.return", "tanh",       "sigmoid",    "arith.divf"};
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
  for (StringRef name : {"place", "units", "operand", "keep", "value"})
    if (name != "value" || kind.name != "insert_op" || choices.below(2))
      state.addAttribute(name, b.getI64IntegerAttr(anyInteger(choices)));
  bool textTo = kind.name == "swap_activation", textBy = kind.name == "replace_op";
  for (StringRef name : {"activation", "hyper", "op"})
    state.addAttribute(name, b.getStringAttr(anyName(choices)));
  state.addAttribute("to",
                     textTo ? Attribute(b.getStringAttr(anyName(choices))) : b.getF64FloatAttr(anyDouble(choices)));
  state.addAttribute("by",
                     textBy ? Attribute(b.getStringAttr(anyName(choices))) : b.getF64FloatAttr(anyDouble(choices)));
  // Those that the kind doesn't have would be kept as discardable attributes.
  ArrayRef<StringAttr> own =
      RegisteredOperationName::lookup(state.name.getStringRef(), b.getContext())->getAttributeNames();
  NamedAttrList kept;
  for (NamedAttribute attribute : state.attributes)
    if (llvm::is_contained(own, attribute.getName()))
      kept.append(attribute);
  state.attributes = kept;
  return b.create(state);
}

void runChain(ModuleOp original, uint64_t seed, ArrayRef<uint8_t> bytes, Totals &totals) {
  Philox random(seed);
  Choices choices(bytes, seed);
  OwningOpRef<ModuleOp> spec = original.clone();
  MutationScope scope = scopeOf(*spec);
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
      if (failed(cast<MutationOpInterface>(given).applyTo(*spec))) {
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
      Operation *drawn = mutate(*spec, scope, random, list);
      totals.engine += Clock::now() - start;
      if (!heard.empty())
        totals.fail("mutate spoke", heard);
      if (!drawn) {
        ++totals.exhausted;
        continue;
      }
    }
    ++totals.mutants;
    auto start = Clock::now();
    bool verified = succeeded(verify(*spec));
    std::string digest = canonicalDigest(*spec);
    totals.engine += Clock::now() - start;
    std::string next = printSpec(*spec);
    if (!verified)
      totals.fail("a mutant does not verify: " + heard, next);
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
    totals.fail("a lineage does not replay: " + heard, listed);
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
