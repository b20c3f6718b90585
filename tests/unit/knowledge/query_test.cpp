// Queries over raw samples, against the reference that looks at all of them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/knowledge/knowledge.hpp"
#include "tests/unit/knowledge/reference.hpp"

namespace scanflow::knowledge {
namespace {

constexpr std::array kFunctions = {Function::last,     Function::avg,     Function::min,
                                   Function::max,      Function::sum,     Function::rate,
                                   Function::increase, Function::quantile};

void expect_same(std::optional<double> found, std::optional<double> expected,
                 const std::string& what) {
  ASSERT_EQ(found.has_value(), expected.has_value()) << what;
  if (!expected || (std::isnan(*expected) && std::isnan(*found))) return;
  EXPECT_NEAR(*found, *expected, 1e-9 * (1 + std::abs(*expected))) << what;
}

/// Some series of one metric, at the same time in both places.
struct Both {
  Knowledge knowledge;
  std::vector<ReferenceSeries> all;
  std::vector<SeriesId> ids;

  void add(Kind kind, const Labels& labels) {
    ids.push_back(knowledge.add("m", labels, kind, kStart).value());
    all.push_back({labels, kind, {}});
  }
  void append(std::size_t series, std::int64_t time_us, double value) {
    EXPECT_EQ(knowledge.append(ids[series], {time_us, value}, time_us), Outcome::accepted);
    all[series].samples.push_back({time_us, value});
  }
};

LabelSelector select(const std::string& text) { return LabelSelector::parse(text).value(); }

void compare_answers(Kind kind, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Both both;
  std::vector<Values> values;
  for (int i = 0; i < 5; ++i) {
    both.add(kind, {{"pod", fmt::format("p{}", i)}, {"step", i < 2 ? "train" : "test"}});
    values.emplace_back(kind, random());
  }
  std::int64_t now_us = kStart;
  for (int i = 0; i < 2000; ++i) {
    now_us += static_cast<std::int64_t>(random() % 300'000) + 1;
    const std::size_t series = random() % 5;
    both.append(series, now_us, values[series].next());
  }
  for (int i = 0; i < 200; ++i) {
    const std::int64_t end_us = now_us - static_cast<std::int64_t>(random() % 320) * kSecond;
    for (const Function function : kFunctions) {
      if (kind == Kind::gauge && (function == Function::rate || function == Function::increase)) {
        continue;
      }
      for (const char* selector : {"", "step=train", "pod!=p0,step", "pod in (p1,p4)", "!step"}) {
        const Query query{"m", select(selector), function,
                          static_cast<std::int64_t>(random() % 200'000'000) + 1,
                          static_cast<double>(random() % 101) / 100};
        const auto found = both.knowledge.ask(query, end_us);
        ASSERT_TRUE(found) << found.error().message;
        expect_same(found->value, reference(both.all, query, end_us),
                    fmt::format("seed {} function {} '{}' window {} q {}", seed,
                                static_cast<int>(function), selector, query.window_us, query.q));
        EXPECT_FALSE(found->coarse);
      }
    }
  }
}

TEST(Query, OfGaugesAgreesWithTheReference) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) compare_answers(Kind::gauge, seed);
}

TEST(Query, OfCountersAgreesWithTheReference) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) compare_answers(Kind::counter, seed);
}

TEST(Query, IncreaseCountsAcrossResetsAndFromTheSampleBefore) {
  Both both;
  both.add(Kind::counter, {});
  const std::vector<double> values = {10, 15, 20, 3, 8, 8, 1};  // a second apart
  for (std::size_t i = 0; i < values.size(); ++i) {
    both.append(0, kStart + static_cast<std::int64_t>(i) * kSecond, values[i]);
  }
  const auto increase = [&](std::int64_t from, std::int64_t to) {
    const Query query{"m", {}, Function::increase, (to - from) * kSecond};
    return both.knowledge.ask(query, kStart + to * kSecond)->value.value();
  };
  EXPECT_EQ(increase(-10, 6), 5 + 5 + 3 + 5 + 0 + 1);  // the first 10 were there before
  EXPECT_EQ(increase(1, 3), 5 + 3);                    // since 15, which is at the beginning
  EXPECT_EQ(increase(2, 3), 3);
  EXPECT_EQ(increase(4, 5), 0);
  for (std::int64_t cut = 1; cut < 6; ++cut) {
    EXPECT_EQ(increase(0, cut) + increase(cut, 6), increase(0, 6));
  }
  const Query rate{"m", {}, Function::rate, 4 * kSecond};
  EXPECT_EQ(both.knowledge.ask(rate, kStart + 4 * kSecond)->value, (5 + 5 + 3 + 5) / 4.0);
}

