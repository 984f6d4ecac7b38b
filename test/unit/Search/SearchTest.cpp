//===- SearchTest.cpp - Whole searches: the same archive, whatever happens ----===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SearchHarness.h"
#include "SelfOpt/Mutation/Mutation.h"
#include <map>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

namespace {

/// Forty candidates by one worker: what all others are compared with.
const Finished &straight() {
  static const Finished run = runOnce("straight", spec(), 40, 1);
  return run;
}

TEST(Search, Straight) {
  const Finished &run = straight();
  ASSERT_EQ(run.error, "");
  std::vector<CandidateRow> rows = rowsOf(run);
  ASSERT_EQ(rows.size(), 40u);
  const SearchProgress &progress = run.outcome.progress;
  EXPECT_EQ(progress.done, 40);
  EXPECT_EQ(progress.evaluated + progress.reused + progress.rejected + progress.failed, 40);
  EXPECT_EQ(rows[0].parent, -1);
  EXPECT_EQ(rows[0].mutation, "");
  EXPECT_EQ(rows[0].status, CandidateRow::Status::Evaluated);
  bool later = false;
  for (const CandidateRow &row : rows) {
    EXPECT_LT(row.parent, row.id);
    later |= row.parent > 0;
    if (row.status == CandidateRow::Status::Evaluated || row.status == CandidateRow::Status::Reused) {
      ASSERT_TRUE(row.validation);
      EXPECT_GE(*row.validation, 0);
      EXPECT_LE(*row.validation, 1);
      EXPECT_GT(row.memory, 0);
    } else {
      EXPECT_NE(row.reason, "");
    }
  }
  EXPECT_TRUE(later) << "the queue was never asked";
  // The best of the run is the best of the rows.
  for (const CandidateRow &row : rows)
    if (row.validation)
      EXPECT_LE(*row.validation, progress.best);
  EXPECT_TRUE(std::filesystem::exists(run.directory + "/best.mlir"));
  EXPECT_TRUE(std::filesystem::exists(run.directory + "/best.safetensors"));
}

TEST(Search, WorkersDoNotMatter) {
  Finished three = runOnce("three", spec(), 40, 3);
  ASSERT_EQ(three.error, "");
  EXPECT_EQ(three.digest, straight().digest);
}

TEST(Search, SeedsMatter) {
  Finished other = runOnce("seed", spec(), 12, 2, false, 2);
  Finished same = runOnce("seed-of-the-spec", spec(), 12, 2);
  ASSERT_EQ(other.error + same.error, "");
  EXPECT_NE(other.digest, same.digest);
}

TEST(Search, ResumedIsTheSame) {
  for (int64_t cut : {1, 9, 15}) {
    SCOPED_TRACE(cut);
    std::string name = "cut-" + std::to_string(cut);
    Finished first = runOnce(name, spec(), cut, 2);
    ASSERT_EQ(first.error, "");
    EXPECT_EQ(int64_t(rowsOf(first).size()), cut);
    Finished second = runOnce(name, spec(), 40, 2, /*resume=*/true);
    ASSERT_EQ(second.error, "");
    EXPECT_EQ(second.digest, straight().digest);
    std::vector<CandidateRow> rows = rowsOf(second), want = rowsOf(straight());
    ASSERT_EQ(rows.size(), want.size());
    for (size_t i = 0; i < rows.size(); ++i)
      EXPECT_EQ(rows[i].chain, want[i].chain) << "row " << i;
  }
}

TEST(Search, ResumingAFinishedRunChangesNothing) {
  Finished first = runOnce("finished", spec(), 10, 2);
  ASSERT_EQ(first.error, "");
  Finished again = runOnce("finished", spec(), 10, 2, /*resume=*/true);
  ASSERT_EQ(again.error, "");
  EXPECT_EQ(again.digest, first.digest);
  EXPECT_EQ(again.outcome.best.digest, first.outcome.best.digest);
}

TEST(Search, AnotherSpecIsNotResumed) {
  Finished first = runOnce("owner", spec(), 2, 1);
  ASSERT_EQ(first.error, "");
  Finished other = runOnce("owner", replaced(spec(), "lr = 1.0e-3", "lr = 2.0e-3"), 4, 1, /*resume=*/true);
  EXPECT_NE(other.error.find("expected an archive of this search, found another spec"), std::string::npos)
      << other.error;
  Finished seed = runOnce("owner", spec(), 4, 1, /*resume=*/true, 77);
  EXPECT_NE(seed.error.find("found another seed"), std::string::npos) << seed.error;
  Finished fresh = runOnce("owner", spec(), 4, 1);
  EXPECT_NE(fresh.error, ""); // an archive is there already
}

TEST(Search, CandidatesReplay) {
  ASSERT_EQ(straight().error, "");
  auto archive = Archive::openReadOnly(straight().directory);
  ASSERT_TRUE(bool(archive));
  for (const CandidateRow &row : rowsOf(straight())) {
    auto again = replayCandidate(**archive, row.id, context());
    ASSERT_TRUE(bool(again)) << llvm::toString(again.takeError());
    EXPECT_EQ(printSpec(**again), row.program) << "candidate " << row.id;
    EXPECT_EQ(canonicalDigest(**again), row.digest);
  }
  auto none = replayCandidate(**archive, 4000, context());
  ASSERT_FALSE(bool(none));
  EXPECT_NE(llvm::toString(none.takeError()).find("the archive has no candidate 4000"), std::string::npos);
}

TEST(Search, KnownProgramsAreNotTrainedAgain) {
  // Only a sampler that is constant may change: many edits of it come to the same.
  std::string narrow = replaced(spec(), "mutate(architecture(@net), pipeline(@fit, @adam, @cosine, @uniform), objective(@cross_entropy))",
                                "mutate(pipeline(@uniform))");
  narrow = replaced(narrow, "safety.seal @digits,", "safety.seal @digits, @net, @cross_entropy, @adam, @cosine,");
  Finished run = runOnce("narrow", narrow, 60, 2);
  ASSERT_EQ(run.error, "");
  std::map<std::string, const CandidateRow *> first;
  int64_t reused = 0;
  std::vector<CandidateRow> rows = rowsOf(run);
  for (const CandidateRow &row : rows) {
    auto [it, fresh] = first.try_emplace(row.digest, &row);
    if (fresh) {
      EXPECT_EQ(row.duplicateOf, -1);
      EXPECT_NE(row.status, CandidateRow::Status::Reused);
      continue;
    }
    const CandidateRow &known = *it->second;
    EXPECT_EQ(row.duplicateOf, known.id);
    EXPECT_EQ(row.status == CandidateRow::Status::Reused, known.status == CandidateRow::Status::Evaluated);
    EXPECT_EQ(row.validation, known.validation);
    EXPECT_EQ(row.scores, known.scores);
    EXPECT_EQ(row.verdicts, known.verdicts);
    EXPECT_EQ(row.reason, known.reason);
    reused += row.status == CandidateRow::Status::Reused;
  }
  EXPECT_GT(reused, 0);
  EXPECT_EQ(reused, run.outcome.progress.reused);
}

TEST(Search, ScoresAreWhatTrainingGives) {
  // A candidate's score, once more without workers or archive.
  ASSERT_EQ(straight().error, "");
  int checked = 0;
  for (const CandidateRow &row : rowsOf(straight())) {
    if (row.status != CandidateRow::Status::Evaluated || checked == 4)
      continue;
    ++checked;
    auto module = parse(row.program);
    auto planned = planTraining(*module, "fit");
    ASSERT_TRUE(succeeded(planned));
    EXPECT_EQ(planned->arenaBytes, row.memory);
    auto executable = loadProgram(*planned);
    ASSERT_TRUE(succeeded(executable));
    (*executable)->initialize(row.seed);
    TrainOutcome outcome = (*executable)->train();
    EXPECT_EQ(outcome.epochLoss.back(), *row.trainLoss);
    EXPECT_EQ((*executable)->score(planned->data->validation).metrics[0], *row.validation);
  }
  EXPECT_EQ(checked, 4);
}

TEST(Search, CodeIsAskedBeforeAnythingRuns) {
  // As much as the start has: it goes on, and candidates with other kernels are refused once they are compiled.
  auto limited = [](int64_t bytes) {
    return replaced(spec(), "limit parameters <= 20000", "limit code_bytes <= " + std::to_string(bytes));
  };
  folder("code");
  auto start = parse(spec());
  auto planned = planTraining(*start, "fit");
  auto executable = loadProgram(*planned);
  ASSERT_TRUE(succeeded(executable));
  int64_t bytes = (*executable)->codeBytes();
  Finished run = runOnce("code", limited(bytes), 24, 2);
  ASSERT_EQ(run.error, "");
  int refused = 0, evaluated = 0;
  for (const CandidateRow &row : rowsOf(run)) {
    if (StringRef(row.reason).starts_with("violated limit code_bytes")) {
      ++refused;
      EXPECT_EQ(row.status, CandidateRow::Status::Rejected);
      EXPECT_GT(row.memory, 0) << "it was planned";
      EXPECT_EQ(row.curve, "") << "nothing of it ran";
    } else if (row.status == CandidateRow::Status::Evaluated) {
      ++evaluated;
      // What was true in the worker is true here.
      auto module = parse(row.program);
      auto again = planTraining(*module, "fit");
      ASSERT_TRUE(succeeded(again));
      auto facts = programFacts(*module, *again, "policy");
      ASSERT_TRUE(succeeded(facts));
      EXPECT_LE(*facts->codeBytes, bytes);
      EXPECT_NE(row.verdicts.find(std::to_string(*facts->codeBytes) + " <= " + std::to_string(bytes)),
                std::string::npos)
          << row.verdicts;
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(evaluated, 1);
  // A byte less, and the start does not keep its own policy.
  Listener listener;
  EXPECT_EQ(runOnce("less-code", limited(bytes - 1), 4, 1).error, "the spec breaks its policy");
  EXPECT_NE(listener.text.find(std::to_string(bytes) + " > " + std::to_string(bytes - 1)), std::string::npos)
      << listener.text;
}

TEST(Search, SpecThatBreaksItsPolicy) {
  Listener listener;
  Finished run = runOnce("broken", replaced(spec(), "parameters <= 20000", "parameters <= 2000"), 4, 1);
  EXPECT_EQ(run.error, "the spec breaks its policy");
  EXPECT_NE(listener.text.find("2410 > 2000"), std::string::npos) << listener.text;
  EXPECT_FALSE(std::filesystem::exists(run.directory + "/archive.sqlite"));
}

TEST(Search, RandomStrategy) {
  std::string text = replaced(spec(), "strategy(aging population(8) tournament(3))", "strategy(random)");
  Finished one = runOnce("random-1", text, 12, 1), two = runOnce("random-2", text, 12, 2);
  ASSERT_EQ(one.error + two.error, "");
  EXPECT_EQ(one.digest, two.digest);
  for (const CandidateRow &row : rowsOf(one))
    EXPECT_LE(row.parent, 0);
}

} // namespace
