// --input: files and directories of users, as artifacts.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kPipeline = R"yaml(
apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {name: p}
params: {data: {type: artifact}, n: 1}
steps:
  - name: read
    with: {data: "${{ params.data }}", digest: "${{ params.data.sha256 }}"}
    run: |
      [ -d "$SCANFLOW_INPUT_DATA" ] && list=$(cd "$SCANFLOW_INPUT_DATA"; find . -type f | sort | tr '\n' ' ')
      [ -f "$SCANFLOW_INPUT_DATA" ] && list=$(cat "$SCANFLOW_INPUT_DATA")
      echo "list=<$list>" >> "$SCANFLOW_OUTPUT"
      echo "digest=$SCANFLOW_PARAM_DIGEST" >> "$SCANFLOW_OUTPUT"
  - {name: gate, needs: [read], approve: true, when: "${{ params.n > 1 }}"}
)yaml";

struct Inputs : testing::Test {
  json run(const std::string& path) const {
    const Output output = scanflow({"run", file, "--input", "data=" + path, "-o", "json"});
    EXPECT_EQ(output.exit, 0) << output.err;
    return output.exit == 0 ? step(last_line(output), "read")["outputs"] : json();
  }
  std::string refusal(const std::vector<std::string>& options) const {
    std::vector<std::string> argv{"run", file};
    argv.insert(argv.end(), options.begin(), options.end());
    const Output output = scanflow(argv);
    EXPECT_EQ(output.exit, 2) << output.out;
    return output.err;
  }
  static struct stat status_of(const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status;
  }

  const Scanflow scanflow;
  const TempDir& files = scanflow.files();
  const std::string file = files.write("p.yaml", kPipeline);
};

TEST_F(Inputs, FilesAndDirectoriesAreCopiedAndLeftAlone) {
  const std::string path = files.write("data.txt", "abc");
  fs::permissions(path, fs::perms(0640));
  const struct stat before = status_of(path);
  EXPECT_EQ(run(path)["list"], "<abc>");
  EXPECT_EQ(run(path)["digest"],
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const struct stat after = status_of(path);
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_nlink, 1u);
  EXPECT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
  files.write("data.txt", "abc, changed later");
  EXPECT_EQ(run(path)["list"], "<abc, changed later>");

  files.write("dir/x/one", "1");
  files.write("dir/two", "2");
  EXPECT_EQ(run((files / "dir").string())["list"], "<./two ./x/one >");
  EXPECT_EQ(status_of(files / "dir/two").st_nlink, 1u);
  fs::create_directory(files / "empty");
  EXPECT_EQ(run((files / "empty").string())["list"], "<>");
  fs::create_symlink("dir", files / "current");
  EXPECT_EQ(run((files / "current").string())["list"], "<./two ./x/one >");
}

TEST_F(Inputs, WhatCannotBeOneIsRefusedBeforeAnythingRuns) {
  const std::string path = files.write("data", "abc");
  const auto has = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  has(refusal({}), "parameter 'data' has no value; give it a file or directory: --input data=PATH");
  has(refusal({"--input", "data=" + path + "x"}), "No such file or directory");
  has(refusal({"--input", "data"}), "given as name=PATH");
  has(refusal({"--input", "data="}), "given as name=PATH");
  has(refusal({"--input", "dat=" + path}), "unknown parameter 'dat'; did you mean 'data'?");
  has(refusal({"--input", "data=" + path, "--input", "n=" + path}),
      "parameter 'n' is not an artifact: give it a whole number by -p n=...");
  has(refusal({"--input", "data=" + path, "--input", "data=" + path}), "given twice");
  has(refusal({"-p", "data=" + path}), "give it by --input data=PATH, not by -p");
  ASSERT_EQ(::mkfifo((files / "pipe").c_str(), 0600), 0);
  has(refusal({"--input", "data=" + (files / "pipe").string()}), "neither a file nor a directory");
  fs::create_directory(files / "with-pipe");
  ASSERT_EQ(::mkfifo((files / "with-pipe/inner").c_str(), 0600), 0);
  has(refusal({"--input", "data=" + (files / "with-pipe").string()}), "with-pipe/inner");
  EXPECT_EQ(last_line(scanflow({"runs", "list", "-o", "json"})), json::array());
}

TEST_F(Inputs, GoToTheEngineOfAnotherProcessAndAreKeptForRetries) {
  const std::string path = files.write("data", "abc");
  const auto engine = scanflow.start({"run", file, "--input", "data=" + path, "-p", "n=2"});
  ASSERT_TRUE(eventually([&] {
    return scanflow({"runs", "events", "last"}).out.find("approval_requested") != std::string::npos;
  })) << engine->err();
  const std::string first = last_line(scanflow({"runs", "list", "-o", "json"}))[0]["run"];
  EXPECT_EQ(run(files.write("other", "xyz"))["list"], "<xyz>");
  EXPECT_EQ(scanflow({"runs", "approve", first, "gate", "--reject"}).exit, 0);
  EXPECT_EQ(engine->wait().exit, 1);

  fs::remove(path);
  const auto again = scanflow.start({"runs", "retry", first, "-o", "json", "--from", "read"});
  ASSERT_TRUE(eventually([&] { return scanflow({"runs", "approve", "last", "gate"}).exit == 0; }));
  const Output retried = again->wait();
  ASSERT_EQ(retried.exit, 0) << retried.err;
  EXPECT_EQ(step(last_line(retried), "read")["outputs"]["list"], "<abc>");
}

/// The files of the artifact store, and when they were last put or touched.
void make_old(const fs::path& store) {
  for (const auto& entry : fs::recursive_directory_iterator(store)) {
    if (entry.is_regular_file())
      fs::last_write_time(entry, fs::file_time_type::clock::now() - std::chrono::hours(48));
  }
}

TEST_F(Inputs, WhatARetryUsesAgainIsYoungAndWhatIsGoneIsNamed) {
  const std::string maker = files.write("q.yaml", R"yaml(
apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {name: q}
steps:
  - {name: make, run: echo kept > $SCANFLOW_ARTIFACTS/file}
  - {name: fail, needs: [make], run: exit 1}
)yaml");
  const Output first = scanflow({"run", maker, "-o", "json"});
  ASSERT_EQ(first.exit, 1);
  const std::string id = last_line(first)["run"];
  const fs::path object =
      step(last_line(first), "make")["artifacts"]["file"]["path"].get<std::string>();
  make_old(scanflow.state() / "artifacts");
  EXPECT_EQ(scanflow({"runs", "retry", id}).exit, 1);
  EXPECT_GT(fs::last_write_time(object), fs::file_time_type::clock::now() - std::chrono::hours(1));
  fs::remove(object);
  const Output gone = scanflow({"runs", "retry", id});
  EXPECT_EQ(gone.exit, 2);
  EXPECT_NE(gone.err.find("--from make"), std::string::npos) << gone.err;
  EXPECT_EQ(scanflow({"runs", "retry", id, "--from", "make"}).exit, 1);
}

}  // namespace
}  // namespace scanflow::test
