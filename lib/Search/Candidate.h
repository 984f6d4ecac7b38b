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

/// What a worker is asked: a program, and which part of its training.
struct CandidateRequest {
  int64_t id = 0;
  std::string program;
  double budget = 1;      ///< Training pauses after this fraction of its epochs.
  std::string startState; ///< Where it goes on from; empty: from the beginning.
  std::string parent;     ///< The program that the state is of, where the weights must be carried to this one.
  int64_t spent = 0;      ///< FLOPs of the trainings that led to that state.
  bool pause = false;     ///< Leave a state behind.
  bool probe = false;     ///< Reuse the result of an earlier candidate whose probe and plan are the same,
  int64_t lookBack = -1;  ///< of the candidates up to this one.
};

struct CandidateResult {
  CandidateRow::Status status = CandidateRow::Status::Failed;
  std::string reason;
  std::string machineProblem; ///< What the machine did wrong and not the candidate (a full disk): the search stops.
  int64_t parameters = 0, flopsPerExample = 0, trainFlops = 0, memory = 0;
  std::optional<double> validation, trainLoss;
  std::string state, curve, plan, probe;
  int64_t sameAs = -1; ///< The candidate whose result this one has, found by probe and confirmed by plan.
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
  std::string directory; ///< Of the archive: states are read and written there.

  CandidateResult evaluate(const CandidateRequest &request);

private:
  /// The earlier candidate that is this program, or -1.
  llvm::Expected<int64_t> findSame(const CandidateResult &result, int64_t lookBack) const;
};

std::optional<double> metricOf(const ScoreOutcome &score, llvm::ArrayRef<std::string> names, llvm::StringRef metric);

/// A request as a line of JSON, and the program behind it.
std::string encodeRequest(const CandidateRequest &request);
bool decodeRequest(llvm::StringRef text, CandidateRequest &request);

/// A result as one line of JSON, and back into a row.
std::string encodeResult(const CandidateResult &result);
bool decodeResult(llvm::StringRef text, CandidateRow &row, std::string &machineProblem);

} // namespace selfopt
#endif // SELFOPT_SEARCH_CANDIDATE_H
