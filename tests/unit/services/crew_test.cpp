#include "engine/services/crew.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/seconds.hpp"

namespace scanflow::services {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

SeenPod running(const std::string& uid, bool ready = true, int restarts = 0) {
  SeenPod pod;
  pod.uid = uid;
  pod.name = "pod-" + uid;
  pod.document = "d1";
  pod.running = true;
  pod.ready = ready;
  pod.restarts = restarts;
  return pod;
}

class CrewTest : public testing::Test {
 protected:
  CrewTest() { crew.want("d1", {{"cnn", json{"v1"}}}); }
  std::vector<std::string> told() {
    std::vector<std::string> all;
    for (const Crew::Order& each : crew.orders(now)) {
      all.push_back(each.uid + " " + each.traffic.dump());
      orders.push_back(each);
    }
    return all;
  }
  void answer(bool done, const std::string& message = "", bool refused = false) {
    for (const Crew::Order& each : std::exchange(orders, {}))
      crew.answered(each, {done, refused, message, 400}, now);
  }

  Crew crew;
  std::int64_t now = 1000 * kSecond;
  std::vector<Crew::Order> orders;
};

TEST_F(CrewTest, EachPodIsToldOnceWhatIsWanted) {
  EXPECT_TRUE(crew.settled("cnn")) << "there are none";
  crew.listed({running("a"), running("b", false)});
  EXPECT_THAT(told(), ElementsAre(R"(a ["v1"])", R"(b ["v1"])"));
  EXPECT_THAT(told(), IsEmpty()) << "they have not answered yet";
  EXPECT_FALSE(crew.settled("cnn"));
  answer(true);
  EXPECT_TRUE(crew.settled("cnn"));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(crew.ready(), 1U);
  EXPECT_EQ(crew.slowest_us("cnn"), 400);
  crew.want_of("cnn", json{"v2"});
  EXPECT_THAT(told(), ElementsAre(R"(a ["v2"])", R"(b ["v2"])"));
}

TEST_F(CrewTest, OneThatComesLateOrIsStartedAgainIsToldToo) {
  crew.listed({running("a")});
  told();
  answer(true);
  crew.seen(running("b"));
  EXPECT_THAT(told(), ElementsAre(R"(b ["v1"])"));
  answer(true);
  crew.seen(running("a", false, 1));
  EXPECT_THAT(told(), ElementsAre(R"(a ["v1"])")) << "another process, which knows nothing";
}

TEST_F(CrewTest, APodThatDoesNotRunOrServesAnotherDocumentIsLeftAlone) {
  SeenPod starting = running("a");
  starting.running = false;
  SeenPod old = running("b");
  old.document = "d0";
  crew.listed({starting, old});
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_TRUE(crew.settled("cnn"));
}

TEST_F(CrewTest, OneThatCannotIsAskedAgainAfterAWhile) {
  crew.listed({running("a")});
  told();
  answer(false, "its sidecar has not reached the hub yet");
  EXPECT_THAT(crew.refusers("cnn"), IsEmpty()) << "it has said nothing itself";
  EXPECT_THAT(told(), IsEmpty());
  now += kSecond;
  EXPECT_THAT(told(), SizeIs(1));
  answer(false, "no such file", true);
  ASSERT_THAT(crew.refusers("cnn"), SizeIs(1));
  EXPECT_EQ(crew.members()[0].problem, "no such file");
  EXPECT_EQ(crew.first(), "");
  now += kSecond;
  EXPECT_THAT(told(), IsEmpty()) << "that stays so for a while: to try costs";
  now += kSecond;
  EXPECT_THAT(told(), SizeIs(1));
  answer(false, "no such file", true);
  now += 3 * kSecond;
  EXPECT_THAT(told(), IsEmpty()) << "each time for longer";
  crew.want_of("cnn", json{"v2"});
  EXPECT_THAT(told(), SizeIs(1)) << "another one may be better";
  answer(true);
  EXPECT_EQ(crew.first(), "a");
  EXPECT_EQ(crew.members()[0].problem, "");
  EXPECT_THAT(crew.refusers("cnn"), IsEmpty());
}

TEST_F(CrewTest, APodIsToldOfOneNodeAfterTheOther) {
  crew.want("d1", {{"cnn", json{"v1"}}, {"pre", json{"p1"}}});
  crew.listed({running("a")});
  EXPECT_THAT(told(), ElementsAre(R"(a ["v1"])"));
  EXPECT_THAT(told(), IsEmpty()) << "two at once would supersede each other";
  answer(true);
  EXPECT_THAT(told(), ElementsAre(R"(a ["p1"])"));
  answer(true);
  EXPECT_TRUE(crew.settled("cnn") && crew.settled("pre"));
  crew.forget("a", "cnn");  // it may have done something else meanwhile
  EXPECT_THAT(told(), ElementsAre(R"(a ["v1"])"));
}

TEST_F(CrewTest, WhoHasRefusedWhatWasIsAskedForWhatIs) {
  crew.listed({running("a")});
  told();
  answer(false, "no such file", true);
  crew.want_of("cnn", json{"v2"});
  EXPECT_THAT(crew.refusers("cnn"), IsEmpty());
}

TEST_F(CrewTest, AnAnswerThatComesTooLateSaysNothing) {
  crew.listed({running("a")});
  told();
  const Crew::Order late = orders.front();
  crew.seen(running("a", true, 1));
  told();  // the new process
  crew.answered(late, {true, false, "", 1}, now);
  EXPECT_FALSE(crew.settled("cnn"));
  crew.listed({});
  crew.answered(late, {true, false, "", 1}, now);
  EXPECT_THAT(crew.members(), IsEmpty());
}

}  // namespace
}  // namespace scanflow::services
