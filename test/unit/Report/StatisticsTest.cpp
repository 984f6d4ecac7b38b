//===- StatisticsTest.cpp - Means, intervals, fronts --------------------------===//
//
// Part of the SelfOpt Project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SelfOpt/Report/Statistics.h"
#include "SelfOpt/Support/Philox.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace selfopt;
using namespace selfopt::report;

namespace {

TEST(Quantile, InterpolatesAsNumPyDoes) {
  // numpy.quantile([1, 2, 4, 8, 16], q)
  const double sample[] = {1, 2, 4, 8, 16};
  EXPECT_DOUBLE_EQ(quantile(sample, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(sample, 1), 16);
  EXPECT_DOUBLE_EQ(quantile(sample, 0.5), 4);
  EXPECT_DOUBLE_EQ(quantile(sample, 0.025), 1.1);
  EXPECT_DOUBLE_EQ(quantile(sample, 0.9), 12.8);
  EXPECT_DOUBLE_EQ(quantile({}, 0.5), 0);
}

/// Quantiles of the exact bootstrap distribution, all n^n resamples, made offline with NumPy:
///   means = numpy.array(list(itertools.product(x, repeat=len(x)))).mean(axis=1); numpy.quantile(means, [0.025, 0.975])
struct Exact {
  std::vector<double> sample;
  double low, high;
};

TEST(Bootstrap, AgreesWithTheExactDistribution) {
  const Exact cases[] = {{{1, 2, 3, 4, 5}, 1.8, 4.2},
                         {{0.9383, 0.9461, 0.9294, 0.9522, 0.9406}, 0.93452, 0.94764},
                         {{-1, 0, 10, 2, 0.5, 3}, 0.083333, 5.666667}};
  for (const Exact &c : cases) {
    Estimate e = bootstrapMean(c.sample);
    // The Monte Carlo error of a quantile from 10,000 draws, some three standard errors.
    double spread = c.high - c.low;
    EXPECT_NEAR(e.low, c.low, 0.03 * spread);
    EXPECT_NEAR(e.high, c.high, 0.03 * spread);
    EXPECT_NEAR(e.mean, meanOf(c.sample), 1e-12);
    EXPECT_EQ(e.count, c.sample.size());
  }
}

TEST(Bootstrap, IsDeterministic) {
  const double sample[] = {0.1, 0.4, 0.35, 0.8, 0.2};
  Estimate a = bootstrapMean(sample), b = bootstrapMean(sample);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  Estimate other = bootstrapMean(sample, bootstrapResamples, 7);
  EXPECT_NEAR(other.low, a.low, 0.02);
}

TEST(Bootstrap, FewValues) {
  Estimate none = bootstrapMean({});
  EXPECT_EQ(none.count, 0u);
  EXPECT_FALSE(none.excludesZero());
  Estimate one = bootstrapMean({0.5});
  EXPECT_EQ(one.low, 0.5);
  EXPECT_EQ(one.high, 0.5);
  EXPECT_FALSE(one.excludesZero()) << "one value says nothing of chance";
  Estimate same = bootstrapMean({0.25, 0.25, 0.25});
  EXPECT_EQ(same.low, 0.25);
  EXPECT_EQ(same.high, 0.25);
}

/// How often the interval of n normal values holds their mean. This is what the pages say of small samples.
double coverage(unsigned n) {
  unsigned held = 0;
  const unsigned trials = 1500;
  for (unsigned t = 0; t < trials; ++t) {
    Philox random(11, t);
    std::vector<double> sample;
    for (unsigned i = 0; i < n; ++i)
      sample.push_back(3 + random.normal());
    Estimate e = bootstrapMean(sample, 600, t);
    held += e.low <= 3 && 3 <= e.high;
  }
  return double(held) / trials;
}

TEST(Bootstrap, CoversAsOftenAsWeSay) {
  EXPECT_NEAR(coverage(5), 0.84, 0.03);
  EXPECT_NEAR(coverage(10), 0.90, 0.025);
  EXPECT_NEAR(coverage(30), 0.94, 0.02);
}

TEST(PairedDifference, WhatSeedsShareCancels) {
  // Far apart seeds, and always 0.01 between the arms.
  const double a[] = {0.51, 0.71, 0.91, 0.61}, b[] = {0.50, 0.70, 0.90, 0.60};
  Estimate d = pairedDifference(a, b);
  EXPECT_NEAR(d.mean, 0.01, 1e-12);
  EXPECT_TRUE(d.excludesZero());
  EXPECT_LT(d.high - d.low, 1e-9);
  Estimate back = pairedDifference(b, a);
  EXPECT_NEAR(back.mean, -0.01, 1e-12);
  EXPECT_TRUE(back.excludesZero());
  Estimate none = pairedDifference({1, 0, 1, 0}, {0, 1, 0, 1});
  EXPECT_FALSE(none.excludesZero());
}

TEST(Estimate, JsonAndBack) {
  Estimate e = bootstrapMean({1, 2, 3});
  llvm::json::Object o = toJson(e);
  auto back = estimateFromJson(&o);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->low, e.low);
  EXPECT_EQ(back->count, 3u);
  o.erase("low");
  EXPECT_FALSE(estimateFromJson(&o));
  EXPECT_FALSE(estimateFromJson(nullptr));
}

} // namespace
