// Registered pipelines: apply, get, diff, delete, and runs by name; with real processes.
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;

std::string document(const std::string& metadata, const std::string& rest) {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {" + metadata + "}\n" + rest;
}

std::string prints(const std::string& name, const std::string& word) {
  return document("name: " + name,
                  "steps: [{name: a, run: 'echo said=" + word +
                      " >> $SCANFLOW_OUTPUT'}]\noutputs: {said: '${{ steps.a.outputs.said }}'}\n");
}

class Registry : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) const {
    return scanflow_.files().write(name, text);
  }
  /// Its text on stdout; it must succeed.
  std::string said(const std::vector<std::string>& arguments) const {
    const Output output = scanflow_(arguments);
    EXPECT_EQ(output.exit, 0) << output.err;
    return output.out;
  }
  json answer(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-o", "json"});
    return last_line(scanflow_(arguments));
  }
  /// What it complains about; it must exit so.
  std::string refused(const std::vector<std::string>& arguments, int exit = 2) const {
    const Output output = scanflow_(arguments);
    EXPECT_EQ(output.exit, exit) << output.out << output.err;
    return output.err;
  }
  Scanflow scanflow_;
};

void expect_part(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "missing '" << part << "' in:\n" << text;
}

TEST_F(Registry, AppliesVersionsShowsThemAndDeletesThem) {
  const std::string path = file("p.yaml", prints("p", "one") + "---\n" + prints("q", "one"));
  EXPECT_EQ(said({"apply", "-f", path, "--dry-run"}),
            "pipeline default/p created (dry run)\npipeline default/q created (dry run)\n");
  EXPECT_FALSE(std::filesystem::exists(scanflow_.state() / "scanflow.db"));
  EXPECT_EQ(said({"apply", "-f", path}),
            "pipeline default/p@1 created\npipeline default/q@1 created\n");
  file("p.yaml", prints("p", "two") + "---\n" + prints("q", "one"));
  EXPECT_EQ(said({"apply", "-f", path, "--dry-run"}),
            "pipeline default/p configured (dry run)\npipeline default/q@1 unchanged (dry run)\n");
  EXPECT_EQ(said({"apply", "-f", path}),
            "pipeline default/p@2 configured\npipeline default/q@1 unchanged\n");
  EXPECT_EQ(said({"get", "p", "-o", "yaml"}), prints("p", "two"));
  EXPECT_EQ(said({"get", "pipeline/p@1", "-o", "yaml"}), prints("p", "one"));
  EXPECT_EQ(said({"get", "pipelines", "-o", "yaml"}), read(path)) << "it can be applied again";
  const json versions = answer({"get", "p", "--versions"});
  ASSERT_EQ(versions.size(), 2u);
  EXPECT_EQ(versions[0]["version"], 2);
  EXPECT_EQ(versions[1]["source"], prints("p", "one"));
  EXPECT_EQ(said({"delete", "p@1", "q"}),
            "pipeline default/p@1 deleted\npipeline default/q deleted\n");
  EXPECT_EQ(said({"delete", "-f", file("only.yaml", prints("p", "x"))}),
            "pipeline default/p deleted\n");
  expect_part(refused({"delete", "p"}), "no pipeline 'default/p' is registered");
  expect_part(said({"get"}), "nothing is registered yet");
  EXPECT_EQ(said({"apply", "-f", path}),
            "pipeline default/p@3 created\npipeline default/q@2 created\n")
      << "no number is given twice";
}

TEST_F(Registry, NamespacesAndLabelsSelect) {
  said({"apply", "-n", "team", "-f", file("a.yaml", prints("a, labels: {tier: x}", "a"))});
  said({"apply", "-f", file("d/b.yaml", prints("b, labels: {tier: x}", "b")), "-f",
        file("d/c.yml", prints("c, labels: {tier: y}", "c"))});
  const auto names = [&](std::vector<std::string> options) {
    options.insert(options.begin(), "get");
    std::string text;
    for (const json& each : answer(options))
      text += each["namespace"].get<std::string>() + "/" + each["name"].get<std::string>() + " ";
    return text;
  };
  EXPECT_EQ(names({}), "default/b default/c ");
  EXPECT_EQ(names({"-n", "team"}), "team/a ");
  EXPECT_EQ(names({"-A", "-l", "tier in (x)"}), "default/b team/a ");
  EXPECT_EQ(names({"team/a@1"}), "team/a ");
  expect_part(said({"get", "-A"}), "NAMESPACE  NAME  VERSION  AGE");
  expect_part(said({"get", "-n", "none"}), "3 in all namespaces");
  expect_part(refused({"get", "a"}), "there is 'team/a'");
  expect_part(refused({"get", "pipline"}), "or is the kind 'pipeline' meant?");
  expect_part(refused({"get", "team/b", "-n", "default"}), "leave one out");
  expect_part(refused({"get", "-n", "No Name"}), "1 to 63 of a-z");
  EXPECT_EQ(answer({"delete", "pipeline", "-l", "tier!=x"})[0]["name"], "c");
  EXPECT_EQ(said({"delete", "pipeline", "-A", "-l", "tier=x"}),
            "pipeline default/b deleted\npipeline team/a deleted\n");
  expect_part(refused({"delete", "pipeline"}), "delete what?");
}

