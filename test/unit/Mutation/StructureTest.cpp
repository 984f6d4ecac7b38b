//===- StructureTest.cpp - Symbols that were seen before ------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Dialect/Structure.h"
#include "Specs.h"
#include "SelfOpt/Mutation/Library.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "gtest/gtest.h"
#include <set>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

const char *schedule = R"(selfopt.schedule @s(%t: f32) -> f32 {
  %a = arith.constant 0.25 : f32
  %b = arith.mulf %a, %t : f32
  %c = arith.addf %b, %t : f32
  selfopt.return %c : f32
})";

/// `text` beside the same with a change: whether their structures, and their texts, are the same.
std::pair<bool, bool> compare(StringRef text, StringRef from, StringRef to) {
  size_t at = text.find(from);
  EXPECT_NE(at, StringRef::npos) << from.str();
  std::string changed = (text.take_front(at) + to + text.drop_front(at + from.size())).str();
  OwningOpRef<ModuleOp> a = parse(text), b = parse(changed);
  if (!a || !b) {
    ADD_FAILURE() << changed;
    return {};
  }
  bool same = sameStructure(*a, *b);
  if (same)
    EXPECT_EQ(structureHash(*a), structureHash(*b));
  EXPECT_EQ(sameStructure(*b, *a), same);
  // Operands of a commutative op may stand in any order for the fingerprint.
  EXPECT_EQ(structureFingerprint(*a) == structureFingerprint(*b), same || to == "%t, %a");
  return {same, printSpec(*a) == printSpec(*b)};
}

TEST(Structure, ComparesAsTheTextDoes) {
  const std::pair<bool, bool> same{true, true}, different{false, false};
  EXPECT_EQ(compare(schedule, "%a = ", "// a comment\n  %a = "), same);
  EXPECT_EQ(compare(schedule, "@s", "@other"), different);
  EXPECT_EQ(compare(schedule, "0.25", "0.5"), different);
  EXPECT_EQ(compare(schedule, "arith.mulf", "arith.divf"), different);
  EXPECT_EQ(compare(schedule, "%a, %t", "%t, %a"), different) << "equal, but not written alike";
  EXPECT_EQ(compare(schedule, "%b, %t", "%b, %a"), different);
  EXPECT_EQ(compare(schedule, "%b, %t", "%t, %t"), different);
  EXPECT_EQ(compare(schedule, "return %c", "return %b"), different);
  EXPECT_EQ(compare(schedule, "  selfopt.return", "  %d = arith.negf %c : f32\n  selfopt.return"), different);
  EXPECT_EQ(compare(schedule, "selfopt.schedule", "selfopt.schedule"), same);
}

/// Copies as Operation::clone() does, where values are read before they stand there, and where blocks branch, too.
TEST(Structure, ClonesAnyRegion) {
  for (const char *text : {R"(
func.func @blocks(%c: i1, %x: f32) -> f32 {
  cf.cond_br %c, ^one(%x : f32), ^two
^one(%y: f32):
  return %y : f32
^two:
  %z = arith.negf %x : f32
  cf.br ^one(%z : f32)
})",
                           R"(
module @graph {
  %a = "test.op"(%b) : (i32) -> i32
  %b = "test.op"() : () -> i32
})",
                           R"(
module @nested {
  %a = "test.op"() ({
    "test.use"(%c) : (i32) -> ()
  }, {}) : () -> i32
  %c = "test.op"() : () -> i32
})"}) {
    MLIRContext context;
    context.allowUnregisteredDialects();
    context.loadDialect<func::FuncDialect, cf::ControlFlowDialect, arith::ArithDialect>();
    OwningOpRef<ModuleOp> spec = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(spec) << text;
    OwningOpRef<ModuleOp> copy(cloneSpec(*spec)), expected = spec->clone();
    EXPECT_EQ(printSpec(*copy), printSpec(*expected));
    spec = {};
    EXPECT_EQ(printSpec(*copy), printSpec(*expected)) << "nothing of the original is read";
  }
}

TEST(Structure, MutantsHaveTheDigestsThatTheyHaveAlone) {
  OwningOpRef<ModuleOp> start = parse(classification);
  ASSERT_TRUE(start);
  SpecDigester digester;
  EXPECT_EQ(digester.digest(*start), canonicalDigest(*start));
  // Chains from random earlier mutants, until what is remembered has been forgotten and learnt again.
  std::vector<OwningOpRef<ModuleOp>> mutants;
  std::set<std::string> digests;
  for (uint64_t i = 0; i < StructureMemo<int>::maxOps + 500; ++i) {
    Philox random(5, i);
    ModuleOp parent = mutants.empty() ? *start : *mutants[random.below(mutants.size())];
    OwningOpRef<ModuleOp> child(cloneSpec(parent));
    ASSERT_TRUE(sameStructure(*child, parent));
    Block lineage;
    mutate(*child, MutationScope::all(*child), random, lineage);
    std::string digest = digester.digest(*child);
    ASSERT_EQ(digest, canonicalDigest(*child)) << i << "\n" << printSpec(*child);
    digests.insert(digest);
    if (mutants.size() == 50)
      mutants[i % 50] = std::move(child);
    else
      mutants.push_back(std::move(child));
  }
  EXPECT_GT(digests.size(), StructureMemo<int>::maxOps);
}

TEST(Structure, SymbolRefsInTheOrderOfTheAttributes) {
  OwningOpRef<ModuleOp> start = parse(classification);
  ASSERT_TRUE(start);
  // Against the plain way: every attribute of every op, walked.
  for (Operation &op : *start->getBody()) {
    std::vector<std::string> expected, found;
    op.walk([&](Operation *inner) {
      for (NamedAttribute attribute : inner->getAttrs())
        attribute.getValue().walk<WalkOrder::PreOrder>([&](SymbolRefAttr symbol) {
          expected.push_back(symbol.getRootReference().str());
          return WalkResult::skip();
        });
    });
    walkSymbolRefs(&op, [&](SymbolRefAttr symbol) { found.push_back(symbol.getRootReference().str()); });
    EXPECT_EQ(found, expected) << op.getName().getStringRef().str();
  }
}

} // namespace
