//===- PolicyResults.cpp - What a search makes of a policy's answers -===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Safety/PolicyResults.h"

using namespace mlir;
using namespace selfopt;

bool selfopt::allHold(ArrayRef<CheckResult> results, std::string *reason) {
  // A policy that asks for nothing proves nothing.
  if (results.empty()) {
    if (reason)
      *reason = "unknown policy: no constraint was checked";
    return false;
  }
  for (const CheckResult &r : results)
    if (r.verdict != Verdict::Holds) {
      if (reason)
        *reason = (stringifyVerdict(r.verdict) + " " + r.constraint + ": " + r.detail).str();
      return false;
    }
  return true;
}

llvm::json::Array selfopt::toJson(ArrayRef<CheckResult> results) {
  llvm::json::Array array;
  for (const CheckResult &r : results)
    array.push_back(llvm::json::Object{
        {"constraint", r.constraint}, {"verdict", stringifyVerdict(r.verdict)}, {"detail", r.detail}});
  return array;
}
