// Whatever is wrong is said, with exit status 2 or 3, and nothing is run.
#include <gtest/gtest.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <sstream>

#include "tests/support/program.hpp"
#include "tests/support/results.hpp"
#include "tests/support/small_disk.hpp"

namespace scanflow::test {
namespace {

constexpr const char* kHead = "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\n";

struct Bad {
  const char* name;
  std::string text;
  std::vector<std::string> said;  // all of it, on stderr
};

std::string bomb() {
  std::string text = std::string(kHead) + "x: &a0 [1,1,1,1,1,1,1,1,1]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    text += "y" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int j = 0; j < 9; ++j) text += "," + last;
    text += "]\n";
  }
  return text + "steps: [{name: a, uses: noop}]\n";
}

std::vector<Bad> bad_inputs() {
  const std::string head = kHead;
  return {
      {"UnknownField",
       head + "steps: [{name: a, uses: noop, retrys: 3}]\n",
       {"p.yaml:4:", "retrys", "retry"}},
      {"MisspeltPlugin",
       head + "steps: [{name: a, uses: nop}]\n",
       {"unknown step plugin 'nop'", "did you mean 'noop'"}},
      {"Cycle",
       head +
           "steps:\n  - {name: a, needs: [c], uses: noop}\n  - {name: b, needs: [a], uses: noop}\n"
           "  - {name: c, needs: [b], uses: noop}\n",
       {"p.yaml:5:", "a -> c -> b -> a"}},
      {"ReferenceNotNeeded",
       head + "steps:\n  - {name: a, uses: noop}\n  - {name: b, run: echo, with: {x: '${{ "
              "steps.a.outputs.y }}'}}\n",
       {"p.yaml:6:", "steps.a", "needs"}},
      {"WrongType",
       head + "steps: [{name: a, uses: noop, timeout: [1]}]\n",
       {"p.yaml:4:", "timeout"}},
      {"OutOfRange",
       head + "max_parallel: -1\nsteps: [{name: a, uses: noop}]\n",
       {"p.yaml:4:", "max_parallel"}},
      {"ImageWithoutPods",
       head + "steps: [{name: a, run: echo, image: 'app:1'}]\n",
       {"p.yaml:4:", "runs in the image app:1", "--backend podman"}},
      {"DevicesWithoutACluster",
       head + "steps: [{name: a, run: x, resources: {devices: {nvidia.com/gpu: 1}}}]\n",
       {"p.yaml:4:", "gets the device nvidia.com/gpu", "--backend kubernetes"}},
      {"VolumesWithoutPods",
       head + "steps: [{name: a, run: echo, volumes: [{path: /data, host_path: /srv}]}]\n",
       {"p.yaml:4:", "has volumes", "--backend podman"}},
      {"BrokenExpression",
       head + "steps: [{name: a, uses: noop, when: '${{ 1 + }}'}]\n",
       {"p.yaml:4:", "expression"}},
      {"DuplicateStep",
       head + "steps: [{name: a, uses: noop}, {name: a, uses: noop}]\n",
       {"'a'", "p.yaml:4:"}},
      {"DuplicateKey",
       head + "steps: [{name: a, uses: noop, uses: noop}]\n",
       {"p.yaml:4:", "duplicate", "uses"}},
      {"Empty", "", {"p.yaml", "empty"}},
      {"NotYaml", "a: [1, 2\nb: }", {"p.yaml:"}},
      {"AliasBomb", bomb(), {"p.yaml:", "alias"}},
      {"Nesting", std::string(1 << 20, '['), {"p.yaml:1:", "nest"}},
      {"EndlessExpression",
       head + "steps: [{name: a, uses: noop, with: {x: '${{ (function() while true do end end)() "
              "}}'}}]\n",
       {"p.yaml:4:", "instructions"}},
      {"GigabytesExpression",
       head + "steps: [{name: a, uses: noop, with: {x: '${{ (\"x\"):rep(1000000000) }}'}}]\n",
       {"p.yaml:4:", "memory"}},
      {"LoopingMatrix",
       head + "steps: [{name: a, uses: noop, matrix: {x: '${{ (function() while true do end end)() "
              "}}'}}]\n",
       {"a", "instructions"}},
  };
}

TEST(BadInput, IsSaidWithExitStatus2AndNothingIsRun) {
  for (const Bad& bad : bad_inputs()) {
    SCOPED_TRACE(bad.name);
    Scanflow scanflow;
    const std::string file = scanflow.files().write("p.yaml", bad.text);
    const Output output = scanflow({"run", file});
    EXPECT_EQ(output.exit, 2) << output.out << output.err.substr(0, 2000);
    for (const std::string& part : bad.said) {
      EXPECT_NE(output.err.find(part), std::string::npos) << "missing '" << part << "' in:\n"
                                                          << output.err.substr(0, 2000);
    }
    EXPECT_FALSE(std::filesystem::exists(scanflow.state() / "scanflow.db"));
  }
}

TEST(BadInput, AllErrorsComeInOneGo) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write(
      "p.yaml", std::string(kHead) +
                    "steps:\n  - {name: a, uses: nop}\n  - {name: b, uses: noop, retrys: 1}\n");
  const Output output = scanflow({"run", file});
  EXPECT_NE(output.err.find("p.yaml:5:"), std::string::npos) << output.err;
  EXPECT_NE(output.err.find("p.yaml:6:"), std::string::npos) << output.err;
  EXPECT_NE(output.err.find("2 errors; nothing was run"), std::string::npos) << output.err;
}

