// Whatever arrives, memory stays within its bounds: as the object says, and as the heap does.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/knowledge/knowledge.hpp"
#include "tests/unit/knowledge/counted_heap.hpp"
#include "tests/unit/knowledge/reference.hpp"

namespace scanflow::knowledge {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

Options budget(std::size_t bytes) {
  Options options;
  options.budget_bytes = bytes;
  return options;
}

struct Watched {
  std::size_t before = heap_bytes();
  Knowledge knowledge;
  std::size_t most = 0;

  explicit Watched(const Options& options) : knowledge(options) {}

  void look() {
    const Usage usage = knowledge.usage();
    const std::size_t real = sizeof(Knowledge) + heap_bytes() - before;
    ASSERT_LE(usage.bytes, usage.budget_bytes);
    ASSERT_LE(real, usage.budget_bytes);
    ASSERT_LE(real, usage.bytes + usage.bytes / 100);  // malloc rounds up by 16 more now and then
    ASSERT_GE(real, usage.bytes / 4 * 3);              // what it says is not made up
    most = std::max(most, real);
  }
};

/// Names, labels and paces at random; series come, pause, expire and come again.
void random_load(std::uint64_t seed, std::size_t bytes) {
  std::mt19937_64 random(seed);
  std::vector<SeriesId> ids;
  ids.reserve(60'000);  // before the heap is watched
  Watched watched(budget(bytes));
  Knowledge& knowledge = watched.knowledge;
  std::int64_t now_us = kStart;
  const std::size_t many = bytes / 2048;
  for (int i = 0; i < 60'000; ++i) {
    now_us += static_cast<std::int64_t>(random() % 400'000);
    if (random() % 8 == 0) {
      const std::string name = fmt::format("metric_{}", random() % 40);
      Labels labels;
      for (std::uint64_t label = random() % 6; label > 0; --label) {
        labels[fmt::format("label_{}", random() % 8)] = std::string(random() % 40, 'v');
      }
      labels["id"] = std::to_string(random() % many);
      const auto id = knowledge.add(name, labels, Kind::gauge, now_us);
      if (id) ids.push_back(*id);
    }
    for (std::uint64_t burst = random() % 30; burst > 0 && !ids.empty(); --burst) {
      const SeriesId id = ids[random() % ids.size()];
      const double value = random() % 3 == 0 ? std::bit_cast<double>(random()) : 1.5;
      knowledge.append(id, {now_us - static_cast<std::int64_t>(random() % 2000), value}, now_us);
    }
    if (random() % 1000 == 0) now_us += 1800 * kSecond;
    if (random() % 10 == 0) knowledge.maintain(now_us);
    if (i % 16 == 0) {
      ASSERT_NO_FATAL_FAILURE(watched.look());
    }
  }
  const Usage usage = knowledge.usage();
  EXPECT_GT(usage.refused + usage.expired, 0u);
  EXPECT_GT(usage.samples[0], 100'000u);
}

TEST(Budget, HoldsUnderRandomLoad) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) random_load(seed, kMiB);
  random_load(4, 4 * kMiB);
}

TEST(Budget, HoldsWhereEachSeriesIsNoisyAndTheMemoryFull) {
  std::vector<SeriesId> ids;
  ids.reserve(60'000);  // before the heap is watched
  Watched watched(budget(2 * kMiB));
  Knowledge& knowledge = watched.knowledge;
  for (;;) {
    const auto id =
        knowledge.add("m", {{"pod", fmt::format("pod-{}", ids.size())}}, Kind::counter, kStart);
    if (!id) break;
    ids.push_back(*id);
  }
  EXPECT_GT(ids.size(), 1000u);
  ASSERT_NO_FATAL_FAILURE(watched.look());
  std::mt19937_64 random(1);
  double value = 0;
  for (int second = 0; second < 400; ++second) {
    const std::int64_t now_us = kStart + second * kSecond;
    for (const SeriesId id : ids) {
      const std::int64_t time_us = now_us - static_cast<std::int64_t>(random() % 1000);
      value = random() % 100 == 0 ? 0 : value + std::exponential_distribution<double>(1)(random);
      ASSERT_EQ(knowledge.append(id, {time_us, value}, now_us), Outcome::accepted);
    }
    ASSERT_NO_FATAL_FAILURE(watched.look());
  }
  EXPECT_GT(knowledge.usage().folded, 1000u);
  EXPECT_GT(watched.most, 2 * kMiB / 4 * 3);  // it makes use of what it may
  // All of them have what is new.
  const auto last = knowledge.ask({"m", {}, Function::sum, 2 * kSecond}, kStart + 399 * kSecond);
  EXPECT_EQ(last->series, ids.size());
}

/// Samples so rare that each is a bucket of its own: folded they take more room than raw.
TEST(Budget, HoldsWhereBucketsAreLargerThanSamples) {
  Options options = budget(kMiB);
  options.short_us = 2;
  options.long_us = 3;
  std::vector<SeriesId> ids;
  ids.reserve(60'000);  // before the heap is watched
  Watched watched(options);
  for (int i = 0; i < 400; ++i) {
    ids.push_back(*watched.knowledge.add("m", {{"i", std::to_string(i)}}, Kind::gauge, kStart));
  }
  for (std::int64_t now_us = kStart; now_us < kStart + 10'000 * 10; now_us += 10) {
    for (const SeriesId id : ids) watched.knowledge.append(id, {now_us, 1}, now_us);
    if (now_us % 1000 == 0) {
      ASSERT_NO_FATAL_FAILURE(watched.look());
    }
  }
  EXPECT_GT(watched.knowledge.usage().dropped, 0u);
}

TEST(Budget, AFloodInOneSeriesLeavesTheOthersAlone) {
  Knowledge knowledge(budget(4 * kMiB));
  const SeriesId calm = knowledge.add("calm", {}, Kind::gauge, kStart).value();
  const SeriesId flood = knowledge.add("flood", {}, Kind::gauge, kStart).value();
  std::mt19937_64 random(1);
  std::int64_t now_us = kStart;
  for (int second = 0; second < 300; ++second) {
    now_us += kSecond;
    knowledge.append(calm, {now_us, 1 + 1.0 / (second + 1)}, now_us);
    for (int i = 0; i < 2000; ++i) {
      knowledge.append(flood, {now_us + i * 400, std::normal_distribution<double>(0, 1)(random)},
                       now_us);
    }
  }
  const Usage usage = knowledge.usage();
  EXPECT_LE(usage.blocks, usage.blocks_most / 64 + 30);
  const Answer all = *knowledge.ask({"calm", {}, Function::avg, 400 * kSecond}, now_us);
  EXPECT_EQ(all.samples, 300u);
  EXPECT_FALSE(all.coarse);
  EXPECT_FALSE(knowledge.ask({"flood", {}, Function::avg, kSecond / 2}, now_us + kSecond)->coarse);
}

TEST(Budget, ALongStreamOfShortLivedSeriesLeavesNothing) {
  Options options = budget(kMiB);
  options.idle_us = 10 * kSecond;
  Watched watched(options);
  std::int64_t now_us = kStart;
  std::size_t settled = 0;
  for (int i = 0; i < 50'000; ++i) {
    now_us += kSecond / 10;
    const auto id = watched.knowledge.add(fmt::format("m{}", i % 7 * 1000 + i % 1000),
                                          {{"pod", fmt::format("pod-{}", i)}}, Kind::gauge, now_us);
    ASSERT_TRUE(id) << id.error().message;
    watched.knowledge.append(*id, {now_us, 1}, now_us);
    if (i % 10 == 0) watched.knowledge.maintain(now_us);
    if (i == 1000) settled = watched.knowledge.usage().bytes;
  }
  EXPECT_LE(watched.knowledge.usage().series, 111u);
  EXPECT_LE(watched.knowledge.usage().bytes, settled + settled / 50);
  ASSERT_NO_FATAL_FAILURE(watched.look());
}

}  // namespace
}  // namespace scanflow::knowledge
