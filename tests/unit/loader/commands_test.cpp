// What a list of commands may be, and the arguments for one.
#include "sdk/loader/commands.hpp"

#include <gtest/gtest.h>

namespace scanflow::loader {
namespace {

/// What a result says where it is none.
template <class T>
std::string error_of(const Result<T>& result) {
  return result ? "no error" : result.error().message;
}

TEST(Commands, AreReadWithWhatTheyLeaveOut) {
  const auto commands = parse_commands(R"([{"name": "pause"}, {"name": "set_param", "summary": "s",
      "schema": {"type": "object", "properties": {"rate": {"type": "number", "default": 2}}}}])");
  ASSERT_TRUE(commands) << commands.error().message;
  EXPECT_EQ(command_names(*commands), (std::vector<std::string>{"pause", "set_param"}));
  EXPECT_EQ((*commands)[0], json::parse(R"({"name": "pause", "summary": "",
                                            "schema": {"type": "object"}})"));
  EXPECT_EQ(find_command(*commands, "resume"), nullptr);
  EXPECT_EQ(*read_arguments(*find_command(*commands, "set_param"), ""), json({{"rate", 2}}));
}

TEST(Commands, OfNobodyAreNone) {
  EXPECT_EQ(command_names(json()), std::vector<std::string>());
  EXPECT_EQ(find_command(json(), "pause"), nullptr);
}

TEST(Commands, MalformedOnesAreRefused) {
  EXPECT_EQ(error_of(parse_commands("{")), "not JSON");
  EXPECT_EQ(error_of(parse_commands("{}")), "not a list of commands");
  EXPECT_EQ(error_of(parse_commands("[7]")), "a command must be an object with a name");
  EXPECT_EQ(error_of(parse_commands(R"([{"name": "Stop!"}])")),
            "\"Stop!\" cannot name a command: use lower-case letters, digits, '-' and '_', "
            "beginning with a letter, at most 64");
  EXPECT_EQ(error_of(parse_commands(R"([{"name": "a"}, {"name": "a"}])")),
            "there are two commands a");
  EXPECT_EQ(error_of(parse_commands(R"([{"name": "a", "summary": 3}])")),
            "the command a: its summary must be text of at most 200 bytes");
  EXPECT_NE(error_of(parse_commands(R"([{"name": "a", "schema": {"type": "objekt"}}])"))
                .find("the command a: its schema is not valid at "),
            std::string::npos);
  EXPECT_EQ(error_of(parse_commands(R"([{"name": "a", "schema": {"type": "array"}}])")),
            "the command a: its schema must be of type object");
}

TEST(Commands, AreBounded) {
  json many = json::array();
  for (int i = 0; i < 65; ++i) many.push_back({{"name", "c" + std::to_string(i)}});
  EXPECT_EQ(error_of(read_commands(many)), "65 commands; at most 64 are read");
  EXPECT_EQ(error_of(parse_bounded(std::string(70'000, ' '))),
            "70000 bytes; at most 65536 are read");
  EXPECT_EQ(error_of(parse_bounded(std::string(60'000, '['))), "nested deeper than 16 levels");
}

TEST(Commands, ArgumentsAreChecked) {
  const auto commands = parse_commands(R"([{"name": "set", "schema": {"type": "object",
      "properties": {"rate": {"type": "number", "exclusiveMinimum": 0}}, "required": ["rate"]}}])");
  ASSERT_TRUE(commands);
  const json& set = (*commands)[0];
  EXPECT_TRUE(read_arguments(set, R"({"rate": 0.1})"));
  EXPECT_EQ(error_of(read_arguments(set, "[]")), "the arguments must be a JSON object");
  EXPECT_EQ(error_of(read_arguments(set, "{")), "the arguments: not JSON");
  EXPECT_NE(error_of(read_arguments(set, R"({"rat": 1})")).find("did you mean 'rate'?"),
            std::string::npos);
  EXPECT_NE(error_of(read_arguments(set, R"({"rate": 0})")).find("arguments/rate: "),
            std::string::npos);
}

TEST(Commands, UnknownOnesAreToldWhatThereIs) {
  const auto commands = parse_commands(R"([{"name": "pause"}, {"name": "resume"}])");
  const auto answer = command_unsupported("pausee", *commands);
  EXPECT_EQ(answer.outcome, "UNSUPPORTED");
  EXPECT_EQ(
      json::parse(answer.value),
      json::parse(
          R"({"message": "the step does not offer 'pausee'; did you mean 'pause'?; it offers pause, resume",
                            "offers": ["pause", "resume"]})"));
  EXPECT_EQ(json::parse(command_unsupported("pause", json()).value)["message"],
            "the step offers no command, so no 'pause'");
}

}  // namespace
}  // namespace scanflow::loader
