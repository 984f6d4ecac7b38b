//===- PolicyHarness.h - What the tests of policies share ----- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_TEST_SAFETY_POLICYHARNESS_H
#define SELFOPT_TEST_SAFETY_POLICYHARNESS_H

#include "../Runtime/Harness.h"
#include "SelfOpt/Safety/Policy.h"
#include "gtest/gtest.h"

namespace selfopt::test {

inline std::string digits() { return readExample("digits.mlir"); }

constexpr int64_t trainRows = 1078;

inline ProgramFacts factsOf(mlir::ModuleOp spec, std::optional<int64_t> arena = 83328) {
  ProgramFacts facts;
  facts.cost = programCost(spec, "fit", trainRows);
  facts.arenaBytes = arena;
  return facts;
}

/// The policy of `start`, asked about `candidate`.
inline std::vector<CheckResult> check(const std::string &start, const std::string &candidate,
                               std::optional<int64_t> arena = 83328) {
  auto spec = parse(start), other = parse(candidate);
  if (!spec || !other) {
    ADD_FAILURE() << "does not parse";
    return {};
  }
  auto policy = Policy::fix(*spec, "policy", "fit");
  if (llvm::failed(policy)) {
    ADD_FAILURE() << "the policy can't be fixed";
    return {};
  }
  return policy->check(*other, factsOf(*other, arena));
}

inline void expectResult(const std::vector<CheckResult> &results, llvm::StringRef constraint, Verdict verdict, llvm::StringRef detail) {
  for (const CheckResult &r : results)
    if (r.constraint == constraint) {
      EXPECT_EQ(stringifyVerdict(r.verdict), stringifyVerdict(verdict)) << constraint.str();
      EXPECT_EQ(r.detail, detail.str()) << constraint.str();
      return;
    }
  ADD_FAILURE() << "no constraint " << constraint.str();
}

} // namespace selfopt::test
#endif // SELFOPT_TEST_SAFETY_POLICYHARNESS_H
