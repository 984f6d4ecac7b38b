//===- Archive.cpp - every candidate of a search, on disk -----------------===//

#include "SelfOpt/Search/Archive.h"

#include "SelfOpt/Support/Digest.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

using namespace selfopt;

// Raised with every change of the tables; an archive of another version is refused rather than misread.
static constexpr int schemaVersion = 1;
static constexpr llvm::StringLiteral headKey = "archive.head";

static constexpr char schema[] = R"sql(
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE candidate (
  id INTEGER PRIMARY KEY,       -- order of proposals, from 0
  digest TEXT NOT NULL,
  parent INTEGER,
  mutation TEXT NOT NULL,       -- the mutation ops that lead from the parent to it
  program TEXT NOT NULL,
  status TEXT NOT NULL,         -- evaluated, reused, rejected or failed
  reason TEXT NOT NULL,
  duplicate_of INTEGER,
  parameters INTEGER NOT NULL,
  flops_per_example INTEGER NOT NULL,
  train_flops INTEGER NOT NULL,
  memory INTEGER NOT NULL,      -- bytes
  seed INTEGER NOT NULL,        -- the bits of an unsigned number
  validation REAL,
  train_loss REAL,
  scores TEXT NOT NULL,         -- JSON
  verdicts TEXT NOT NULL,       -- JSON
  wall REAL NOT NULL,           -- seconds
  cpu REAL NOT NULL,            -- seconds
  worker INTEGER NOT NULL,
  chain TEXT NOT NULL
);
CREATE INDEX candidate_digest ON candidate (digest);
)sql";

static constexpr char columns[] =
    "id, digest, parent, mutation, program, status, reason, duplicate_of, parameters, flops_per_example, train_flops, "
    "memory, seed, validation, train_loss, scores, verdicts, wall, cpu, worker, chain";

llvm::StringRef selfopt::statusName(CandidateRow::Status status) {
  switch (status) {
  case CandidateRow::Status::Evaluated:
    return "evaluated";
  case CandidateRow::Status::Reused:
    return "reused";
  case CandidateRow::Status::Rejected:
    return "rejected";
  case CandidateRow::Status::Failed:
    return "failed";
  }
  return "failed";
}

static std::optional<CandidateRow::Status> parseStatus(llvm::StringRef text) {
  for (auto status : {CandidateRow::Status::Evaluated, CandidateRow::Status::Reused, CandidateRow::Status::Rejected,
                      CandidateRow::Status::Failed})
    if (text == statusName(status))
      return status;
  return std::nullopt;
}

/// SQLite stores NaN as NULL and -0.0 as the integer 0: what the chain covers has to be what comes back.
static void canonicalise(std::optional<double> &value) {
  if (value && std::isnan(*value))
    value.reset();
  else if (value && *value == 0.0)
    value = 0.0;
}

/// Every deterministic column, in the order of the table, lengths before texts.
static void encode(Digester &digester, const CandidateRow &row) {
  auto integer = [&](int64_t value) { digester.add(static_cast<uint64_t>(value)); };
  auto real = [&](const std::optional<double> &value) {
    integer(value.has_value());
    digester.add(value ? llvm::bit_cast<uint64_t>(*value) : 0);
  };
  integer(row.id);
  digester.addField(row.digest);
  integer(row.parent);
  digester.addField(row.mutation).addField(row.program).addField(statusName(row.status)).addField(row.reason);
  integer(row.duplicateOf);
  integer(row.parameters);
  integer(row.flopsPerExample);
  integer(row.trainFlops);
  integer(row.memory);
  digester.add(row.seed);
  real(row.validation);
  real(row.trainLoss);
  digester.addField(row.scores).addField(row.verdicts);
}

static std::string link(llvm::StringRef previous, const CandidateRow &row) {
  Digester digester;
  digester.addField(previous);
  encode(digester, row);
  return digester.hex();
}

//===----------------------------------------------------------------------===//
// SQLite
//===----------------------------------------------------------------------===//

