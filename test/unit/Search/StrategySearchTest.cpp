//===- StrategySearchTest.cpp - Whole searches by every strategy ----------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SearchHarness.h"
#include "SelfOpt/Mutation/Mutation.h"
#include "SelfOpt/Safety/ProgramCost.h"
#include "SelfOpt/Support/Digest.h"
#include "SelfOpt/Support/File.h"
#include <fstream>
#include <set>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

const char *strategies[] = {"random",
                            "hill patience(5)",
                            "aging population(8) tournament(3)",
                            "nsga2 population(8)",
                            "map_elites initial(8) axis(\"parameters\" in [10, 200] cells(6) log)",
                            "islands(3) every(6) population(4) tournament(2)",
                            "asha reduction(2) rungs(3)",
                            "pbt population(8) interval(2)"};

std::set<std::string> filesIn(const std::string &directory) {
  std::set<std::string> found;
  std::error_code error;
  for (const auto &file : std::filesystem::directory_iterator(directory + "/weights", error))
    found.insert(file.path().filename().string());
  return found;
}

std::unique_ptr<Archive> archiveOf(const Finished &run) { return llvm::cantFail(Archive::openReadOnly(run.directory)); }

/// The files that the archive names for the closing trainings.
std::set<std::string> finalFilesOf(const Finished &run) {
  std::set<std::string> files;
  for (const FinalWeights &w : llvm::cantFail(finalWeightsOf(*archiveOf(run))))
    files.insert(w.digest + ".safetensors");
  return files;
}

std::string weightsError(const Finished &run) {
  return llvm::toString(verifyWeights(*archiveOf(run), run.directory));
}

TEST(StrategySearch, SameArchiveWhateverHappens) {
  for (std::string strategy : strategies) {
    SCOPED_TRACE(strategy);
    std::string name = strategy.substr(0, strategy.find_first_of(" ("));
    Finished one = runOnce(name + "-one", points(strategy), 36, 1);
    ASSERT_EQ(one.error, "");
    // Interrupted, with other numbers of workers; the states that are left are the same, too.
    Finished part = runOnce(name + "-cut", points(strategy), 19, 3);
    ASSERT_EQ(part.error, "");
    Finished resumed = runOnce(name + "-cut", points(strategy), 36, 2, /*resume=*/true);
    ASSERT_EQ(resumed.error, "");
    EXPECT_EQ(resumed.digest, one.digest);
    EXPECT_EQ(filesIn(resumed.directory), filesIn(one.directory));
  }
}

TEST(StrategySearch, PromotedCandidatesAreWholeTrainings) {
  Finished run = runOnce("promoted", points("asha reduction(2) rungs(3)"), 60, 2);
  ASSERT_EQ(run.error, "");
  std::vector<CandidateRow> rows = rowsOf(run);
  int whole = 0, partial = 0;
  for (const CandidateRow &row : rows) {
    if (row.continues >= 0) {
      const CandidateRow &before = rows[row.continues];
      EXPECT_EQ(row.parent, row.continues);
      EXPECT_EQ(row.mutation, "");
      EXPECT_EQ(row.digest, before.digest);
      EXPECT_EQ(row.startState, before.state);
      EXPECT_DOUBLE_EQ(row.budget, 2 * before.budget);
      EXPECT_GT(row.trainFlops, before.trainFlops);
    }
    if (row.status != CandidateRow::Status::Evaluated)
      continue;
    auto module = mlir::parseSourceString<ModuleOp>(row.program, ParserConfig(&context()),
                                                    SELFOPT_SOURCE_DIR "/test/Inputs/spec.mlir");
    auto planned = planTraining(*module, "fit");
    ASSERT_TRUE(succeeded(planned));
    auto cost = programCost(*module, "fit", planned->trainRows);
    ASSERT_TRUE(cost);
    if (row.budget < 1) {
      ++partial;
      EXPECT_LT(row.trainFlops, cost->trainFlops);
      continue;
    }
    // In three parts, over two files: what one training without a pause gives.
    ++whole;
    EXPECT_EQ(row.trainFlops, cost->trainFlops);
    auto executable = loadProgram(*planned);
    ASSERT_TRUE(succeeded(executable));
    (*executable)->initialize(row.seed);
    TrainOutcome outcome = (*executable)->train();
    EXPECT_EQ(outcome.epochLoss.back(), *row.trainLoss);
    EXPECT_EQ((*executable)->score(planned->data->validation).metrics[0], *row.validation);
    EXPECT_EQ(llvm::StringRef(row.curve).count(','), outcome.epochLoss.size() - 1);
  }
  EXPECT_GE(whole, 2);
  EXPECT_GT(partial, whole);
}

