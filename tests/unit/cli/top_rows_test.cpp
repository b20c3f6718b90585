#include "engine/cli/top_rows.hpp"

#include <gtest/gtest.h>

#include "tests/unit/cli/top_documents.hpp"

namespace scanflow::cli {
namespace {

using namespace test;

std::vector<std::string> names(const json& top, TopSort sort) {
  std::vector<std::string> all;
  for (const TopRow& row : top_rows(top, json(), sort)) all.push_back(row.step);
  return all;
}

TEST(TopRows, AreOrderedWithTheUnknownLast) {
  using Names = std::vector<std::string>;
  const std::string train = "train[model=cnn1]", evaluate = "evaluate", load = "データを読む";
  EXPECT_EQ(names(three(), TopSort::cpu), (Names{train, evaluate, load}));
  EXPECT_EQ(names(three(), TopSort::memory), (Names{train, evaluate, load}));
  EXPECT_EQ(names(three(), TopSort::time), (Names{evaluate, train, load}));
  EXPECT_EQ(names(three(), TopSort::name), (Names{evaluate, train, load}));
}

TEST(TopRows, SayHowAnAttemptFares) {
  const auto rows = top_rows(three(), json(), TopSort::cpu);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].state, "paused");
  EXPECT_EQ(rows[0].progress, 0.45);
  EXPECT_NEAR(rows[0].used().value(), 0.9375, 1e-9);
  EXPECT_EQ(rows[0].offers, "checkpoint, stop_early");
  EXPECT_EQ(rows[1].state, "throttled 30 %");
  EXPECT_EQ(rows[1].progress, std::nullopt) << "it does not say";
  EXPECT_EQ(rows[1].used(), std::nullopt) << "it has no limit";
  EXPECT_EQ(rows[2].state, "running");
  EXPECT_EQ(rows[2].lasted_us, 65'000'000);
  EXPECT_FALSE(rows[2].cpu || rows[2].memory || rows[2].observed);
}

TEST(TopRows, OfEachMetricTheNewestWithItsRateWhereItGrows) {
  const auto of = [](json metrics, std::int64_t now_us) {
    return document({attempt(kRun, "a", {{"metrics", std::move(metrics)}})}, now_us);
  };
  const json split = {{"split", "test"}};
  const json before = of({metric("images", 1000, kNow - 10'000'000), metric("loss", 0.5, kNow - 9),
                          metric("still", 3, kNow - 10), metric("other", 1, kNow - 10, split)},
                         kNow - 10'000'000);
  const json now = of({metric("images", 1400), metric("loss", 0.4), metric("still", 3, kNow - 10),
                       metric("other", 5), metric("images", 2, kNow - 1, split)},
                      kNow);
  EXPECT_EQ(metrics_text(top_rows(now, before, TopSort::cpu)[0]),
            "images 1400 (+40/s)  loss 0.4  still 3  other 5");
  EXPECT_EQ(metrics_text(top_rows(now, json(), TopSort::cpu)[0]),
            "images 1400  loss 0.4  still 3  other 5");
}

TEST(TopRows, ThereAreNoneOfNothing) {
  EXPECT_TRUE(top_rows(json(), json(), TopSort::cpu).empty());
  EXPECT_TRUE(top_rows(document(json::array()), three(), TopSort::cpu).empty());
}

}  // namespace
}  // namespace scanflow::cli
