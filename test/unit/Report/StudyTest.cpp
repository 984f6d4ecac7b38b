//===- StudyTest.cpp - Arms, curves, sentences, graphs ------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Runtime/Harness.h"
#include "SelfOpt/Dialect/Evolve/Evolve.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Report/ReportData.h"
#include "SelfOpt/Safety/Policy.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace selfopt;
using namespace selfopt::report;
using namespace selfopt::test;

namespace {

CandidateRow row(int64_t id, std::optional<double> validation, double cpu) {
  CandidateRow r;
  r.id = id;
  r.validation = validation;
  r.cpu = cpu;
  return r;
}

TEST(BestSoFar, KeepsImprovementsAndTheEnd) {
  std::vector<CandidateRow> rows{row(0, 0.5, 1), row(1, std::nullopt, 2), row(2, 0.4, 1), row(3, 0.7, 1),
                                 row(4, 0.7, 3)};
  auto curve = bestSoFar(rows, true);
  ASSERT_EQ(curve.size(), 3u);
  EXPECT_EQ(curve[0].candidates, 1);
  EXPECT_EQ(curve[1].candidates, 4);
  EXPECT_EQ(curve[1].best, 0.7);
  EXPECT_EQ(curve[1].cpu, 5);
  EXPECT_EQ(curve[2].candidates, 5);
  EXPECT_EQ(curve[2].cpu, 8);
  auto down = bestSoFar(rows, false);
  EXPECT_EQ(down.back().best, 0.4);
  EXPECT_TRUE(bestSoFar({row(0, std::nullopt, 1)}, true).empty());
}

TEST(Sentence, SaysWhatTheIntervalSays) {
  EXPECT_EQ(differenceSentence("aging", "random", {0.02, 0.01, 0.03, 5}, "accuracy"),
            "aging beats random by 0.0200 [0.0100, 0.0300] (accuracy)");
  EXPECT_EQ(differenceSentence("aging", "random", {-0.02, -0.03, -0.01, 5}, "accuracy"),
            "aging loses to random by 0.0200 [0.0100, 0.0300] (accuracy)");
  EXPECT_EQ(differenceSentence("aging", "random", {0.01, -0.005, 0.03, 5}, "accuracy"),
            "aging does not beat random: 0.0100 [-0.0050, 0.0300] includes zero (accuracy)");
  EXPECT_EQ(differenceSentence("aging", "random", {0.01, 0.01, 0.01, 1}, "accuracy"),
            "aging against random: 0.0100 on one search seed, which says nothing of chance (accuracy)");
}

TEST(DeriveSpec, EachArmIsASpecThatItsPolicyTakes) {
  auto spec = parse(readExample("digits.mlir"));
  ASSERT_TRUE(spec);
  for (auto [strategy, loop] :
       {std::pair("", ""), {"random", ""}, {"", "architecture"}, {"", "pipeline"}, {"", "objective"}}) {
    auto derived = deriveSpec(*spec, strategy, loop, 7, 40);
    ASSERT_TRUE(bool(derived)) << llvm::toString(derived.takeError());
    // It prints as what it is.
    auto again = parse(printSpec(**derived));
    ASSERT_TRUE(again);
    evolve::SearchOp search = *again->getOps<evolve::SearchOp>().begin();
    EXPECT_EQ(search.getSeed(), 7u);
    EXPECT_EQ(search.getCandidates(), 40u);
    EXPECT_EQ(search.getStrategy(), *strategy ? StringRef(strategy) : StringRef("aging"));
    for (auto [name, symbols] : {std::pair<StringRef, ArrayAttr>("architecture", search.getArchitecture()),
                                 {"pipeline", search.getPipeline()},
                                 {"objective", search.getObjective()}})
      EXPECT_EQ(symbols.empty(), *loop && name != loop) << name.str() << " in the arm " << loop;
  }
  // The user's own spec is left alone.
  evolve::SearchOp own = *spec->getOps<evolve::SearchOp>().begin();
  EXPECT_EQ(own.getSeed(), 1u);
  EXPECT_FALSE(own.getObjective().empty());
  auto wrong = deriveSpec(*spec, "guessing", "", 7, 40);
  EXPECT_FALSE(bool(wrong));
  EXPECT_EQ(llvm::toString(wrong.takeError()), "expected the name of a strategy, found 'guessing'");
}

TEST(TrainingCurves, PartsOfOneTrainingAreOneCurve) {
  std::vector<CandidateRow> rows(6);
  auto set = [&](int64_t id, int64_t continues, const char *curve, double validation) {
    rows[id].id = id;
    rows[id].continues = continues;
    rows[id].curve = curve;
    rows[id].validation = validation;
  };
  set(0, -1, "[3,2]", 0.5);
  set(1, -1, "[4,1e999]", 0.4);       // what is no number is left out
  set(2, 0, "[3,2,1.5,1]", 0.75);     // the start goes on
  set(3, 2, "[3,2,1.5,1,0.5]", 0.8);  // another program, with its weights
  rows[3].mutation = "evolve.deepen @net at(0)\n";
  set(4, -1, "", 0.5);                // an archive of a strategy that kept none
  set(5, -1, "[3,2]", 0.5);
  rows[5].status = CandidateRow::Status::Reused;
  ReportData data;
  data.bestId = 3;
  gatherCurves(data, rows);
  using Curve = std::vector<std::pair<int64_t, double>>;
  EXPECT_EQ(data.startCurve.id, 2);
  EXPECT_EQ(data.startCurve.loss, (Curve{{1, 3}, {2, 2}, {3, 1.5}, {4, 1}}));
  EXPECT_EQ(data.startCurve.validation, (Curve{{2, 0.5}, {4, 0.75}}));
  EXPECT_EQ(data.bestCurve.id, 3);
  EXPECT_EQ(data.bestCurve.validation, (Curve{{5, 0.8}}));
  ASSERT_EQ(data.otherCurves.size(), 1u);
  EXPECT_EQ(data.otherCurves[0].id, 1);
  EXPECT_EQ(data.otherCurves[0].loss.front(), (std::pair<int64_t, double>(1, 4)));
}

TEST(TrainingCurves, LongOnesAreThinnedAndManyAreSpread) {
  std::string curve = "[1000";
  for (int i = 999; i > 0; --i)
    curve += "," + std::to_string(i);
  std::vector<CandidateRow> rows(500);
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].id = int64_t(i);
    rows[i].curve = curve + "]";
    rows[i].validation = 0;
  }
  ReportData data;
  data.bestId = 7;
  gatherCurves(data, rows, 10);
  EXPECT_LE(data.startCurve.loss.size(), 100u);
  EXPECT_EQ(data.startCurve.loss.front(), (std::pair<int64_t, double>(1, 1000)));
  EXPECT_EQ(data.startCurve.loss.back(), (std::pair<int64_t, double>(1000, 1)));
  ASSERT_EQ(data.otherCurves.size(), 10u);
  EXPECT_LT(data.otherCurves.front().id, 50);
  EXPECT_GT(data.otherCurves.back().id, 440);
}