TEST_F(Registry, ADirectoryOfPipelinesThatCallEachOtherIsAppliedAtOnce) {
  for (int i = 0; i < 100; ++i) {
    const std::string name = "p" + std::to_string(i), next = "p" + std::to_string(i + 1);
    file("all/" + name + ".yaml",
         i % 5 == 4 ? prints(name, "x")
                    : document("name: " + name, "steps: [{name: a, pipeline: " + next + "}]\n"));
  }
  file("all/.hidden.yaml", "a: [");
  file("all/below/other.yaml", "a: [");
  const std::string all = scanflow_.files() / "all";
  const json documents = answer({"apply", "-f", all});
  ASSERT_EQ(documents.size(), 100u);
  EXPECT_EQ(documents[99]["outcome"], "created");
  EXPECT_EQ(answer({"get"}).size(), 100u);
  const json run = answer({"run", "p0"});
  EXPECT_EQ(run["status"], "succeeded") << run;
  expect_part(refused({"apply", "-R", "-f", all}), "below/other.yaml:1:");
}

TEST_F(Registry, AllOrNothingIsApplied) {
  file("d/a.yaml", prints("a", "a"));
  file("d/b.yaml",
       prints("b", "b") + "---\n" + document("name: c", "steps: [{name: a, uses: nop}]\n"));
  file("d/c.yaml", document("name: d", "steps: [{name: a, pipeline: nobody}]\n"));
  const std::string wrong = refused({"apply", "-f", scanflow_.files() / "d"});
  expect_part(wrong, "b.yaml:10:25: error: unknown step plugin 'nop'");
  expect_part(wrong, "no pipeline 'default/nobody' is registered");
  expect_part(wrong, "2 errors; nothing was applied");
  EXPECT_EQ(answer({"get"}).size(), 0u);
}

TEST_F(Registry, AnEngineThatRunsIsAsked) {
  const auto run = scanflow_.start(
      {"run", file("wait.yaml", document("name: wait", "steps: [{name: gate, approve: true}]\n"))});
  ASSERT_TRUE(eventually([&] {
    return scanflow_({"runs", "events", "last"}).out.find("approval_requested") !=
           std::string::npos;
  }));
  EXPECT_EQ(said({"apply", "-f", file("p.yaml", prints("p", "one"))}),
            "pipeline default/p@1 created\n");
  EXPECT_TRUE(run->running());
  expect_part(refused({"apply", "-f", file("q.yaml", "kind: Pipline\n")}),
              "did you mean 'Pipeline'");
  EXPECT_EQ(said({"delete", "p"}), "pipeline default/p deleted\n");
  EXPECT_EQ(scanflow_({"runs", "approve", "last", "gate"}).exit, 0);
  EXPECT_EQ(run->wait().exit, 0);
}

TEST_F(Registry, ManyAtOnceAndAKilledOneLeaveAllOrNothing) {
  std::string texts;
  for (int i = 0; i < 200; ++i)
    texts += (i == 0 ? "" : "---\n") + prints("p" + std::to_string(i), "x");
  const std::string path = file("all.yaml", texts);
  for (int round = 0; round < 5; ++round) {
    const auto first = scanflow_.start({"apply", "-f", path});
    const auto second = scanflow_.start({"apply", "-f", path});
    // Killed wherever it is: before, in or after its work.
    ASSERT_TRUE(eventually([&] {
      return !first->running() || std::filesystem::exists(scanflow_.state() / "scanflow.db");
    }));
    first->signal(SIGKILL);
    EXPECT_EQ(second->wait().exit, 0) << second->err();
    const json all = answer({"get"});
    EXPECT_EQ(all.size(), 200u);
    for (const json& each : all) EXPECT_EQ(each["version"], round + 1) << "each was made once";
    EXPECT_EQ(answer({"delete", "-f", path}).size(), 200u);
  }
}

