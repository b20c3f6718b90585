// What the front says of its services, for Prometheus.
#include "engine/serve/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace scanflow::serve {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ServiceMetricsTest, SayWhatIsCounted) {
  ServiceCounts counts;
  counts.on_their_way = 3;
  counts.ready = 1;
  counts.wanted = 2;
  counts.retried = 4;
  counts.statuses = {{200, 996}, {429, 2}, {502, 1}, {504, 1}};
  counts.slo_errors = 0.001;
  counts.backup = {1, true, 7, 5};
  EXPECT_EQ(counts.requests(), 1000U);
  EXPECT_EQ(counts.errors(), 0.002);
  const std::string text = metrics_text({{{"team", "digits"}, counts}});
  const std::string of = "{namespace=\"team\",service=\"digits\"} ";
  for (const std::string& line : {"in_flight" + of + "3", "replicas_ready" + of + "1",
                                  "replicas_wanted" + of + "2", "retries_total" + of + "4",
                                  "errors_ratio" + of + "0.002", "slo_errors_ratio" + of + "0.001",
                                  "backup_requests_total" + of + "7", "failovers_total" + of + "5"})
    EXPECT_THAT(text, HasSubstr("scanflow_service_" + line + "\n"));
  EXPECT_THAT(text, HasSubstr("{code=\"429\",namespace=\"team\",service=\"digits\"} 2\n"));
}

TEST(ServiceMetricsTest, WhatIsNotPromisedIsNotSaid) {
  const std::string text = metrics_text({{{"team", "digits"}, {}}});
  EXPECT_THAT(text, HasSubstr("scanflow_service_errors_ratio{"));
  EXPECT_THAT(text, Not(HasSubstr("slo_errors_ratio{")));
}

}  // namespace
}  // namespace scanflow::serve