TEST(ModelGraph, BranchesMeetAgain) {
  auto spec = parse(replaced(readExample("digits.mlir"), "%y = nn.dense %a units(10) : tensor<10xf32>",
                             "%k = nn.dense %a units(32) : tensor<32xf32>\n"
                             "    %s = arith.addf %h, %k : tensor<32xf32>\n"
                             "    %y = nn.dense %s units(10) : tensor<10xf32>"));
  ASSERT_TRUE(spec);
  ModelGraph graph = modelGraph(*spec, "fit");
  ASSERT_EQ(graph.nodes.size(), 7u); // input, 5 ops, output
  EXPECT_EQ(graph.name, "net");
  EXPECT_EQ(graph.nodes[0].kind, ModelGraph::Node::Kind::Input);
  EXPECT_EQ(graph.nodes[0].shape, "64");
  EXPECT_EQ(graph.nodes[1].label, "dense units(32) init(he_normal)");
  EXPECT_EQ(graph.nodes[1].parameters, 64 * 32 + 32);
  EXPECT_EQ(graph.nodes[2].label, "activation relu");
  EXPECT_EQ(graph.nodes[2].reads, (std::vector<size_t>{1}));
  EXPECT_EQ(graph.nodes[4].label, "addf");
  EXPECT_EQ(graph.nodes[4].reads, (std::vector<size_t>{1, 3}));
  EXPECT_EQ(graph.nodes[6].kind, ModelGraph::Node::Kind::Output);
  EXPECT_EQ(graph.nodes[6].reads, (std::vector<size_t>{5}));
  EXPECT_EQ(graph.parameters, 64 * 32 + 32 + 32 * 32 + 32 + 32 * 10 + 10);
}

} // namespace