TEST_F(Registry, DiffTellsWhatApplyWouldChange) {
  const std::string path = file("p.yaml", prints("p", "one"));
  const Output created = scanflow_({"diff", "-f", path});
  EXPECT_EQ(created.exit, 1);
  expect_part(created.out, "--- /dev/null\n");
  said({"apply", "-f", path});
  EXPECT_EQ(said({"diff", "-f", path}), "");
  file("p.yaml", prints("p", "two"));
  const Output changed = scanflow_({"diff", "-f", path});
  EXPECT_EQ(changed.exit, 1);
  expect_part(changed.out, "--- default/p@1 (registered)\n+++ " + path + "\n");
  expect_part(changed.out, "\n-steps: [{name: a, run: 'echo said=one");
  expect_part(changed.out, "\n+steps: [{name: a, run: 'echo said=two");
  const json told = answer({"diff", "-f", path});
  EXPECT_EQ(told[0]["outcome"], "configured");
  expect_part(told[0]["diff"], "+++ ");
  expect_part(refused({"diff", "-f", file("bad.yaml", "")}), "the file is empty");
}

TEST_F(Registry, ARunTakesANameAndRemembersIt) {
  const std::string path = file("p.yaml", prints("p", "one"));
  said({"apply", "-f", path, "-n", "team"});
  file("p.yaml", prints("p", "two"));
  said({"apply", "-f", path, "-n", "team"});
  const json newest = answer({"run", "p", "-n", "team"});
  EXPECT_EQ(step(newest, "a")["outputs"]["said"], "two");
  EXPECT_EQ(newest["namespace"], "team");
  EXPECT_EQ(newest["version"], 2);
  EXPECT_EQ(step(answer({"run", "team/p@1"}), "a")["outputs"]["said"], "one");
  const json runs = answer({"runs", "list", "-n", "team"});
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0]["version"], 1);
  expect_part(said({"runs", "list"}), "team/p@1");
  expect_part(said({"runs", "show", "last"}), "team/p@1");
  said({"delete", "team/p"});
  EXPECT_EQ(answer({"runs", "retry", "last", "--from", "a"})["version"], 1)
      << "a run keeps its text";
  const json from_file = answer({"run", path, "-n", "other"});
  EXPECT_EQ(from_file["namespace"], "other");
  EXPECT_TRUE(from_file["version"].is_null());
  EXPECT_EQ(said({"validate", path, "-n", "other"}), path + ": other/p is valid (1 step)\n");
}

TEST_F(Registry, AFileWinsOverANameAndBothAreSaidWhereNeitherIs) {
  said({"apply", "-f", file("p.yaml", prints("train", "registered"))});
  const auto in_directory = [&](const std::string& command) {
    return Program({"bash", "-c",
                    "cd '" + scanflow_.files().path().string() + "' && " +
                        SCANFLOW_BINARY_DIR "/bin/scanflow " + command},
                   {{"SCANFLOW_STATE", scanflow_.state()},
                    {"XDG_RUNTIME_DIR", scanflow_.files().path()}})
        .wait();
  };
  std::filesystem::create_directory(scanflow_.files() / "train");
  const auto word = [&](const Output& output) {
    return step(last_line(output), "a")["outputs"]["said"].get<std::string>();
  };
  EXPECT_EQ(word(in_directory("run train -o json")), "registered") << "a directory is no file";
  std::filesystem::remove(scanflow_.files() / "train");
  file("train", prints("train", "file"));
  EXPECT_EQ(word(in_directory("run train -o json")), "file");
  EXPECT_EQ(word(in_directory("run default/train -o json")), "registered");
  EXPECT_EQ(in_directory("apply -f - < p.yaml").out, "pipeline default/train@1 unchanged\n");
  const std::string neither = refused({"run", "trian"});
  expect_part(neither, "there is no file 'trian', and no pipeline 'default/trian' is registered");
  expect_part(neither, "did you mean 'train'?");
  expect_part(refused({"run", "train@7"}), "its newest version is 1");
  for (const char* text : {"train@0", "train@x", "train@"})
    expect_part(refused({"run", text}), "that is a number from 1");
  expect_part(refused({"run", std::string(64, 'a')}), "1 to 63 of a-z");
  expect_part(refused({"run", "none.yaml"}), "No such file");
  expect_part(said({"graph", "default/train"}), "train");
}

