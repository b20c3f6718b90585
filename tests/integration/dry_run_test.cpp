// run --dry-run: what would run, and nothing does.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

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
params: {n: 2, data: {type: artifact}}
steps:
  - name: prepare
    cache: true
    with: {data: "${{ params.data }}", n: "${{ params.n }}"}
    run: echo "items=[1, 2]" >> "$SCANFLOW_OUTPUT"
  - name: each
    needs: [prepare]
    for_each: "${{ steps.prepare.outputs.items }}"
    when: "${{ item > 1 }}"
    with: {item: "${{ item * params.n }}"}
    run: echo
  - {name: join, needs: [each], with: {n: "${{ params.n + 1 }}", of: "${{ len(steps.each) }}"}, run: echo}
  - {name: off, when: "${{ params.n > 5 }}", run: echo}
  - {name: ask, needs: [off], approve: true}
  - {name: wrong, needs: [prepare, ask, join], env: {X: "${{ steps.prepare.outputs.items.x.y }}"}, run: echo}
)yaml";

/// Every file, and when it was changed; but the index that SQLite's readers share in memory.
std::map<std::string, fs::file_time_type> files_of(const fs::path& directory) {
  std::map<std::string, fs::file_time_type> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (entry.path().extension() != ".db-shm")
      files[entry.path().string()] = fs::last_write_time(entry);
  return files;
}

TEST(DryRun, SaysWhatWouldRunAndWritesNothing) {
  const Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", kPipeline);
  const std::string input = "data=" + scanflow.files().write("data", "abc");
  const std::vector<std::string> argv{"run", file, "--input", input,      "-p",
                                      "n=3", "-o", "json",    "--dry-run"};
  const Output first = scanflow(argv);
  ASSERT_EQ(first.exit, 0) << first.err;
  EXPECT_FALSE(fs::exists(scanflow.state())) << "not even its directory";
  const json before = last_line(first);
  EXPECT_EQ(before["params"]["n"], 3);
  EXPECT_EQ(step(before, "prepare")["status"], "would_run");
  EXPECT_EQ(step(before, "prepare")["with"]["n"], 3);
  EXPECT_EQ(step(before, "each")["status"], "unknown");
  EXPECT_EQ(step(before, "each")["until"], json::array({"prepare"}));
  EXPECT_EQ(step(before, "join")["with"]["n"], 4) << "what is constant is shown";
  EXPECT_EQ(step(before, "join")["level"], 3);
  EXPECT_EQ(step(before, "off")["status"], "skipped");
  EXPECT_EQ(step(before, "ask")["status"], "would_ask");

  const auto run = scanflow.start({"run", file, "--input", input, "-p", "n=3"});
  ASSERT_TRUE(eventually([&] { return scanflow({"runs", "approve", "last", "ask"}).exit == 0; }));
  EXPECT_EQ(run->wait().exit, 1) << "the step 'wrong' is";
  const std::string id = last_line(scanflow({"runs", "list", "-o", "json"}))[0]["run"];
  const auto files = files_of(scanflow.state());
  const Output second = scanflow(argv);
  EXPECT_EQ(second.exit, 1) << "as the run would";
  EXPECT_EQ(files_of(scanflow.state()), files);
  const json after = last_line(second);
  EXPECT_EQ(step(after, "prepare")["status"], "cached");
  EXPECT_EQ(step(after, "prepare")["cached"]["run"], id);
  EXPECT_GE(step(after, "prepare")["cached"]["age_seconds"], 0);
  EXPECT_EQ(step(after, "each")["message"], "2 items");
  EXPECT_EQ(step(after, "each[0]")["status"], "skipped");
  EXPECT_EQ(step(after, "each[1]")["with"]["item"], 6);
  EXPECT_EQ(step(after, "wrong")["status"], "would_fail");
  EXPECT_EQ(step(last_line(scanflow({"run", file, "--input", input, "-p", "n=3", "-o", "json",
                                     "--dry-run", "--no-cache"})),
                 "prepare")["status"],
            "would_run");
}

