// Secrets: a step has them, and nobody else sees them.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kHead = "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\n";
constexpr const char* kByVariable = "hunter2-of-the-variable";
constexpr const char* kByFile = "correct-horse-battery";

/// The files below the directory that hold one of the values, whatever they are.
std::string leaks(const fs::path& directory) {
  std::string found;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    const std::string content = read(entry.path());
    for (const char* value : {kByVariable, kByFile}) {
      if (content.find(value) != std::string::npos) found += entry.path().string() + "\n";
    }
  }
  return found;
}

std::string leaks(const Output& output) {
  for (const char* value : {kByVariable, kByFile}) {
    if ((output.out + output.err).find(value) != std::string::npos) return output.out + output.err;
  }
  return {};
}

TEST(Secrets, SurfaceNowhere) {
  const Scanflow scanflow;
  const std::string key = scanflow.files().write("key", std::string(kByFile) + "\n");
  const std::string file = scanflow.files().write("p.yaml", kHead + std::string(R"yaml(
defaults:
  secrets: {KEY: {file: ")yaml") + key + R"yaml("}}
steps:
  - name: spill
    secrets: {TOKEN: {env: SECRET_SOURCE}}
    with: {note: "${{ env.SECRET_SOURCE }}", sum: "${{ 1 + 1 }}"}
    run: |
      echo "$TOKEN $KEY"; echo "$KEY" >&2; env; cat "$SCANFLOW_PARAMS"
      echo "token=$TOKEN" >> "$SCANFLOW_OUTPUT"
      echo "length=${#TOKEN}-${#KEY}" >> "$SCANFLOW_OUTPUT"
      echo "value 3 label=$KEY" >> "$SCANFLOW_METRICS"
  - name: fails
    needs: [spill]
    allow_failure: true
    secrets: {TOKEN: {env: SECRET_SOURCE}}
    run: echo "cannot log in with $TOKEN"; exit 1
  - name: others
    needs: [spill]
    run: echo "seen=x${SECRET_SOURCE}x" >> "$SCANFLOW_OUTPUT"; env
)yaml");
  const Program::Environment environment{{"SECRET_SOURCE", kByVariable}};
  const Output output = scanflow({"run", file, "-o", "json"}, environment);
  ASSERT_EQ(output.exit, 0) << output.err << output.out;
  const json result = last_line(output);
  const json spilled = step(result, "spill")["outputs"];
  EXPECT_EQ(spilled["token"], "***");
  EXPECT_EQ(spilled["length"], "23-21") << "the step itself has them";
  EXPECT_EQ(step(result, "others")["outputs"]["seen"], "xx") << "a step that does not name it";
  EXPECT_NE(step(result, "fails")["error"]["message"].get<std::string>().find("in with ***"),
            std::string::npos);
  for (const auto& command :
       std::vector<std::vector<std::string>>{{"run", file},
                                             {"runs", "logs", "last"},
                                             {"runs", "events", "last"},
                                             {"runs", "show", "last", "-o", "json"}}) {
    EXPECT_EQ(leaks(scanflow(command, environment)), "") << command[1];
  }
  EXPECT_EQ(leaks(output), "");
  EXPECT_EQ(leaks(scanflow.state()), "");
}

TEST(Secrets, MissingOnesAreNamedBeforeAnythingRuns) {
  const Scanflow scanflow;
  const std::string file = scanflow.files().write(
      "p.yaml", kHead + std::string("steps:\n  - {name: a, run: echo, secrets: {A: {env: NONE_1}, "
                                    "B: {env: NONE_2}}}\n"));
  const Output output = scanflow({"run", file});
  EXPECT_EQ(output.exit, 2);
  EXPECT_NE(output.err.find("NONE_1 is not set"), std::string::npos) << output.err;
  EXPECT_NE(output.err.find("NONE_2 is not set"), std::string::npos) << output.err;
  EXPECT_NE(output.err.find("2 errors; nothing was run"), std::string::npos) << output.err;
  EXPECT_EQ(last_line(scanflow({"runs", "list", "-o", "json"})), json::array());
  const Output inside = scanflow({"run", file, "--backend", "inproc"},
                                 {{"NONE_1", "is set"}, {"NONE_2", "is set too"}});
  EXPECT_EQ(inside.exit, 2);
}

TEST(Secrets, TheCacheKnowsWhereTheyComeFromOnly) {
  const Scanflow scanflow;
  const std::string file = scanflow.files().write(
      "p.yaml", kHead + std::string("steps:\n  - {name: a, cache: true, run: 'true', secrets: "
                                    "{A: {env: SOME_TOKEN}}}\n"));
  ASSERT_EQ(scanflow({"run", file}, {{"SOME_TOKEN", "the first"}}).exit, 0);
  const Output again = scanflow({"run", file, "-o", "json"}, {{"SOME_TOKEN", "another"}});
  EXPECT_EQ(step(last_line(again), "a")["status"], "cached");
}

TEST(Secrets, OneThatIsGoneFailsItsAttemptAndOneThatAResumerLacksIsAskedFor) {
  const Scanflow scanflow;
  const std::string key = scanflow.files().write("key", kByFile);
  const std::string gate =
      "steps:\n  - {name: gate, approve: true}\n  - {name: lose, needs: [gate], run: rm " + key +
      "}\n";
  const std::string file = scanflow.files().write(
      "p.yaml", kHead + gate + "  - {name: a, needs: [lose], run: echo, secrets: {A: {file: " +
                    key + "}, B: {env: SOME_TOKEN}}}\n");
  const Program::Environment environment{{"SOME_TOKEN", kByVariable}};
  const auto first = scanflow.start({"run", file}, environment);
  const auto asked = [&] {
    return scanflow({"runs", "events", "last"}).out.find("approval_requested") != std::string::npos;
  };
  ASSERT_TRUE(eventually(asked)) << first->err();
  first->signal(SIGKILL);
  first->wait();
  const Output without = scanflow({"runs", "resume", "last"});
  EXPECT_EQ(without.exit, 2);
  EXPECT_NE(without.err.find("SOME_TOKEN is not set"), std::string::npos) << without.err;
  EXPECT_NE(without.err.find("stays as it is until it is resumed"), std::string::npos);
  const auto resumed = scanflow.start({"runs", "resume", "last", "-o", "json"}, environment);
  ASSERT_TRUE(eventually([&] {
    return scanflow({"runs", "approve", "last", "gate"}).exit == 0;
  })) << resumed->err();
  const Output ended = resumed->wait();
  EXPECT_EQ(ended.exit, 1);
  const json error = step(last_line(ended), "a")["error"];
  EXPECT_EQ(error["cause"], "config");
  EXPECT_NE(error["message"].get<std::string>().find("the secret A: cannot open"),
            std::string::npos)
      << error;
  EXPECT_EQ(leaks(scanflow.state()), "");
}

}  // namespace
}  // namespace scanflow::test
