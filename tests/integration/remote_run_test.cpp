// run over --server: of what is registered there, dry, detached, again; and of a server that is away.
#include <gmock/gmock.h>

#include "tests/integration/server_support.hpp"
#include "tests/support/mute_server.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::string>;

std::string one_pipeline(const std::string& name, const std::string& steps) {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: " + name + "}\n" + steps +
         "\n";
}

std::string prints(const std::string& name, const std::string& word) {
  return one_pipeline(
      name, "steps: [{name: a, run: 'echo said=" + word +
                " >> $SCANFLOW_OUTPUT'}]\noutputs: {said: '${{ steps.a.outputs.said }}'}");
}

class RemoteRun : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) const {
    return remote_.here.files().write(name, text);
  }
  void apply(const std::string& text, const std::string& name_space = "default") const {
    const Output applied = remote_({"apply", "-n", name_space, "-f", file("applied.yaml", text)});
    ASSERT_EQ(applied.exit, 0) << applied.err;
  }
  json answer(Words command, int exit = 0) const {
    command.insert(command.end(), {"-o", "json"});
    const Output output = remote_(command);
    EXPECT_EQ(output.exit, exit) << output.out << output.err;
    return last_line(output);
  }

  Remote remote_;
};

TEST_F(RemoteRun, ARegisteredPipelineByItsName) {
  apply(prints("p", "one"), "team");
  apply(prints("p", "two"), "team");
  const json newest = answer({"run", "p", "-n", "team"});
  EXPECT_EQ(step(newest, "a")["outputs"]["said"], "two");
  EXPECT_EQ(newest["version"], 2);
  EXPECT_EQ(step(answer({"run", "team/p@1"}), "a")["outputs"]["said"], "one");
  EXPECT_THAT(remote_({"runs", "list"}).out, HasSubstr("team/p@1"));
  const Output missing = remote_({"run", "team/q"});
  EXPECT_EQ(missing.exit, 2);
  EXPECT_THAT(missing.err, HasSubstr("there is no file 'team/q', and no pipeline 'team/q'"));
  EXPECT_THAT(missing.err, HasSubstr("did you mean 'p'?"));
  EXPECT_EQ(remote_({"run", "team/p", "-p", "none=1"}).exit, 2);
}

