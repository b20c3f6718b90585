// The lines that a program at $SCANFLOW_SOCKET says, and is told.
#include "engine/worker/program_link.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <vector>

#include "sdk/loader/commands.hpp"

namespace scanflow::worker {
namespace {

using nlohmann::json;

class ProgramLinkTest : public testing::Test {
 protected:
  UniqueFd connect() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    link.add(UniqueFd(ends[0]));
    return UniqueFd(ends[1]);
  }
  /// What it says is read at once.
  void say(const UniqueFd& fd, const std::string& lines) {
    ASSERT_EQ(::send(fd.get(), lines.data(), lines.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(lines.size()));
    link.drain();
  }
  static std::string told(const UniqueFd& fd) {
    std::array<char, 4096> buffer;
    const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
  }
  std::vector<std::string> offered() { return loader::command_names(link.offers()); }

  Loop loop;
  std::vector<std::string> seen;
  ProgramLink link{
      loop,
      {.offers = [this] { seen.emplace_back("offers"); },
       .answered =
           [this](std::uint64_t call, const std::string& outcome, const std::string& value) {
             seen.push_back(std::to_string(call) + " " + outcome + " " + value);
           },
       .metric =
           [this](const protocol::Metric& metric) {
             seen.push_back(json{metric.name, metric.value, metric.step, metric.labels}.dump());
           },
       .progress =
           [this](double fraction, const std::string& message) {
             seen.push_back(json{fraction, message}.dump());
           },
       .closed = [this](const std::string& why) { seen.push_back("closed: " + why); }}};
};

using Seen = std::vector<std::string>;

TEST_F(ProgramLinkTest, ACommandGoesThereAndItsAnswerBack) {
  const UniqueFd program = connect();
  say(program, R"({"offers": [{"name": "pause"}, {"name": "set"}]})"
               "\n");
  EXPECT_EQ(offered(), (Seen{"pause", "set"}));
  EXPECT_EQ(link.ask(6, "stop", "{}")->outcome, "UNSUPPORTED");
  EXPECT_FALSE(link.ask(7, "set", R"({"rate": 2})"));
  EXPECT_EQ(told(program), R"({"arguments":{"rate":2},"call":7,"command":"set"})"
                           "\n");
  say(program, R"({"call": 7, "outcome": "DONE", "value": {"rate": 2}})"
               "\n");
  EXPECT_EQ(seen, (Seen{"offers", R"(7 DONE {"rate":2})"}));
}

TEST_F(ProgramLinkTest, MetricsAndProgress) {
  const UniqueFd program = connect();
  say(program, R"({"metric": {"name": "loss", "value": 0.5, "step": 3, "labels": {"set": "t"}}})"
               "\n\n"
               R"({"progress": {"fraction": 0.25, "message": "a quarter"}})"
               "\n");
  EXPECT_EQ(seen, (Seen{R"(["loss",0.5,3,{"set":"t"}])", R"([0.25,"a quarter"])"}));
}

TEST_F(ProgramLinkTest, ALineMayComeInPieces) {
  const UniqueFd program = connect();
  say(program, R"({"progress": {"fract)");
  EXPECT_EQ(seen, Seen());
  say(program, R"(ion": 1}})"
               "\n");
  EXPECT_EQ(seen, Seen{R"([1.0,""])"});
}

TEST_F(ProgramLinkTest, WhatIsNoneOfTheLinesClosesTheConnection) {
  for (const auto& [line, why] : std::vector<std::pair<std::string, std::string>>{
           {"hello", "not JSON: hello"},
           {"[1]", "not a JSON object: [1]"},
           {"{}", "neither offers, call, metric nor progress: {}"},
           {R"({"offers": [{}]})",
            "nothing cannot name a command: use lower-case letters, digits, '-' and '_', beginning "
            "with a letter, at most 64: {\"offers\": [{}]}"},
           {R"({"call": 3, "outcome": "DONE"})",
            "the answer to a call that was not made: {\"call\": 3, \"outcome\": \"DONE\"}"},
           {R"({"call": 3, "outcome": "MAYBE"})",
            "an outcome is DONE, FAILED or UNSUPPORTED: {\"call\": 3, \"outcome\": \"MAYBE\"}"}}) {
    seen.clear();
    const UniqueFd program = connect();
    say(program, line + "\n");
    EXPECT_EQ(seen, Seen{"closed: " + why});
    EXPECT_EQ(::recv(program.get(), seen.data(), 0, MSG_DONTWAIT), 0);
  }
}

TEST_F(ProgramLinkTest, ALineHasABound) {
  const UniqueFd program = connect();
  const std::string much(ProgramLink::kMaxLine / 2 + 1, 'x');
  say(program, much);
  EXPECT_EQ(seen, Seen());
  say(program, much);
  EXPECT_EQ(seen, Seen{"closed: a line over 65536 bytes"});
}

TEST_F(ProgramLinkTest, ACommandGoesToWhoOfferedItLast) {
  const UniqueFd first = connect();
  say(first, R"({"offers": [{"name": "pause"}, {"name": "stop"}]})"
             "\n");
  UniqueFd second = connect();
  say(second, R"({"offers": [{"name": "pause"}]})"
              "\n");
  EXPECT_EQ(offered(), (Seen{"pause", "stop"}));
  EXPECT_FALSE(link.ask(1, "pause", "{}"));
  EXPECT_EQ(told(first), "");
  EXPECT_NE(told(second), "");
  second.reset();
  link.drain();
  EXPECT_EQ(seen.at(2).substr(0, 8), "1 FAILED");
  EXPECT_FALSE(link.ask(2, "pause", "{}"));
  EXPECT_NE(told(first), "");
}

TEST_F(ProgramLinkTest, ConnectionsAreCounted) {
  std::vector<UniqueFd> all;
  for (std::size_t i = 0; i <= ProgramLink::kMaxConnections; ++i) all.push_back(connect());
  EXPECT_EQ(seen, Seen{"closed: more than 16 connections"});
}

}  // namespace
}  // namespace scanflow::worker
