#include "SelfOpt/Search/WorkerPool.h"

#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"

#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <set>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace selfopt;

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SELFOPT_ASAN 1
#endif
#endif

namespace {
template <typename T> std::string errorOf(llvm::Expected<T> value) {
  return value ? "no error" : llvm::toString(value.takeError());
}

/// Keeps the optimizer from removing what a test needs to happen.
volatile int *nowhere = nullptr;
volatile unsigned counter = 0;

std::string misbehave(llvm::StringRef request) {
  if (request == "segv")
    *nowhere = 1;
  if (request == "abort")
    ::abort();
  if (request == "exit3")
    ::_exit(3);
  if (request == "exit0")
    ::_exit(0);
  if (request == "hang")
    while (true)
      ::sleep(1);
  if (request == "spin")
    while (true)
      counter = counter + 1;
  if (request == "eat") {
    std::vector<std::string *> kept;
    while (true)
      kept.push_back(new std::string(1 << 20, 'x'));
  }
  if (request == "garbage") {
    (void)!::write(3, std::string(200, 'g').c_str(), 200);
    ::sleep(5);
  }
  if (request == "close") {
    ::close(3);
    ::sleep(60);
  }
  if (request == "pid")
    return std::to_string(::getpid());
  if (request == "descriptors") {
    std::string open;
    for (int fd = 0; fd < 1000; ++fd)
      if (::fcntl(fd, F_GETFD) >= 0)
        open += std::to_string(fd) + " ";
    return open;
  }
  return request.str() + "!";
}

WorkerResult one(WorkerPool &pool, std::string request, uint64_t job = 1) {
  pool.submit(job, std::move(request));
  return llvm::cantFail(pool.waitOne(30));
}
} // namespace

TEST(WorkerPool, ThousandJobsOverTwoWorkers) {
  auto pool = llvm::cantFail(WorkerPool::create(2, {}, [](llvm::StringRef request) {
    unsigned n = 0;
    request.getAsInteger(10, n);
    return std::string(n * 7 % 5000, 'a' + n % 26);
  }));
  EXPECT_TRUE(pool->idle());
  for (uint64_t job = 0; job < 1000; ++job)
    pool->submit(job, std::to_string(job));
  EXPECT_EQ(pool->inFlight(), 1000u);
  std::set<uint64_t> seen;
  std::set<unsigned> workers;
  while (!pool->idle()) {
    WorkerResult result = llvm::cantFail(pool->waitOne(-1));
    ASSERT_TRUE(result.ok) << result.reason;
    EXPECT_EQ(result.payload, std::string(result.job * 7 % 5000, 'a' + result.job % 26));
    EXPECT_TRUE(seen.insert(result.job).second);
    workers.insert(result.worker);
  }
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_EQ(workers, (std::set<unsigned>{0, 1}));
}

TEST(WorkerPool, LargeMessagesPassBothWays) {
  auto pool = llvm::cantFail(WorkerPool::create(2, {}, [](llvm::StringRef request) { return request.str() + "."; }));
  for (char letter : {'a', 'b', 'c'})
    pool->submit(letter, std::string(20 << 20, letter));
  for (int i = 0; i < 3; ++i) {
    WorkerResult result = llvm::cantFail(pool->waitOne(60));
    EXPECT_TRUE(result.payload == std::string(20 << 20, char(result.job)) + ".");
  }
  EXPECT_EQ(one(*pool, "").payload, ".");
}

TEST(WorkerPool, CrashCostsOneJobAndTheWorkerIsReplaced) {
  auto pool = llvm::cantFail(WorkerPool::create(1, {}, misbehave));
  std::string first = one(*pool, "pid").payload;
  EXPECT_EQ(one(*pool, "pid").payload, first) << "a worker serves many jobs";
  const std::pair<const char *, const char *> cases[] = {{"segv", "crashed: signal 11 (SIGSEGV)"},
                                                         {"abort", "crashed: signal 6 (SIGABRT)"},
                                                         {"exit3", "exited with status 3"},
                                                         {"exit0", "exited with status 0"},
                                                         {"garbage", "sent a malformed answer"}};
  std::set<std::string> pids = {first};
  for (auto [request, reason] : cases) {
    WorkerResult bad = one(*pool, request, 42);
    EXPECT_FALSE(bad.ok);
    EXPECT_EQ(bad.job, 42u);
    EXPECT_EQ(bad.reason, reason);
    WorkerResult good = one(*pool, "pid");
    EXPECT_TRUE(good.ok) << good.reason;
    EXPECT_TRUE(pids.insert(good.payload).second) << "not replaced after " << request;
  }
}

