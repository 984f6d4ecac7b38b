#include "SelfOpt/Search/Archive.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"

#include <cmath>
#include <csignal>
#include <limits>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace selfopt;

namespace {
template <typename T> std::string errorOf(llvm::Expected<T> value) {
  return value ? "no error" : llvm::toString(value.takeError());
}
std::string errorOf(llvm::Error error) { return error ? llvm::toString(std::move(error)) : "no error"; }

CandidateRow candidate(int64_t id) {
  CandidateRow row;
  row.id = id;
  row.digest = "digest" + std::to_string(id % 100);
  row.parent = id / 2 - 1;
  row.mutation = "evolve.widen";
  row.program = std::string(500, 'p') + std::to_string(id);
  row.status = static_cast<CandidateRow::Status>(id % 4);
  row.reason = id % 4 == 2 ? "limit parameters: 20001 > 20000" : "";
  row.parameters = 1000 + id;
  row.seed = 0xffffffffffffff00 + static_cast<uint64_t>(id);
  row.trainFlops = int64_t(1) << 60;
  row.validation = 0.1 * double(id);
  row.scores = "{\"accuracy\": 0.5}";
  row.reusedBy = id % 5 == 1 ? "digest" : "";
  row.budget = 1.0 / double(1 + id % 3);
  row.continues = id % 3 - 1;
  row.donor = id % 4 == 1 ? id / 2 : -1;
  row.startState = "start" + std::to_string(id % 3);
  row.state = "state" + std::to_string(id);
  row.plan = "plan" + std::to_string(id % 7);
  row.probe = "probe" + std::to_string(id % 5);
  row.curve = "[2.5,1.25]";
  row.wall = 1.5;
  row.worker = id % 2;
  return row;
}

class ArchiveTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("selfopt-archive", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string file(llvm::StringRef name = "archive.sqlite") {
    llvm::SmallString<128> result = folder;
    llvm::sys::path::append(result, name);
    return std::string(result);
  }
  std::string fill(int64_t n) {
    auto archive = llvm::cantFail(Archive::create(folder));
    llvm::cantFail(archive->setMeta("spec", "digits"));
    llvm::cantFail(archive->begin());
    for (int64_t i = 0; i < n; ++i) {
      CandidateRow row = candidate(i);
      llvm::cantFail(archive->appendCandidate(row));
    }
    llvm::cantFail(archive->commit());
    return llvm::cantFail(archive->contentDigest());
  }
  void sql(llvm::StringRef statement) {
    sqlite3 *database;
    ASSERT_EQ(sqlite3_open(file().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, statement.str().c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  std::optional<int64_t> firstBad() {
    return llvm::cantFail(llvm::cantFail(Archive::openReadOnly(folder))->verifyChain());
  }
  llvm::SmallString<128> folder;
};
} // namespace

TEST_F(ArchiveTest, RowsComeBackAsTheyWere) {
  std::string digest;
  {
    auto archive = llvm::cantFail(Archive::create(folder));
    CandidateRow row = candidate(0);
    row.program = std::string("a\0b\n\xff", 5);
    row.validation = std::numeric_limits<double>::quiet_NaN();
    row.trainLoss = -0.0;
    row.parent = -7;
    ASSERT_EQ(errorOf(archive->appendCandidate(row)), "no error");
    row = candidate(1);
    row.digest = "digest0";
    row.trainLoss = std::numeric_limits<double>::infinity();
    row.validation = 3.0;
    ASSERT_EQ(errorOf(archive->appendCandidate(row)), "no error");
    ASSERT_EQ(errorOf(archive->setMeta("key", "value")), "no error");
    digest = llvm::cantFail(archive->contentDigest());
  }
  auto archive = llvm::cantFail(Archive::openReadOnly(folder));
  std::vector<CandidateRow> rows = llvm::cantFail(archive->loadAll());
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].program, std::string("a\0b\n\xff", 5));
  EXPECT_FALSE(rows[0].validation);
  EXPECT_EQ(rows[0].trainLoss, 0.0);
  EXPECT_FALSE(std::signbit(*rows[0].trainLoss));
  EXPECT_EQ(rows[0].parent, -1);
  EXPECT_EQ(rows[0].seed, 0xffffffffffffff00u);
  EXPECT_EQ(rows[1].status, CandidateRow::Status::Reused);
  EXPECT_TRUE(std::isinf(*rows[1].trainLoss));
  EXPECT_EQ(rows[1].validation, 3.0);
  EXPECT_EQ(rows[1].trainFlops, int64_t(1) << 60);
  EXPECT_EQ(rows[1].wall, 1.5);
  EXPECT_EQ(rows[1].chain.size(), 64u);
  EXPECT_EQ(llvm::cantFail(archive->getByDigest("digest0"))->id, 0);
  EXPECT_FALSE(llvm::cantFail(archive->getByDigest("none")));
  EXPECT_EQ(llvm::cantFail(archive->get(1))->parameters, 1001);
  EXPECT_EQ(llvm::cantFail(archive->getMeta("key")), "value");
  EXPECT_FALSE(llvm::cantFail(archive->getMeta("other")));
  EXPECT_EQ(llvm::cantFail(archive->verifyChain()), std::nullopt);
  EXPECT_EQ(llvm::cantFail(archive->contentDigest()), digest);
  EXPECT_NE(errorOf(archive->setMeta("a", "b")).find("open for reading"), std::string::npos);
}

TEST_F(ArchiveTest, ContentDigestLeavesOutClocksOnly) {
  std::string digest = fill(5);
  llvm::sys::fs::remove_directories(folder);
  {
    auto archive = llvm::cantFail(Archive::create(folder));
    llvm::cantFail(archive->setMeta("clock.start", "yesterday"));
    llvm::cantFail(archive->setMeta("spec", "digits"));
    for (int64_t i = 0; i < 5; ++i) {
      CandidateRow row = candidate(i);
      row.wall = 99;
      row.cpu = 98;
      row.worker = 7;
      llvm::cantFail(archive->appendCandidate(row));
    }
    EXPECT_EQ(llvm::cantFail(archive->contentDigest()), digest);
    llvm::cantFail(archive->setMeta("spec", "other"));
    EXPECT_NE(llvm::cantFail(archive->contentDigest()), digest);
    EXPECT_NE(errorOf(archive->setMeta("archive.head", "9 x")), "no error");
  }
}

TEST_F(ArchiveTest, TamperingIsFound) {
  std::string original = fill(20);
  EXPECT_EQ(firstBad(), std::nullopt);
  const char *changes[] = {"digest = 'x'",
                           "parent = 3",
                           "mutation = ''",
                           "program = program || ' '",
                           "status = 'rejected'",
                           "status = 'other'",
                           "reason = 'x'",
                           "duplicate_of = 1",
                           "reused_by = 'x'",
                           "budget = 0.25",
                           "continues = 4",
                           "donor = 5",
                           "donor = NULL",
                           "start_state = 'x'",
                           "state = 'x'",
                           "plan = 'x'",
                           "probe = 'x'",
                           "curve = '[]'",
                           "parameters = 1",
                           "flops_per_example = 1",
                           "train_flops = 1",
                           "memory = 1",
                           "seed = 1",
                           "validation = 0.75",
                           "train_loss = 0.5",
                           "validation = NULL",
                           "scores = '{}x'",
                           "verdicts = '[\"x\"]'",
                           "chain = 'x'",
                           "id = 1000"};
  for (const char *change : changes) {
    llvm::sys::fs::remove_directories(folder);
    fill(20);
    sql(std::string("UPDATE candidate SET ") + change + " WHERE id = 13");
    EXPECT_EQ(firstBad(), 13) << change;
  }
  for (const char *change : {"wall = 7", "cpu = 7", "worker = 7"}) {
    llvm::sys::fs::remove_directories(folder);
    fill(20);
    sql(std::string("UPDATE candidate SET ") + change + " WHERE id = 13");
    EXPECT_EQ(firstBad(), std::nullopt) << change;
    EXPECT_EQ(llvm::cantFail(llvm::cantFail(Archive::openReadOnly(folder))->contentDigest()), original);
  }
}

TEST_F(ArchiveTest, MissingRowsAreFound) {
  fill(20);
  sql("DELETE FROM candidate WHERE id >= 18");
  EXPECT_EQ(firstBad(), 18);
  sql("DELETE FROM candidate WHERE id = 4");
  EXPECT_EQ(firstBad(), 4);
  EXPECT_EQ(errorOf(Archive::openForResume(folder)),
            file() + ": expected the candidates 0 to 17, found only 17 of them");
  sql("DELETE FROM candidate");
  EXPECT_EQ(firstBad(), 0);
}

TEST_F(ArchiveTest, CreateResumeAndVersions) {
  EXPECT_EQ(errorOf(Archive::openForResume(folder)), file() + ": expected an archive to resume, found none");
  EXPECT_EQ(errorOf(Archive::openReadOnly(folder)), file() + ": expected an archive, found none");
  EXPECT_FALSE(Archive::exists(folder));
  fill(3);
  EXPECT_TRUE(Archive::exists(folder));
  EXPECT_EQ(errorOf(Archive::create(folder)),
            file() + ": expected a folder without an archive, found one; resume it, or choose another folder");
  {
    auto archive = llvm::cantFail(Archive::openForResume(folder));
    EXPECT_EQ(llvm::cantFail(archive->size()), 3);
    CandidateRow row = candidate(4);
    EXPECT_EQ(errorOf(archive->appendCandidate(row)), file() + ": expected candidate 3 next, found 4");
    row = candidate(3);
    EXPECT_EQ(errorOf(archive->appendCandidate(row)), "no error");
    EXPECT_EQ(llvm::cantFail(archive->verifyChain()), std::nullopt);
  }
  sql("PRAGMA user_version = 7");
  EXPECT_EQ(errorOf(Archive::openForResume(folder)), file() + ": expected an archive of version 3, found version 7, of a newer release");
  EXPECT_EQ(errorOf(Archive::openReadOnly(folder)), file() + ": expected an archive of version 3, found version 7, of a newer release");
  FILE *garbage = fopen(file().c_str(), "w");
  fputs(std::string(10000, 'x').c_str(), garbage);
  fclose(garbage);
  EXPECT_EQ(errorOf(Archive::openReadOnly(folder)), file() + ": file is not a database");
}

TEST_F(ArchiveTest, VersionTwoIsReadAndResumed) {
  // Without donors the rows, their chain and their digest are those of version 2.
  auto rows = [](bool donors) {
    std::vector<CandidateRow> list;
    for (int64_t i = 0; i < 6; ++i) {
      list.push_back(candidate(i));
      if (!donors)
        list.back().donor = -1;
    }
    return list;
  };
  {
    auto archive = llvm::cantFail(Archive::create(folder));
    for (CandidateRow &row : rows(false))
      llvm::cantFail(archive->appendCandidate(row));
  }
  std::string digest = llvm::cantFail(llvm::cantFail(Archive::openReadOnly(folder))->contentDigest());
  sql("ALTER TABLE candidate DROP COLUMN donor; PRAGMA user_version = 2");
  {
    auto archive = llvm::cantFail(Archive::openReadOnly(folder));
    EXPECT_EQ(llvm::cantFail(archive->contentDigest()), digest);
    EXPECT_EQ(llvm::cantFail(archive->verifyChain()), std::nullopt);
    EXPECT_EQ(llvm::cantFail(archive->loadAll())[5].donor, -1);
  }
  {
    auto archive = llvm::cantFail(Archive::openForResume(folder));
    EXPECT_EQ(llvm::cantFail(archive->contentDigest()), digest);
    CandidateRow row = candidate(6);
    row.donor = 3;
    llvm::cantFail(archive->appendCandidate(row));
  }
  auto archive = llvm::cantFail(Archive::openReadOnly(folder));
  EXPECT_EQ(llvm::cantFail(archive->get(6))->donor, 3);
  EXPECT_EQ(llvm::cantFail(archive->verifyChain()), std::nullopt);
  EXPECT_NE(llvm::cantFail(archive->contentDigest()), digest);
}

TEST_F(ArchiveTest, BatchesAreAllOrNothing) {
  auto archive = llvm::cantFail(Archive::create(folder));
  EXPECT_EQ(errorOf(archive->commit()), file() + ": expected an open batch, found none");
  CandidateRow row = candidate(0);
  llvm::cantFail(archive->appendCandidate(row));
  std::string digest = llvm::cantFail(archive->contentDigest());
  llvm::cantFail(archive->begin());
  EXPECT_EQ(errorOf(archive->begin()), file() + ": expected no open batch, found one");
  for (int i = 1; i < 4; ++i) {
    row = candidate(i);
    llvm::cantFail(archive->appendCandidate(row));
  }
  EXPECT_EQ(llvm::cantFail(archive->size()), 4);
  // Another process sees nothing of it yet.
  EXPECT_EQ(llvm::cantFail(llvm::cantFail(Archive::openReadOnly(folder))->size()), 1);
  row = candidate(9);
  EXPECT_NE(errorOf(archive->appendCandidate(row)), "no error");
  EXPECT_EQ(llvm::cantFail(archive->size()), 1) << "an error drops the batch";
  EXPECT_EQ(llvm::cantFail(archive->contentDigest()), digest);
  row = candidate(1);
  llvm::cantFail(archive->appendCandidate(row));
  EXPECT_EQ(llvm::cantFail(archive->verifyChain()), std::nullopt);
}

TEST_F(ArchiveTest, SecondWriterIsRefusedAndReadersAreNot) {
  auto archive = llvm::cantFail(Archive::create(folder));
  std::string busy = std::string(folder) + ": expected an archive that nobody writes to, found it in use by process " +
                     std::to_string(getpid());
  EXPECT_EQ(errorOf(Archive::openForResume(folder)), busy);
  EXPECT_EQ(errorOf(Archive::create(folder)), busy);
  CandidateRow row = candidate(0);
  llvm::cantFail(archive->appendCandidate(row));
  auto reader = llvm::cantFail(Archive::openReadOnly(folder));
  EXPECT_EQ(llvm::cantFail(reader->size()), 1);
  row = candidate(1);
  llvm::cantFail(archive->appendCandidate(row));
  EXPECT_EQ(llvm::cantFail(reader->size()), 2);
  archive.reset();
  EXPECT_EQ(errorOf(Archive::openForResume(folder)), "no error");
}

TEST_F(ArchiveTest, KillNineLeavesAContiguousPrefix) {
  int64_t before = 0;
  unsigned grown = 0;
  for (int round = 0; round < 25; ++round) {
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
      auto archive = round == 0 ? Archive::create(folder) : Archive::openForResume(folder);
      if (!archive)
        _exit(1);
      (void)!write(ready[1], "x", 1);
      int64_t id = llvm::cantFail((*archive)->size());
      while (true) {
        bool batch = id % 3 == 0;
        if (batch)
          llvm::cantFail((*archive)->begin());
        for (int i = 0; i < (batch ? 5 : 1); ++i) {
          CandidateRow row = candidate(id++);
          llvm::cantFail((*archive)->appendCandidate(row));
        }
        if (batch)
          llvm::cantFail((*archive)->commit());
      }
    }
    char byte;
    close(ready[1]);
    ASSERT_EQ(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    usleep(1000 + (round * 7919) % 40000);
    ASSERT_EQ(kill(pid, SIGKILL), 0);
    int status;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status));

