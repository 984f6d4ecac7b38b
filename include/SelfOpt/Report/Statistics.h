//===- Statistics.h - Means, intervals, fronts ----------------- -*- C++ -*-===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Intervals are percentile bootstrap intervals of a mean (Efron and Tibshirani, "An Introduction to the Bootstrap",
// 1993, chapter 13): the sample is drawn from with replacement `resamples` times, and the interval runs between the 2.5
// % and the 97.5 % quantile of the means of those draws. The draws come from Philox with a fixed seed, so the same
// numbers give the same interval everywhere.
//
// What it is not: exact. A sample of n values can't know more of its spread than n values say, and for small n the
// interval is too narrow: for normal data it covers the mean some 84 % of the time at n = 5, 90 % at n = 10 and 94 % at
// n = 30. The pages that print an interval say so.
//
// Differences are paired: both arms of a comparison share their seeds, so the differences per seed are what is drawn
// from, and what the seeds have in common cancels.
//
//===----------------------------------------------------------------------===//
#ifndef SELFOPT_REPORT_STATISTICS_H
#define SELFOPT_REPORT_STATISTICS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/JSON.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace selfopt::report {

inline constexpr unsigned bootstrapResamples = 10000;
inline constexpr uint64_t bootstrapSeed = 0x5e1f0b7;

/// A mean and its 95 % interval. With one value the interval is that value; with none all are 0.
struct Estimate {
  double mean = 0, low = 0, high = 0;
  unsigned count = 0;
  bool excludesZero() const { return count > 1 && (low > 0 || high < 0); }
};

/// The mean of a sample with its percentile bootstrap interval.
Estimate bootstrapMean(llvm::ArrayRef<double> sample, unsigned resamples = bootstrapResamples,
                       uint64_t seed = bootstrapSeed);

/// The mean of a[i] - b[i] with its interval; the arrays are of one size.
Estimate pairedDifference(llvm::ArrayRef<double> a, llvm::ArrayRef<double> b);

double meanOf(llvm::ArrayRef<double> sample); ///< 0 for an empty one.

/// The q-quantile of a sorted sample, between its values by linear interpolation (type 7 of Hyndman and Fan 1996, the
/// default of NumPy and R).
double quantile(llvm::ArrayRef<double> sorted, double q);

llvm::json::Object toJson(const Estimate &estimate);
std::optional<Estimate> estimateFromJson(const llvm::json::Object *object);

/// How the pages and docs name the method.
llvm::StringRef bootstrapNote();

} // namespace selfopt::report
#endif // SELFOPT_REPORT_STATISTICS_H
