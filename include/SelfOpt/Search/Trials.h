//===- Trials.h - Programs beside a search's, judged its way --- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What explains a winner asks of its variants what the search asked of candidates: that they keep the policy, and what
// they score on validation, here on several training seeds of the caller's. They run in worker processes, as candidates
// do, and the answer depends on nothing but the program and the seeds.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SEARCH_TRIALS_H
#define SELFOPT_SEARCH_TRIALS_H

#include "SelfOpt/Search/Archive.h"
#include "SelfOpt/Search/WorkerPool.h"
#include "mlir/IR/BuiltinOps.h"

namespace selfopt {

struct TrialResult {
  CandidateRow::Status status = CandidateRow::Status::Failed;
  std::string reason; ///< Why it was rejected or failed.
  int64_t parameters = 0, flopsPerExample = 0, trainFlops = 0;
  std::vector<double> validation; ///< One per seed; empty unless evaluated.
  double cpu = 0;                 ///< Seconds.
};

class TrialRunner {
public:
  /// Fixes the policy of `spec` as its search does. Errors of the spec are diagnostics as well.
  static llvm::Expected<std::unique_ptr<TrialRunner>> create(mlir::ModuleOp spec, uint64_t firstSeed, unsigned workers);
  ~TrialRunner();

  /// Trains each program on `seeds` seeds, from the first on; the results in the order of the programs. One that
  /// diverges on a seed has failed.
  llvm::Expected<std::vector<TrialResult>> run(llvm::ArrayRef<std::string> programs, unsigned seeds);
  unsigned workers() const;

private:
  struct Impl;
  explicit TrialRunner(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

} // namespace selfopt
#endif // SELFOPT_SEARCH_TRIALS_H
