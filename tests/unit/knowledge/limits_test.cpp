// How many series there may be, when they expire, and what samples are refused.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/knowledge/knowledge.hpp"
#include "tests/unit/knowledge/reference.hpp"

namespace scanflow::knowledge {
namespace {

struct Small {
  std::vector<std::string> warnings;
  Knowledge knowledge;

  explicit Small(Options options)
      : knowledge(options, [this](const std::string& warning) { warnings.push_back(warning); }) {}
  Result<SeriesId> add(const std::string& name, int pod, Kind kind = Kind::gauge) {
    return knowledge.add(name, {{"pod", std::to_string(pod)}}, kind, kStart);
  }
};

Options limits(std::size_t series, std::size_t per_name) {
  Options options;
  options.max_series = series;
  options.max_series_per_name = per_name;
  return options;
}

std::uint64_t count(const Usage& usage, Outcome outcome) {
  return usage.samples[static_cast<std::size_t>(outcome)];
}

TEST(Limits, OfANameAreToldOnceWithTheFix) {
  Small small(limits(100, 3));
  for (int pod = 0; pod < 10; ++pod) EXPECT_EQ(small.add("m", pod).has_value(), pod < 3);
  EXPECT_TRUE(small.add("m", 1)) << "it is there";
  EXPECT_TRUE(small.add("other", 1));
  const std::string text =
      "metric 'm' has 3 series, the most that one name may have (is a label of it different each "
      "time, such as an id or a path? Leave that out, or raise max_series_per_name)";
  EXPECT_EQ(small.warnings, std::vector<std::string>{text});
  EXPECT_EQ(small.add("m", 11).error().message, text);
  EXPECT_EQ(small.knowledge.usage().refused, 8u);
  EXPECT_EQ(small.knowledge.names()[0].refused, 8u);
}

TEST(Limits, OfAllSeriesAreToldOnceForEachName) {
  Small small(limits(2, 10));
  EXPECT_TRUE(small.add("a", 0));
  EXPECT_TRUE(small.add("b", 0));
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(small.add("a", 1));
    EXPECT_FALSE(small.add("c", i));
  }
  EXPECT_EQ(small.warnings, (std::vector<std::string>{
                                "there are 2 series, the most that may be; metric 'a' gets no "
                                "further ones (send fewer labels, or raise max_series and "
                                "budget_bytes)",
                                "there are 2 series, the most that may be; metric 'c' gets no "
                                "further ones (send fewer labels, or raise max_series and "
                                "budget_bytes)"}));
}

TEST(Limits, OfMemoryAreTold) {
  Options options;
  options.budget_bytes = std::size_t{1} << 20;
  Small small(options);
  int added = 0;
  while (small.add("m", added)) ++added;
  EXPECT_GT(added, 500);
  EXPECT_EQ(small.warnings.at(0),
            fmt::format("the {} series that there are fill the memory for them; metric 'm' gets no "
                        "further ones (send fewer labels, or raise budget_bytes, which is 1 MiB)",
                        added));
}

TEST(Limits, WarningsAreBoundedToo) {
  Small small(limits(1, 10));
  EXPECT_TRUE(small.add("m", 0));
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(small.add(fmt::format("n{}", i), 0));
  ASSERT_EQ(small.warnings.size(), 101u);
  EXPECT_TRUE(
      small.warnings.back().ends_with("; further names that get none are counted, and not told"));
  EXPECT_EQ(small.knowledge.usage().refused, 1000u);
}

TEST(Limits, OfNamesAndLabels) {
  Small small(limits(10, 10));
  const auto error = [&](const std::string& name, const Labels& labels) {
    return small.knowledge.add(name, labels, Kind::gauge, kStart).error().message;
  };
  EXPECT_EQ(error("", {}), "the name of a metric is empty");
  EXPECT_EQ(error(std::string(201, 'x'), {}), "the name of a metric '" + std::string(60, 'x') +
                                                  "...' has 201 bytes; 200 is the most");
  EXPECT_EQ(error("m", {{"", "x"}}), "the key of a label of metric 'm' is empty");
  EXPECT_EQ(error("m", {{"k", std::string(2048, 'v')}}),
            "metric 'm' and its labels have 2053 bytes; 2048 are the most (long texts belong into "
            "logs)");
  EXPECT_EQ(error("m", {{"k", std::string("a\0b", 3)}}),
            "metric 'm': there is a zero byte in its name or labels");
  Labels many;
  for (int i = 0; i < 33; ++i) many[std::to_string(i)] = "";
  EXPECT_EQ(error("m", many),
            "metric 'm' has 33 labels; 32 are the most (keep those by which it is looked for)");
  EXPECT_EQ(small.knowledge.usage().series, 0u);
}

TEST(Limits, ANameIsOfOneKind) {
  Small small(limits(10, 10));
  EXPECT_TRUE(small.add("m", 0, Kind::gauge));
  EXPECT_EQ(small.add("m", 1, Kind::counter).error().message,
            "metric 'm' is a gauge; m{pod=\"1\"} cannot be a counter (give it another name)");
}

TEST(Identity, IsNameAndLabels) {
  Knowledge knowledge;
  const auto add = [&](const std::string& name, const Labels& labels) {
    return knowledge.add(name, labels, Kind::gauge, kStart).value();
  };
  const SeriesId id = add("m", {{"a", "1"}, {"b", "2"}});
  EXPECT_EQ(add("m", {{"b", "2"}, {"a", "1"}}), id);
  EXPECT_NE(add("m", {{"a", "1"}}), id);
  EXPECT_NE(add("m", {{"a", "1"}, {"b", ""}}), id);
  EXPECT_NE(add("m", {{"a", "2"}, {"b", "1"}}), id);
  EXPECT_EQ(knowledge.usage().series, 4u);
}

TEST(Expiry, OfIdleSeriesWithAllThatTheyHave) {
  Small small(limits(10, 2));
  const SeriesId idle = small.add("m", 0).value(), busy = small.add("m", 1).value();
  EXPECT_EQ(small.knowledge.append(idle, {kStart, 1}, kStart), Outcome::accepted);
  const std::int64_t hour = 3600 * kSecond;
  EXPECT_EQ(small.knowledge.append(busy, {kStart + hour, 1}, kStart + hour), Outcome::accepted);
  small.knowledge.maintain(kStart + hour);
  EXPECT_EQ(small.knowledge.usage().series, 2u);
  small.knowledge.maintain(kStart + hour + 1);
  EXPECT_EQ(small.knowledge.usage().series, 1u);
  EXPECT_EQ(small.knowledge.usage().blocks, 1u);
  EXPECT_EQ(small.knowledge.usage().expired, 1u);
  // Its number is of no use any more, also when another has its place.
  EXPECT_EQ(small.knowledge.append(idle, {kStart + hour, 1}, kStart + hour), Outcome::unknown);
  const SeriesId next = small.add("m", 2).value();
  EXPECT_EQ(next.slot, idle.slot);
  const std::vector<SeriesSample> batch = {{busy, {kStart + hour + 1, 1}},
                                           {idle, {kStart + hour + 1, 1}},
                                           {next, {kStart + hour + 1, 1}},
                                           {{77, 1}, {kStart + hour + 1, 1}}};
  const Appended appended = small.knowledge.append(batch, kStart + hour);
  EXPECT_EQ(appended.unknown, (std::vector<std::size_t>{1, 3}));
  EXPECT_EQ(appended.counts[0], 2u);
  small.knowledge.maintain(kStart + 3 * hour);
  EXPECT_TRUE(small.knowledge.names().empty());
  EXPECT_TRUE(small.add("m", 0, Kind::counter)) << "the name is free again";
}

TEST(Samples, ThatAreLateEarlyOrImpossibleAreCounted) {
  Small small(limits(10, 10));
  const SeriesId gauge = small.add("g", 0).value();
  const SeriesId counter = small.add("c", 0, Kind::counter).value();
  Knowledge& knowledge = small.knowledge;
  const auto append = [&](SeriesId id, std::int64_t ahead_us, double value) {
    return knowledge.append(id, {kStart + ahead_us, value}, kStart);
  };
  EXPECT_EQ(append(gauge, 0, std::nan("")), Outcome::accepted);
  EXPECT_EQ(append(gauge, 0, 1), Outcome::late);
  EXPECT_EQ(append(gauge, -1, 1), Outcome::late);
  EXPECT_EQ(append(gauge, 60 * kSecond, 1), Outcome::accepted);
  EXPECT_EQ(append(gauge, 60 * kSecond + 1, 1), Outcome::future);
  EXPECT_EQ(append(counter, -24 * 3600 * kSecond - 1, 1), Outcome::late);
  EXPECT_EQ(append(counter, 0, -1), Outcome::invalid);
  EXPECT_EQ(append(counter, 0, INFINITY), Outcome::invalid);
  EXPECT_EQ(append(counter, 0, std::nan("")), Outcome::invalid);
  EXPECT_EQ(append(counter, 0, -0.0), Outcome::accepted);
  const Usage usage = knowledge.usage();
  EXPECT_EQ(count(usage, Outcome::accepted), 3u);
  EXPECT_EQ(count(usage, Outcome::late), 3u);
  EXPECT_EQ(count(usage, Outcome::future), 1u);
  EXPECT_EQ(count(usage, Outcome::invalid), 3u);
}

TEST(Samples, GoOnWhenTheClockWasSetBack) {
  Small small(limits(10, 10));
  const SeriesId id = small.add("m", 0).value();
  Knowledge& knowledge = small.knowledge;
  const auto at = [&](std::int64_t second) {
    const std::int64_t now_us = kStart + second * kSecond;
    knowledge.maintain(now_us);
    return knowledge.append(id, {now_us, static_cast<double>(second)}, now_us);
  };
  for (int second = 0; second < 500; ++second) EXPECT_EQ(at(second), Outcome::accepted);
  // By little: what has been stays, until time has caught up.
  EXPECT_EQ(at(470), Outcome::late);
  EXPECT_EQ(at(500), Outcome::accepted);
  // By much: what lies ahead goes.
  EXPECT_EQ(at(100), Outcome::accepted);
  EXPECT_EQ(at(101), Outcome::accepted);
  EXPECT_EQ(knowledge.usage().set_back, 1u);
  EXPECT_EQ(knowledge.usage().blocks, 1u);
  const Answer all =
      *knowledge.ask({"m", {}, Function::sum, 3600 * kSecond}, kStart + 600 * kSecond);
  EXPECT_EQ(all.value, 201);
}

}  // namespace
}  // namespace scanflow::knowledge