TEST(StrategySearch, TrainFlopsAreThoseOfTheWholeChain) {
  // What the spec itself costs: a larger candidate may begin, and is stopped where its chain would spend more.
  std::string text = replaced(points("asha reduction(2) rungs(3)"), "safety.limit parameters <= 200",
                              "safety.limit train_flops <= 29952");
  Finished run = runOnce("chain", text, 60, 2);
  ASSERT_EQ(run.error, "");
  std::vector<CandidateRow> rows = rowsOf(run);
  int stopped = 0;
  for (const CandidateRow &row : rows) {
    if (row.validation)
      EXPECT_LE(row.trainFlops, 29952);
    if (row.continues < 0 || row.status != CandidateRow::Status::Rejected)
      continue;
    ++stopped;
    EXPECT_TRUE(rows[row.continues].validation);
    EXPECT_GT(row.trainFlops, 29952);
    EXPECT_NE(row.reason.find("violated limit train_flops <= 29952"), std::string::npos) << row.reason;
  }
  EXPECT_GT(stopped, 0);
}

TEST(StrategySearch, MembersTakeOverWeightsAndMutateThePipeline) {
  Finished run = runOnce("members", points("pbt population(8) interval(2) grow(0)"), 48, 2);
  ASSERT_EQ(run.error, "");
  std::vector<CandidateRow> rows = rowsOf(run);
  int exploited = 0;
  for (const CandidateRow &row : rows) {
    if (row.continues < 0)
      continue;
    const CandidateRow &before = rows[row.continues];
    EXPECT_EQ(row.startState, before.state);
    if (row.mutation.empty())
      continue;
    ++exploited;
    EXPECT_EQ(row.mutation.find("@net"), std::string::npos) << row.mutation;
    if (row.validation)
      EXPECT_EQ(row.parameters, before.parameters);
  }
  EXPECT_GT(exploited, 3);
  // The program of each is made again from the spec and the mutations along the chain.
  auto archive = Archive::openReadOnly(run.directory);
  ASSERT_TRUE(bool(archive));
  for (const CandidateRow &row : rows) {
    auto again = replayCandidate(**archive, row.id, context());
    ASSERT_TRUE(bool(again)) << llvm::toString(again.takeError());
    EXPECT_EQ(printSpec(**again), row.program) << "candidate " << row.id;
  }
}

TEST(StrategySearch, StatesAreTheirDigestsAndNoMore) {
  Finished run = runOnce("states", points("pbt population(8) interval(2)"), 60, 2);
  ASSERT_EQ(run.error, "");
  std::set<std::string> named, kept = filesIn(run.directory);
  int64_t evaluated = 0;
  for (const CandidateRow &row : rowsOf(run))
    if (row.validation) {
      EXPECT_EQ(row.state.size(), 64u);
      named.insert(row.state + ".state");
      ++evaluated;
    }
  std::set<std::string> finals = finalFilesOf(run);
  named.insert(finals.begin(), finals.end());
  for (const std::string &file : kept) {
    EXPECT_TRUE(named.count(file)) << file;
    auto bytes = readRawFile(run.directory + "/weights/" + file);
    ASSERT_TRUE(bool(bytes));
    EXPECT_EQ(digestHex(*bytes), llvm::StringRef(file).split('.').first);
  }
  // Two generations of eight, what came after the last look-back, the best, and the final weights.
  EXPECT_LE(kept.size(), 2u * 8 + 8 + 1 + 2);
  EXPECT_GT(evaluated, 40);
  EXPECT_TRUE(kept.count(rowsOf(run)[run.outcome.progress.bestId].state + ".state"));
  // What a killed process may leave goes at the next start.
  std::ofstream(run.directory + "/weights/abc.state.tmp") << "x";
  for (const char *extension : {".state", ".safetensors"})
    std::ofstream(run.directory + "/weights/" + std::string(64, '0') + extension) << "x";
  Finished again = runOnce("states", points("pbt population(8) interval(2)"), 60, 2, /*resume=*/true);
  ASSERT_EQ(again.error, "");
  EXPECT_EQ(filesIn(run.directory), kept);
}