namespace {
/// A prepared statement. `step` gives a row (true), the end (false) or an error.
class Statement {
public:
  Statement(sqlite3 *database, llvm::StringRef path, llvm::StringRef sql) : database(database), path(path) {
    code = sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  }
  Statement(const Statement &) = delete;
  Statement &operator=(const Statement &) = delete;
  ~Statement() { sqlite3_finalize(statement); }

  Statement &bind(int64_t value) { return note(sqlite3_bind_int64(statement, ++bound, value)); }
  Statement &bind(double value) { return note(sqlite3_bind_double(statement, ++bound, value)); }
  Statement &bind(llvm::StringRef value) {
    // A null pointer would bind NULL.
    return note(sqlite3_bind_text64(statement, ++bound, value.empty() ? "" : value.data(), value.size(),
                                    SQLITE_TRANSIENT, SQLITE_UTF8));
  }
  Statement &bindId(int64_t value) { return value < 0 ? note(sqlite3_bind_null(statement, ++bound)) : bind(value); }
  Statement &bind(const std::optional<double> &value) {
    return value ? bind(*value) : note(sqlite3_bind_null(statement, ++bound));
  }

  llvm::Expected<bool> step() {
    if (code == SQLITE_OK) {
      code = sqlite3_step(statement);
      if (code == SQLITE_ROW || code == SQLITE_DONE)
        return std::exchange(code, SQLITE_OK) == SQLITE_ROW;
    }
    return llvm::createStringError(path + ": " + sqlite3_errmsg(database));
  }

  int64_t integer(int column) const { return sqlite3_column_int64(statement, column); }
  double real(int column) const { return sqlite3_column_double(statement, column); }
  bool null(int column) const { return sqlite3_column_type(statement, column) == SQLITE_NULL; }
  std::string text(int column) const {
    const auto *data = reinterpret_cast<const char *>(sqlite3_column_text(statement, column));
    return data ? std::string(data, static_cast<size_t>(sqlite3_column_bytes(statement, column))) : std::string();
  }

private:
  Statement &note(int result) {
    if (code == SQLITE_OK)
      code = result;
    return *this;
  }

  sqlite3 *database;
  llvm::StringRef path;
  sqlite3_stmt *statement = nullptr;
  int code = SQLITE_OK;
  int bound = 0;
};
} // namespace

struct Archive::Impl {
  std::string path;
  sqlite3 *database = nullptr;
  int lock = -1;
  bool writable = false;
  bool inBatch = false;
  // The end of the table, and the end as of the last commit.
  int64_t count = 0, committedCount = 0;
  std::string chain, committedChain;

  ~Impl() {
    sqlite3_close_v2(database);
    if (lock >= 0)
      ::close(lock); // releases it
  }

  llvm::Error failure(const llvm::Twine &message) { return llvm::createStringError(path + ": " + message); }