    auto archive = round % 2 ? Archive::openForResume(folder) : Archive::openReadOnly(folder);
    ASSERT_TRUE(bool(archive)) << llvm::toString(archive.takeError());
    std::vector<CandidateRow> rows = llvm::cantFail((*archive)->loadAll());
    for (size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(rows[i].id, int64_t(i));
      ASSERT_EQ(rows[i].program, candidate(i).program);
    }
    ASSERT_EQ(llvm::cantFail((*archive)->verifyChain()), std::nullopt);
    ASSERT_GE(int64_t(rows.size()), before) << "what was committed is lost";
    grown += int64_t(rows.size()) > before;
    before = rows.size();
  }
  EXPECT_GE(grown, 10u) << "the processes were killed before they did anything";
  RecordProperty("rows", std::to_string(before));
}

// A limit on the size of files stands in for a full disk: SQLite sees a failed write either way.
TEST_F(ArchiveTest, FullDiskLosesNothingThatWasCommitted) {
  pid_t pid = fork();
  if (pid == 0) {
    signal(SIGXFSZ, SIG_IGN);
    auto archive = llvm::cantFail(Archive::create(folder));
    rlimit limit{200000, 200000};
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int64_t id = 0; id < 10000; ++id) {
      CandidateRow row = candidate(id);
      if (llvm::Error error = archive->appendCandidate(row)) {
        std::string message = llvm::toString(std::move(error));
        bool named = llvm::StringRef(message).starts_with(file() + ": ") &&
                     (message.find("full") != std::string::npos || message.find("I/O") != std::string::npos);
        bool kept = llvm::cantFail(archive->size()) == id && !llvm::cantFail(archive->verifyChain());
        if (!named)
          fprintf(stderr, "%s\n", message.c_str());
        _exit(named && kept && id > 10 ? 0 : 1);
      }
    }
    _exit(2);
  }
  int status;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(firstBad(), std::nullopt);
  EXPECT_EQ(errorOf(Archive::openForResume(folder)), "no error");
}

