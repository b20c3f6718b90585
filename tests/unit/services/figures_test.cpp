// What services are measured by: how long their requests take of late, and the samples that triggers see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/services/recent_latency.hpp"
#include "engine/services/sampler.hpp"

namespace scanflow::services {
namespace {

using nlohmann::json;
constexpr std::int64_t kSecondUs = 1'000'000;

TEST(RecentLatency, ForgetsWhatIsMoreThanAMinuteAgo) {
  RecentLatency recent;
  infer::Histogram total;
  total.add(90'000, 100);
  EXPECT_EQ(recent.of(total, 0).count(), 100U) << "all of them came until now";
  for (int i = 1; i <= 20; ++i) {
    total.add(1'000, 10);
    const auto lately = recent.of(total, i * 5 * kSecondUs);
    if (i * 5 < 60)
      EXPECT_GT(lately.quantile(0.99), 80'000) << i * 5;
    else
      EXPECT_LT(lately.quantile(0.99), 2'000) << i * 5;
    EXPECT_LE(lately.count(), i * 5 < 60 ? 100U + 10 * i : 10U * 14) << "a minute, and ten seconds";
  }
}

TEST(RecentLatency, OneThatBeganAnewHasFewerThanBefore) {
  RecentLatency recent;
  infer::Histogram total;
  total.add(1'000, 100);
  recent.of(total, 0);
  infer::Histogram anew;
  anew.add(5'000, 3);
  EXPECT_EQ(recent.of(anew, kSecondUs).count(), 3U);
  EXPECT_GT(recent.of(anew, 2 * kSecondUs).quantile(0.5), 4'900);
}

TEST(Sampler, FiguresAreSamplesInTheUnitsOfTheirNames) {
  const auto samples = samples_of(json::array({{{"namespace", "team"},
                                                {"name", "digits"},
                                                {"requests", 200},
                                                {"errors", 0.01},
                                                {"p99_us", 2500},
                                                {"in_flight", 3}}}),
                                  7);
  std::map<std::string, double> values;
  for (const ServiceSample& each : samples) {
    EXPECT_EQ(each.name_space, "team");
    EXPECT_EQ(each.service, "digits");
    EXPECT_EQ(each.is_counter, each.name.ends_with("_total")) << each.name;
    values[each.name] = each.value;
  }
  EXPECT_EQ(values, (std::map<std::string, double>{{"service_requests_total", 200},
                                                   {"service_errors_total", 2},
                                                   {"service_in_flight", 3},
                                                   {"service_latency_p99_seconds", 0.0025}}));
}

}  // namespace
}  // namespace scanflow::services