TEST(Query, TellsWhatTheAnswerRestsOn) {
  Both both;
  both.add(Kind::gauge, {{"pod", "a"}});
  both.add(Kind::gauge, {{"pod", "b"}});
  both.append(0, kStart, 1);
  both.append(0, kStart + 1, 2);
  both.append(1, kStart + 1, 7);
  const Answer avg = *both.knowledge.ask({"m", {}, Function::avg}, kStart + kSecond);
  EXPECT_EQ(avg.series, 2u);
  EXPECT_EQ(avg.samples, 3u);
  EXPECT_EQ(avg.newest_us, kStart + 1);
  EXPECT_EQ(avg.value, 10.0 / 3);
  // Of two that are as new, the series that was added first.
  EXPECT_EQ(both.knowledge.ask({"m", {}, Function::last}, kStart + 1)->value, 2);
  EXPECT_EQ(both.knowledge.ask({"m", {}, Function::last}, kStart)->value, 1);
  EXPECT_EQ(both.knowledge.ask({"m", {}, Function::last}, kStart)->series, 1u);
}

TEST(Query, WithoutSamplesThereIsNoValue) {
  Both both;
  both.add(Kind::counter, {});
  both.append(0, kStart, 5);
  for (const Function function : kFunctions) {
    const Answer late = *both.knowledge.ask({"m", {}, function, kSecond}, kStart + kSecond);
    EXPECT_FALSE(late.value);
    EXPECT_EQ(late.series, 0u);
    EXPECT_FALSE(both.knowledge.ask({"other", {}, function}, kStart)->value);
  }
}

TEST(Query, NaNIsTheLastButNoNumber) {
  Both both;
  both.add(Kind::gauge, {});
  both.append(0, kStart, std::nan(""));
  EXPECT_FALSE(both.knowledge.ask({"m", {}, Function::avg}, kStart)->value);
  EXPECT_TRUE(std::isnan(*both.knowledge.ask({"m", {}, Function::last}, kStart)->value));
  both.append(0, kStart + 1, 3);
  EXPECT_EQ(both.knowledge.ask({"m", {}, Function::quantile}, kStart + 1)->value, 3);
}

TEST(Query, LabelsMayHaveAnyValue) {
  Both both;
  both.add(Kind::gauge, {{"step", "train[model=cnn1,lr=0.01]"}});
  both.add(Kind::gauge, {{"step", "train[model=cnn2,lr=0.01]"}});
  both.append(0, kStart, 1);
  both.append(1, kStart, 2);
  Query query{"m", {}, Function::sum};
  query.labels.require("step", LabelSelector::Is::among, {"train[model=cnn2,lr=0.01]"});
  EXPECT_EQ(both.knowledge.ask(query, kStart)->value, 2);
}

TEST(Query, ErrorsSayWhatIsWrong) {
  Both both;
  both.add(Kind::gauge, {});
  const auto error = [&](const Query& query) {
    return both.knowledge.ask(query, kStart).error().message;
  };
  EXPECT_EQ(
      error({"m", {}, Function::rate}),
      "query of metric 'm': it is a gauge; rate and increase are of counters (last, avg, min, "
      "max, sum and quantile are of both)");
  EXPECT_EQ(error({"m", {}, Function::last, 0}),
            "query of metric 'm': the window is 0 us; it must be above 0");
  EXPECT_EQ(error({"m", {}, Function::quantile, 1, 1.5}),
            "query of metric 'm': the quantile is 1.5; it must be from 0 to 1");
  EXPECT_EQ(error({"m", {}, Function::quantile, 1, std::nan("")}),
            "query of metric 'm': the quantile is nan; it must be from 0 to 1");
  EXPECT_EQ(function_named("increese").error().message,
            "there is no function 'increese' of metrics, did you mean 'increase'? (there are last, "
            "avg, min, max, sum, rate, increase, quantile)");
  EXPECT_EQ(function_named("quantile"), Function::quantile);
}

