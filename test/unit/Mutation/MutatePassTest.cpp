//===- MutatePassTest.cpp - --selfopt-mutate -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Mutation/MutatePass.h"
#include "Specs.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

struct Result {
  bool ok;
  std::string text, errors;
};

Result run(StringRef text, const std::string &options) {
  [[maybe_unused]] static bool registered = (registerMutatePass(), true);
  OwningOpRef<ModuleOp> spec = parse(text);
  Result result;
  ScopedDiagnosticHandler listen(&context(), [&](Diagnostic &d) {
    result.errors += d.str() + "\n";
    return success();
  });
  PassManager manager(&context());
  EXPECT_TRUE(succeeded(parsePassPipeline("selfopt-mutate{" + options + "}", manager)));
  result.ok = succeeded(manager.run(*spec));
  result.text = printSpec(*spec);
  return result;
}

TEST(MutatePass, DrawsAndKeepsTheLineage) {
  for (const std::string &text : specTexts()) {
    Result three = run(text, "seed=5 count=3");
    ASSERT_TRUE(three.ok) << three.errors;
    EXPECT_EQ(three.text, run(text, "seed=5 count=3").text);
    EXPECT_NE(three.text, run(text, "seed=6 count=3").text);
    EXPECT_NE(three.text.find("evolve.lineage from(\"" + canonicalDigest(*parse(text)) + "\")"), std::string::npos);
    OwningOpRef<ModuleOp> more = parse(run(three.text, "seed=1 count=2").text);
    auto lineages = llvm::to_vector(more->getOps<evolve::LineageOp>());
    ASSERT_EQ(lineages.size(), 1u);
    EXPECT_EQ(lineages[0].getBody().front().getOperations().size(), 5u);
    // The lineage, put behind the spec that it starts at, leads to the same module.
    OwningOpRef<ModuleOp> start = parse(text);
    start->getBody()->push_back(lineages[0]->clone());
    Result replayed = run(printSpec(*start), "apply=1");
    ASSERT_TRUE(replayed.ok) << replayed.errors;
    EXPECT_EQ(replayed.text, printSpec(*more));
    // It leads to that module, not from it.
    Result twice = run(printSpec(*more), "apply=1");
    EXPECT_FALSE(twice.ok);
    EXPECT_EQ(StringRef(twice.errors).split('\n').first, "'evolve.lineage' op starts at another spec");
  }
}

TEST(MutatePass, AppliesOneGivenMutation) {
  std::string given = "evolve.lineage from(\"\") { evolve.set_hyper @fit \"batch\" to(64.0) }\n}\n";
  std::string spec = regression.str();
  spec.replace(spec.rfind('}'), 1, given);
  Result result = run(spec, "apply=1");
  ASSERT_TRUE(result.ok) << result.errors;
  EXPECT_NE(result.text.find("batch = 64,"), std::string::npos);
  EXPECT_NE(result.text.find("from(\"" + canonicalDigest(*parse(regression)) + "\")"), std::string::npos);
  Result wrong = run(StringRef(spec).str().replace(spec.find("@fit \"batch"), 4, "@net"), "apply=1");
  EXPECT_FALSE(wrong.ok);
  EXPECT_EQ(wrong.errors, "'evolve.set_hyper' op expects @net to be a selfopt.train, found a selfopt.model\n");
}

TEST(MutatePass, Kinds) {
  Result result = run(regression, "count=10 kinds=widen,edit_constant");
  ASSERT_TRUE(result.ok) << result.errors;
  OwningOpRef<ModuleOp> spec = parse(result.text);
  auto lineage = *spec->getOps<evolve::LineageOp>().begin();
  for (Operation &op : lineage.getBody().front())
    EXPECT_TRUE((isa<evolve::WidenOp, evolve::EditConstantOp>(op)));
  Result unknown = run(regression, "kinds=shrink");
  EXPECT_FALSE(unknown.ok);
  EXPECT_EQ(StringRef(unknown.errors).split('\n').first, "expected a kind of mutation, found 'shrink'");
  Result none = run("selfopt.schedule @s(%t: f32) -> f32 { selfopt.return %t : f32 }", "kinds=drop_op");
  EXPECT_FALSE(none.ok);
  EXPECT_EQ(none.errors, "found no mutation that applies, after 0 of 1\n");
}

} // namespace