TEST_F(ArchiveTest, FolderThatCannotBeWritten) {
  EXPECT_NE(errorOf(Archive::create("/proc/selfopt")).find("/proc/selfopt: could not make the folder"),
            std::string::npos);
  std::string digest = fill(3);
  ASSERT_EQ(chmod(folder.c_str(), 0555), 0);
  ASSERT_EQ(chmod(file().c_str(), 0444), 0);
  pid_t pid = fork();
  if (pid == 0) {
    if (geteuid() == 0 && setuid(65534) != 0) // root may write anywhere
      _exit(77);
    if (access(file().c_str(), R_OK) != 0) // the folder of all temporary files may be root's alone
      _exit(77);
    auto archive = llvm::cantFail(Archive::openReadOnly(folder));
    bool read = llvm::cantFail(archive->contentDigest()) == digest && !llvm::cantFail(archive->verifyChain());
    std::string message = errorOf(Archive::openForResume(folder));
    bool refused = message.find("Permission denied") != std::string::npos ||
                   message.find("readonly database") != std::string::npos;
    if (!refused)
      fprintf(stderr, "%s\n", message.c_str());
    _exit(read && refused ? 0 : 1);
  }
  int status;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  chmod(folder.c_str(), 0700);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
    GTEST_SKIP() << "no user here may read the folder but not write to it";
  EXPECT_EQ(status, 0);
}

