#include "sidecar/collect/metrics.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "sidecar/collect/cgroup_place.hpp"

namespace scanflow::collect {
namespace {

TEST(Metrics, NamesFollowPrometheus) {
  std::set<std::string_view> names;
  for (const Description& row : descriptions()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_EQ(row.name.ends_with("_total"), row.kind == Kind::counter) << row.name;
    const std::string_view bare =
        row.kind == Kind::counter ? row.name.substr(0, row.name.size() - 6) : row.name;
    EXPECT_TRUE(row.unit.empty() || bare.ends_with("_" + std::string(row.unit))) << row.name;
    EXPECT_TRUE(row.help.ends_with('.')) << row.name;
    EXPECT_EQ(metric_named(row.name), row.metric);
  }
  EXPECT_FALSE(metric_named("nothing"));
}

TEST(Values, AbsentIsNotZero) {
  Values values;
  EXPECT_FALSE(values.has(Metric::threads));
  values.set(Metric::threads, 0);
  EXPECT_EQ(values.get(Metric::threads), 0);
  values.add(Metric::resident, 2);
  values.add(Metric::resident, 3);
  EXPECT_EQ(values.get(Metric::resident), 5);
}

constexpr const char* kV2 = "0::/a/b\n";

TEST(CgroupPlace, IsBelowTheMount) {
  const auto whole = places_of(kV2, "29 23 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  ASSERT_FALSE(whole.unified.empty());
  EXPECT_EQ(whole.unified.front().point, "/sys/fs/cgroup");
  EXPECT_EQ(whole.unified.front().below, "/a/b");
  const auto part = places_of(kV2, "29 23 0:25 /a/b /c\\040d rw - cgroup2 cgroup2 rw\n");
  ASSERT_FALSE(part.unified.empty());
  EXPECT_EQ(part.unified.front().point, "/c d");
  EXPECT_EQ(part.unified.front().below, "");
}

TEST(CgroupPlace, BesideThisNamespaceOnlyThroughItsOwnMount) {
  const auto own = places_of("0::/../app\n", "29 23 0:25 /../app /cg rw - cgroup2 cgroup2 rw\n");
  ASSERT_FALSE(own.unified.empty());
  EXPECT_EQ(own.unified.front().below, "");
  EXPECT_FALSE(places_of("0::/../app\n", "29 23 0:25 / /cg rw - cgroup2 cgroup2 rw\n").any());
  EXPECT_FALSE(places_of("0::/ab\n", "29 23 0:25 /a /cg rw - cgroup2 cgroup2 rw\n").any());
}

TEST(CgroupPlace, OfSeveralMountsFirstTheOneThatShowsMost) {
  const auto places = places_of(kV2,
                                "29 23 0:25 /a/b /one rw - cgroup2 cgroup2 rw\n"
                                "30 23 0:25 / /all rw - cgroup2 cgroup2 rw\n");
  ASSERT_EQ(places.unified.size(), 2u);
  EXPECT_EQ(places.unified.front().point, "/all");
  EXPECT_EQ(places.unified.back().point, "/one");
}

}  // namespace
}  // namespace scanflow::collect