  llvm::Error run(llvm::StringRef sql) {
    if (sqlite3_exec(database, sql.str().c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
      return failure(sqlite3_errmsg(database));
    return llvm::Error::success();
  }

  llvm::Error open(int flags) {
    sqlite3_close_v2(std::exchange(database, nullptr));
    if (sqlite3_open_v2(path.c_str(), &database, flags, nullptr) != SQLITE_OK)
      return failure(database ? sqlite3_errmsg(database) : "out of memory");
    // The writer holds the file alone for the moment of a commit only.
    sqlite3_busy_timeout(database, 20000);
    return llvm::Error::success();
  }

  llvm::Expected<int64_t> integer(llvm::StringRef sql) {
    Statement statement(database, path, sql);
    llvm::Expected<bool> more = statement.step();
    if (!more)
      return more.takeError();
    return *more ? statement.integer(0) : 0;
  }

  llvm::Error checkVersion() {
    llvm::Expected<int64_t> version = integer("PRAGMA user_version");
    if (!version)
      return version.takeError();
    if (*version == 0)
      return failure("expected an archive, found a database without one");
    if (*version != schemaVersion)
      return failure("expected an archive of version " + llvm::Twine(schemaVersion) + ", found version " +
                     llvm::Twine(*version));
    return llvm::Error::success();
  }

  llvm::Error setMeta(llvm::StringRef key, llvm::StringRef value) {
    Statement statement(database, path, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)");
    return statement.bind(key).bind(value).step().takeError();
  }

  /// Makes several reads see one state, while another process may append.
  struct Snapshot {
    Impl &impl;
    bool own = false;
    explicit Snapshot(Impl &impl) : impl(impl) {}
    llvm::Error begin() {
      if (!sqlite3_get_autocommit(impl.database))
        return llvm::Error::success();
      own = true;
      return impl.run("BEGIN");
    }
    ~Snapshot() {
      if (own)
        llvm::consumeError(impl.run("ROLLBACK"));
    }
  };

  /// Runs `body` in the open batch, or in a transaction of its own. After an error the transaction is gone.
  llvm::Error inTransaction(llvm::function_ref<llvm::Error()> body) {
    if (!writable)
      return failure("expected an archive that is open for writing, found one that is open for reading");
    bool own = !inBatch;
    if (own)
      if (llvm::Error error = run("BEGIN IMMEDIATE"))
        return error;
    llvm::Error error = body();
    if (!error && own)
      error = run("COMMIT");
    if (error) {
      drop();
      return error;
    }
    if (own) {
      committedCount = count;
      committedChain = chain;
    }
    return llvm::Error::success();
  }

  void drop() {
    // SQLite may have rolled back by itself (a full disk): then there is nothing to roll back, which is no matter.
    if (!sqlite3_get_autocommit(database))
      llvm::consumeError(run("ROLLBACK"));
    inBatch = false;
    count = committedCount;
    chain = committedChain;
  }

  llvm::Expected<CandidateRow> read(Statement &statement) {
    CandidateRow row;
    int column = 0;
    auto id = [&](int at) { return statement.null(at) ? -1 : statement.integer(at); };
    auto real = [&](int at) { return statement.null(at) ? std::nullopt : std::optional<double>(statement.real(at)); };
    row.id = statement.integer(column++);
    row.digest = statement.text(column++);
    row.parent = id(column++);
    row.mutation = statement.text(column++);
    row.program = statement.text(column++);
    std::string status = statement.text(column++);
    row.reason = statement.text(column++);
    row.duplicateOf = id(column++);
    row.parameters = statement.integer(column++);
    row.flopsPerExample = statement.integer(column++);
    row.trainFlops = statement.integer(column++);
    row.memory = statement.integer(column++);
    row.seed = static_cast<uint64_t>(statement.integer(column++));
    row.validation = real(column++);
    row.trainLoss = real(column++);
    row.scores = statement.text(column++);
    row.verdicts = statement.text(column++);
    row.wall = statement.real(column++);
    row.cpu = statement.real(column++);
    row.worker = statement.integer(column++);
    row.chain = statement.text(column++);
    std::optional<CandidateRow::Status> parsed = parseStatus(status);
    if (!parsed)
      return failure("candidate " + llvm::Twine(row.id) +
                     ": expected the status evaluated, reused, rejected or failed, found '" + status + "'");
    row.status = *parsed;
    return row;
  }

  llvm::Expected<std::optional<CandidateRow>> first(Statement &statement) {
    llvm::Expected<bool> more = statement.step();
    if (!more)
      return more.takeError();
    if (!*more)
      return std::nullopt;
    llvm::Expected<CandidateRow> row = read(statement);
    if (!row)
      return row.takeError();
    return std::move(*row);
  }
};

static std::string fileIn(llvm::StringRef folder, llvm::StringRef name) {
  llvm::SmallString<256> path(folder.empty() ? llvm::StringRef(".") : folder);
  llvm::sys::path::append(path, name);
  return std::string(path);
}

Archive::Archive(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
Archive::~Archive() { rollback(); }
llvm::StringRef Archive::path() const { return impl->path; }

bool Archive::exists(llvm::StringRef folder) {
  // An empty file is what a process leaves that was killed before its first transaction.
  uint64_t size = 0;
  return !llvm::sys::fs::file_size(fileIn(folder, "archive.sqlite"), size) && size > 0;
}

/// The lock file's descriptor. It holds the process id of the owner, for the message only.
static llvm::Expected<int> takeLock(llvm::StringRef folder) {
  std::string path = fileIn(folder, "archive.lock");
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0)
    return llvm::createStringError(path + ": could not open: " + std::strerror(errno));
  int result;
  do
    result = ::flock(fd, LOCK_EX | LOCK_NB);
  while (result != 0 && errno == EINTR);
  if (result != 0) {
    int code = errno;
    char owner[32] = {};
    ssize_t n = ::pread(fd, owner, sizeof owner - 1, 0);
    ::close(fd);
    if (code != EWOULDBLOCK)
      return llvm::createStringError(path + ": could not lock: " + std::strerror(code));
    return llvm::createStringError(folder + ": expected an archive that nobody writes to, found it in use by " +
                                   (n > 0 ? "process " + llvm::StringRef(owner).trim().str() : "another process"));
  }
  std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) == 0)
    (void)!::pwrite(fd, text.data(), text.size(), 0);
  return fd;
}