// docs/Archive.md says what each column holds, and no other.
TEST_F(ArchiveTest, EveryColumnIsDocumented) {
  fill(1);
  auto page = llvm::MemoryBuffer::getFile(SELFOPT_SOURCE_DIR "/docs/Archive.md");
  ASSERT_TRUE(bool(page));
  llvm::StringRef text = (*page)->getBuffer();
  text = text.substr(text.find("## Table `candidate`"));
  text = text.take_front(text.find("## Table `meta`"));
  sqlite3 *database = nullptr;
  ASSERT_EQ(sqlite3_open(file().c_str(), &database), SQLITE_OK);
  sqlite3_stmt *statement = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(database, "PRAGMA table_info(candidate)", -1, &statement, nullptr), SQLITE_OK);
  size_t columns = 0;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    std::string name = reinterpret_cast<const char *>(sqlite3_column_text(statement, 1));
    EXPECT_EQ(text.count("\n| `" + name + "` |"), 1u) << name;
    ++columns;
  }
  sqlite3_finalize(statement);
  sqlite3_close(database);
  EXPECT_EQ(text.count("\n| `"), columns);
}

TEST_F(ArchiveTest, AFileWithoutTablesIsBegunAnew) {
  // What a process leaves that was killed while it made the tables, once SQLite has played the journal back.
  sql("VACUUM");
  ASSERT_TRUE(Archive::exists(folder));
  {
    auto archive = Archive::openForResume(folder);
    ASSERT_TRUE(bool(archive)) << llvm::toString(archive.takeError());
    EXPECT_EQ(llvm::cantFail((*archive)->size()), 0);
    CandidateRow row = candidate(0);
    EXPECT_EQ(errorOf((*archive)->appendCandidate(row)), "no error");
  }
  EXPECT_EQ(firstBad(), std::nullopt);
}

