// What is left of samples when they have become buckets, against the reference that has them all.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/knowledge/knowledge.hpp"
#include "tests/unit/knowledge/reference.hpp"

namespace scanflow::knowledge {
namespace {

constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kMinutes = 40, kLong = kMinutes * 60 * kSecond;

Options aging() {
  Options options;
  options.short_us = 10 * kSecond;
  options.long_us = 60 * kSecond;
  options.keep_raw_us = 30 * kSecond;
  options.keep_short_us = 300 * kSecond;
  options.keep_long_us = 100 * kHour;
  return options;
}

/// A few series of one metric, for forty minutes.
struct Old {
  Knowledge knowledge{aging()};
  std::vector<ReferenceSeries> all;
  std::int64_t now_us = kStart;

  Old(Kind kind, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<SeriesId> ids;
    std::vector<Values> values;
    std::vector<std::int64_t> paces;  // of some, in us, fewer samples than buckets
    for (int i = 0; i < 4; ++i) {
      all.push_back({{{"pod", fmt::format("p{}", i)}}, kind, {}});
      ids.push_back(knowledge.add("m", all.back().labels, kind, kStart).value());
      values.emplace_back(kind, random());
      paces.push_back(i == 0 ? 25 * kSecond : (1 << i) * kSecond / 4);
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (std::int64_t at_us = kStart; at_us < kStart + kLong;) {
        at_us += static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(paces[i])) + 1;
        if (at_us % kSecond == 0) ++at_us;  // none where a bucket or window ends
        all[i].samples.push_back({at_us, values[i].next()});
      }
    }
    std::vector<std::size_t> next(all.size());
    for (; now_us <= kStart + kLong; now_us += kSecond) {
      for (std::size_t i = 0; i < all.size(); ++i) {
        while (next[i] < all[i].samples.size() && all[i].samples[next[i]].time_us <= now_us) {
          const Outcome outcome = knowledge.append(ids[i], all[i].samples[next[i]++], now_us);
          EXPECT_EQ(outcome, Outcome::accepted);
        }
      }
      knowledge.maintain(now_us);
    }
  }

  Answer ask(Function function, std::int64_t from_us, std::int64_t to_us, double q = 0.5) const {
    const auto answer = knowledge.ask({"m", {}, function, to_us - from_us, q}, to_us);
    EXPECT_TRUE(answer);
    return *answer;
  }
  std::optional<double> expected(Function function, std::int64_t from_us, std::int64_t to_us,
                                 double q = 0.5) const {
    return reference(all, {"m", {}, function, to_us - from_us, q}, to_us);
  }
};

void expect_near(std::optional<double> found, std::optional<double> expected,
                 const std::string& what) {
  ASSERT_EQ(found.has_value(), expected.has_value()) << what;
  if (!expected || (std::isnan(*expected) && std::isnan(*found))) return;
  EXPECT_NEAR(*found, *expected, 1e-8 * (1 + std::abs(*expected))) << what;
}

void compare(Kind kind, std::uint64_t seed) {
  const Old old(kind, seed);
  EXPECT_GT(old.knowledge.usage().folded, 20u);
  std::vector<Function> functions = {Function::last, Function::avg, Function::min, Function::max,
                                     Function::sum};
  if (kind == Kind::counter)
    functions.insert(functions.end(), {Function::increase, Function::rate});
  std::mt19937_64 random(seed);
  int coarse = 0;
  for (int i = 0; i < 60; ++i) {
    const auto minute = static_cast<std::int64_t>(random() % (kMinutes - 1));
    const auto minutes =
        static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(kMinutes - minute)) + 1;
    const std::int64_t from_us = kStart + minute * 60 * kSecond;
    const std::int64_t to_us = from_us + minutes * 60 * kSecond;
    for (const Function function : functions) {
      const Answer found = old.ask(function, from_us, to_us);
      coarse += found.coarse ? 1 : 0;
      expect_near(found.value, old.expected(function, from_us, to_us),
                  fmt::format("seed {} function {} minutes {} to {}", seed,
                              static_cast<int>(function), minute, minute + minutes));
    }
    // Of a quantile, the ends.
    for (const double q : {0.0, 1.0}) {
      expect_near(old.ask(Function::quantile, from_us, to_us, q).value,
                  old.expected(Function::quantile, from_us, to_us, q), "quantile");
    }
  }
  EXPECT_GT(coarse, 60);
}

