//===- WorkerPool.cpp - jobs in processes that may die --------------------===//

#include "SelfOpt/Search/WorkerPool.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <new>
#include <optional>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace selfopt;

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

namespace {
enum class MessageKind : uint32_t { Request, Result, OutOfMemory };

/// Before every message. Both ends are one program on one machine: bytes as they lie in memory.
struct Header {
  uint32_t magic = 0x504f4c53; // "SLOP"
  MessageKind kind = MessageKind::Request;
  uint64_t job = 0;
  double wall = 0, cpu = 0;
  uint64_t bytes = 0; // of what follows
};
} // namespace

// Larger answers are taken for damage: a worker's memory may hold anything when it crashes.
static constexpr uint64_t maximumMessageBytes = uint64_t(1) << 32;

static double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static double seconds(const timeval &time) { return double(time.tv_sec) + 1e-6 * double(time.tv_usec); }
static double cpuSeconds(const rusage &usage) { return seconds(usage.ru_utime) + seconds(usage.ru_stime); }

//===----------------------------------------------------------------------===//
// The worker's side
//===----------------------------------------------------------------------===//

namespace {
/// Static, since the out-of-memory handler may not allocate.
struct ChildState {
  int fd = -1;
  uint64_t job = 0;
} child;
} // namespace