TEST_F(ArchiveTest, TrialsAndProbes) {
  auto archive = llvm::cantFail(Archive::create(folder));
  for (int64_t i = 0; i < 8; ++i) {
    CandidateRow row = candidate(i);
    row.digest = "same";
    row.budget = i < 6 ? 0.5 : 1;
    row.startState = i == 2 ? "elsewhere" : "";
    row.reusedBy = i == 4 ? "digest" : i == 3 ? "probe" : "";
    row.duplicateOf = i == 4 || i == 3 ? 0 : -1;
    row.probe = i % 2 ? "odd" : "even";
    row.mutation = i == 1 ? "evolve.deepen @net at(1)\n" : "evolve.deepen @net at(2)\n";
    llvm::cantFail(archive->appendCandidate(row));
  }
  // The last one of that budget and start that a worker looked at: 5 is that, 4 was taken from another.
  EXPECT_EQ(llvm::cantFail(archive->findTrial("same", 0.5, ""))->id, 5);
  EXPECT_EQ(llvm::cantFail(archive->findTrial("same", 0.5, "elsewhere"))->id, 2);
  EXPECT_EQ(llvm::cantFail(archive->findTrial("same", 1, ""))->id, 7);
  EXPECT_FALSE(llvm::cantFail(archive->findTrial("same", 0.25, "")));
  // Where weights were carried, by the same mutation only.
  EXPECT_EQ(llvm::cantFail(archive->findTrial("same", 0.5, "", "evolve.deepen @net at(1)\n"))->id, 1);
  EXPECT_EQ(llvm::cantFail(archive->findTrial("same", 0.5, "", "evolve.deepen @net at(2)\n"))->id, 5);
  EXPECT_FALSE(llvm::cantFail(archive->findTrial("same", 0.5, "", "evolve.deepen @net at(3)\n")));
  EXPECT_FALSE(llvm::cantFail(archive->findTrial("other", 0.5, "")));
  auto ids = [&](const char *probe, int64_t last) {
    std::vector<int64_t> found;
    for (const CandidateRow &row : llvm::cantFail(archive->findProbes(probe, last)))
      found.push_back(row.id);
    return found;
  };
  EXPECT_EQ(ids("odd", 6), (std::vector<int64_t>{1, 5}));
  EXPECT_EQ(ids("even", 100), (std::vector<int64_t>{0, 2, 6}));
  EXPECT_EQ(ids("none", 100), std::vector<int64_t>{});
}
