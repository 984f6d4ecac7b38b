//===- SearchHarness.h - Whole searches, small ------------------ -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_TEST_SEARCH_SEARCHHARNESS_H
#define SELFOPT_TEST_SEARCH_SEARCHHARNESS_H

#include "../Runtime/Harness.h"
#include "SelfOpt/Search/Search.h"
#include "gtest/gtest.h"
#include <filesystem>
#include <unistd.h>

namespace selfopt::test {

/// The example with two epochs, one training per candidate, and a population that forty candidates fill.
inline std::string spec() {
  std::string text = replaced(readExample("digits.mlir"), "epochs = 20", "epochs = 2");
  text = replaced(text, "population(100) tournament(10)", "population(8) tournament(3)");
  return replaced(text, " repeats(3)", "");
}

inline std::string folder(const std::string &name) {
  namespace fs = std::filesystem;
  static const fs::path root = [] {
    fs::path made = fs::path(::testing::TempDir()) / ("selfopt-search-" + std::to_string(::getpid()));
    fs::create_directories(made / "cache");
    context(); // which wants no cache; forked workers share one here
    ::setenv("SELFOPT_CACHE_DIR", (made / "cache").c_str(), 1);
    std::atexit([] {
      std::error_code error;
      fs::remove_all(fs::path(::testing::TempDir()) / ("selfopt-search-" + std::to_string(::getpid())), error);
    });
    return made;
  }();
  return (root / name).string();
}

struct Finished {
  std::string directory, digest, error;
  SearchOutcome outcome;
};

/// Sixty points of a plane and some candidates a second more than the digits: test/Inputs/points.mlir with a strategy.
inline std::string points(const std::string &strategy) {
  auto buffer = llvm::MemoryBuffer::getFile(SELFOPT_SOURCE_DIR "/test/Inputs/points.mlir");
  return buffer ? replaced((*buffer)->getBuffer().str(), "aging population(8) tournament(3)", strategy) : std::string();
}

inline Finished runSearchOn(
    const std::string &name, const std::string &text, const SearchOptions &given,
    llvm::function_ref<void(const SearchProgress &)> report = [](const SearchProgress &) {}) {
  Finished run;
  run.directory = folder(name);
  // As if it stood beside its data.
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(&context()),
                                                        SELFOPT_SOURCE_DIR "/test/Inputs/spec.mlir");
  if (!module) {
    run.error = "does not parse";
    return run;
  }
  SearchOptions options = given;
  options.directory = run.directory;
  options.finalSeeds = 1;
  options.finalists = 2;
  auto outcome = runSearch(*module, options, report);
  if (!outcome) {
    run.error = llvm::toString(outcome.takeError());
    return run;
  }
  run.outcome = *outcome;
  auto archive = Archive::openReadOnly(run.directory);
  auto digest = archive ? (*archive)->contentDigest() : llvm::Expected<std::string>(archive.takeError());
  if (!digest)
    run.error = llvm::toString(digest.takeError());
  else
    run.digest = *digest;
  return run;
}

inline Finished runOnce(const std::string &name, const std::string &text, int64_t candidates, unsigned workers,
                        bool resume = false, std::optional<uint64_t> seed = {}) {
  SearchOptions options;
  options.workers = workers;
  options.candidates = candidates;
  options.resume = resume;
  options.seed = seed;
  options.limits.wallSeconds = 120;
  return runSearchOn(name, text, options);
}

inline std::vector<CandidateRow> rowsOf(const Finished &run) {
  auto archive = Archive::openReadOnly(run.directory);
  auto rows = archive ? (*archive)->loadAll() : llvm::Expected<std::vector<CandidateRow>>(archive.takeError());
  if (!rows) {
    ADD_FAILURE() << llvm::toString(rows.takeError());
    return {};
  }
  return *rows;
}

} // namespace selfopt::test
#endif // SELFOPT_TEST_SEARCH_SEARCHHARNESS_H
