//===- Candidate.h - What a worker does with a candidate -------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SEARCH_CANDIDATE_H
#define SELFOPT_SEARCH_CANDIDATE_H

#include "SelfOpt/Runtime/Executable.h"
#include "SelfOpt/Safety/Policy.h"
#include "SelfOpt/Search/Archive.h"
#include "mlir/IR/MLIRContext.h"

namespace selfopt {

struct CandidateResult {
  CandidateRow::Status status = CandidateRow::Status::Failed;
  std::string reason;
  int64_t parameters = 0, flopsPerExample = 0, trainFlops = 0, memory = 0;
  std::optional<double> validation, trainLoss;
  llvm::json::Array scores, verdicts;
};

/// Checks, compiles, trains and scores; the order is that of the design: nothing runs before every check holds.
struct CandidateEvaluator {
  mlir::MLIRContext &context;
  const Policy &policy;
  std::string program, metric;
  std::string source; ///< The spec's file: data is looked for beside it.
  int64_t trainRows = 0, repeats = 1;
  uint64_t seed = 0;

  CandidateResult evaluate(llvm::StringRef text);

private:
  static bool isMemory(const CheckResult &c);
};

std::optional<double> metricOf(const ScoreOutcome &score, llvm::ArrayRef<std::string> names, llvm::StringRef metric);

/// A result as one line of JSON, and back into a row.
std::string encodeResult(const CandidateResult &result);
bool decodeResult(llvm::StringRef text, CandidateRow &row);

} // namespace selfopt
#endif // SELFOPT_SEARCH_CANDIDATE_H
