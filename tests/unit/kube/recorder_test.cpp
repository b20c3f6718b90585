// Events against an API server that checks them as a real one does.
#include "engine/kube/recorder.hpp"

#include <gmock/gmock.h>

#include <atomic>

#include "tests/support/kube/server.hpp"
#include "tests/support/program.hpp"

namespace scanflow::kube {
namespace {

using test::eventually;
using test::kube::Fault;
using test::kube::KubeServer;
using testing::HasSubstr;
constexpr const char* kEventsOfDefault = "/apis/events.k8s.io/v1/namespaces/default/events";

class RecorderTest : public testing::Test {
 protected:
  RecorderTest() : client_(client_of(server_.admin_token())) {}
  std::shared_ptr<Client> client_of(const std::string& token) {
    auto access = read_kubeconfig({{"/test/config", server_.kubeconfig(token)}}, "");
    Client::Means means = Client::usual();
    means.rate = {.per_s = 10'000, .burst = 10'000};
    means.repeat = {.most = 2, .first_us = 1'000};
    means.monotonic_us = [this] { return now_us_.load(); };
    means.wall_us = [this] { return 1'782'874'800'000'000 + now_us_.load(); };
    return *Client::open(std::move(*access), means);
  }
  static Event event(const std::string& note, const std::string& object = "a") {
    Event made;
    made.regarding = {kinds::kConfigMap, "default", object, "uid-" + object};
    made.reason = "PatchDone";
    made.action = "patch";
    made.note = note;
    return made;
  }
  json events() {
    const auto all = server_.ask("GET", kEventsOfDefault);
    return (all.text.empty() ? all.body : json::parse(all.text))["items"];
  }
  KubeServer server_;
  std::atomic<std::int64_t> now_us_{1};
  std::shared_ptr<Client> client_;
};

TEST_F(RecorderTest, TheSameIsOneEventWithASeries) {
  Recorder recorder(client_);
  recorder.record(event("one"));
  recorder.record(event("two"));
  recorder.record(event("one"));
  now_us_ = 60'000'001;
  recorder.record(event("one"));
  ASSERT_TRUE(eventually([&] { return recorder.counts().written == 4; }));
  const json all = events();
  ASSERT_EQ(all.size(), 2u) << all.dump(1);
  const json& one = all[all[0]["note"] == "one" ? 0 : 1];
  EXPECT_EQ(one["series"]["count"], 3);
  EXPECT_EQ(one["series"]["lastObservedTime"], "2026-07-01T03:01:00.000001Z");
  EXPECT_EQ(one["eventTime"], "2026-07-01T03:00:00.000001Z") << "of the first";
  EXPECT_EQ(server_.counters().count("create", "events"), 2u);
  EXPECT_EQ(server_.counters().count("patch", "events"), 2u);
}

TEST_F(RecorderTest, AnEventThatTheServerHasForgottenIsMadeAnew) {
  Recorder recorder(client_);
  recorder.record(event("one"));
  ASSERT_TRUE(eventually([&] { return recorder.counts().written == 1; }));
  server_.ask("DELETE",
              kEventsOfDefault + ("/" + events()[0]["metadata"]["name"].get<std::string>()));
  recorder.record(event("one"));
  ASSERT_TRUE(eventually([&] { return recorder.counts().written == 2; }));
  EXPECT_EQ(events()[0]["series"]["count"], 2);
}

TEST_F(RecorderTest, AnObjectsBudgetIsKept) {
  Recorder recorder(client_);
  for (int i = 0; i < 40; ++i) recorder.record(event(std::to_string(i)));
  ASSERT_TRUE(eventually([&] { return recorder.counts().dropped == 15; }));
  EXPECT_EQ(events().size(), 25u);
}

TEST_F(RecorderTest, OfTooManyThatWaitTheOldestGo) {
  server_.add_fault({.kind = Fault::Kind::slow,
                     .resource = "events",
                     .times = 1,
                     .delay = std::chrono::milliseconds(300)});
  Recorder recorder(client_, {.most_waiting = 2});
  recorder.record(event("held"));
  ASSERT_TRUE(eventually([&] { return server_.counters().count("create", "events") == 1; }));
  for (const char* note : {"a", "b", "c"}) recorder.record(event(note, note));
  EXPECT_EQ(recorder.counts().dropped, 1u) << "at once: nobody waits for the server";
  ASSERT_TRUE(eventually([&] { return recorder.counts().written == 3; }));
  for (const json& each : events()) EXPECT_NE(each["note"], "a");
}

TEST_F(RecorderTest, WhatWaitsIsWrittenAtTheEnd) {
  {
    Recorder recorder(client_);
    for (int i = 0; i < 10; ++i) recorder.record(event("n", std::to_string(i)));
  }
  EXPECT_EQ(events().size(), 10u);
}

TEST_F(RecorderTest, TheEndDoesNotWaitForAServerThatHangs) {
  server_.add_fault(
      {.kind = Fault::Kind::slow, .resource = "events", .delay = std::chrono::seconds(60)});
  const auto begun = std::chrono::steady_clock::now();
  {
    Recorder recorder(client_, {.flush = std::chrono::milliseconds(50)});
    for (int i = 0; i < 10; ++i) recorder.record(event("n", std::to_string(i)));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
  EXPECT_LE(events().size(), 1u) << "the one that was under way";
}

TEST_F(RecorderTest, AMissingRightIsSaidOnce) {
  std::atomic<int> said{0};
  std::string line;
  Recorder recorder(client_of(server_.add_user("stranger")),
                    {.trouble = [&](const std::string& why) {
                      line = why;
                      ++said;
                    }});
  for (int i = 0; i < 3; ++i) recorder.record(event("n", std::to_string(i)));
  ASSERT_TRUE(eventually([&] { return recorder.counts().failed == 3; }));
  EXPECT_EQ(said, 1);
  EXPECT_THAT(line, HasSubstr("cannot write an Event on ConfigMap default/0"));
  EXPECT_THAT(line, HasSubstr("\"events\" in API group \"events.k8s.io\""));
}

TEST_F(RecorderTest, OneThatIsWaitedForSaysWhatBecameOfIt) {
  EventWriter writer(*client_);
  const auto name = writer.write(event("one"), writer.now(), std::chrono::seconds(20));
  ASSERT_TRUE(name) << name.error().message;
  EXPECT_FALSE(server_.get(kEventsOfDefault + name->substr(name->find('/'))).is_null()) << *name;
  server_.add_fault(
      {.kind = Fault::Kind::slow, .resource = "events", .delay = std::chrono::seconds(60)});
  const auto none = writer.write(event("two"), writer.now(), std::chrono::milliseconds(50));
  ASSERT_FALSE(none);
  EXPECT_TRUE(none.error().stopped());
}

}  // namespace
}  // namespace scanflow::kube
