//===- CrossoverTest.cpp - Children of two parents, and fronts ------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SearchHarness.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Search/Strategy.h"
#include "llvm/Support/JSON.h"
#include <array>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

//===--- Who is the donor ----------------------------------------------------===//

TEST(Crossover, PercentOfTheChildrenAndNothingElse) {
  using Make = std::unique_ptr<Strategy> (*)(int64_t);
  const Make makers[] = {
      [](int64_t percent) { return makeAgingStrategy(20, 3, percent); },
      [](int64_t percent) { return makeIslandsStrategy(2, 10, 10, 3, percent); },
      [](int64_t percent) { return makeNsga2Strategy(20, percent); },
  };
  for (Make make : makers) {
    auto none = make(0), half = make(50), all = make(100);
    int children = 0, withHalf = 0, withAll = 0;
    for (int64_t id = 0; id < 1000; ++id) {
      auto askOne = [&](Strategy &strategy) {
        Philox random(3, id);
        return strategy.ask(id, random);
      };
      Proposal a = askOne(*none), b = askOne(*half), c = askOne(*all);
      // The second parent is drawn after everything else.
      EXPECT_EQ(a.donor, -1);
      EXPECT_EQ(a.parent, b.parent);
      EXPECT_EQ(a.mutations, b.mutations);
      EXPECT_EQ(a.parent, c.parent);
      for (const Proposal &p : {b, c}) {
        EXPECT_LT(p.donor, std::max<int64_t>(1, id));
        EXPECT_TRUE(p.donor < 0 || p.donor != p.parent);
      }
      if (id >= 20) {
        ++children;
        withHalf += b.donor >= 0;
        withAll += c.donor >= 0;
      } else {
        EXPECT_EQ(c.donor, -1) << "the first generation has one parent, the spec";
      }
      Philox score(8, id);
      TrialResult result;
      result.fitness = {score.uniform(), score.uniform()};
      for (Strategy *strategy : {none.get(), half.get(), all.get()})
        strategy->tell(id, &result);
    }
    // A tournament often has one winner twice.
    EXPECT_GT(withAll, children * 6 / 10);
    EXPECT_NEAR(withHalf, withAll * 0.5, children * 0.06);
  }
}

TEST(Crossover, ASettingAtItsDefaultIsNoPartOfTheText) {
  auto textOf = [](const std::string &strategy) {
    auto module = mlir::parseSourceString<ModuleOp>(points(strategy), ParserConfig(&context()));
    return module ? printSpec(*module) : std::string("does not parse");
  };
  std::string old = textOf("aging population(8) tournament(3)");
  EXPECT_EQ(textOf("aging population(8) tournament(3) crossover(0)"), old);
  EXPECT_TRUE(StringRef(old).contains("strategy(aging population(8) tournament(3))"));
  EXPECT_TRUE(StringRef(textOf("aging population(8) tournament(3) crossover(7)"))
                  .contains("strategy(aging population(8) tournament(3) crossover(7))"));
  EXPECT_EQ(textOf("nsga2 population(8) crossover(10)"), textOf("nsga2 population(8)"));
  EXPECT_TRUE(StringRef(textOf("nsga2 population(8) crossover(0)")).contains("population(8) crossover(0)"));
}

//===--- Whole searches ------------------------------------------------------===//

/// A symbol of a candidate as text.
std::string symbolText(const CandidateRow &row, StringRef symbol) {
  auto module = mlir::parseSourceString<ModuleOp>(row.program, ParserConfig(&context()),
                                                  SELFOPT_SOURCE_DIR "/test/Inputs/spec.mlir");
  Operation *op = module ? module->lookupSymbol(symbol) : nullptr;
  std::string text;
  llvm::raw_string_ostream os(text);
  if (op)
    op->print(os, OpPrintingFlags().useLocalScope());
  return text;
}

