// The command line over --server: the same output and exit statuses as on a state directory.
#include <gmock/gmock.h>

#include <regex>

#include "tests/integration/server_support.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;

/// Hints name the server, or the state directory.
std::string without_place(const std::string& text) {
  static const std::regex kPlace(" --(server|state) [^ \n]+");
  return std::regex_replace(text, kPlace, "");
}

TEST(Remote, RunsAndShowsAsAStateDirectoryDoes) {
  const Remote remote;
  const std::string file = remote.here.files().write(
      "p.yaml", pipeline("steps:\n  - {name: a, run: \"echo said; echo x=1 >> $SCANFLOW_OUTPUT\"}\n"
                         "  - {name: b, needs: [a], uses: noop}\n"));
  const Output run = remote({"run", file, "-o", "json"});
  ASSERT_EQ(run.exit, 0) << run.err;
  EXPECT_EQ(step(last_line(run), "a")["outputs"]["x"], 1);
  const std::string text = remote({"run", file}).out;
  EXPECT_THAT(text, HasSubstr("succeeded in "));
  for (const std::vector<std::string>& command : {std::vector<std::string>{"runs", "show", "last"},
                                                  {"runs", "show", "last", "-o", "json"},
                                                  {"runs", "list"},
                                                  {"runs", "list", "-o", "json"},
                                                  {"runs", "list", "--status", "failed"},
                                                  {"runs", "logs", "last"},
                                                  {"runs", "logs", "last", "a"},
                                                  {"runs", "logs", "last", "-o", "json"},
                                                  {"runs", "events", "last"},
                                                  {"runs", "events", "last", "-o", "json"},
                                                  {"runs", "wait", "last"},
                                                  {"runs", "watch", "last"},
                                                  {"runs", "show", "nothing-like-it"},
                                                  {"runs", "logs", "last", "c"},
                                                  {"schedules"}}) {
    const Output over = remote(command);
    const Output local = remote.there(command);
    EXPECT_EQ(over.exit, local.exit) << command[1] << over.err;
    if (command.back() != "failed") {  // then it says where it has looked
      EXPECT_EQ(without_place(over.out), without_place(local.out)) << command[1];
    }
    EXPECT_EQ(without_place(over.err), without_place(local.err)) << command[1];
  }
  EXPECT_EQ(remote({"runs", "delete", "last"}).exit, 0);
  EXPECT_EQ(last_line(remote({"runs", "list", "-o", "json"})).size(), 1u);
  EXPECT_EQ(remote.here({"runs", "list", "-o", "json"}).out, "[]\n");
}

TEST(Remote, ApprovesWaitsAndCancels) {
  const Remote remote;
  const std::string file = remote.here.files().write(
      "p.yaml", pipeline("steps:\n  - {name: gate, approve: \"go on?\"}\n"
                         "  - {name: long, needs: [gate], run: \"exec sleep 1000\"}\n"));
  const auto run = remote.here.start({"run", file, "--server", remote.server->url()});
  ASSERT_TRUE(eventually([&] { return run->out().find("go on?") != std::string::npos; }))
      << run->err();
  EXPECT_EQ(remote({"runs", "approve", "last", "long"}).exit, 2);
  EXPECT_EQ(remote({"runs", "approve", "last", "gate"}).exit, 0);
  const auto wait = remote.here.start({"runs", "wait", "last", "--server", remote.server->url()});
  EXPECT_EQ(remote({"runs", "cancel", "last"}).exit, 0);
  EXPECT_EQ(run->wait().exit, 130);
  EXPECT_EQ(wait->wait().exit, 130);
  const Output late = remote({"runs", "cancel", "last"});
  EXPECT_EQ(late.exit, 2);
  EXPECT_THAT(late.err, HasSubstr("is over"));
}

TEST(Remote, FollowsARunOverARestartOfTheServer) {
  Remote remote;
  const std::string file =
      remote.here.files().write("p.yaml", pipeline("steps: [{name: gate, approve: true}]\n"));
  const auto run = remote.here.start({"run", file, "--server", remote.server->url()});
  ASSERT_TRUE(eventually([&] { return run->out().find("gate") != std::string::npos; }));
  const std::uint16_t port = remote.server->port();
  remote.server->kill();
  remote.server = std::make_unique<ServerProgram>(remote.there, std::vector<std::string>(), port);
  EXPECT_EQ(remote({"runs", "approve", "last", "gate"}).exit, 0);
  EXPECT_EQ(run->wait().exit, 0) << run->err();
}

TEST(Remote, WhatIsWrongIsToldAsEver) {
  const Remote remote;
  const std::string file =
      remote.here.files().write("p.yaml", pipeline("steps: [{name: a, uses: nop}]\n"));
  const Output over = remote({"run", file});
  EXPECT_EQ(over.exit, 2);
  EXPECT_EQ(over.err, remote.here({"run", file}).err);
  for (const auto& command : std::vector<std::vector<std::string>>{{"runs", "resume", "last"},
                                                                   {"runs", "retry", "last"}}) {
    EXPECT_EQ(remote(command).err, remote.there(command).err);
    EXPECT_EQ(remote(command).exit, 2);
  }
  const std::string url = remote.server->url();
  EXPECT_EQ(remote.here({"runs", "list", "--server", "localhost:1"}).exit, 2);
  EXPECT_EQ(remote.server->stop(), 0);
  const Output gone = remote.here({"runs", "list"}, {{"SCANFLOW_SERVER", url}});
  EXPECT_EQ(gone.exit, 3);
  EXPECT_THAT(gone.err, HasSubstr("cannot reach the server at " + url));
  EXPECT_EQ(remote.here({"run", file, "--server", url}).exit, 3);
}

}  // namespace
}  // namespace scanflow::test