TEST_F(RemoteRun, AFileCallsFilesFromHereAndNamesFromThere) {
  apply(prints("part", "registered"));
  file("sub.yaml", one_pipeline("sub",
                                "steps: [{name: a, pipeline: part}]\n"
                                "outputs: {said: '${{ steps.a.outputs.said }}'}"));
  const std::string calls = file("p.yaml", one_pipeline("p", R"(steps:
  - {name: file, pipeline: sub.yaml}
  - {name: name, pipeline: default/part@1})"));
  const json result = answer({"run", calls});
  EXPECT_EQ(step(result, "file")["outputs"]["said"], "registered") << result;
  EXPECT_EQ(step(result, "name")["outputs"]["said"], "registered");
  EXPECT_THAT(remote_({"run", calls, "-n", "other"}).err, HasSubstr("there is 'default/part'"));
  const Output unknown = remote_(
      {"run", file("p.yaml", one_pipeline("p", "steps: [{name: a, pipeline: none.yaml}]"))});
  EXPECT_EQ(unknown.exit, 2);
  EXPECT_THAT(unknown.err, HasSubstr("p.yaml:4:"));
  EXPECT_THAT(unknown.err, HasSubstr("none.yaml"));
  file("sub.yaml", one_pipeline("sub", "steps: [{name: a, uses: nop}]"));
  const Output wrong =
      remote_({"run", file("p.yaml", one_pipeline("p", "steps: [{name: a, pipeline: sub.yaml}]"))});
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_THAT(wrong.err, HasSubstr("unknown step plugin 'nop'"));
}

TEST_F(RemoteRun, AFileOfTheServersIsNotTakenForOneThatDidNotCome) {
  const std::string secret = file("there.yaml", prints("there", "x"));
  const json refused = remote_.server->post(
      "/api/v1/runs",
      {{"source", one_pipeline("p", "steps: [{name: a, pipeline: " + secret + "}]")},
       {"sources", json::object()}});
  EXPECT_EQ(refused["status"], 400);
  EXPECT_THAT(refused["message"].get<std::string>(), HasSubstr("did not come with the pipeline"));
}

TEST_F(RemoteRun, DryItSaysWhatTheServerWouldDo) {
  const std::string path = file("p.yaml", one_pipeline("p", R"(params: {n: 2}
steps:
  - {name: kept, cache: true, with: {n: "${{ params.n }}"}, run: echo}
  - {name: ask, needs: [kept], approve: true}
  - {name: off, needs: [kept], when: "${{ params.n > 5 }}", run: echo})"));
  const json before = answer({"run", path, "--dry-run", "-p", "n=3"});
  EXPECT_EQ(before["params"]["n"], 3);
  EXPECT_EQ(step(before, "kept")["status"], "would_run");
  EXPECT_EQ(step(before, "off")["status"], "skipped");
  EXPECT_EQ(remote_({"runs", "list", "-o", "json"}).out, "[]\n") << "nothing has run";
  const auto run =
      remote_.here.start({"run", path, "-p", "n=3", "--server", remote_.server->url()});
  ASSERT_TRUE(eventually([&] { return remote_({"runs", "approve", "last", "ask"}).exit == 0; }));
  EXPECT_EQ(run->wait().exit, 0) << run->err();
  EXPECT_EQ(step(answer({"run", path, "--dry-run", "-p", "n=3"}), "kept")["status"], "cached")
      << "it is the server's cache";
  EXPECT_THAT(remote_({"run", path, "--dry-run"}).out, HasSubstr("nothing was run"));
  EXPECT_THAT(remote_({"cache", "clear"}).out, HasSubstr("forgot 1 cached results"));
  EXPECT_EQ(step(answer({"run", path, "--dry-run", "-p", "n=3"}), "kept")["status"], "would_run");
  apply(one_pipeline("large",
                     "steps: [{name: a, uses: noop, resources: {requests: {cpu: 100000}}}]"));
  EXPECT_EQ(step(answer({"run", "large", "--dry-run"}, 2), "a")["status"], "refused");
  EXPECT_EQ(remote_({"run", path, "--dry-run", "-p", "none=1"}).exit, 2);
}

TEST_F(RemoteRun, WhatCalledPipelinesAskIsShownToo) {
  file("inner.yaml", one_pipeline("inner",
                                  "steps: [{name: a, uses: noop}, {name: b, uses: noop}, "
                                  "{name: gate, needs: [a, b], approve: true}]"));
  const std::string path = file(
      "p.yaml", one_pipeline("p",
                             "steps: [{name: call, pipeline: inner.yaml}, {name: z, needs: [call], "
                             "uses: noop}]"));
  const auto run = remote_.here.start({"run", path, "--server", remote_.server->url()});
  const std::string answer = " call/gate --server " + remote_.server->url() + "\n";
  EXPECT_TRUE(eventually([&] { return run->out().find(answer) != std::string::npos; }))
      << run->out();
  ASSERT_TRUE(eventually([&] {
    return remote_({"runs", "approve", "last", "call/gate"}).exit == 0;
  }));
  const Output ended = run->wait();
  EXPECT_EQ(ended.exit, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("✓ z")) << "its own events do not count with the called run's";
}

TEST_F(RemoteRun, DetachedNothingIsLeftHere) {
  const std::string path = file(
      "p.yaml", one_pipeline("p", "steps: [{name: gate, approve: true}, {name: a, uses: noop}]"));
  const Output begun = remote_({"run", path, "--detach"});
  ASSERT_EQ(begun.exit, 0) << begun.err;
  const std::string id = begun.out.substr(0, begun.out.find('\n'));
  EXPECT_EQ(begun.out, id + "\n") << "for scripts: nothing else";
  EXPECT_TRUE(remote_.here.processes().empty());
  EXPECT_FALSE(std::filesystem::exists(remote_.here.state()));
  ASSERT_TRUE(eventually([&] { return remote_({"runs", "approve", id, "gate"}).exit == 0; }));
  EXPECT_EQ(remote_({"runs", "wait", id}).exit, 0);
  const json document_of = answer({"run", path, "-d"});
  EXPECT_EQ(document_of["pipeline"], "p");
  EXPECT_EQ(document_of["detached"], true);
  EXPECT_EQ(remote_({"runs", "cancel", document_of["run"]}).exit, 0);
  EXPECT_EQ(remote_({"run", "-d", file("x.yaml", "kind: Pipe\n")}).exit, 2);
  EXPECT_EQ(remote_({"run", "-d", "nothing"}).exit, 2);
}

TEST_F(RemoteRun, AgainAndOn) {
  const std::string path = file("p.yaml", one_pipeline("p", R"(steps:
  - {name: gate, approve: true}
  - {name: good, needs: [gate], run: "echo said=kept >> $SCANFLOW_OUTPUT"}
  - {name: bad, needs: [good], run: "exit 3"})"));
  const std::string id = answer({"run", path, "-d"})["run"];
  EXPECT_EQ(remote_({"runs", "retry", id}).exit, 2) << "it is not over";
  const auto resumed =
      remote_.here.start({"runs", "resume", id, "--server", remote_.server->url()});
  ASSERT_TRUE(eventually([&] { return remote_({"runs", "approve", id, "gate"}).exit == 0; }));
  EXPECT_EQ(resumed->wait().exit, 1) << "as the run ended";
  const json again = answer({"runs", "retry", id}, 1);
  EXPECT_NE(again["run"], id);
  EXPECT_EQ(step(again, "good")["status"], "cached");
  EXPECT_EQ(step(again, "good")["outputs"]["said"], "kept");
  EXPECT_EQ(step(answer({"runs", "retry", id, "--from", "good"}, 1), "good")["status"],
            "succeeded");
  const Output unknown = remote_({"runs", "retry", id, "--from", "godo"});
  EXPECT_EQ(unknown.exit, 2);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean 'good'?"));
}

TEST_F(RemoteRun, RunsAreDeletedAllOrNone) {
  const std::string over = answer({"run", file("p.yaml", prints("p", "x"))})["run"];
  const std::string goes_on =
      answer({"run", "-d",
              file("g.yaml", one_pipeline("g", "steps: [{name: gate, approve: true}]"))})["run"];
  const Output refused = remote_({"runs", "delete", over, goes_on});
  EXPECT_EQ(refused.exit, 2);
  EXPECT_THAT(refused.err, HasSubstr(goes_on));
  EXPECT_EQ(remote_({"runs", "show", over}).exit, 0) << "nothing was deleted";
  EXPECT_EQ(remote_({"runs", "cancel", goes_on}).exit, 0);
  EXPECT_EQ(answer({"runs", "delete", over, goes_on})["deleted"], 2);
}

/// All that a server is asked.
std::vector<Words> commands(const std::string& file) {
  return {{"run", file},
          {"run", file, "--detach"},
          {"run", file, "--dry-run"},
          {"run", "name"},
          {"apply", "-f", file},
          {"apply", "-f", file, "--dry-run"},
          {"diff", "-f", file},
          {"get"},
          {"get", "p", "--versions"},
          {"delete", "p"},
          {"delete", "-f", file},
          {"delete", "pipeline", "-l", "a=b"},
          {"schedules"},
          {"validate", "name"},
          {"runs", "list"},
          {"runs", "show", "last"},
          {"runs", "events", "last"},
          {"runs", "logs", "last"},
          {"runs", "wait", "last"},
          {"runs", "watch", "last"},
          {"runs", "resume", "last"},
          {"runs", "retry", "last"},
          {"runs", "cancel", "last"},
          {"runs", "approve", "last", "a"},
          {"runs", "delete", "last"}};
}

TEST(RemoteAway, IsSaidByEveryCommandAndNoneHangs) {
  const Scanflow here;
  const std::string file = here.files().write("p.yaml", prints("p", "x"));
  std::string url;
  {
    const MuteServer gone;
    url = gone.url();
  }
  const MuteServer hangs;
  for (const Words& command : commands(file)) {
    const Output away = here(command, {{"SCANFLOW_SERVER", url}});
    const int exit = command[0] == "validate" ? 2 : 3;  // it checks several
    EXPECT_EQ(away.exit, exit) << command[0] << command[1];
    EXPECT_THAT(away.err, HasSubstr("cannot reach the server at " + url)) << command[1];
    const Output silent =
        here(command, {{"SCANFLOW_SERVER", hangs.url()}, {"SCANFLOW_SERVER_TIMEOUT", "50ms"}});
    EXPECT_EQ(silent.exit, exit) << command[0] << command[1];
    EXPECT_THAT(silent.err, HasSubstr("the server at " + hangs.url())) << command[1];
    EXPECT_THAT(silent.err, HasSubstr("has said nothing for 0.05 s")) << command[1];
  }
  EXPECT_EQ(here({"get", "--server", hangs.url(), "--server-timeout", "soon"}).exit, 2);
  EXPECT_EQ(here({"get", "--server", "ftp://x"}).exit, 2);
}

}  // namespace
}  // namespace scanflow::test