TEST(Query, AnyWindowAndAnyTimeIsTaken) {
  Both both;
  both.add(Kind::gauge, {});
  both.append(0, kStart, 1);
  constexpr std::int64_t kGreatest = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(both.knowledge.ask({"m", {}, Function::avg, kGreatest}, kGreatest)->value, 1);
  EXPECT_FALSE(both.knowledge.ask({"m", {}, Function::avg, kGreatest}, -kGreatest)->value);
}

TEST(Range, HasAPointForEachStepThatHasSamples) {
  Both both;
  both.add(Kind::counter, {{"pod", "a"}});
  both.add(Kind::counter, {{"pod", "b"}});
  for (int i = 0; i <= 10; ++i) {
    if (i != 5 && i != 6) both.append(0, kStart + i * kSecond, i * i);
  }
  const Range range =
      *both.knowledge.range({"m", {}, kStart, kStart + 10 * kSecond, 2 * kSecond, 100});
  EXPECT_EQ(range.kind, Kind::counter);
  ASSERT_EQ(range.lines.size(), 1u);  // b has nothing
  EXPECT_EQ(range.lines[0].labels, (Labels{{"pod", "a"}}));
  std::string text;
  for (const Point& point : range.lines[0].points) {
    const Bucket& values = point.values;
    text += fmt::format("{}: {} of {}..{} +{}\n", (point.end_us - kStart) / kSecond, values.count,
                        values.min, values.max, values.increase);
  }
  EXPECT_EQ(text,
            "2: 2 of 1..4 +4\n"
            "4: 2 of 9..16 +12\n"
            "8: 2 of 49..64 +48\n"
            "10: 2 of 81..100 +36\n");
}

TEST(Range, IsBounded) {
  Both both;
  both.add(Kind::gauge, {{"pod", "a"}});
  both.add(Kind::gauge, {{"pod", "b"}});
  both.append(0, kStart, 1);
  both.append(1, kStart, 1);
  const Range range = *both.knowledge.range({"m", {}, kStart - 1, kStart, 1, 1});
  EXPECT_EQ(range.lines.size(), 1u);
  EXPECT_EQ(range.left_out, 1u);
  const auto error = [&](const RangeQuery& query) {
    return both.knowledge.range(query).error().message;
  };
  EXPECT_EQ(error({"m", {}, kStart - kSecond, kStart, 1}),
            "range of metric 'm': there are over 11000 steps of 1 us; take longer ones");
  EXPECT_EQ(error({"m", {}, kStart - kSecond, kStart, 0}),
            "range of metric 'm': the step is 0 us; it must be above 0");
  EXPECT_FALSE(both.knowledge.range({"m", {}, kStart, kStart - 1, 1}));
}

TEST(List, ShowsSeriesNamesAndLabels) {
  Both both;
  both.add(Kind::gauge, {{"pod", "b"}, {"step", "train"}});
  both.add(Kind::gauge, {{"pod", "a"}});
  both.knowledge.add("hits_total", {}, Kind::counter, kStart).value();
  both.append(1, kStart, 4);
  const auto all = both.knowledge.series("", {}, 100);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].name, "hits_total");
  EXPECT_EQ(all[0].kind, Kind::counter);
  EXPECT_FALSE(all[0].newest);
  EXPECT_EQ(all[1].labels, (Labels{{"pod", "b"}, {"step", "train"}}));
  EXPECT_EQ(all[2].id, both.ids[1]);
  EXPECT_EQ(all[2].newest->value, 4);
  EXPECT_EQ(both.knowledge.series("m", select("step"), 100).size(), 1u);
  EXPECT_EQ(both.knowledge.series("", {}, 2).size(), 2u);
  const auto names = both.knowledge.names();
  ASSERT_EQ(names.size(), 2u);
  EXPECT_EQ(names[1].name, "m");
  EXPECT_EQ(names[1].series, 2u);
  EXPECT_EQ(both.knowledge.label_values("m", "pod"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(both.knowledge.label_values("m", "step"), (std::vector<std::string>{"train"}));
}

}  // namespace
}  // namespace scanflow::knowledge
