//===- WorkerPool.h - jobs in processes that may die ------------*- C++ -*-===//
//
// A candidate runs code that a compiler has just made. Whatever it does (crash, loop, eat memory), it does so in a
// worker process, and the search loses that one job.
//
// Workers are forks of the process that made the pool, each behind a socket of its own that carries one job at a time.
// One that dies is forked anew when the next job needs it. So:
//  * fork copies one thread only: no other thread of the parent may hold a lock that a job needs, neither at create()
//    nor at waitOne() or submit(). Make the pool before the threads, or keep to one.
//  * Workers die with the thread that forked them: keep the pool on a thread that lives as long as the pool.
//  * In a worker, standard input is empty, every descriptor but standard output and error is closed, signal handlers
//    are back at their defaults (one of the parent's might delete the parent's files), interrupts from the keyboard are
//    ignored and no core is dumped. It leaves through _exit, so nothing of the parent's is flushed twice.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SEARCH_WORKERPOOL_H
#define SELFOPT_SEARCH_WORKERPOOL_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace selfopt {

/// What one job may use; 0: no limit.
struct WorkerLimits {
  /// Address space on top of what the worker holds when the job begins. (The total would mean little: a JIT and
  /// sanitizers reserve far more than they use.)
  uint64_t addressSpaceBytes = 0;
  /// CPU seconds of all its threads. The kernel looks at whole seconds, so a job may get up to one more.
  uint64_t cpuSeconds = 0;
  /// Seconds from the moment the job is handed to the worker, the start of a fresh worker included. Watched by
  /// waitOne().
  double wallSeconds = 0;
  /// Jobs that one process does; then it makes room for a fresh one. What a compiler keeps (uniqued types, loaded code)
  /// goes with it, so that a worker's memory stays bounded however long the run is.
  uint64_t jobs = 0;
};

struct WorkerResult {
  uint64_t job = 0;
  bool ok = false;
  std::string payload; // what `body` returned, if ok
  /// If not ok: "crashed: signal 11 (SIGSEGV)", "exited with status 3", "exceeded the wall limit of 5 s", "exceeded the
  /// CPU limit of 2 s", "exceeded the address space limit of 1048576 bytes", "sent a malformed answer".
  std::string reason;
  double wall = 0, cpu = 0; // seconds that the job took, as its worker measured (as the parent did, if not ok)
  unsigned worker = 0;      // 0 .. n-1
};

class WorkerPool {
public:
  /// Forks `n` workers. In each of them `childSetup` runs once and `body` once per job, which turns a request into a
  /// payload. Fails for n = 0 and where the system refuses sockets or processes.
  static llvm::Expected<std::unique_ptr<WorkerPool>> create(unsigned n, WorkerLimits limits,
                                                            std::function<std::string(llvm::StringRef request)> body,
                                                            std::function<void()> childSetup = {});

  /// Kills all workers; jobs that were not waited for are lost.
  ~WorkerPool();
  WorkerPool(const WorkerPool &) = delete;
  WorkerPool &operator=(const WorkerPool &) = delete;

  /// Queues a job. Jobs start in the order they were submitted; `job` is the caller's own number. Does not block.
  void submit(uint64_t job, std::string request);

  /// Whether every job that was submitted has been handed back.
  bool idle() const;
  /// Jobs that were submitted and not handed back yet.
  size_t inFlight() const;

  /// The next result, in the order the jobs end. Waits at most `timeoutSeconds` (negative: for as long as it takes).
  /// Errors, by their std::error_code: std::errc::timed_out when the time is over, and the jobs go on;
  /// std::errc::invalid_argument when nothing is in flight; another one when no worker is left and none can be made.
  llvm::Expected<WorkerResult> waitOne(double timeoutSeconds);

private:
  struct Impl;
  explicit WorkerPool(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

} // namespace selfopt

#endif // SELFOPT_SEARCH_WORKERPOOL_H