llvm::Expected<std::unique_ptr<Archive>> Archive::openForWriting(llvm::StringRef folder, bool resume) {
  if (!resume)
    if (std::error_code code = llvm::sys::fs::create_directories(folder))
      return llvm::createStringError(folder + ": could not make the folder: " + code.message());
  auto impl = std::make_unique<Impl>();
  impl->path = fileIn(folder, "archive.sqlite");
  impl->writable = true;
  if (resume && !exists(folder))
    return impl->failure("expected an archive to resume, found none");
  // Before anything is looked at: a database that another process is about to write says nothing.
  llvm::Expected<int> lock = takeLock(folder);
  if (!lock)
    return lock.takeError();
  impl->lock = *lock;
  if (!resume && exists(folder))
    return impl->failure("expected a folder without an archive, found one; resume it, or choose another folder");
  if (llvm::Error error = impl->open(SQLITE_OPEN_READWRITE | (resume ? 0 : SQLITE_OPEN_CREATE)))
    return error;
  // One file when it is closed, readable by anyone without write access: hence a rollback journal, not WAL.
  if (llvm::Error error = impl->run("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL"))
    return error;
  impl->chain.assign(64, '0');

  if (!resume) {
    std::string sql = std::string("BEGIN IMMEDIATE;") + schema +
                      "PRAGMA user_version = " + std::to_string(schemaVersion) + "; COMMIT";
    if (llvm::Error error = impl->run(sql))
      return error;
  } else {
    if (llvm::Error error = impl->checkVersion())
      return error;
    llvm::Expected<int64_t> count = impl->integer("SELECT count(*) FROM candidate");
    if (!count)
      return count.takeError();
    llvm::Expected<int64_t> next = impl->integer("SELECT max(id) + 1 FROM candidate");
    if (!next)
      return next.takeError();
    if (*count != *next)
      return impl->failure("expected the candidates 0 to " + llvm::Twine(*next - 1) + ", found only " +
                           llvm::Twine(*count) + " of them");
    impl->count = *count;
    if (*count > 0) {
      Statement last(impl->database, impl->path, "SELECT chain FROM candidate ORDER BY id DESC LIMIT 1");
      llvm::Expected<bool> more = last.step();
      if (!more)
        return more.takeError();
      impl->chain = last.text(0);
    }
  }
  impl->committedCount = impl->count;
  impl->committedChain = impl->chain;
  return std::unique_ptr<Archive>(new Archive(std::move(impl)));
}

llvm::Expected<std::unique_ptr<Archive>> Archive::create(llvm::StringRef folder) {
  return openForWriting(folder, /*resume=*/false);
}

llvm::Expected<std::unique_ptr<Archive>> Archive::openForResume(llvm::StringRef folder) {
  return openForWriting(folder, /*resume=*/true);
}

