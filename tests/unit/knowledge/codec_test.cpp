#include "engine/knowledge/codec.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "engine/knowledge/bucket.hpp"

namespace scanflow::knowledge {
namespace {

constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::uint64_t bits(double value) { return std::bit_cast<std::uint64_t>(value); }

TEST(Bits, AreReadAsTheyWereWritten) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    std::array<std::uint64_t, 40> words{};
    BitWriter out(words, 0);
    std::vector<std::pair<std::uint64_t, unsigned>> written;
    for (;;) {
      const auto count = static_cast<unsigned>(random() % 64 + 1);
      const std::uint64_t value = random() >> (64 - count);
      out.write(value, count);
      if (out.overflowed()) break;
      written.emplace_back(value, count);
    }
    EXPECT_GT(out.bits(), (words.size() - 1) * 64);
    BitReader in(words);
    for (const auto& [value, count] : written) ASSERT_EQ(in.read(count), value);
    EXPECT_EQ(in.at(), out.bits());
  }
}

TEST(Bits, WhatIsTruncatedLeavesNoTrace) {
  std::mt19937_64 random(2);
  for (std::size_t keep = 0; keep <= 256; ++keep) {
    std::array<std::uint64_t, 4> words{}, expected{};
    BitWriter out(words, 0), reference(expected, 0);
    for (std::size_t bit = 0; bit < 256; ++bit) {
      const std::uint64_t value = random() & 1;
      out.write(value, 1);
      if (bit < keep) reference.write(value, 1);
    }
    out.truncate(keep);
    EXPECT_EQ(words, expected) << keep;
    EXPECT_EQ(out.bits(), keep);
  }
}

TEST(Bits, BeyondTheEndThereAreZeros) {
  const std::array<std::uint64_t, 1> words = {~std::uint64_t{0}};
  BitReader in(words);
  EXPECT_EQ(in.read(60), (std::uint64_t{1} << 60) - 1);
  EXPECT_EQ(in.read(5), 0u);
}

/// The bits that it took.
std::size_t round_trip(const std::vector<Sample>& samples) {
  std::vector<std::uint64_t> words(samples.size() * 3 + 1);
  BitWriter out(words, 0);
  SampleState state;
  state.time.last_us = samples.front().time_us;
  for (const Sample& sample : samples) EXPECT_TRUE(write_sample(out, state, sample));
  SampleReader reader(BitReader(words), samples.front().time_us, samples.size());
  Sample read;
  for (const Sample& sample : samples) {
    EXPECT_TRUE(reader.next(read));
    EXPECT_EQ(read.time_us, sample.time_us);
    EXPECT_EQ(bits(read.value), bits(sample.value));
  }
  EXPECT_FALSE(reader.next(read));
  return out.bits();
}

TEST(Codec, KeepsEveryBitOfEveryValue) {
  const double signalling = std::bit_cast<double>(std::uint64_t{0x7ff4000000000001});
  round_trip({{0, 0.0},
              {1, -0.0},
              {2, std::nan("")},
              {3, -std::nan("17")},
              {4, signalling},
              {5, kInfinity},
              {6, -kInfinity},
              {7, std::numeric_limits<double>::denorm_min()},
              {8, std::numeric_limits<double>::max()},
              {9, std::numeric_limits<double>::lowest()},
              {10, std::bit_cast<double>(~std::uint64_t{0})},
              {11, std::bit_cast<double>(std::uint64_t{1})},
              {12, 1.0},
              {13, 1.0}});
}

TEST(Codec, TakesAnyTimeAfterAnyOther) {
  round_trip({{kLeast, 1}, {kMost, 1}, {kLeast, 1}, {0, 1}, {kMost, 1}, {-1, 1}, {kLeast, 1}});
  round_trip({{1000, 1}, {999, 1}, {0, 1}, {-5000, 1}, {-5000, 1}, {7, 1}});
  // Each bucket's edges.
  std::vector<Sample> edges = {{0, 0}};
  std::int64_t time_us = 0, delta = 0;
  for (const int bits_of_change : {9, 13, 20, 32}) {
    const std::int64_t half = std::int64_t{1} << (bits_of_change - 1);
    for (const std::int64_t change : {half - 1, half, -half, -half - 1}) {
      delta += change;
      time_us += delta;
      edges.push_back({time_us, 0});
    }
  }
  round_trip(edges);
}

