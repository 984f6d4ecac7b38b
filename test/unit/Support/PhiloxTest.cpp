#include "SelfOpt/Support/Philox.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

using namespace selfopt;
using Words = std::array<uint32_t, 4>;

// kat_vectors of the Random123 distribution, the three philox4x32 10 lines.
TEST(Philox, KnownAnswersOfRandom123) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, CounterIsIndexThenStreamAndKeyIsSeed) {
  Philox random(/*seed=*/0x1111111122222222, /*stream=*/0x3333333344444444);
  for (uint32_t index = 0; index < 3; ++index) {
    Words block = philox4x32({index, 0, 0x44444444, 0x33333333}, {0x22222222, 0x11111111});
    for (uint32_t word : block)
      EXPECT_EQ(random.next32(), word);
  }
}

TEST(Philox, BelowIsUniformAndInRange) {
  Philox random(7);
  EXPECT_EQ(random.below(0), 0u);
  EXPECT_EQ(random.below(1), 0u);
  std::vector<int> counts(7);
  const int draws = 70000;
  for (int i = 0; i < draws; ++i) {
    uint64_t value = random.below(7);
    ASSERT_LT(value, 7u);
    ++counts[value];
  }
  // Chi-squared, 6 degrees of freedom: 22.46 is passed once in a thousand.
  double chi = 0;
  for (int count : counts)
    chi += (count - draws / 7.0) * (count - draws / 7.0) / (draws / 7.0);
  EXPECT_LT(chi, 22.46);
}

// With n = 3 * 2^62, a modulo or an unrejected multiplication would give one of the four quarters twice its share.
TEST(Philox, BelowIsUnbiasedForLargeBounds) {
  Philox random(8);
  const uint64_t third = uint64_t(1) << 62;
  std::vector<int> counts(3);
  for (int i = 0; i < 30000; ++i)
    ++counts[random.below(3 * third) % 3];
  for (int count : counts)
    EXPECT_NEAR(count, 10000, 350);
}

TEST(Philox, UniformAndNormalMoments) {
  Philox random(9);
  const int n = 200000;
  double sum = 0, square = 0, third = 0, uniforms = 0;
  for (int i = 0; i < n; ++i) {
    double u = random.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    uniforms += u;
    double z = random.normal();
    ASSERT_TRUE(std::isfinite(z));
    sum += z;
    square += z * z;
    third += z * z * z;
  }
  EXPECT_NEAR(uniforms / n, 0.5, 0.003);
  EXPECT_NEAR(sum / n, 0.0, 0.01);
  EXPECT_NEAR(square / n, 1.0, 0.015);
  EXPECT_NEAR(third / n, 0.0, 0.04);
}

TEST(Philox, ShuffleIsAUniformPermutation) {
  Philox random(10);
  std::array<std::array<int, 4>, 4> counts{};
  for (int round = 0; round < 40000; ++round) {
    std::vector<int32_t> values = {0, 1, 2, 3};
    shuffle(values, random);
    EXPECT_EQ(std::accumulate(values.begin(), values.end(), 0), 6);
    for (int place = 0; place < 4; ++place)
      ++counts[place][values[place]];
  }
  for (auto &place : counts)
    for (int count : place)
      EXPECT_NEAR(count, 10000, 450);
}

TEST(Philox, WeightedOrderFollowsTheWeights) {
  // First places as the weights; second places as successive sampling without replacement says.
  const std::vector<float> weights = {1, 2, 3, 4};
  std::array<int, 4> first{}, second{};
  Philox random(11);
  const int rounds = 50000;
  std::vector<int32_t> order(4);
  for (int round = 0; round < rounds; ++round) {
    weightedOrder(weights, order, random);
    ++first[order[0]];
    ++second[order[1]];
  }
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(first[i] / double(rounds), weights[i] / 10.0, 0.01);
    double expected = 0;
    for (int j = 0; j < 4; ++j)
      if (j != i)
        expected += weights[j] / 10.0 * weights[i] / (10.0 - weights[j]);
    EXPECT_NEAR(second[i] / double(rounds), expected, 0.01);
  }
}

TEST(Philox, WeightedOrderPutsUnusableWeightsLastInRandomOrder) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> weights = {0, -1, 1e-30f, nan, infinity, 5};
  Philox random(12);
  std::vector<int32_t> order(weights.size());
  std::array<int, 6> atEnd{};
  for (int round = 0; round < 3000; ++round) {
    weightedOrder(weights, order, random);
    std::vector<int32_t> sorted = order;
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(sorted, (std::vector<int32_t>{0, 1, 2, 3, 4, 5}));
    ASSERT_EQ(order[0], 4);
    ASSERT_EQ(order[1], 5);
    ASSERT_EQ(order[2], 2);
    ++atEnd[order[5]];
  }
  for (int i : {0, 1, 3})
    EXPECT_NEAR(atEnd[i], 1000, 120);
}

TEST(Philox, WeightedOrderIsOneNumberPerIndex) {
  std::vector<float> weights(50, 1.0f);
  std::vector<int32_t> before(50), after(50);
  Philox a(13), b(13);
  weightedOrder(weights, before, a);
  weights[17] = 0;
  weightedOrder(weights, after, b);
  EXPECT_EQ(after.back(), 17);
  before.erase(std::find(before.begin(), before.end(), 17));
  after.pop_back();
  EXPECT_EQ(before, after);
}
