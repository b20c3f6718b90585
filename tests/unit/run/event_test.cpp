#include "engine/run/event.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace scanflow::run {
namespace {

Event full() {
  return {.type = EventType::attempt_ended,
          .cause = Cause::crash,
          .step = 3,
          .attempt = 2,
          .time_us = 1'700'000'000'123'456,
          .data = std::make_shared<const json>(json{{"message", "SIGSEGV"}, {"signal", 11}})};
}

std::string to_text(const Event& event, std::string_view step) {
  std::string text;
  append_text(event, step, text);
  return text;
}

TEST(Event, TextIsStable) {
  EXPECT_EQ(to_text(full(), "train[model=cnn1]"),
            R"({"type":"attempt_ended","time_us":1700000000123456,"step":"train[model=cnn1]",)"
            R"("attempt":2,"cause":"crash","data":{"message":"SIGSEGV","signal":11}})");
  EXPECT_EQ(
      to_text({.type = EventType::run_ended, .status = RunStatus::cancelled, .time_us = 5}, ""),
      R"({"type":"run_ended","time_us":5,"status":"cancelled"})");
}

TEST(Event, TextAndDocumentSayTheSame) {
  for (const char* id : {"a", "train[model=cnn1,lr=0.01]", "quote\"back\\slash\nline", "Grün ✓"}) {
    EXPECT_EQ(json::parse(to_text(full(), id)), to_json(full(), id));
  }
  EXPECT_EQ(json::parse(to_text(full(), "a\x01z")), to_json(full(), "a\x01z"));
}

TEST(Event, BytesThatAreNoUtf8DoNotThrow) {
  Event event = full();
  event.data = std::make_shared<const json>(json{{"message", "bad \xff byte"}});
  EXPECT_EQ(json::parse(to_text(event, "a"))["data"]["message"], "bad \xef\xbf\xbd byte");
}

TEST(Event, EveryTypeSurvivesTheRoundTrip) {
  for (int type = 0; type <= static_cast<int>(EventType::run_ended); ++type) {
    Event event = full();
    event.type = static_cast<EventType>(type);
    event.wake_us = type == static_cast<int>(EventType::retry_scheduled) ? 77 : 0;
    event.status = event.type == EventType::run_ended ? RunStatus::failed : RunStatus::running;
    const Event back = from_json(json::parse(to_text(event, "a")));
    EXPECT_EQ(back.type, event.type);
    EXPECT_EQ(back.cause, event.cause);
    EXPECT_EQ(back.status, event.status);
    EXPECT_EQ(back.step, kNoStep) << "the caller finds it by its identity";
    EXPECT_EQ(back.attempt, event.attempt);
    EXPECT_EQ(back.time_us, event.time_us);
    EXPECT_EQ(back.wake_us, event.wake_us);
    ASSERT_TRUE(back.data);
    EXPECT_EQ(*back.data, *event.data);
  }
}

TEST(Event, EveryCauseHasAName) {
  for (int cause = 0; cause <= static_cast<int>(Cause::upstream); ++cause) {
    const auto text = pipeline::name(static_cast<Cause>(cause));
    EXPECT_EQ(pipeline::parse_cause(text), static_cast<Cause>(cause)) << text;
  }
  EXPECT_EQ(pipeline::parse_cause("tiredness"), std::nullopt);
}

TEST(Event, FromANewerVersionIsRefusedByName) {
  try {
    from_json(json{{"type", "step_teleported"}, {"time_us", 1}});
    FAIL() << "an unknown type was taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(),
                 "unknown event type 'step_teleported' in a recorded event: written by a newer "
                 "version, or damaged");
  }
}

}  // namespace
}  // namespace scanflow::run
