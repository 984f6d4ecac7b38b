//===- TrainedHarness.h - Programs that were trained, for tests of weights -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_TEST_UNIT_SAFETY_TRAINEDHARNESS_H
#define SELFOPT_TEST_UNIT_SAFETY_TRAINEDHARNESS_H

#include "../Runtime/Harness.h"
#include "SelfOpt/Safety/BoundPropagation.h"
#include "gtest/gtest.h"

namespace selfopt::test {

inline std::string digits() { return readExample("digits.mlir"); }

inline TrainedWeights weightsOf(Twin &twin) {
  return llvm::cantFail(TrainedWeights::decode("test", encodeParameters(*twin.executable, twin.planned)));
}
/// Of a program that was trained from seed 1000; null where it can't be, with a failure.
inline std::unique_ptr<Twin> trainedTwin(const std::string &text) {
  auto twin = Twin::make(text);
  EXPECT_TRUE(twin);
  if (!twin)
    return nullptr;
  twin->executable->initialize(1000);
  EXPECT_FALSE(twin->executable->train().diverged);
  return twin;
}

} // namespace selfopt::test
#endif // SELFOPT_TEST_UNIT_SAFETY_TRAINEDHARNESS_H
