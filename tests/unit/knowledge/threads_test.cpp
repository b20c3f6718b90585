// One thread writes while others read.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "engine/knowledge/knowledge.hpp"
#include "tests/unit/knowledge/reference.hpp"

namespace scanflow::knowledge {
namespace {

/// Counters grow by one a second; series expire and are replaced, memory is full, blocks are folded
/// while readers look. What they see of any series is what it was at some time.
TEST(Threads, ReadersSeeEachSeriesWhole) {
  Options options;
  options.budget_bytes = std::size_t{1} << 20;
  options.idle_us = 200 * kSecond;
  options.keep_raw_us = 20 * kSecond;
  options.short_us = 4 * kSecond;
  options.long_us = 40 * kSecond;
  Knowledge knowledge(options);
  std::atomic<std::int64_t> second = 0;
  std::atomic<bool> done = false;
  const auto now_us = [&] { return kStart + second * kSecond; };

  std::atomic<int> answers = 0;
  const auto read = [&] {
    while (!done) {
      const std::int64_t at_us = now_us();
      const auto increase = knowledge.ask({"m", {}, Function::increase, 100 * kSecond}, at_us);
      const Answer counted = increase.value();
      // Of each series at most one a second, and one at a window's edge.
      if (counted.value) {
        EXPECT_LE(*counted.value, 141.0 * static_cast<double>(counted.series));
      }
      const Range range =
          knowledge.range({"m", {}, at_us - 100 * kSecond, at_us, 10 * kSecond, 9}).value();
      for (const Line& line : range.lines) {
        double last = 0;
        for (const Point& point : line.points) {
          EXPECT_LE(last, point.values.first);
          EXPECT_LE(point.values.first, point.values.last);
          last = point.values.last;
        }
      }
      EXPECT_LE(knowledge.series("", {}, 1000).size(), 1000u);
      knowledge.label_values("m", "pod");
      EXPECT_LE(knowledge.usage().bytes, options.budget_bytes);
      ++answers;
    }
  };
  std::thread first(read), other(read);

  std::vector<SeriesId> ids;
  std::vector<double> values;
  const auto add = [&](std::size_t i, std::int64_t generation) {
    const Labels labels = {{"pod", fmt::format("{}-{}", i, generation)}};
    return knowledge.add("m", labels, Kind::counter, now_us()).value();
  };
  for (std::size_t i = 0; i < 60; ++i) ids.push_back(add(i, 0));
  values.resize(ids.size());
  for (; second < 3000 || answers < 50; ++second) {
    std::vector<SeriesSample> batch;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i % 10 == 0 && second % 500 > 200) continue;  // it expires
      batch.push_back({ids[i], {now_us(), values[i] += 1}});
    }
    const Appended appended = knowledge.append(batch, now_us());
    for (const std::size_t at : appended.unknown) {
      const auto i = static_cast<std::size_t>(std::find(ids.begin(), ids.end(), batch[at].series) -
                                              ids.begin());
      ids[i] = add(i, second);
      values[i] = 0;
    }
    knowledge.maintain(now_us());
  }
  done = true;
  first.join();
  other.join();
  const Usage usage = knowledge.usage();
  EXPECT_GT(usage.expired, 20u);
  EXPECT_GT(usage.folded, 100u);
}

}  // namespace
}  // namespace scanflow::knowledge