TEST(Codec, CostsWhatIsSaid) {
  const auto bits_of_each = [](std::int64_t step_us, std::int64_t jitter_us) {
    std::vector<Sample> samples;
    for (std::int64_t i = 0; i < 1001; ++i) {
      samples.push_back({i * step_us + i % 2 * jitter_us, 5});
    }
    return static_cast<double>(round_trip(samples)) / 1000;
  };
  EXPECT_NEAR(bits_of_each(1'000'000, 0), 2, 0.2);  // one bit for the time, one for the value
  EXPECT_NEAR(bits_of_each(1'000'000, 120), 12, 0.2);
  EXPECT_NEAR(bits_of_each(1'000'000, 2'000), 17, 0.2);
  EXPECT_NEAR(bits_of_each(1'000'000, 200'000), 25, 0.2);
}

TEST(Codec, RandomSeriesComeBack) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 300; ++round) {
    const unsigned time_bits = static_cast<unsigned>(random() % 64), keep = random() % 64;
    std::vector<Sample> samples;
    Sample sample{static_cast<std::int64_t>(random()), 0};
    for (std::uint64_t count = random() % 200 + 1; count > 0; --count) {
      const std::uint64_t time =
          static_cast<std::uint64_t>(sample.time_us) + (random() >> time_bits) - random() % 2;
      sample.time_us = static_cast<std::int64_t>(time);
      const std::uint64_t value = bits(sample.value) ^ (random() >> keep << random() % 16);
      if (random() % 3 != 0) sample.value = std::bit_cast<double>(value);
      samples.push_back(sample);
    }
    round_trip(samples);
  }
}

TEST(Codec, WhatDoesNotFitChangesNothing) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 200; ++round) {
    std::array<std::uint64_t, 6> words{};
    BitWriter out(words, 0);
    SampleState state;
    std::size_t count = 0;
    for (;; ++count) {
      const auto before = words;
      const std::size_t bits_before = out.bits();
      const Sample sample{static_cast<std::int64_t>(random() >> random() % 64),
                          std::bit_cast<double>(random() >> random() % 64)};
      const std::int64_t last_us = state.time.last_us;
      if (write_sample(out, state, sample)) continue;
      EXPECT_EQ(words, before);
      EXPECT_EQ(out.bits(), bits_before);
      EXPECT_EQ(state.time.last_us, last_us);
      EXPECT_TRUE(write_sample(out, state, {last_us, std::bit_cast<double>(state.bits)}) ||
                  out.bits() > words.size() * 64 - 71);
      break;
    }
    EXPECT_GE(count, 2u);
  }
}

bool same(const Bucket& a, const Bucket& b) {
  return a.time_us == b.time_us && a.count == b.count && bits(a.sum) == bits(b.sum) &&
         bits(a.min) == bits(b.min) && bits(a.max) == bits(b.max) &&
         bits(a.first) == bits(b.first) && bits(a.last) == bits(b.last) &&
         bits(a.increase) == bits(b.increase);
}

TEST(BucketCodec, RandomBucketsComeBack) {
  std::mt19937_64 random(5);
  const auto number = [&] { return std::bit_cast<double>(random() >> random() % 64); };
  for (int round = 0; round < 200; ++round) {
    std::array<std::uint64_t, 27> words{};
    BitWriter out(words, 0);
    BucketState state;
    std::vector<Bucket> buckets;
    for (;;) {
      Bucket bucket{static_cast<std::int64_t>(random()),
                    random() % 50,
                    number(),
                    number(),
                    number(),
                    number(),
                    number(),
                    number()};
      if (random() % 3 == 0) bucket = Bucket::of({bucket.time_us, bucket.first});
      if (random() % 3 == 0) bucket.increase = bucket.last - bucket.first;
      if (!write_bucket(out, state, bucket)) break;
      buckets.push_back(bucket);
    }
    EXPECT_GE(buckets.size(), 2u);
    BitReader in(words);
    BucketState read;
    for (const Bucket& bucket : buckets) ASSERT_TRUE(same(read_bucket(in, read), bucket));
    EXPECT_EQ(in.at(), out.bits());
  }
}

TEST(BucketCodec, OfASteadySeriesItIsSmall) {
  std::array<std::uint64_t, 27> words{};
  BitWriter out(words, 0);
  BucketState state;
  std::size_t buckets = 0;
  while (write_bucket(out, state,
                      {static_cast<std::int64_t>(buckets) * 30'000'000, 30, 90, 3, 3, 3, 3, 0})) {
    ++buckets;
  }
  EXPECT_GT(buckets, 150u);  // 9 bits each
}

TEST(Bucket, NaNHasNoPartInSumsButIsTheLast) {
  Bucket bucket = Bucket::of({1, std::nan("")});
  EXPECT_EQ(bucket.count, 0u);
  bucket.absorb(Bucket::of({2, 4}), 0);
  bucket.absorb(Bucket::of({3, -2}), 0);
  bucket.absorb(Bucket::of({4, std::nan("")}), 0);
  EXPECT_EQ(bucket.count, 2u);
  EXPECT_EQ(bucket.sum, 2);
  EXPECT_EQ(bucket.min, -2);
  EXPECT_EQ(bucket.max, 4);
  EXPECT_TRUE(std::isnan(bucket.last));
  EXPECT_EQ(bucket.time_us, 4);
}

}  // namespace
}  // namespace scanflow::knowledge