llvm::Expected<std::unique_ptr<Archive>> Archive::openReadOnly(llvm::StringRef folder) {
  auto impl = std::make_unique<Impl>();
  impl->path = fileIn(folder, "archive.sqlite");
  if (!exists(folder))
    return impl->failure("expected an archive, found none");
  // A journal that a killed process left has to be played back before anyone can read, and that needs write access;
  // SQLite falls back to reading where there is none. `query_only` keeps this connection from anything else.
  if (llvm::Error error = impl->open(SQLITE_OPEN_READWRITE))
    return error;
  if (llvm::Error error = impl->run("PRAGMA query_only = ON"))
    return error;
  if (llvm::Error error = impl->checkVersion())
    return error;
  return std::unique_ptr<Archive>(new Archive(std::move(impl)));
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

llvm::Error Archive::appendCandidate(CandidateRow &row) {
  canonicalise(row.validation);
  canonicalise(row.trainLoss);
  row.parent = std::max<int64_t>(row.parent, -1);
  row.duplicateOf = std::max<int64_t>(row.duplicateOf, -1);
  return impl->inTransaction([&]() -> llvm::Error {
    if (row.id != impl->count)
      return impl->failure("expected candidate " + llvm::Twine(impl->count) + " next, found " + llvm::Twine(row.id));
    row.chain = link(impl->chain, row);
    Statement statement(impl->database, impl->path,
                        std::string("INSERT INTO candidate (") + columns +
                            ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    // SQLite would store NaN as NULL, which these columns refuse.
    auto seconds = [](double value) { return std::isnan(value) ? 0.0 : value; };
    statement.bind(row.id).bind(row.digest).bindId(row.parent).bind(row.mutation).bind(row.program);
    statement.bind(statusName(row.status)).bind(row.reason).bindId(row.duplicateOf).bind(row.parameters);
    statement.bind(row.flopsPerExample).bind(row.trainFlops).bind(row.memory).bind(static_cast<int64_t>(row.seed));
    statement.bind(row.validation).bind(row.trainLoss).bind(row.scores).bind(row.verdicts);
    statement.bind(seconds(row.wall)).bind(seconds(row.cpu)).bind(row.worker).bind(row.chain);
    if (llvm::Error error = statement.step().takeError())
      return error;
    if (llvm::Error error = impl->setMeta(headKey, std::to_string(row.id + 1) + " " + row.chain))
      return error;
    ++impl->count;
    impl->chain = row.chain;
    return llvm::Error::success();
  });
}

llvm::Error Archive::begin() {
  if (!impl->writable)
    return impl->failure("expected an archive that is open for writing, found one that is open for reading");
  if (impl->inBatch)
    return impl->failure("expected no open batch, found one");
  if (llvm::Error error = impl->run("BEGIN IMMEDIATE"))
    return error;
  impl->inBatch = true;
  return llvm::Error::success();
}

llvm::Error Archive::commit() {
  if (!impl->inBatch)
    return impl->failure("expected an open batch, found none");
  if (llvm::Error error = impl->run("COMMIT")) {
    impl->drop();
    return error;
  }
  impl->inBatch = false;
  impl->committedCount = impl->count;
  impl->committedChain = impl->chain;
  return llvm::Error::success();
}

void Archive::rollback() {
  if (impl->inBatch)
    impl->drop();
}

llvm::Error Archive::setMeta(llvm::StringRef key, llvm::StringRef value) {
  if (key.starts_with("archive."))
    return impl->failure("expected a key outside 'archive.', found '" + key + "'");
  return impl->inTransaction([&] { return impl->setMeta(key, value); });
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

llvm::Expected<int64_t> Archive::size() {
  if (impl->writable)
    return impl->count;
  return impl->integer("SELECT count(*) FROM candidate");
}

llvm::Error Archive::forEach(llvm::function_ref<llvm::Error(const CandidateRow &)> visit, int64_t from) {
  Statement statement(impl->database, impl->path,
                      std::string("SELECT ") + columns + " FROM candidate WHERE id >= ? ORDER BY id");
  statement.bind(from);
  while (true) {
    llvm::Expected<bool> more = statement.step();
    if (!more)
      return more.takeError();
    if (!*more)
      return llvm::Error::success();
    llvm::Expected<CandidateRow> row = impl->read(statement);
    if (!row)
      return row.takeError();
    if (llvm::Error error = visit(*row))
      return error;
  }
}

llvm::Expected<std::vector<CandidateRow>> Archive::loadAll() {
  std::vector<CandidateRow> rows;
  if (llvm::Error error = forEach([&](const CandidateRow &row) {
        rows.push_back(row);
        return llvm::Error::success();
      }))
    return error;
  return rows;
}

llvm::Expected<std::optional<CandidateRow>> Archive::get(int64_t id) {
  Statement statement(impl->database, impl->path, std::string("SELECT ") + columns + " FROM candidate WHERE id = ?");
  statement.bind(id);
  return impl->first(statement);
}

llvm::Expected<std::optional<CandidateRow>> Archive::getByDigest(llvm::StringRef digest) {
  Statement statement(impl->database, impl->path,
                      std::string("SELECT ") + columns + " FROM candidate WHERE digest = ? ORDER BY id LIMIT 1");
  statement.bind(digest);
  return impl->first(statement);
}

llvm::Expected<std::optional<std::string>> Archive::getMeta(llvm::StringRef key) {
  Statement statement(impl->database, impl->path, "SELECT value FROM meta WHERE key = ?");
  llvm::Expected<bool> more = statement.bind(key).step();
  if (!more)
    return more.takeError();
  return *more ? std::optional<std::string>(statement.text(0)) : std::nullopt;
}

llvm::Expected<std::optional<int64_t>> Archive::verifyChain() {
  Impl::Snapshot snapshot(*impl);
  if (llvm::Error error = snapshot.begin())
    return error;
  llvm::Expected<std::optional<std::string>> head = getMeta(headKey);
  if (!head)
    return head.takeError();

  // Not forEach: a status that no archive writes is a changed row here, not an error.
  std::string chain(64, '0');
  int64_t next = 0;
  Statement statement(impl->database, impl->path, std::string("SELECT ") + columns + " FROM candidate ORDER BY id");
  while (true) {
    llvm::Expected<bool> more = statement.step();
    if (!more)
      return more.takeError();
    if (!*more)
      break;
    llvm::Expected<CandidateRow> row = impl->read(statement);
    if (!row) {
      llvm::consumeError(row.takeError());
      return next;
    }
    chain = link(chain, *row);
    if (row->id != next || row->chain != chain)
      return next;
    ++next;
  }

  // The rows are a chain; are they all of it?
  int64_t headCount = 0;
  llvm::StringRef headCountText, headChain;
  if (*head) {
    std::tie(headCountText, headChain) = llvm::StringRef(**head).split(' ');
    if (headCountText.getAsInteger(10, headCount) || headCount < 1)
      return 0;
  }
  if (headCount != next)
    return std::min(headCount, next);
  if (next > 0 && headChain != chain)
    return next - 1;
  return std::nullopt;
}

llvm::Expected<std::string> Archive::contentDigest() {
  Impl::Snapshot snapshot(*impl);
  if (llvm::Error error = snapshot.begin())
    return error;
  Digester digester;
  Statement statement(impl->database, impl->path, "SELECT key, value FROM meta ORDER BY key");
  while (true) {
    llvm::Expected<bool> more = statement.step();
    if (!more)
      return more.takeError();
    if (!*more)
      break;
    std::string key = statement.text(0);
    llvm::StringRef name(key);
    if (name.starts_with("clock.") || name.starts_with("archive."))
      continue;
    digester.add("m").addField(key).addField(statement.text(1));
  }
  if (llvm::Error error = forEach([&](const CandidateRow &row) {
        digester.add("c");
        encode(digester, row);
        return llvm::Error::success();
      }))
    return error;
  return digester.hex();
}
