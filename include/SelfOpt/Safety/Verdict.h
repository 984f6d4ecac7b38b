//===- Verdict.h - What a check answers --------------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_VERDICT_H
#define SELFOPT_SAFETY_VERDICT_H

#include "llvm/Support/JSON.h"
#include <string>

namespace selfopt {

enum class Verdict { Holds, Violated, Unknown };
inline llvm::StringRef stringifyVerdict(Verdict verdict) {
  return verdict == Verdict::Holds ? "holds" : verdict == Verdict::Violated ? "violated" : "unknown";
}

struct ProofResult {
  Verdict verdict = Verdict::Unknown;
  std::string engine; ///< "intervals", "branch and bound", "algebra", "smt", "table", ..., or where a witness is from.
  std::string detail; ///< The witness (violated), the reason (unknown), or what was shown (holds).
  llvm::json::Value evidence = nullptr;
};

} // namespace selfopt
#endif // SELFOPT_SAFETY_VERDICT_H