TEST(DryRun, ShowsValuesScriptsCalledStepsAndHandlers) {
  const Scanflow scanflow;
  const std::string head = "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\n";
  scanflow.files().write("inner.yaml",
                         head +
                             "params: {n: {type: int}}\nsteps: [{name: deep, with: {twice: "
                             "\"${{ params.n * 2 }}\"}, run: echo deep}]\n");
  const std::string file = scanflow.files().write("p.yaml", head + R"(steps:
  - name: say
    matrix: {x: [a, b]}
    with: {it: "${{ matrix.x }}!"}
    run: |

      echo one
      echo two
  - {name: each, for_each: [7, 8], uses: noop}
  - {name: call, pipeline: inner.yaml, with: {n: 21}}
on_exit: [{name: fin, run: echo end}]
)");
  const Output text = scanflow({"run", file, "--dry-run"});
  ASSERT_EQ(text.exit, 0) << text.err;
  for (const char* said : {"it=a!  $ echo one ...\n", "item=8", "  call/deep ", "twice=42",
                           "$ echo deep\n", "6 would run; handler: fin; nothing was run\n"}) {
    EXPECT_NE(text.out.find(said), std::string::npos) << said << "\n" << text.out;
  }
  const json document = last_line(scanflow({"run", file, "--dry-run", "-o", "json"}));
  EXPECT_EQ(step(document, "call/deep")["depth"], 1);
  EXPECT_EQ(step(document, "call/deep")["with"]["twice"], 42);
  EXPECT_EQ(step(document, "say[x=a]")["matrix"]["x"], "a");
}

TEST(DryRun, RefusesWhatTheRunWould) {
  const Scanflow scanflow;
  const std::string head = "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\n";
  const std::string large = scanflow.files().write(
      "l.yaml", head + "steps: [{name: a, uses: noop, resources: {requests: {cpu: 100000}}}]\n");
  const Output refused = scanflow({"run", large, "--dry-run"});
  EXPECT_EQ(refused.exit, 2);
  EXPECT_NE(refused.out.find("refused"), std::string::npos) << refused.out;
  EXPECT_NE(refused.out.find("100000 CPUs"), std::string::npos) << refused.out;
  const std::string secret = scanflow.files().write(
      "s.yaml", head + "steps: [{name: a, run: echo, secrets: {A: {env: NONE_HERE}}}]\n");
  EXPECT_EQ(scanflow({"run", secret, "--dry-run"}).exit, 2);
  EXPECT_EQ(scanflow({"run", secret, "--dry-run"}, {{"NONE_HERE", "xxxxxxxx"}}).exit, 0);
  EXPECT_EQ(scanflow({"run", "--dry-run", "--resume", "last"}).exit, 2);
  EXPECT_FALSE(fs::exists(scanflow.state()));
}

TEST(DryRun, WhatAsksForMetricsIsUnknownUntilTheyAreThere) {
  const Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", R"yaml(
apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {name: p}
steps:
  - {name: train, run: echo}
  - {name: good, needs: [train], when: "${{ metrics.last('loss') < 1 }}", run: echo}
  - {name: first, with: {n: "${{ metrics.max('loss', {}, '1h') or 0 }}"}, run: echo}
)yaml");
  const Output output = scanflow({"run", file, "--dry-run", "-o", "json"});
  ASSERT_EQ(output.exit, 0) << output.err;
  const json plan = last_line(output);
  EXPECT_EQ(step(plan, "good")["status"], "unknown");
  EXPECT_EQ(step(plan, "good")["until"], json::array({"train"}));
  EXPECT_EQ(step(plan, "first")["status"], "unknown");
  EXPECT_EQ(step(plan, "first")["until"], json::array());
  const Output text = scanflow({"run", file, "--dry-run"});
  EXPECT_NE(text.out.find("until train has run"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("until it runs: it asks for metrics"), std::string::npos) << text.out;
}

}  // namespace
}  // namespace scanflow::test
