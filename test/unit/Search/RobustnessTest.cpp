//===- RobustnessTest.cpp - What goes wrong costs one candidate -----------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SearchHarness.h"
#include <fstream>
#include <signal.h>

using namespace mlir;
using namespace selfopt;
using namespace selfopt::test;

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SELFOPT_ASAN 1
#endif
#endif

namespace {

/// MB of this process.
double resident() {
  std::ifstream file("/proc/self/statm");
  double pages = 0;
  file >> pages >> pages;
  return pages * double(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

TEST(Robustness, CrashHangAndMemoryCostOneCandidateEach) {
  Finished good = runOnce("undisturbed", points("random"), 14, 2);
  ASSERT_EQ(good.error, "");
  SearchOptions options;
  options.workers = 2;
  options.candidates = 14;
  options.limits.wallSeconds = 5;
  options.limits.addressSpaceBytes = uint64_t(1) << 28;
  options.beforeCandidate = [](int64_t id) {
    if (id == 3)
      ::raise(SIGSEGV);
    if (id == 5)
      while (true)
        ::sleep(1);
#ifndef SELFOPT_ASAN
    if (id == 7) {
      std::vector<std::unique_ptr<std::string>> kept;
      while (true)
        kept.push_back(std::make_unique<std::string>(1 << 20, 'x'));
    }
#endif
    if (id == 9)
      ::_exit(3);
  };
  Finished bad = runSearchOn("disturbed", points("random"), options);
  ASSERT_EQ(bad.error, "");
  std::vector<CandidateRow> want = rowsOf(good), rows = rowsOf(bad);
  ASSERT_EQ(rows.size(), 14u);
  std::map<int64_t, std::string> reasons = {{3, "crashed: signal 11 (SIGSEGV)"},
                                            {5, "exceeded the wall limit of 5 s"},
#ifndef SELFOPT_ASAN
                                            {7, "exceeded the address space limit of 268435456 bytes"},
#endif
                                            {9, "exited with status 3"}};
  for (int64_t id = 0; id < 14; ++id) {
    SCOPED_TRACE(id);
    // All of them are trained in the undisturbed search; else this test would show nothing.
    EXPECT_EQ(rows[id].program, want[id].program);
    if (reasons.count(id)) {
      ASSERT_EQ(want[id].duplicateOf, -1);
      EXPECT_EQ(rows[id].status, CandidateRow::Status::Failed);
      EXPECT_EQ(rows[id].reason, reasons[id]);
      EXPECT_FALSE(rows[id].validation);
      continue;
    }
    EXPECT_EQ(rows[id].status, want[id].status);
    EXPECT_EQ(rows[id].validation, want[id].validation);
    EXPECT_EQ(rows[id].verdicts, want[id].verdicts);
  }
  EXPECT_EQ(bad.outcome.progress.failed, good.outcome.progress.failed + int64_t(reasons.size()));
}

TEST(Robustness, StateThatCannotBeWrittenStopsTheSearch) {
  // A file where the folder should be. Once it is gone the search goes on to what it would have been.
  std::filesystem::create_directories(folder("blocked"));
  std::ofstream(folder("blocked") + "/weights") << "x";
  Finished blocked = runOnce("blocked", points("asha reduction(2) rungs(2)"), 12, 2);
  EXPECT_NE(blocked.error.find("blocked/weights"), std::string::npos) << blocked.error;
  std::filesystem::remove(folder("blocked") + "/weights");
  Finished resumed = runOnce("blocked", points("asha reduction(2) rungs(2)"), 12, 2, /*resume=*/true);
  Finished good = runOnce("not-blocked", points("asha reduction(2) rungs(2)"), 12, 2);
  ASSERT_EQ(resumed.error + good.error, "");
  EXPECT_EQ(resumed.digest, good.digest);
}

TEST(Robustness, ArchiveThatTheStrategyWouldNotHaveMadeIsNotResumed) {
  Finished run = runOnce("other-parents", points("random"), 6, 1);
  ASSERT_EQ(run.error, "");
  // An archive in itself, chain and all, whose fourth candidate has a parent that random search does not give it.
  std::vector<CandidateRow> rows = rowsOf(run);
  std::filesystem::remove(run.directory + "/archive.sqlite");
  {
    auto archive = Archive::create(run.directory);
    ASSERT_TRUE(bool(archive));
    rows[4].parent = 2;
    for (CandidateRow &row : rows)
      ASSERT_FALSE((*archive)->appendCandidate(row));
  }
  Finished again = runOnce("other-parents", points("random"), 9, 1, /*resume=*/true);
  EXPECT_NE(again.error.find("expected candidate 4 to be a child of 0 with a budget of 1.000000, found a child of 2 with"),
            std::string::npos)
      << again.error;
}

TEST(Robustness, OneSearchPerFolder) {
  Finished first = runOnce("shared", points("random"), 2, 1);
  ASSERT_EQ(first.error, "");
  auto other = Archive::openForResume(first.directory);
  ASSERT_TRUE(bool(other));
  for (bool resume : {false, true}) {
    Finished second = runOnce("shared", points("random"), 4, 1, resume);
    EXPECT_EQ(second.error, first.directory +
                                ": expected an archive that nobody writes to, found it in use by process " +
                                std::to_string(::getpid()));
  }
}

TEST(Robustness, MemoryStaysFlat) {
  // Wider nets only, which the policy refuses: all that the parent does, without much training.
  std::string text = replaced(points("random"), "safety.limit parameters <= 200", "safety.limit parameters <= 27");
  text = replaced(text, "epochs = 5", "epochs = 1");
  // A long text, so that a few hundred of them would be seen: metrics that judge nothing.
  std::string seals, metrics;
  for (int i = 0; i < 60; ++i) {
    std::string name = "@unused" + std::to_string(i);
    seals += name + ", ";
    metrics += "  selfopt.metric " + name + R"((%x: tensor<2xf32>, %target: tensor<2xf32>) -> f32 {
    %d = arith.subf %x, %target : tensor<2xf32>
    %y = nn.reduce max %d : f32
    selfopt.return %y : f32
  }
)";
  }
  text = replaced(text, "safety.seal ", "safety.seal " + seals);
  text = replaced(text, "  safety.policy", metrics + "  safety.policy");
  SearchOptions options;
  options.workers = 2;
  options.candidates = 900;
  double first = 0, last = 0;
  Finished run = runSearchOn("flat", text, options, [&](const SearchProgress &p) {
    if (p.done < 300)
      return;
    last = resident();
    first = first ? first : last;
  });
  ASSERT_EQ(run.error, "");
  ASSERT_GT(first, 0);
  RecordProperty("growth", std::to_string(last - first));
  // Six hundred texts of 17 kB are 10 MB; they are in the archive.
  EXPECT_LT(last - first, 4) << "from " << first << " MB to " << last << " MB";
}

} // namespace