/// What depends on the run cannot be tried before it.
TEST(BadInput, ExpressionsThatNeverEndFailTheirStep) {
  Scanflow scanflow;
  const auto with = [](const std::string& expression) {
    return std::string(kHead) + "steps: [{name: a, run: 'true', with: {x: \"${{ " + expression +
           " }}\"}}]\n";
  };
  const std::string loop =
      scanflow.files().write("loop.yaml", with("(function() while run.id do end end)()"));
  const Output output = scanflow({"run", loop});
  EXPECT_EQ(output.exit, 1) << output.err;
  EXPECT_NE(output.out.find("with.x"), std::string::npos) << output.out;
  EXPECT_NE(output.out.find("instructions"), std::string::npos) << output.out;
  const std::string big = scanflow.files().write("big.yaml", with("run.id:rep(1000000000)"));
  const Output second = scanflow({"run", big});
  EXPECT_EQ(second.exit, 1);
  EXPECT_NE(second.out.find("memory"), std::string::npos) << second.out;
}

TEST(BadInput, FilesWithoutAnEndAndDirectoriesAreRefused) {
  const Scanflow scanflow;
  const std::string file =
      scanflow.files().write("p.yaml", std::string(kHead) + "steps: [{name: a, uses: noop}]\n");
  for (const std::vector<std::string>& argv : {std::vector<std::string>{"validate", "/dev/zero"},
                                               {"run", "/dev/zero"},
                                               {"run", file, "--params-file", "/dev/zero"},
                                               {"apply", "-f", "/dev/zero"}}) {
    const Output output = scanflow(argv);
    EXPECT_EQ(output.exit, 2) << argv[0];
    EXPECT_NE(output.err.find("/dev/zero has more than 64 MiB"), std::string::npos) << output.err;
  }
  for (const std::string& directory :
       {scanflow.files().path().string(), scanflow.files().path().string() + "/"}) {
    const Output output = scanflow({"run", directory});
    EXPECT_EQ(output.exit, 2);
    EXPECT_NE(output.err.find("is a directory"), std::string::npos) << output.err;
  }
}

TEST(BadInput, EachOfSeveralWrongParametersIsAnErrorOfItsOwn) {
  const Scanflow scanflow;
  const std::string file = scanflow.files().write(
      "p.yaml", std::string(kHead) +
                    "params: {n: {type: int}, m: {type: int}}\nsteps: [{name: a, uses: noop}]\n");
  const Output output = scanflow({"run", file, "-p", "n=x", "-p", "m=y", "-p", "o=1"});
  EXPECT_EQ(output.exit, 2);
  std::istringstream lines(output.err);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    EXPECT_EQ(line.rfind("error: ", 0), 0u) << output.err;
  EXPECT_EQ(count, 3) << output.err;
}

TEST(BadInput, WithJsonTheLastThingOnStdoutIsADocument) {
  const Scanflow scanflow;
  const std::string binary = scanflow.files().write("\xff.yaml", "x");
  for (const std::vector<std::string>& argv :
       {std::vector<std::string>{"plugin", "inspect", "nope", "-o", "json"},
        {"plugin", "new", "step", "NoName", "-o", "json"},
        {"-o", "json", "run", "-p"},
        {"run", binary, "-o", "json"},
        {"nothing", "-ojson"},
        {"runs", "show", "x", "--output=json"}}) {
    const Output output = scanflow(argv);
    EXPECT_EQ(output.exit, 2) << argv[0];
    const nlohmann::json said = last_line(output);
    EXPECT_EQ(said["exit"], 2) << output.out;
    EXPECT_NE(said["error"].get<std::string>(), "") << output.out;
  }
  EXPECT_TRUE(last_line(scanflow({"--version", "-o", "json"})).contains("version"));
}