TEST(WorkerPool, CrashesAmongManyJobsCostOnlyThemselves) {
  auto pool = llvm::cantFail(WorkerPool::create(3, {}, misbehave));
  for (uint64_t job = 0; job < 300; ++job)
    pool->submit(job, job % 10 == 3 ? "segv" : job % 10 == 7 ? "exit3" : std::to_string(job));
  std::map<std::string, int> reasons;
  for (int i = 0; i < 300; ++i) {
    WorkerResult result = llvm::cantFail(pool->waitOne(60));
    if (result.ok)
      EXPECT_EQ(result.payload, std::to_string(result.job) + "!");
    ++reasons[result.reason];
  }
  EXPECT_EQ(reasons, (std::map<std::string, int>{
                         {"", 240}, {"crashed: signal 11 (SIGSEGV)", 30}, {"exited with status 3", 30}}));
}

TEST(WorkerPool, WallLimit) {
  WorkerLimits limits;
  limits.wallSeconds = 0.5;
  auto pool = llvm::cantFail(WorkerPool::create(2, limits, misbehave));
  pool->submit(1, "hang");
  pool->submit(2, "fast");
  EXPECT_EQ(llvm::cantFail(pool->waitOne(10)).job, 2u);
  WorkerResult result = llvm::cantFail(pool->waitOne(10));
  EXPECT_FALSE(result.ok);
  EXPECT_EQ(result.reason, "exceeded the wall limit of 0.5 s");
  EXPECT_GE(result.wall, 0.5);
  EXPECT_LT(result.wall, 15);
  EXPECT_TRUE(one(*pool, "again").ok);
}

TEST(WorkerPool, CpuLimitIsPerJob) {
  WorkerLimits limits;
  limits.cpuSeconds = 1;
  limits.wallSeconds = 20;
  auto pool = llvm::cantFail(WorkerPool::create(1, limits, [](llvm::StringRef request) {
    if (request == "spin")
      misbehave(request);
    // 0.4 s of work: three jobs of one worker pass the limit together, none alone.
    auto start = std::clock();
    while (std::clock() - start < 0.4 * CLOCKS_PER_SEC)
      counter = counter + 1;
    return std::string("done");
  }));
  for (int i = 0; i < 3; ++i) {
    WorkerResult result = one(*pool, "work");
    EXPECT_TRUE(result.ok) << result.reason;
    EXPECT_GE(result.cpu, 0.3); // No bound above: how the kernel charges a loaded machine is not what is tested.
  }
  WorkerResult result = one(*pool, "spin");
  EXPECT_EQ(result.reason, "exceeded the CPU limit of 1 s");
  EXPECT_GE(result.cpu, 0.9);
  EXPECT_TRUE(one(*pool, "work").ok);
}

TEST(WorkerPool, AddressSpaceLimit) {
#ifdef SELFOPT_ASAN
  GTEST_SKIP() << "the sanitizer's allocator reports in its own way";
#endif
  WorkerLimits limits;
  limits.addressSpaceBytes = 64 << 20;
  auto pool = llvm::cantFail(WorkerPool::create(1, limits, misbehave));
  WorkerResult result = one(*pool, "eat");
  EXPECT_FALSE(result.ok);
  EXPECT_EQ(result.reason, "exceeded the address space limit of 67108864 bytes");
  EXPECT_TRUE(one(*pool, "again").ok);
}

TEST(WorkerPool, TimeoutLeavesTheJobRunning) {
  auto pool = llvm::cantFail(WorkerPool::create(1, {}, [](llvm::StringRef) {
    ::usleep(300000);
    return std::string("late");
  }));
  EXPECT_EQ(errorOf(pool->waitOne(0)), "expected a job in flight, found none");
  pool->submit(1, "");
  llvm::Expected<WorkerResult> none = pool->waitOne(0.05);
  ASSERT_FALSE(bool(none));
  EXPECT_EQ(llvm::errorToErrorCode(none.takeError()), std::errc::timed_out);
  EXPECT_EQ(pool->inFlight(), 1u);
  EXPECT_EQ(llvm::cantFail(pool->waitOne(10)).payload, "late");
}

