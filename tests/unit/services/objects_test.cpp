// What a cluster is to hold, and is told until it does.
#include "engine/services/objects.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace scanflow::services {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const Objects::Name kService{Objects::Kind::service, "a"};
const Objects::Name kDeployment{Objects::Kind::deployment, "a"};
constexpr std::int64_t kSecond = 1'000'000;

class ObjectsTest : public testing::Test {
 protected:
  std::vector<std::string> due(std::int64_t now_us) const {
    std::vector<std::string> all;
    for (const auto& task : objects.due(now_us))
      all.push_back((task.name.kind == Objects::Kind::service ? "service " : "deployment ") +
                    task.object.dump());
    return all;
  }
  void all_done(const std::string& problem, std::int64_t now_us) {
    for (const auto& task : objects.due(now_us)) objects.done(task, problem, now_us);
  }
  Objects objects;
};

TEST_F(ObjectsTest, WhatIsWantedIsDoneOnceInOrder) {
  objects.want(kDeployment, 1);
  objects.want(kService, 2);
  EXPECT_EQ(objects.outcome(kService), std::nullopt);
  EXPECT_THAT(due(0), ElementsAre("service 2", "deployment 1"));
  all_done("", 0);
  EXPECT_EQ(objects.outcome(kService), "");
  objects.want(kService, 2);
  EXPECT_THAT(due(kSecond), IsEmpty());
  objects.want(kService, 3);
  EXPECT_THAT(due(kSecond), ElementsAre("service 3"));
}

TEST_F(ObjectsTest, WhatIsRefusedIsTriedAgainAfterGrowingWaits) {
  objects.want(kService, 1);
  all_done("no right", 0);
  EXPECT_EQ(objects.outcome(kService), "no right");
  EXPECT_THAT(due(kSecond - 1), IsEmpty());
  all_done("no right", kSecond);
  EXPECT_THAT(due(3 * kSecond - 1), IsEmpty());
  EXPECT_THAT(due(3 * kSecond), SizeIs(1));
  objects.want(kService, 2);  // which may be taken
  EXPECT_EQ(objects.outcome(kService), std::nullopt);
  EXPECT_THAT(due(kSecond), ElementsAre("service 2"));
}

TEST_F(ObjectsTest, AnAnswerToWhatIsNoMoreWantedSaysNothing) {
  objects.want(kService, 1);
  const auto before = objects.due(0);
  objects.want(kService, 2);
  objects.done(before.at(0), "", 0);
  EXPECT_THAT(due(0), ElementsAre("service 2"));
}

TEST_F(ObjectsTest, WhatGoesIsDeletedUntilItIsGone) {
  objects.want(kService, 1);
  all_done("", 0);
  objects.want(kService, nullptr);
  EXPECT_THAT(objects.wanted(), IsEmpty());
  all_done("away", 0);
  EXPECT_THAT(due(kSecond), ElementsAre("service null"));
  all_done("", kSecond);
  EXPECT_THAT(due(100 * kSecond), IsEmpty());
  EXPECT_EQ(objects.outcome(kService), "");
}

TEST_F(ObjectsTest, WhatSomebodyHasDeletedIsMadeAgain) {
  objects.want(kService, 1);
  objects.want(kDeployment, 1);
  all_done("", 0);
  objects.lost(kService);
  EXPECT_THAT(due(0), ElementsAre("service 1"));
  objects.lost_all();
  EXPECT_THAT(due(0), SizeIs(2));
}

}  // namespace
}  // namespace scanflow::services