TEST(StrategySearch, DamagedStatesAreNoticed) {
  Finished run = runOnce("damaged", points("asha reduction(2) rungs(2)"), 9, 1);
  ASSERT_EQ(run.error, "");
  for (const std::string &file : filesIn(run.directory))
    std::ofstream(run.directory + "/weights/" + file, std::ios::app) << "x";
  Finished more = runOnce("damaged", points("asha reduction(2) rungs(2)"), 30, 1, /*resume=*/true);
  ASSERT_EQ(more.error, "");
  int noticed = 0;
  for (const CandidateRow &row : rowsOf(more))
    noticed += row.reason.find("expected the bytes of that digest, found those of") != std::string::npos;
  EXPECT_GT(noticed, 0);
}

TEST(StrategySearch, FinalWeightsAreThoseOfTheClosingTrainings) {
  // Strategies that pause trainings, and such that do not.
  for (std::string strategy : {"aging population(8) tournament(3)", "asha reduction(2) rungs(2)"}) {
    SCOPED_TRACE(strategy);
    std::string name = "finals-" + strategy.substr(0, 4);
    Finished run = runOnce(name, points(strategy), 30, 2);
    ASSERT_EQ(run.error, "");
    auto list = llvm::cantFail(finalWeightsOf(*archiveOf(run)));
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0].candidate, 0);
    EXPECT_EQ(list[1].candidate, run.outcome.best.id);
    EXPECT_NE(list[1].candidate, 0);
    std::vector<CandidateRow> rows = rowsOf(run);
    for (const FinalWeights &w : list) {
      EXPECT_EQ(w.seed, freshSeed(run.outcome.seed));
      auto module = mlir::parseSourceString<ModuleOp>(rows[w.candidate].program, ParserConfig(&context()),
                                                      SELFOPT_SOURCE_DIR "/test/Inputs/spec.mlir");
      auto planned = planTraining(*module, "fit");
      ASSERT_TRUE(succeeded(planned));
      auto executable = loadProgram(*planned);
      ASSERT_TRUE(succeeded(executable));
      (*executable)->initialize(w.seed);
      (*executable)->train();
      std::string bytes = encodeParameters(**executable, *planned);
      EXPECT_EQ(digestHex(bytes), w.digest);
      auto file = readRawFile(run.directory + "/weights/" + w.digest + ".safetensors");
      ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
      EXPECT_EQ(*file, bytes);
    }
    EXPECT_EQ(llvm::cantFail(archiveOf(run)->getMeta("best.weights")), list[1].digest);
    EXPECT_EQ(weightsError(run), "");
  }
}

TEST(StrategySearch, WeightsOfAnEarlierEndGo) {
  std::string aging = "aging population(8) tournament(3)";
  Finished first = runOnce("superseded", points(aging), 8, 1);
  ASSERT_EQ(first.error, "");
  std::set<std::string> before = finalFilesOf(first);
  EXPECT_EQ(filesIn(first.directory), before);
  Finished more = runOnce("superseded", points(aging), 36, 2, /*resume=*/true);
  ASSERT_EQ(more.error, "");
  EXPECT_NE(finalFilesOf(more), before);
  EXPECT_EQ(filesIn(more.directory), finalFilesOf(more));
}

