#include "plugins/steps/resource/condition.hpp"

#include <gmock/gmock.h>

namespace scanflow::resource {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const json kObject =
    json::parse(R"({"status": {"phase": "Running", "ready": true, "succeeded": 2, "share": "0.5",
  "conditions": [{"type": "Ready", "status": "False", "reason": "Unhealthy", "message": "no answer"},
                 {"type": "Scheduled", "status": "True"}]}})");

bool holds(const std::string& text) {
  const auto condition = Condition::parse(text);
  if (!condition) {
    ADD_FAILURE() << condition.error().message;
    return false;
  }
  return condition->holds(kObject);
}

TEST(Condition, Holds) {
  for (const char* text :
       {"{.status.phase}", "{.status.phase} == Running", "{.status.phase}==\"Running\"",
        "{.status.phase} != Failed", "{.status.none} != x", "{.status.ready} == true",
        "{.status.succeeded} >= 2", "{.status.succeeded} < 3", "{.status.share} > 0.4",
        "{.status.none} < 1", "{.status.none} >= 0", "condition Scheduled",
        "condition Ready == False", " condition Gone != True ",
        "{.status.conditions[?(@.reason=='Unhealthy')].status} == False"})
    EXPECT_TRUE(holds(text)) << text;
  for (const char* text : {"{.status.none}", "{.status.phase} == running", "{.status.none} == x",
                           "{.status.succeeded} > 2", "{.status.phase} > 1", "condition Ready",
                           "condition Gone", "condition Gone == False"})
    EXPECT_FALSE(holds(text)) << text;
}

TEST(Condition, SaysHowItIs) {
  const auto seen = [](const char* text) { return Condition::parse(text)->seen(kObject); };
  EXPECT_EQ(seen("{.status.phase} == Failed"), "{.status.phase} is Running");
  EXPECT_EQ(seen("{.status.none}"), "{.status.none} is not there");
  EXPECT_EQ(seen("condition Ready"), "Ready is False: Unhealthy: no answer");
  EXPECT_EQ(seen("condition Gone"), "there is no condition Gone yet");
}

TEST(Condition, SaysWhatIsWrong) {
  const auto said = [](const char* text) {
    const auto condition = Condition::parse(text);
    return condition ? std::string("nothing") : condition.error().message;
  };
  EXPECT_THAT(said("Ready"), HasSubstr("'condition Ready'"));
  EXPECT_THAT(said("condition == True"), HasSubstr("names no condition"));
  EXPECT_THAT(said("{.status.phase} is Running"), HasSubstr("after {.status.phase} comes =="));
  EXPECT_THAT(said("{.status.x} > many"), HasSubstr("compares with a number"));
  EXPECT_THAT(said("{.status.x"), HasSubstr("'}' is missing at character"));
  EXPECT_THAT(said("{.a[*]} == 1"), HasSubstr("a number is missing"));
  EXPECT_THAT(said("{}"), HasSubstr("it names nothing"));
  EXPECT_THAT(said(""), HasSubstr("is no condition"));
}

}  // namespace
}  // namespace scanflow::resource
