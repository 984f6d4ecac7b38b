//===- LibraryTest.cpp - Every program of the library fits and means what it says -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Mutation/Library.h"
#include "Specs.h"
#include "gtest/gtest.h"
#include <set>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

/// The programs of a spec of each kind that the library has.
std::vector<Operation *> programsOf(ModuleOp spec) {
  std::vector<Operation *> programs;
  for (Operation &op : *spec.getBody())
    if (isa<LossOp, RewardOp, OptimizerOp, ScheduleOp, SamplerOp, AugmentOp>(op))
      programs.push_back(&op);
  return programs;
}

TEST(Library, EveryProgramIsUsedSomewhere) {
  std::set<std::string> used;
  for (StringRef text : {StringRef(regression), StringRef(noisy), StringRef(classification)}) {
    OwningOpRef<ModuleOp> spec = parse(text);
    for (Operation *program : programsOf(*spec))
      for (const LibraryProgram &entry : getLibrary()) {
        std::string mutation = "evolve.use_program @" + SymbolTable::getSymbolName(program).str() + " from(\"" +
                               entry.name.str() + "\")";
        OwningOpRef<ModuleOp> mutant = spec->clone(), list = parse(mutation);
        ScopedDiagnosticHandler quiet(&context(), [](Diagnostic &) { return success(); });
        bool applied = succeeded(applyMutation(&list->getBody()->front(), *mutant));
        // Names may stand for two kinds: it is the target's kind that counts.
        const LibraryProgram *found = findLibraryProgram(entry.name, program);
        EXPECT_EQ(applied, found && libraryProgramFits(*found, program)) << mutation;
        if (!applied)
          continue;
        used.insert(found->op.str() + " " + found->name.str());
        EXPECT_TRUE(succeeded(verify(*mutant)));
        EXPECT_EQ(printSpec(*reparse(*mutant)), printSpec(*mutant));
      }
  }
  std::set<std::string> all;
  for (const LibraryProgram &entry : getLibrary()) {
    EXPECT_TRUE(all.insert(entry.op.str() + " " + entry.name.str()).second) << "twice: " << entry.name.str();
    EXPECT_FALSE(entry.summary.empty());
  }
  EXPECT_EQ(used, all);
}

/// The library's cross entropy is the examples' own: one program, however it came there.
TEST(Library, SameProgramsHaveOneDigest) {
  OwningOpRef<ModuleOp> spec = parse(classification), mutant = spec->clone();
  auto list = parse("evolve.use_program @cross_entropy from(\"cross_entropy\")");
  ASSERT_TRUE(succeeded(applyMutation(&list->getBody()->front(), *mutant)));
  EXPECT_EQ(canonicalDigest(*mutant), canonicalDigest(*spec));
}

} // namespace
