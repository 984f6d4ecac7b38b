//===- Bench.h - What the benchmarks share ----------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_TEST_BENCH_BENCH_H
#define SELFOPT_TEST_BENCH_BENCH_H

#include "SelfOpt/InitAll.h"
#include "mlir/IR/MLIRContext.h"
#include <algorithm>
#include <chrono>
#include <memory>
#include <sched.h>
#include <vector>

namespace selfopt::bench {

/// Seconds on a clock that only goes forward.
inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline double median(std::vector<double> x) {
  std::nth_element(x.begin(), x.begin() + x.size() / 2, x.end());
  return x[x.size() / 2];
}

/// Keeps the process on the first core, so that what is compared runs on one.
inline void pinToCore() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  sched_setaffinity(0, sizeof(one), &one);
}

/// With all that specs are made of, and no threads beside the one that is measured.
inline std::unique_ptr<mlir::MLIRContext> makeContext() {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  auto context = std::make_unique<mlir::MLIRContext>(registry, mlir::MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  return context;
}

} // namespace selfopt::bench
#endif // SELFOPT_TEST_BENCH_BENCH_H