TEST(StrategySearch, DamagedWeightsAreNoticedAndMadeAgain) {
  Finished run = runOnce("damaged-weights", points("random"), 12, 1);
  ASSERT_EQ(run.error, "");
  FinalWeights start = llvm::cantFail(finalWeightsOf(*archiveOf(run))).front();
  std::string file = run.directory + "/weights/" + start.digest + ".safetensors";
  std::string who = "the weights of candidate 0 from seed " + std::to_string(start.seed) + ": " + file + ": ";
  std::ofstream(file, std::ios::app) << "x";
  EXPECT_EQ(weightsError(run).find(who + "expected the bytes of that digest, found those of "), 0u)
      << weightsError(run);
  std::filesystem::remove(file);
  EXPECT_EQ(weightsError(run), who + "could not open: No such file or directory");
  std::ofstream(file) << "other";
  std::ofstream(run.directory + "/best.safetensors", std::ios::app) << "x";
  Finished again = runOnce("damaged-weights", points("random"), 12, 1, /*resume=*/true);
  ASSERT_EQ(again.error, "");
  EXPECT_EQ(again.digest, run.digest);
  EXPECT_EQ(weightsError(again), "");
  std::ofstream(run.directory + "/best.safetensors", std::ios::app) << "x";
  EXPECT_NE(weightsError(again).find("best.safetensors: expected the bytes of digest "), std::string::npos);
  // A list that no search writes is an error, not an empty one.
  for (const char *text : {"", "{}", "[1]", R"([{"candidate":0,"seed":1}])"}) {
    llvm::cantFail(llvm::cantFail(Archive::openForResume(run.directory))->setMeta("final.weights", text));
    EXPECT_NE(weightsError(run).find("expected a list of candidates, seeds and digests"), std::string::npos) << text;
  }
}

TEST(StrategySearch, ProbesFindWhatIsWrittenDifferently) {
  // A sampler that is constant, whatever the constant, draws without weights: one plan, many digests.
  std::string by = replaced(points("random"), "pipeline(@fit, @momentum, @linear, @hard_first), objective(@loss)",
                            "pipeline(@linear, @hard_first)");
  by = replaced(by, "mutate(architecture(@net), ", "mutate(");
  by = replaced(by, "    %w = arith.addf %loss, %one : f32\n    selfopt.return %w : f32",
                "    selfopt.return %one : f32");
  by = replaced(by, "safety.seal @data,", "safety.seal @data, @net, @momentum, @loss,");
  Finished digest = runOnce("by-digest", by, 60, 2);
  Finished probe =
      runOnce("by-probe", replaced(by, "budget(candidates = 24)", "budget(candidates = 24) reuse(probe)"), 60, 2);
  Finished other =
      runOnce("by-probe-1", replaced(by, "budget(candidates = 24)", "budget(candidates = 24) reuse(probe)"), 60, 1);
  ASSERT_EQ(digest.error + probe.error + other.error, "");
  EXPECT_EQ(other.digest, probe.digest);
  std::vector<CandidateRow> want = rowsOf(digest), rows = rowsOf(probe);
  ASSERT_EQ(rows.size(), want.size());
  int64_t byProbe = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].mutation, want[i].mutation);
    // Whoever is reused has the result that training gives.
    EXPECT_EQ(rows[i].validation, want[i].validation) << i;
    EXPECT_EQ(rows[i].trainLoss, want[i].trainLoss) << i;
    if (rows[i].reusedBy == "probe") {
      ++byProbe;
      EXPECT_EQ(rows[i].status, CandidateRow::Status::Reused);
      EXPECT_EQ(want[i].status, CandidateRow::Status::Evaluated);
      EXPECT_EQ(rows[i].plan, rows[rows[i].duplicateOf].plan);
      EXPECT_NE(rows[i].digest, rows[rows[i].duplicateOf].digest);
    }
  }
  EXPECT_GT(byProbe, 0);
  EXPECT_EQ(byProbe, probe.outcome.progress.savedByProbe);
  EXPECT_EQ(digest.outcome.progress.savedByProbe, 0);
}

} // namespace