TEST(Aging, OfGaugesKeepsWhatWindowsOfBucketsSay) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) compare(Kind::gauge, seed);
}

TEST(Aging, OfCountersKeepsWhatWindowsOfBucketsSay) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) compare(Kind::counter, seed);
}

TEST(Aging, WindowsThatFollowEachOtherAddUpWhereverTheyAreCut) {
  const Old old(Kind::counter, 7);
  std::mt19937_64 random(7);
  const std::int64_t end_us = kStart + kLong;
  const double whole = *old.ask(Function::increase, kStart, end_us).value;
  for (int i = 0; i < 200; ++i) {
    const std::int64_t cut_us =
        kStart + 60 * kSecond + static_cast<std::int64_t>(random() % (kLong - 100 * kSecond));
    EXPECT_NEAR(*old.ask(Function::increase, kStart, cut_us).value +
                    *old.ask(Function::increase, cut_us, end_us).value,
                whole, 1e-6 * whole);
  }
}

TEST(Aging, ABucketBelongsToTheWindowOfItsNewestSample) {
  const Old old(Kind::gauge, 8);
  const std::int64_t end_us = kStart + kLong, long_us = aging().long_us;
  for (std::int64_t second = 0; second < 1800; second += 17) {
    const std::int64_t from_us = kStart + second * kSecond;
    const auto found = old.ask(Function::sum, from_us, end_us).samples;
    const auto count = [&](std::int64_t since_us) {
      std::size_t samples = 0;
      for (const ReferenceSeries& series : old.all) {
        for (const Sample& sample : series.samples) {
          samples +=
              sample.time_us > since_us && sample.time_us <= end_us && !std::isnan(sample.value)
                  ? 1
                  : 0;
        }
      }
      return samples;
    };
    EXPECT_GE(found, count(from_us)) << second;
    EXPECT_LE(found, count(from_us - long_us)) << second;
  }
}

TEST(Aging, RangesAddUpToo) {
  const Old old(Kind::counter, 9);
  const std::int64_t end_us = kStart + kLong;
  const Range range = *old.knowledge.range({"m", {}, kStart, end_us, 600 * kSecond, 100});
  ASSERT_EQ(range.lines.size(), 4u);
  double increase = 0;
  for (const Line& line : range.lines) {
    EXPECT_EQ(line.points.size(), 4u);
    for (const Point& point : line.points) increase += point.values.increase;
  }
  EXPECT_NEAR(increase, *old.ask(Function::increase, kStart, end_us).value, 1e-6 * increase);
}

TEST(Aging, AtLastAllButWhatHasNotFilledABlockIsDropped) {
  Options options = aging();
  options.keep_long_us = 1000 * kSecond;
  Knowledge knowledge(options);
  const SeriesId id = knowledge.add("m", {}, Kind::gauge, kStart).value();
  std::mt19937_64 random(1);
  std::int64_t now_us = kStart;
  for (int i = 0; i < 50'000; ++i, now_us += kSecond) {
    knowledge.append(id, {now_us, std::normal_distribution<double>(0, 1)(random)}, now_us);
    if (i % 10 == 0) knowledge.maintain(now_us);
  }
  EXPECT_GT(knowledge.usage().dropped, 10u);
  // 30 s raw, 270 s of 10 s, 700 s of 60 s; and in each tier a block that is not full.
  EXPECT_LE(knowledge.usage().blocks, 24u);
  const Answer all = *knowledge.ask({"m", {}, Function::sum, 100'000 * kSecond}, now_us);
  EXPECT_GT(all.samples, 1000u);
  EXPECT_LT(all.samples, 2000u);
}

}  // namespace
}  // namespace scanflow::knowledge
