//===- Verdict.h - What a check answers ---------------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_VERDICT_H
#define SELFOPT_SAFETY_VERDICT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/JSON.h"
#include <string>

namespace selfopt {

enum class Verdict { Holds, Violated, Unknown };
llvm::StringRef stringifyVerdict(Verdict verdict);

/// The answer of a proof engine about one property of one program.
struct ProofResult {
  Verdict verdict = Verdict::Unknown;
  std::string engine;                   ///< What decided: "intervals", "smt", "simulation".
  std::string detail;                   ///< The bound (holds), the witness (violated), or the reason (unknown).
  llvm::json::Value evidence = nullptr; ///< What it decided by, as docs/Safety.md says.
};

} // namespace selfopt
#endif // SELFOPT_SAFETY_VERDICT_H
