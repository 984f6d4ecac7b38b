//===- Archive.h - every candidate of a search, on disk ---------*- C++ -*-===//
//
// One SQLite file, DIR/archive.sqlite, that holds every proposal in its order, also the rejected ones.
//
// What it promises:
//  * kill -9 at any moment leaves a readable archive with the candidates 0 .. n-1 (a rollback journal, one transaction
//    per candidate or per batch). A power cut does so too, as far as the disk keeps what was synced.
//  * One process writes: DIR/archive.lock is locked with flock, which the kernel releases however the process ends.
//    Others may read at the same time.
//  * A changed, missing or cut-off row is found. Each row carries
//      chain(i) = BLAKE3(chain(i-1), every deterministic column of row i),   chain(-1) = 64 zeros
//    and the table `meta` the number of rows and the last link. That shows accidents and careless edits; whoever
//    computes the chain anew is only found by comparing contentDigest() with one that was kept elsewhere.
//  * Two runs of one search have the same contentDigest(): what clocks and machines decide (the columns wall, cpu and
//    worker, and meta keys that start with "clock.") is not part of it.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SEARCH_ARCHIVE_H
#define SELFOPT_SEARCH_ARCHIVE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace selfopt {

/// One row: what was proposed and what became of it.
struct CandidateRow {
  enum class Status { Evaluated, Reused, Rejected, Failed };

  int64_t id = 0; // position in the order of proposals, from 0
  std::string digest;
  int64_t parent = -1;  // id, or -1: the program that the search started from
  int64_t donor = -1;   // id of the second parent, whose parts the first mutation could take, or -1
  std::string mutation; // the mutation ops, as text, that lead from the parent to this one
  std::string program;  // the whole program, as text
  Status status = Status::Evaluated;
  std::string reason;       // why it was rejected or failed
  int64_t duplicateOf = -1; // id of the candidate whose result was reused, or -1
  std::string reusedBy;     // how that one was found: "digest" or "probe"; empty for others

  double budget = 1;      // the fraction of its epochs after which training paused and the candidate was scored
  int64_t continues = -1; // id of the candidate whose training it continues, or -1
  std::string startState; // digest of the state that training began from; empty: the initial one
  std::string state;      // digest of the state that it left (DIR/weights/DIGEST.state), where trainings pause
  std::string plan;       // digest of the complete planned program, where the search reuses by probe
  std::string probe;      // digest of what its first steps compute, likewise

  int64_t parameters = 0;
  int64_t flopsPerExample = 0;
  int64_t trainFlops = 0; // spent on it and on all that it continues
  int64_t memory = 0; // bytes
  uint64_t seed = 0;

  // Absent where there is none; NaN is stored as absent, and -0 as 0, since SQLite keeps neither.
  std::optional<double> validation;
  std::optional<double> trainLoss;
  std::string curve;    // JSON: the mean training loss of each epoch so far, first seed
  std::string scores;   // JSON
  std::string verdicts; // JSON

  // Not part of any digest.
  double wall = 0, cpu = 0; // seconds
  int64_t worker = -1;

  std::string chain; // filled in by the archive
};

/// "evaluated", "reused", "rejected", "failed".
llvm::StringRef statusName(CandidateRow::Status status);

/// An open archive; used by one thread at a time, and not across fork. Every error names the archive's path and says
/// what SQLite says; after an error nothing that was committed is lost, and the archive may be used on.
class Archive {
public:
  /// Begins an archive in `folder`, which is made where it does not exist. Fails where it holds an archive already.
  static llvm::Expected<std::unique_ptr<Archive>> create(llvm::StringRef folder);

  /// Opens an archive to append to it. Fails where there is none, where another process has it open for writing, and
  /// where the ids have a gap.
  static llvm::Expected<std::unique_ptr<Archive>> openForResume(llvm::StringRef folder);

  /// Opens an archive to read it, also while a search appends to it.
  static llvm::Expected<std::unique_ptr<Archive>> openReadOnly(llvm::StringRef folder);

  /// The same; an error also where a row is not what was archived.
  static llvm::Expected<std::unique_ptr<Archive>> openIntact(llvm::StringRef folder);

  /// Whether the folder holds an archive.
  static bool exists(llvm::StringRef folder);

  ~Archive();
  Archive(const Archive &) = delete;
  Archive &operator=(const Archive &) = delete;

  /// Appends a row; `row.id` must be size(). Fills `row.chain`. On the disk when it returns, or with commit() inside a
  /// batch.
  llvm::Error appendCandidate(CandidateRow &row);

  /// Between begin() and commit(), appended rows and set keys reach the disk together or not at all. An error in
  /// between drops the whole batch and ends it: size() is then what it was before begin().
  llvm::Error begin();
  llvm::Error commit();
  /// Drops the open batch, if there is one.
  void rollback();

  /// The number of candidates (of a batch too).
  llvm::Expected<int64_t> size();

  /// By id, ascending. `visit` ends the walk with an error, which is handed on.
  llvm::Error forEach(llvm::function_ref<llvm::Error(const CandidateRow &)> visit, int64_t from = 0);
  llvm::Expected<std::vector<CandidateRow>> loadAll();
  llvm::Expected<std::optional<CandidateRow>> get(int64_t id);
  /// The first candidate with this digest.
  llvm::Expected<std::optional<CandidateRow>> getByDigest(llvm::StringRef digest);

  /// The last candidate that a worker looked at with this digest and budget, from this state; with `mutation`, only one
  /// that the same mutations made.
  llvm::Expected<std::optional<CandidateRow>> findTrial(llvm::StringRef digest, double budget,
                                                        llvm::StringRef startState, llvm::StringRef mutation = "");
  /// The candidates 0 .. last with this probe digest that were no duplicates themselves.
  llvm::Expected<std::vector<CandidateRow>> findProbes(llvm::StringRef probe, int64_t last);

  /// Keys that start with "clock." stay out of contentDigest(); "archive." is the archive's own.
  llvm::Error setMeta(llvm::StringRef key, llvm::StringRef value);
  llvm::Expected<std::optional<std::string>> getMeta(llvm::StringRef key);

  /// The id of the first row that is not what was appended (changed, missing, or cut off at the end), or nothing.
  llvm::Expected<std::optional<int64_t>> verifyChain();

  /// One digest of all that is deterministic: meta, then every row, from the columns themselves and not from the chain.
  llvm::Expected<std::string> contentDigest();

  /// DIR/archive.sqlite
  llvm::StringRef path() const;

private:
  struct Impl;
  explicit Archive(std::unique_ptr<Impl> impl);
  static llvm::Expected<std::unique_ptr<Archive>> openForWriting(llvm::StringRef folder, bool resume);
  std::unique_ptr<Impl> impl;
};

} // namespace selfopt

#endif // SELFOPT_SEARCH_ARCHIVE_H