TEST_F(Registry, CalledPipelinesArePinnedWhenARunIsSubmitted) {
  said({"apply", "-f", file("part.yaml", prints("part", "one"))});
  said({"apply", "-f", file("p.yaml", document("name: p", R"(
steps:
  - {name: gate, approve: true}
  - {name: newest, needs: [gate], pipeline: part}
  - {name: first, needs: [gate], pipeline: default/part@1}
)"))});
  said({"apply", "-f", file("part.yaml", prints("part", "two"))});
  const auto run = scanflow_.start({"run", "p"});
  ASSERT_TRUE(eventually([&] {
    return scanflow_({"runs", "events", "last"}).out.find("approval_requested") !=
           std::string::npos;
  }));
  said({"apply", "-f", file("part.yaml", prints("part", "three"))});
  run->signal(SIGKILL);
  run->wait();
  said({"delete", "part", "p"});
  const auto again = scanflow_.start({"runs", "resume", "last", "-o", "json"});
  ASSERT_TRUE(eventually([&] { return scanflow_({"runs", "approve", "last", "gate"}).exit == 0; }));
  const json result = last_line(again->wait());
  EXPECT_EQ(step(result, "newest")["outputs"]["said"], "two") << result;
  EXPECT_EQ(step(result, "first")["outputs"]["said"], "one");
  EXPECT_EQ(result["version"], 1);
}

TEST_F(Registry, CallsAreLookedUpInTheCallersNamespaceAndCirclesAreFound) {
  said({"apply", "-n", "team", "-f", file("part.yaml", prints("part", "team"))});
  const std::string caller =
      file("p.yaml", document("name: p", "steps: [{name: a, pipeline: part}]\n"));
  expect_part(refused({"run", caller}), "there is 'team/part'");
  EXPECT_EQ(step(answer({"run", caller, "-n", "team"}), "a")["outputs"]["said"], "team");
  said({"apply", "-n", "team", "-f", caller});
  const std::string round =
      file("part.yaml", document("name: part", "steps: [{name: a, pipeline: p}]\n"));
  expect_part(refused({"apply", "-n", "team", "-f", round}),
              "they call each other in a circle: team/part -> team/p@1 -> team/part");
  const std::string with_file =
      file("f.yaml", document("name: f", "steps: [{name: a, pipeline: part.yaml}]\n"));
  expect_part(refused({"apply", "-f", with_file}), "a registered pipeline calls registered ones");
}

TEST_F(Registry, BadInputsAreSaid) {
  const auto apply = [&](const std::string& text) {
    return refused({"apply", "-f", file("p.yaml", text)});
  };
  expect_part(apply(""), "p.yaml:1:1: error: the file is empty");
  expect_part(apply("a: [1\nb: }"), "not valid YAML");
  expect_part(apply(std::string("a: \x01\xff\n", 6)), "p.yaml:1:4: error: not YAML");
  expect_part(apply("apiVersion: scanflow.dev/v1\nkind: Application\n"), "teams");
  expect_part(apply(prints(std::string(64, 'a'), "x")), "1 to 63 of a-z");
  expect_part(apply(prints("a", "x") + "---\n" + prints("a", "y")),
              "two documents are the Pipeline");
  expect_part(refused({"apply", "-n", "b", "-f", file("n.yaml", prints("a, namespace: c", "x"))}),
              "the namespace is 'c' here, and 'b' was asked for");
  expect_part(refused({"run", "-n", "b", scanflow_.files() / "n.yaml"}), "'b' was asked for");
  expect_part(refused({"apply", "-f", scanflow_.files() / "none"}), "No such file");
  std::filesystem::create_directory(scanflow_.files() / "empty");
  expect_part(refused({"apply", "-f", scanflow_.files() / "empty"}), "there is no *.yaml");
  expect_part(refused({"apply"}), "-f");
  expect_part(refused({"get", "application/x"}), "no application 'default/x' is registered");
  expect_part(refused({"get", "a", "-o", "yaml"}), "nothing is registered yet");
  expect_part(refused({"runs", "list", "-o", "yaml"}), "-o yaml is of 'scanflow get' only");
  EXPECT_FALSE(std::filesystem::exists(scanflow_.state() / "scanflow.db") &&
               answer({"get", "-A"}).size() > 0);
  const std::string blocker = file("blocker", "a file");
  refused({"apply", "-f", file("good.yaml", prints("a", "x")), "--state", blocker + "/below"}, 3);
}

}  // namespace
}  // namespace scanflow::test
