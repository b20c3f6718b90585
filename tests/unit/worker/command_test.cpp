#include "engine/worker/command.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace scanflow::worker {
namespace {

using nlohmann::json;

Result<Command> make(const json& with,
                     const std::vector<std::string>& base = {"PATH=/usr/bin:/bin"},
                     const std::map<std::string, std::string>& env = {}) {
  protocol::Request request;
  request.id = {"run", "step", 1};
  request.config = with.dump();
  request.cwd = "/tmp";
  request.env = env;
  const CommandFiles files{"/slot", "/p", "/o", "/m", "/a", "/s", "/script"};
  ProgramFinder programs;
  return make_command(request, files, base, programs);
}

bool has(const Command& command, const std::string& entry) {
  return std::count(command.env.begin(), command.env.end(), entry) == 1;
}

TEST(Command, ArgumentsMayBeNumbersAndLists) {
  const auto command = make({{"argv", {"true", 1, 0.5, true, {1, 2}}}});
  ASSERT_TRUE(command) << command.error().message;
  EXPECT_EQ(command->argv, (std::vector<std::string>{"true", "1", "0.5", "true", "[1,2]"}));
  EXPECT_EQ(command->file, "/usr/bin/true");
  EXPECT_EQ(command->cwd, "/tmp");
}

TEST(Command, AScriptRunsInItsShell) {
  EXPECT_EQ(make({{"run", "echo"}})->argv, (std::vector<std::string>{"bash", "-e", "-c", "echo"}));
  EXPECT_EQ(make({{"run", "echo"}, {"shell", "sh"}})->argv.front(), "sh");
  const auto large = make({{"run", std::string(200'000, '#')}});
  EXPECT_EQ(large->argv, (std::vector<std::string>{"bash", "-e", "/script"}));
  EXPECT_EQ(large->script.size(), 200'000u);
}

TEST(Command, FurtherKeysAreParameters) {
  const auto command =
      make({{"argv", {"true"}}, {"learning-rate", 0.5}, {"big", std::string(100'000, 'x')}});
  EXPECT_TRUE(has(*command, "SCANFLOW_PARAM_LEARNING_RATE=0.5"));
  EXPECT_TRUE(has(*command, "SCANFLOW_PARAMS=/p"));
  const json params = json::parse(command->params);
  EXPECT_EQ(params["learning-rate"], 0.5);
  EXPECT_EQ(params["big"].get<std::string>().size(), 100'000u);  // in the file only
  EXPECT_TRUE(std::none_of(command->env.begin(), command->env.end(), [](const std::string& entry) {
    return entry.rfind("SCANFLOW_PARAM_BIG=", 0) == 0;
  }));
}

TEST(Command, IsToldWhereCheckpointsAre) {
  protocol::Request request;
  request.config = R"({"argv": ["true"]})";
  request.checkpoints = "/kept";
  ProgramFinder programs;
  EXPECT_TRUE(
      has(*make_command(request, {}, {"PATH=/usr/bin"}, programs), "SCANFLOW_CHECKPOINTS=/kept"));
  EXPECT_TRUE(has(*make({{"argv", {"true"}}}), "SCANFLOW_CHECKPOINTS="));
}

TEST(Command, TheStepsEnvironmentWins) {
  const auto command = make({{"argv", {"true"}}}, {"PATH=/none", "HOME=/root", "OMP_NUM_THREADS=9"},
                            {{"PATH", "/usr/bin"}, {"HOME", "/home"}});
  ASSERT_TRUE(command) << command.error().message;
  EXPECT_EQ(command->file, "/usr/bin/true");
  EXPECT_TRUE(has(*command, "HOME=/home"));
  EXPECT_TRUE(has(*command, "OMP_NUM_THREADS=9"));
  EXPECT_FALSE(has(*command, "HOME=/root"));
}

TEST(Command, RelativeDirectoriesStartAtTheRequests) {
  EXPECT_EQ(make({{"argv", {"true"}}, {"cwd", "sub"}})->cwd, "/tmp/sub");
  EXPECT_EQ(make({{"argv", {"true"}}, {"cwd", "/abs"}})->cwd, "/abs");
}

TEST(Command, MistakesAreNamed) {
  EXPECT_EQ(make({{"argv", "true"}}).error().message,
            "argv must be a list: the program and its arguments");
  EXPECT_EQ(make({{"run", 5}}).error().message, "run must be a string: the script");
  EXPECT_EQ(make({{"run", "x"}, {"shell", 1}}).error().message,
            "shell must be a string: the program that runs the script");
  EXPECT_EQ(make({{"argv", {""}}}).error().message, "the program's name is empty");
}

}  // namespace
}  // namespace scanflow::worker
