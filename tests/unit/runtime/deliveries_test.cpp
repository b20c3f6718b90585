#include "engine/runtime/deliveries.hpp"

#include <gtest/gtest.h>

namespace scanflow::runtime {
namespace {

const hub::SidecarKey kPod{"pod", "pod"};

TEST(Deliveries, TheHubIsToldUpToTheOldestThatIsOpen) {
  Deliveries deliveries;
  for (std::uint64_t i = 1; i <= 3; ++i) deliveries.taken(kPod, i);
  EXPECT_EQ(deliveries.committed(kPod, 2), std::nullopt) << "1 is a result, and takes longer";
  EXPECT_EQ(deliveries.committed(kPod, 1), 2u);
  EXPECT_EQ(deliveries.committed(kPod, 3), 3u);
  EXPECT_EQ(deliveries.committed(kPod, 3), std::nullopt) << "said already";
}

TEST(Deliveries, EachSidecarHasItsOwn) {
  Deliveries deliveries;
  deliveries.taken(kPod, 1);
  deliveries.taken({"other", "other"}, 1);
  EXPECT_EQ(deliveries.committed({"other", "other"}, 1), 1u);
  EXPECT_EQ(deliveries.committed(kPod, 1), 1u);
}

TEST(Deliveries, AnotherSpoolBeginsAnew) {
  Deliveries deliveries;
  deliveries.taken(kPod, 7);
  EXPECT_EQ(deliveries.committed(kPod, 7), 7u);
  deliveries.taken(kPod, 1);
  EXPECT_EQ(deliveries.committed(kPod, 1), 1u);
}

}  // namespace
}  // namespace scanflow::runtime