TEST(WorkerPool, IdleWorkerThatDiedIsNotBlamedOnTheNextJob) {
  auto pool = llvm::cantFail(WorkerPool::create(1, {}, misbehave));
  int pid = std::stoi(one(*pool, "pid").payload);
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  ::usleep(100000);
  WorkerResult result = one(*pool, "next");
  EXPECT_TRUE(result.ok) << result.reason;
}

TEST(WorkerPool, WorkerThatClosesItsSocketIsKilled) {
  auto pool = llvm::cantFail(WorkerPool::create(1, {}, misbehave));
  WorkerResult result = one(*pool, "close");
  EXPECT_FALSE(result.ok);
  EXPECT_EQ(result.reason, "crashed: signal 9 (SIGKILL)");
}

TEST(WorkerPool, ChildrenHoldNoDescriptorOfTheParent) {
  int extra = ::open("/dev/null", O_RDONLY);
  auto pool = llvm::cantFail(WorkerPool::create(3, {}, misbehave));
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(one(*pool, "descriptors").payload, "0 1 2 3 ");
  ::close(extra);
}

TEST(WorkerPool, SetupRunsOncePerProcessAndMayCrash) {
  static int runs;
  runs = 0;
  auto pool =
      llvm::cantFail(WorkerPool::create(1, {}, [](llvm::StringRef) { return std::to_string(runs); }, [] { ++runs; }));
  EXPECT_EQ(one(*pool, "").payload, "1");
  EXPECT_EQ(one(*pool, "").payload, "1");
  auto broken = llvm::cantFail(WorkerPool::create(1, {}, misbehave, [] { ::usleep(20000), ::_exit(9); }));
  EXPECT_EQ(one(*broken, "x").reason, "exited with status 9");
  EXPECT_EQ(one(*broken, "x").reason, "exited with status 9");
}

TEST(WorkerPool, WorkersDieWithTheParent) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  pid_t parent = ::fork();
  if (parent == 0) {
    auto pool = llvm::cantFail(WorkerPool::create(2, {}, misbehave));
    std::string pid = one(*pool, "pid").payload;
    pool->submit(1, "hang");
    pool->submit(2, "hang");
    (void)!::write(ends[1], pid.c_str(), pid.size());
    ::close(ends[1]);
    ::pause();
  }
  ::close(ends[1]);
  char text[32] = {};
  ASSERT_GT(::read(ends[0], text, sizeof text - 1), 0);
  ::close(ends[0]);
  pid_t worker = std::stoi(text);
  ASSERT_EQ(::kill(worker, 0), 0);
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  // Gone, or a zombie that nobody in this container reaps.
  auto running = [&] {
    std::string path = "/proc/" + std::to_string(worker) + "/stat";
    FILE *file = ::fopen(path.c_str(), "r");
    if (!file)
      return false;
    char state = 'Z';
    (void)!::fscanf(file, "%*d (%*[^)]) %c", &state);
    ::fclose(file);
    return state != 'Z' && state != 'X';
  };
  for (int i = 0; i < 200 && running(); ++i)
    ::usleep(10000);
  EXPECT_FALSE(running());
  if (running())
    ::kill(worker, SIGKILL);
}

TEST(WorkerPool, ZeroWorkersIsAnError) {
  EXPECT_EQ(errorOf(WorkerPool::create(0, {}, misbehave)), "expected at least 1 worker, found 0");
}

TEST(WorkerPool, ProcessesMakeRoomAfterTheirJobs) {
  WorkerLimits limits;
  limits.jobs = 3;
  auto pool = llvm::cantFail(WorkerPool::create(1, limits, misbehave));
  std::map<std::string, int> jobs;
  for (int i = 0; i < 11; ++i) {
    WorkerResult result = one(*pool, "pid");
    ASSERT_TRUE(result.ok) << result.reason;
    ++jobs[result.payload];
  }
  EXPECT_EQ(jobs.size(), 4u);
  for (auto &[pid, n] : jobs)
    EXPECT_LE(n, 3);
}