TEST(BadInput, WrongUsageExitsWith2) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write(
      "p.yaml", std::string(kHead) + "params: {n: {type: int}}\nsteps: [{name: a, uses: noop}]\n");
  EXPECT_EQ(scanflow({"run"}).exit, 2);
  EXPECT_EQ(scanflow({"run", file, "--backend", "cloud"}).exit, 2);
  EXPECT_EQ(scanflow({"run", file, "-p", "n"}).exit, 2);
  EXPECT_EQ(scanflow({"run", file, "-p", "n=x"}).exit, 2);
  EXPECT_EQ(scanflow({"run", file}).exit, 2) << "n is missing";
  const Output misspelt = scanflow({"run", file, "-p", "n=1", "-p", "m=2"});
  EXPECT_EQ(misspelt.exit, 2);
  EXPECT_NE(misspelt.err.find("did you mean 'n'"), std::string::npos) << misspelt.err;
  EXPECT_EQ(scanflow({"run", (scanflow.files() / "absent.yaml").string()}).exit, 2);
  EXPECT_EQ(scanflow({"frobnicate"}).exit, 2);
  EXPECT_EQ(scanflow({"--help"}).exit, 0);
}

TEST(StateDirectory, ThatCannotBeMadeExitsWith3) {
  Scanflow scanflow;
  const std::string file =
      scanflow.files().write("p.yaml", std::string(kHead) + "steps: [{name: a, uses: noop}]\n");
  const std::string blocker = scanflow.files().write("blocker", "a file");
  const Output output = scanflow({"run", file, "--state", blocker + "/below"});
  EXPECT_EQ(output.exit, 3) << output.out;
  EXPECT_NE(output.err.find("state directory"), std::string::npos) << output.err;
}

TEST(StateDirectory, OnAFullDiskExitsWith3AndTheDatabaseStillOpens) {
  Scanflow scanflow;
  const SmallDisk disk("1m");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  const std::string state = disk.path() / "state";
  const std::string file = scanflow.files().write("p.yaml", std::string(kHead) + R"(steps:
  - {name: fill, run: "head -c 2000000 /dev/zero > )" + (disk.path() / "filler").string() +
                                                                R"( || true"}
  - name: many
    needs: [fill]
    matrix: {i: [1, 2, 3, 4, 5, 6, 7, 8]}
    run: "true"
    env: {PADDING: "${{ ('x'):rep(20000) }}"}
)");
  const Output output = scanflow({"run", file, "--state", state});
  EXPECT_EQ(output.exit, 3) << output.out << output.err;
  EXPECT_NE(output.err.find("full"), std::string::npos) << output.err;
  EXPECT_NE(output.err.find("runs resume"), std::string::npos) << output.err;
  std::filesystem::remove(disk.path() / "filler");
  const Output list = scanflow({"runs", "list", "--state", state});
  EXPECT_EQ(list.exit, 0) << list.err;
  const Output resumed = scanflow({"runs", "resume", "last", "--state", state});
  EXPECT_EQ(resumed.exit, 0) << resumed.out << resumed.err;
}

TEST(StateDirectory, ReadOnlyExitsWith3) {
  Scanflow scanflow;
  const SmallDisk disk("4m");
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a tmpfs";
  const std::string state = disk.path() / "state";
  const std::string file =
      scanflow.files().write("p.yaml", std::string(kHead) + "steps: [{name: a, run: 'true'}]\n");
  ASSERT_EQ(scanflow({"run", file, "--state", state}).exit, 0);
  ASSERT_TRUE(disk.remount(MS_RDONLY, ""));
  const Output output = scanflow({"run", file, "--state", state});
  EXPECT_EQ(output.exit, 3) << output.out << output.err;
  EXPECT_NE(output.err.find("ead-only"), std::string::npos) << output.err;
  EXPECT_EQ(scanflow({"runs", "list", "--state", state}).exit, 0) << "reading must work";
}

}  // namespace
}  // namespace scanflow::test