TEST(Crossover, SameArchiveWhateverHappensAndReplaysWithoutDonors) {
  std::string text = points("aging population(8) tournament(2) crossover(90)");
  Finished one = runOnce("cross-one", text, 70, 1);
  ASSERT_EQ(one.error, "");
  Finished three = runOnce("cross-three", text, 70, 3);
  ASSERT_EQ(three.error, "");
  EXPECT_EQ(three.digest, one.digest);
  Finished part = runOnce("cross-cut", text, 31, 3);
  ASSERT_EQ(part.error, "");
  Finished resumed = runOnce("cross-cut", text, 70, 2, /*resume=*/true);
  ASSERT_EQ(resumed.error, "");
  EXPECT_EQ(resumed.digest, one.digest);

  std::vector<CandidateRow> rows = rowsOf(one);
  ASSERT_EQ(rows.size(), 70u);
  int donors = 0, programs = 0, layers = 0, alone = 0;
  auto archive = Archive::openReadOnly(one.directory);
  ASSERT_TRUE(bool(archive));
  for (const CandidateRow &row : rows) {
    auto again = replayCandidate(**archive, row.id, context());
    ASSERT_TRUE(bool(again)) << llvm::toString(again.takeError());
    EXPECT_EQ(canonicalDigest(**again), row.digest) << row.id;
    StringRef mutation(row.mutation);
    bool grafted = mutation.starts_with("evolve.graft_");
    EXPECT_TRUE(!grafted || row.donor >= 0) << row.id;
    if (row.donor < 0)
      continue;
    ++donors;
    EXPECT_NE(row.donor, row.parent);
    EXPECT_LT(row.donor, row.id);
    layers += mutation.starts_with("evolve.graft_layers");
    if (!mutation.starts_with("evolve.graft_program"))
      continue;
    ++programs;
    // Where no second mutation follows, the child has what its donor had.
    if (mutation.substr(1).contains("evolve."))
      continue;
    StringRef symbol = mutation.split('@').second.take_until([](char c) { return c == ' '; });
    EXPECT_EQ(symbolText(row, symbol), symbolText(rows[row.donor], symbol)) << row.id;
    EXPECT_NE(symbolText(row, symbol), symbolText(rows[row.parent], symbol)) << row.id;
    ++alone;
  }
  EXPECT_GT(donors, 25);
  EXPECT_GT(programs, 3);
  EXPECT_GT(layers, 3);
  EXPECT_GT(alone, 0);
}

TEST(Crossover, TheFrontOfASearchByNsga2) {
  std::string text =
      replaced(points("nsga2 population(8)"), "minimize(parameters)", "minimize(parameters) minimize(train_flops)");
  Finished run = runOnce("front", text, 60, 2);
  ASSERT_EQ(run.error, "");
  std::vector<CandidateRow> rows = rowsOf(run);
  // All pairs; of equals the first.
  std::vector<int64_t> expected;
  auto objectives = [](const CandidateRow &row) {
    return std::array<double, 3>{-*row.validation, double(row.parameters), double(row.trainFlops)};
  };
  for (const CandidateRow &row : rows) {
    if (!row.validation)
      continue;
    bool beaten = llvm::any_of(rows, [&](const CandidateRow &other) {
      if (!other.validation)
        return false;
      auto a = objectives(other), b = objectives(row);
      return a[0] <= b[0] && a[1] <= b[1] && a[2] <= b[2] && (a != b || other.id < row.id);
    });
    if (!beaten)
      expected.push_back(row.id);
  }
  llvm::sort(expected, [&](int64_t a, int64_t b) { return objectives(rows[a]) < objectives(rows[b]); });
  ASSERT_GE(expected.size(), 2u);
  auto archive = Archive::openReadOnly(run.directory);
  ASSERT_TRUE(bool(archive));
  auto kept = (*archive)->getMeta("front");
  ASSERT_TRUE(bool(kept) && *kept);
  auto json = llvm::json::parse(**kept);
  ASSERT_TRUE(bool(json));
  ASSERT_EQ(run.outcome.front.size(), expected.size());
  ASSERT_EQ(json->getAsArray()->size(), expected.size());
  for (auto [i, id] : llvm::enumerate(expected)) {
    const FrontMember &member = run.outcome.front[i];
    EXPECT_EQ(member.id, id);
    EXPECT_EQ(member.validation, *rows[id].validation);
    ASSERT_EQ(member.minimized.size(), 2u);
    EXPECT_EQ(member.minimized[0], (std::pair<std::string, int64_t>("parameters", rows[id].parameters)));
    EXPECT_EQ(member.minimized[1], (std::pair<std::string, int64_t>("train_flops", rows[id].trainFlops)));
    const llvm::json::Object &o = *(*json->getAsArray())[i].getAsObject();
    EXPECT_EQ(*o.getInteger("candidate"), id);
    EXPECT_EQ(*o.getNumber("validation"), *rows[id].validation);
    EXPECT_EQ(*o.getInteger("parameters"), rows[id].parameters);
    EXPECT_EQ(*o.getInteger("train_flops"), rows[id].trainFlops);
  }
  // A search that orders its objectives has a winner, and no front.
  Finished aging = runOnce("no-front", points("aging population(8) tournament(3)"), 10, 2);
  ASSERT_EQ(aging.error, "");
  EXPECT_TRUE(aging.outcome.front.empty());
  auto other = Archive::openReadOnly(aging.directory);
  ASSERT_TRUE(bool(other));
  EXPECT_EQ(llvm::cantFail((*other)->getMeta("front")), std::nullopt);
}

} // namespace