static bool childSend(const void *data, size_t size) {
  const char *bytes = static_cast<const char *>(data);
  while (size > 0) {
    ssize_t n = ::send(child.fd, bytes, size, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR)
        continue;
      return false;
    }
    bytes += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

static bool childReceive(void *data, size_t size) {
  char *bytes = static_cast<char *>(data);
  while (size > 0) {
    ssize_t n = ::recv(child.fd, bytes, size, 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    bytes += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

/// Tells the parent what happened, since an exit status could as well be the job's own.
[[noreturn]] static void outOfMemory() {
  Header header;
  header.kind = MessageKind::OutOfMemory;
  header.job = child.job;
  childSend(&header, sizeof header);
  ::_exit(1);
}

/// Bytes of address space in use; 0 where the kernel does not say.
static uint64_t addressSpaceInUse() {
  char text[64] = {};
  int fd = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return 0;
  ssize_t n = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  return n > 0 ? std::strtoull(text, nullptr, 10) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

/// Sets the soft limit only, so that the next job can have another.
static void setSoftLimit(decltype(RLIMIT_AS) resource, uint64_t value) {
  rlimit limit;
  if (::getrlimit(resource, &limit) != 0)
    return;
  limit.rlim_cur = std::min<rlim_t>(value, limit.rlim_max);
  ::setrlimit(resource, &limit);
}

[[noreturn]] static void childMain(int fd, pid_t parent, const WorkerLimits &limits,
                                   const std::function<std::string(llvm::StringRef)> &body,
                                   const std::function<void()> &setup) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) // it died before the line above
    ::_exit(0);
  for (int signal : {SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGUSR1, SIGSEGV, SIGUSR2,
                     SIGALRM, SIGTERM, SIGCHLD, SIGXCPU, SIGXFSZ, SIGSYS})
    ::signal(signal, SIG_DFL);
  ::signal(SIGINT, SIG_IGN); // the terminal sends it to all; the parent decides what it means
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  rlimit noCore{0, 0};
  ::setrlimit(RLIMIT_CORE, &noCore);

  // The parent's other descriptors: sockets of its other workers, its archive and that one's lock. Held open here they
  // would outlive the parent by a moment.
  if (fd != 3) {
    ::dup2(fd, 3);
    fd = 3;
  }
  ::close_range(4, ~0u, 0);
  int empty = ::open("/dev/null", O_RDONLY);
  if (empty >= 0 && empty != 0) {
    ::dup2(empty, 0);
    ::close(empty);
  }
  child.fd = fd;

  if (setup)
    setup();
  if (limits.addressSpaceBytes) {
    std::set_new_handler(outOfMemory);
    llvm::install_bad_alloc_error_handler([](void *, const char *, bool) { outOfMemory(); });
  }

  Header header;
  std::string request;
  while (childReceive(&header, sizeof header)) {
    child.job = header.job;
    request.resize(header.bytes);
    if (!childReceive(request.data(), request.size()))
      break;
    rusage before, after;
    ::getrusage(RUSAGE_SELF, &before);
    double start = now();
    if (limits.cpuSeconds)
      setSoftLimit(RLIMIT_CPU, static_cast<uint64_t>(std::ceil(cpuSeconds(before))) + limits.cpuSeconds);
    if (limits.addressSpaceBytes)
      setSoftLimit(RLIMIT_AS, addressSpaceInUse() + limits.addressSpaceBytes);
    std::string payload = body(request);
    header.wall = now() - start;
    ::getrusage(RUSAGE_SELF, &after);
    header.cpu = cpuSeconds(after) - cpuSeconds(before);
    if (limits.cpuSeconds)
      setSoftLimit(RLIMIT_CPU, RLIM_INFINITY);
    if (limits.addressSpaceBytes)
      setSoftLimit(RLIMIT_AS, RLIM_INFINITY);
    header.kind = MessageKind::Result;
    header.bytes = payload.size();
    if (!childSend(&header, sizeof header) || !childSend(payload.data(), payload.size()))
      break;
  }
  ::_exit(0); // the parent closed its end
}

//===----------------------------------------------------------------------===//
// The parent's side
//===----------------------------------------------------------------------===//

namespace {
struct Job {
  uint64_t number;
  std::string request;
};

struct Worker {
  pid_t pid = -1;
  int fd = -1; // -1: there is no process
  bool busy = false;
  uint64_t job = 0;
  double start = 0;       // of the job
  double finishedCpu = 0; // of the jobs that this process has ended
  uint64_t finished = 0;  // how many these are
  std::string out;        // still to be sent, from outDone
  size_t outDone = 0;
  std::string in; // received so far

  bool alive() const { return fd >= 0; }
};
} // namespace

struct WorkerPool::Impl {
  WorkerLimits limits;
  std::function<std::string(llvm::StringRef)> body;
  std::function<void()> setup;
  std::vector<Worker> workers;
  std::deque<Job> queue;
  std::deque<WorkerResult> done;
  std::string spawnProblem; // why the last fork failed
  std::error_code spawnCode;

  ~Impl() {
    for (Worker &worker : workers)
      if (worker.alive()) {
        ::kill(worker.pid, SIGKILL);
        rusage usage;
        reap(worker, usage);
      }
  }

  bool spawn(Worker &worker) {
    int ends[2];
    auto failed = [&](const char *what) {
      spawnCode = std::error_code(errno, std::generic_category());
      spawnProblem = std::string("could not make a worker process: ") + what + ": " + std::strerror(errno);
      return false;
    };
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      return failed("socketpair");
    // Where standard input or output is closed, a socket could take its number, and a print would pass for an answer.
    for (int &end : ends)
      if (end <= 2) {
        int moved = ::fcntl(end, F_DUPFD_CLOEXEC, 3);
        ::close(end);
        end = moved;
      }
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK); // this end only: the flag belongs to the open file, not to the descriptor
    pid_t parent = ::getpid();
    pid_t pid = ::fork();
    if (pid == 0)
      childMain(ends[1], parent, limits, body, setup);
    ::close(ends[1]);
    if (pid < 0) {
      int code = errno;
      ::close(ends[0]);
      errno = code;
      return failed("fork");
    }
    worker = Worker();
    worker.pid = pid;
    worker.fd = ends[0];
    return true;
  }

  /// Ends a worker's record and gives its exit status, or nothing where the system does not tell.
  std::optional<int> reap(Worker &worker, rusage &usage) {
    usage = rusage();
    int status = 0;
    pid_t result = 0;
    // Its socket closes before it can be waited for. One that closed the socket itself would be waited for in vain.
    for (int attempt = 0; attempt < 2000; ++attempt) {
      result = ::wait4(worker.pid, &status, WNOHANG, &usage);
      if (result != 0 && !(result < 0 && errno == EINTR))
        break;
      ::usleep(attempt < 100 ? 100 : 1000);
      result = 0;
    }
    if (result == 0) {
      ::kill(worker.pid, SIGKILL);
      do
        result = ::wait4(worker.pid, &status, 0, &usage);
      while (result < 0 && errno == EINTR);
    }
    ::close(worker.fd);
    worker.fd = -1;
    if (result != worker.pid)
      return std::nullopt;
    return status;
  }

  static std::string describe(std::optional<int> status, const WorkerLimits &limits) {
    if (!status)
      return "crashed: no status";
    if (WIFSIGNALED(*status)) {
      int signal = WTERMSIG(*status);
      if (signal == SIGXCPU && limits.cpuSeconds)
        return "exceeded the CPU limit of " + std::to_string(limits.cpuSeconds) + " s";
      const char *name = ::sigabbrev_np(signal);
      return "crashed: signal " + std::to_string(signal) + (name ? std::string(" (SIG") + name + ")" : "");
    }
    return "exited with status " + std::to_string(WEXITSTATUS(*status));
  }

  /// Buries a worker that is dead or to be killed; its job, if it has one, is reported with `reason`, or else with what
  /// its status says.
  void bury(Worker &worker, std::string reason = {}) {
    if (!reason.empty())
      ::kill(worker.pid, SIGKILL);
    rusage usage;
    std::optional<int> status = reap(worker, usage);
    if (!worker.busy)
      return;
    WorkerResult result;
    result.job = worker.job;
    result.reason = reason.empty() ? describe(status, limits) : std::move(reason);
    result.wall = now() - worker.start;
    result.cpu = std::max(0.0, cpuSeconds(usage) - worker.finishedCpu);
    result.worker = index(worker);
    worker.busy = false;
    done.push_back(std::move(result));
  }

  unsigned index(const Worker &worker) const { return static_cast<unsigned>(&worker - workers.data()); }

  /// Whether an idle worker is still there: one that died without a job must not be blamed on the next one.
  static bool connected(const Worker &worker) {
    char byte;
    ssize_t n;
    do
      n = ::recv(worker.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  /// Hands queued jobs to idle workers.
  void dispatch() {
    for (Worker &worker : workers) {
      if (queue.empty())
        return;
      if (worker.busy)
        continue;
      if (worker.alive() && !connected(worker))
        bury(worker);
      if (!worker.alive() && !spawn(worker))
        continue; // with fewer workers, then
      Job job = std::move(queue.front());
      queue.pop_front();
      Header header;
      header.job = job.number;
      header.bytes = job.request.size();
      worker.out.assign(reinterpret_cast<const char *>(&header), sizeof header);
      worker.out += job.request;
      worker.outDone = 0;
      worker.in.clear();
      worker.busy = true;
      worker.job = job.number;
      worker.start = now();
      flush(worker);
    }
  }

  /// Sends what the socket takes. A dead worker is noticed by reading.
  static void flush(Worker &worker) {
    while (worker.outDone < worker.out.size()) {
      ssize_t n =
          ::send(worker.fd, worker.out.data() + worker.outDone, worker.out.size() - worker.outDone, MSG_NOSIGNAL);
      if (n < 0) {
        if (errno == EINTR)
          continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
          worker.out.clear(), worker.outDone = 0;
        return;
      }
      worker.outDone += static_cast<size_t>(n);
    }
    worker.out.clear();
    worker.outDone = 0;
  }

  /// Takes what has arrived.
  void receive(Worker &worker) {
    char buffer[1 << 16];
    while (worker.alive()) {
      ssize_t n = ::recv(worker.fd, buffer, sizeof buffer, 0);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
      if (n <= 0) {
        bury(worker);
        return;
      }
      worker.in.append(buffer, static_cast<size_t>(n));
      interpret(worker);
    }
  }

  /// Ends the job when its answer is complete.
  void interpret(Worker &worker) {
    if (worker.in.size() < sizeof(Header))
      return;
    Header header;
    std::memcpy(&header, worker.in.data(), sizeof header);
    if (header.magic != Header().magic || !worker.busy || header.job != worker.job ||
        header.bytes > maximumMessageBytes || worker.in.size() - sizeof header > header.bytes) {
      bury(worker, "sent a malformed answer");
      return;
    }
    if (header.kind == MessageKind::OutOfMemory) {
      bury(worker, "exceeded the address space limit of " + std::to_string(limits.addressSpaceBytes) + " bytes");
      return;
    }
    if (worker.in.size() - sizeof header < header.bytes)
      return;
    WorkerResult result;
    result.job = worker.job;
    result.ok = true;
    result.payload = worker.in.substr(sizeof header);
    result.wall = header.wall;
    result.cpu = header.cpu;
    result.worker = index(worker);
    done.push_back(std::move(result));
    worker.finishedCpu += header.cpu;
    worker.busy = false;
    worker.in.clear();
    if (limits.jobs && ++worker.finished >= limits.jobs) {
      ::kill(worker.pid, SIGKILL);
      bury(worker);
    }
  }

  size_t busyCount() const {
    return static_cast<size_t>(std::count_if(workers.begin(), workers.end(), [](const Worker &w) { return w.busy; }));
  }

  /// One turn: waits until something happens, at most until `deadline` (infinite: forever).
  void turn(double deadline) {
    std::vector<pollfd> polls;
    std::vector<Worker *> polled;
    double until = deadline;
    for (Worker &worker : workers) {
      if (!worker.busy)
        continue;
      short events = POLLIN;
      if (!worker.out.empty())
        events |= POLLOUT;
      polls.push_back({worker.fd, events, 0});
      polled.push_back(&worker);
      if (limits.wallSeconds > 0)
        until = std::min(until, worker.start + limits.wallSeconds);
    }
    int wait = -1;
    if (std::isfinite(until))
      wait = static_cast<int>(std::clamp(std::ceil((until - now()) * 1000), 0.0, 3.6e6));
    int ready = ::poll(polls.data(), polls.size(), wait);
    if (ready > 0)
      for (size_t i = 0; i < polls.size(); ++i) {
        if (polls[i].revents & POLLOUT)
          flush(*polled[i]);
        if (polls[i].revents & (POLLIN | POLLHUP | POLLERR))
          receive(*polled[i]);
      }
    // After reading: an answer that is there already is an answer in time.
    if (limits.wallSeconds > 0) {
      double time = now();
      for (Worker *worker : polled)
        if (worker->busy && time >= worker->start + limits.wallSeconds) {
          char text[64];
          std::snprintf(text, sizeof text, "exceeded the wall limit of %g s", limits.wallSeconds);
          bury(*worker, text);
        }
    }
  }
};

WorkerPool::WorkerPool(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
WorkerPool::~WorkerPool() = default;

llvm::Expected<std::unique_ptr<WorkerPool>> WorkerPool::create(unsigned n, WorkerLimits limits,
                                                               std::function<std::string(llvm::StringRef)> body,
                                                               std::function<void()> childSetup) {
  if (n == 0)
    return llvm::createStringError(std::errc::invalid_argument, "expected at least 1 worker, found 0");
  auto impl = std::make_unique<Impl>();
  impl->limits = limits;
  impl->body = std::move(body);
  impl->setup = std::move(childSetup);
  impl->workers.resize(n);
  for (Worker &worker : impl->workers)
    if (!impl->spawn(worker))
      return llvm::createStringError(impl->spawnCode, impl->spawnProblem);
  return std::unique_ptr<WorkerPool>(new WorkerPool(std::move(impl)));
}

void WorkerPool::submit(uint64_t job, std::string request) {
  impl->queue.push_back({job, std::move(request)});
  impl->dispatch();
}

bool WorkerPool::idle() const { return inFlight() == 0; }

size_t WorkerPool::inFlight() const { return impl->queue.size() + impl->busyCount() + impl->done.size(); }

llvm::Expected<WorkerResult> WorkerPool::waitOne(double timeoutSeconds) {
  double deadline = timeoutSeconds < 0 ? HUGE_VAL : now() + timeoutSeconds;
  if (idle())
    return llvm::createStringError(std::errc::invalid_argument, "expected a job in flight, found none");
  bool last = false;
  while (true) {
    impl->dispatch();
    if (!impl->done.empty()) {
      WorkerResult result = std::move(impl->done.front());
      impl->done.pop_front();
      return result;
    }
    if (last)
      return llvm::createStringError(std::errc::timed_out, "no job ended within %g s", timeoutSeconds);
    if (impl->busyCount() == 0)
      return llvm::createStringError(impl->spawnCode, impl->spawnProblem);
    impl->turn(deadline);
    // One more look after the time is over, so that 0 seconds means "what is there".
    last = now() >= deadline;
  }
}
