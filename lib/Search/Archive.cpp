//===- Archive.cpp - every candidate of a search, on disk -----------------===//

#include "SelfOpt/Search/Archive.h"
#include "ArchiveRow.h"
#include "ArchiveSql.h"
#include "SelfOpt/Support/Digest.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

using namespace selfopt;
using namespace selfopt::archive;

static constexpr llvm::StringLiteral headKey = "archive.head";

struct Archive::Impl {
  std::string path;
  sqlite3 *database = nullptr;
  int lock = -1;
  bool writable = false;
  bool inBatch = false;
  std::string columns = archive::columns; // as this archive's version has them
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
    if (*version < oldestVersion || *version > schemaVersion)
      return failure("expected an archive of version " + llvm::Twine(schemaVersion) + ", found version " +
                     llvm::Twine(*version) + (*version < schemaVersion ? ", of an older release" : ", of a newer release"));
    columns = columnsOf(*version);
    // The rows keep their digests; the process that writes brings the tables up to date.
    if (!writable || *version == schemaVersion)
      return llvm::Error::success();
    columns = columnsOf(schemaVersion);
    return run(std::string("BEGIN IMMEDIATE;") + migration +
               "PRAGMA user_version = " + std::to_string(schemaVersion) + "; COMMIT");
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

  llvm::Expected<std::optional<CandidateRow>> first(Statement &statement) {
    llvm::Expected<bool> more = statement.step();
    if (!more)
      return more.takeError();
    if (!*more)
      return std::nullopt;
    llvm::Expected<CandidateRow> row = read(statement, path);
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

  // A process that was killed in its first transaction leaves a file that SQLite rolls back to an empty one.
  llvm::Expected<int64_t> version = impl->integer("PRAGMA user_version");
  if (!version)
    return version.takeError();
  llvm::Expected<int64_t> tables = impl->integer("SELECT count(*) FROM sqlite_master");
  if (!tables)
    return tables.takeError();
  if (!resume || (*version == 0 && *tables == 0)) {
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

llvm::Expected<std::unique_ptr<Archive>> Archive::openIntact(llvm::StringRef folder) {
  auto archive = openReadOnly(folder);
  if (!archive)
    return archive.takeError();
  auto bad = (*archive)->verifyChain();
  if (!bad)
    return bad.takeError();
  if (*bad)
    return llvm::createStringError(std::make_error_code(std::errc::invalid_argument),
                                   folder + ": row " + llvm::Twine(**bad) + " is not what was archived");
  return archive;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

llvm::Error Archive::appendCandidate(CandidateRow &row) {
  canonicalise(row.validation);
  canonicalise(row.trainLoss);
  row.parent = std::max<int64_t>(row.parent, -1);
  row.duplicateOf = std::max<int64_t>(row.duplicateOf, -1);
  row.continues = std::max<int64_t>(row.continues, -1);
  row.donor = std::max<int64_t>(row.donor, -1);
  if (std::isnan(row.budget))
    return impl->failure("expected a budget, found NaN");
  return impl->inTransaction([&]() -> llvm::Error {
    if (row.id != impl->count)
      return impl->failure("expected candidate " + llvm::Twine(impl->count) + " next, found " + llvm::Twine(row.id));
    row.chain = link(impl->chain, row);
    if (llvm::Error error = insert(impl->database, impl->path, row))
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
                      "SELECT " + impl->columns + " FROM candidate WHERE id >= ? ORDER BY id");
  statement.bind(from);
  while (true) {
    llvm::Expected<bool> more = statement.step();
    if (!more)
      return more.takeError();
    if (!*more)
      return llvm::Error::success();
    llvm::Expected<CandidateRow> row = read(statement, impl->path);
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
  Statement statement(impl->database, impl->path, "SELECT " + impl->columns + " FROM candidate WHERE id = ?");
  statement.bind(id);
  return impl->first(statement);
}

llvm::Expected<std::optional<CandidateRow>> Archive::getByDigest(llvm::StringRef digest) {
  Statement statement(impl->database, impl->path,
                      "SELECT " + impl->columns + " FROM candidate WHERE digest = ? ORDER BY id LIMIT 1");
  statement.bind(digest);
  return impl->first(statement);
}

llvm::Expected<std::optional<CandidateRow>> Archive::findTrial(llvm::StringRef digest, double budget,
                                                               llvm::StringRef startState, llvm::StringRef mutation) {
  Statement statement(impl->database, impl->path,
                      "SELECT " + impl->columns +
                          " FROM candidate WHERE digest = ? AND budget = ? AND start_state = ? AND " +
                          (mutation.empty() ? "" : "mutation = ? AND ") +
                          "reused_by <> 'digest' ORDER BY id DESC LIMIT 1");
  statement.bind(digest).bind(budget).bind(startState);
  if (!mutation.empty())
    statement.bind(mutation);
  return impl->first(statement);
}

llvm::Expected<std::vector<CandidateRow>> Archive::findProbes(llvm::StringRef probe, int64_t last) {
  Statement statement(impl->database, impl->path,
                      "SELECT " + impl->columns +
                          " FROM candidate WHERE probe = ? AND id <= ? AND duplicate_of IS NULL ORDER BY id");
  statement.bind(probe).bind(last);
  std::vector<CandidateRow> rows;
  while (true) {
    llvm::Expected<bool> more = statement.step();
    if (!more)
      return more.takeError();
    if (!*more)
      return rows;
    llvm::Expected<CandidateRow> row = read(statement, impl->path);
    if (!row)
      return row.takeError();
    rows.push_back(std::move(*row));
  }
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
  Statement statement(impl->database, impl->path, "SELECT " + impl->columns + " FROM candidate ORDER BY id");
  while (true) {
    llvm::Expected<bool> more = statement.step();
    if (!more)
      return more.takeError();
    if (!*more)
      break;
    llvm::Expected<CandidateRow> row = read(statement, impl->path);
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
