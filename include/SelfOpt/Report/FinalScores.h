//===- FinalScores.h - Start and winner, seed by seed ---------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The archive holds what the search saw: validation, on the seeds that it selects with. What a reader wants to know of
// the start and of the winner are scores on fresh seeds, each for itself, on test too, and how their training went.
// They are kept in DIR/final.json, with the digest of the archive that they belong to, and made again when that is
// another one.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_REPORT_FINALSCORES_H
#define SELFOPT_REPORT_FINALSCORES_H

#include "SelfOpt/Report/Statistics.h"
#include "SelfOpt/Search/Archive.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace selfopt::report {

/// One training run of a program.
struct SeedScore {
  uint64_t seed = 0;
  bool failed = false; ///< Its loss was not finite; it has no scores.
  double validation = 0, test = 0;
};

struct ProgramScores {
  std::string name, digest;
  int64_t id = -1, parameters = 0, flopsPerExample = 0, trainFlops = 0, epochs = 0;
  double trainSeconds = 0; ///< Of one training run, on the machine that made this.
  std::vector<SeedScore> seeds;
  /// Mean training loss after epoch `lossEpochs[i]`, of each seed; at most 200 points.
  std::vector<int64_t> lossEpochs;
  std::vector<std::vector<double>> losses;

  std::vector<double> validations() const, tests() const; ///< Of the seeds that did not fail.
};

struct FinalScores {
  std::string source;        ///< The spec's file: data is looked for beside it.
  std::string archiveDigest; ///< What it was made from.
  std::string metric;
  bool maximize = true;
  uint64_t firstSeed = 0;
  int64_t seeds = 0;
  ProgramScores start, best;
  std::vector<ProgramScores> baselines; ///< Specs that were named to compare with.
};

/// Trains `program` of `spec` on fresh seeds and scores validation and test. The errors of the spec are diagnostics.
llvm::Expected<ProgramScores> scoreProgram(mlir::ModuleOp spec, llvm::StringRef program, llvm::StringRef metric,
                                           unsigned seeds, uint64_t firstSeed);

/// DIR/final.json if it belongs to the archive as it is and has `seeds` seeds (0: any number); nothing otherwise.
std::optional<FinalScores> loadFinalScores(llvm::StringRef directory, Archive &archive, unsigned seeds);

/// What is kept, or else the start and the winner of a finished search trained again, and kept. `source` may be empty.
llvm::Expected<FinalScores> finalScores(llvm::StringRef directory, Archive &archive, mlir::MLIRContext &context,
                                        llvm::StringRef source, unsigned seeds);
llvm::Error writeFinalScores(llvm::StringRef directory, const FinalScores &scores);

llvm::json::Object toJson(const ProgramScores &scores);
ProgramScores programFromJson(const llvm::json::Object &object);

/// The spec that the search of an archive started from. `source` is the file that the text stands for.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> specOfArchive(Archive &archive, mlir::MLIRContext &context,
                                                                llvm::StringRef source);
/// A meta key that must be there.
llvm::Expected<std::string> metaOf(Archive &archive, llvm::StringRef key);

/// A JSON object from a file; the error names the file.
llvm::Expected<llvm::json::Object> readJson(llvm::StringRef path);
llvm::Error writeJson(llvm::StringRef path, llvm::json::Object object);

} // namespace selfopt::report
#endif // SELFOPT_REPORT_FINALSCORES_H
