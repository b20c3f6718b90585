#include "engine/cli/pod_view.hpp"

#include <gtest/gtest.h>

#include "tests/unit/cli/top_documents.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

json pod(const char* name, int use) {
  return {{"attempt", 1},    {"backend", "podman"}, {"name", name},
          {"node", "host7"}, {"kept", use > 1},     {"use", use}};
}

TEST(PodView, SaysWhichOneItIsAndWhetherItWasKept) {
  EXPECT_EQ(pod_cell(nullptr), "");
  EXPECT_EQ(pod_cell(pod("scanflow-1", 1)), "scanflow-1");
  EXPECT_EQ(pod_cell(pod("scanflow-1", 3)), "scanflow-1, kept: use 3");
  EXPECT_EQ(pod_words(pod("scanflow-1", 1)), "in Pod scanflow-1 on host7");
}

TEST(PodView, CountsPodsAndStepsOfARun) {
  EXPECT_EQ(pods_line(json::array({{{"name", "a"}}})), "");
  EXPECT_EQ(pods_line(json::array({{{"pod", pod("scanflow-1", 1)}},
                                   {{"pod", pod("scanflow-1", 2)}},
                                   {{"pod", pod("scanflow-2", 1)}},
                                   {{"name", "noop"}}})),
            "2 Pods (podman on host7); 1 of 3 steps ran in kept ones");
  EXPECT_EQ(pods_line(json::array({{{"pod", pod("scanflow-1", 1)}}})), "1 Pod (podman on host7)");
}

TEST(PodView, TellsOfThoseThatWait) {
  const json top = test::with_kept(test::document(json::array()), 4);
  const auto kept = kept_pods(top);
  EXPECT_EQ(kept_summary(kept), "4 Pods are kept");
  EXPECT_EQ(kept_lines(kept, 3).size(), 3u);
  EXPECT_EQ(kept_lines(kept, 3).back(), "  and 2 more");
  EXPECT_EQ(kept_lines(kept, 4).size(), 4u);
  EXPECT_EQ(kept_table({kept[0]}, 0),
            "KEPT POD        IDLE             STEPS     AGE\n"
            "scanflow-kept1  5.0 s of 30.0 s  3 of 100  40.0 s of 1 h 00 m\n");
  EXPECT_TRUE(kept_pods(test::document(json::array())).empty()) << "of an engine without Pods";
}

}  // namespace
}  // namespace scanflow::cli
