// A real process with real plugins, of which some behave badly.
#include "engine/control/host_process.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <scanflow/abi/trigger.h>

#include "sdk/loader/control_messages.hpp"

namespace scanflow::control {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class HostProcessTest : public testing::Test {
 protected:
  Result<json> load(std::uint64_t id) {
    return host_.ask({{"op", "load"},
                      {"id", id},
                      {"kind", "trigger"},
                      {"library", CONTROLLED_PLUGIN},
                      {"plugin", "test.obedient"},
                      {"config", {{"type", "*"}}}});
  }
  Result<json> wake(std::uint64_t id, const char* what) {
    const loader::WakeUp why{
        SCANFLOW_WAKE_EVENT, 1, {{"type", "a"}, {"payload", {{"trigger", what}}}}, "41"};
    return host_.ask({{"op", "wake"}, {"id", id}, {"why", loader::to_json(why)}},
                     std::chrono::milliseconds(300));
  }

  HostProcess host_{{.worker = WORKER_PROGRAM}};
};

TEST_F(HostProcessTest, LoadsPluginsAndAsksThem) {
  ASSERT_EQ(host_.start().value(), 1);
  ASSERT_EQ(host_.start().value(), 1) << "it runs";
  const auto loaded = load(7);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->at("watches"), (json{{{"source", "events"}, {"type", "*"}}}));
  const auto answer = wake(7, "");
  ASSERT_TRUE(answer) << answer.error().message;
  const loader::Woken woken = loader::woken_from_json(*answer);
  ASSERT_EQ(woken.fires.size(), 1);
  EXPECT_EQ(woken.fires[0]["count"], 42);
  EXPECT_EQ(woken.state, "42");
}

TEST_F(HostProcessTest, AnErrorOfAPluginIsItsOwn) {
  ASSERT_TRUE(host_.start());
  ASSERT_TRUE(load(1));
  EXPECT_THAT(wake(1, "throw").error().message, HasSubstr("as it was told"));
  EXPECT_THAT(wake(2, "").error().message, HasSubstr("no such trigger"));
  EXPECT_TRUE(host_.is_running());
  EXPECT_TRUE(wake(1, ""));
  EXPECT_THAT(host_.ask({{"op", "dance"}, {"id", 1}}).error().message, HasSubstr("dance"));
  ASSERT_TRUE(host_.ask({{"op", "drop"}, {"id", 1}}));
  EXPECT_FALSE(wake(1, ""));
}

TEST_F(HostProcessTest, OneThatCrashesOrHangsTakesNobodyWithIt) {
  ASSERT_TRUE(host_.start());
  ASSERT_TRUE(load(1));
  EXPECT_THAT(wake(1, "crash").error().message, HasSubstr("killed by SIGSEGV"));
  EXPECT_FALSE(host_.is_running());
  EXPECT_FALSE(wake(1, ""));
  ASSERT_EQ(host_.start().value(), 2);
  ASSERT_TRUE(load(1));
  EXPECT_THAT(wake(1, "hang").error().message, HasSubstr("did not answer within 300 ms"));
  EXPECT_FALSE(host_.is_running());
  ASSERT_EQ(host_.start().value(), 3);
  ASSERT_TRUE(load(1));
  EXPECT_TRUE(wake(1, ""));
}

TEST_F(HostProcessTest, WhatCannotBeStartedSaysSo) {
  HostProcess none({.worker = "/no/such/worker"});
  EXPECT_THAT(none.start().error().message, HasSubstr("/no/such/worker"));
  EXPECT_FALSE(none.ask({{"op", "drop"}, {"id", 1}}));
}

}  // namespace
}  // namespace scanflow::control
