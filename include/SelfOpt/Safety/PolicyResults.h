//===- PolicyResults.h - What a search makes of a policy's answers -- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_SAFETY_POLICYRESULTS_H
#define SELFOPT_SAFETY_POLICYRESULTS_H

#include "SelfOpt/Safety/Policy.h"

namespace selfopt {

/// Whether there is a result and every one holds; `reason` gets "violated limit parameters: 20001 > 20000" of the first that
/// doesn't.
bool allHold(llvm::ArrayRef<CheckResult> results, std::string *reason = nullptr);
llvm::json::Array toJson(llvm::ArrayRef<CheckResult> results);

} // namespace selfopt
#endif // SELFOPT_SAFETY_POLICYRESULTS_H
