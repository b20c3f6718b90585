// `scanflow top`, into a pipe and on a real terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/program.hpp"
#include "tests/support/results.hpp"
#include "tests/support/tmux.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class TopTest : public testing::Test {
 protected:
  /// A run whose step does nothing for ever.
  bool begin() {
    const std::string text =
        "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nsteps: [{name: long, "
        "run: "
        "\"echo $$ > " +
        (scanflow_.files() / "pid").string() + "; while :; do sleep 0.05; done\"}]\n";
    run_ = scanflow_.start({"run", scanflow_.files().write("p.yaml", text)});
    return eventually([&] {
      const Output shown = scanflow_({"top", "-o", "json"});
      return shown.exit == 0 && !last_line(shown)["attempts"].empty();
    });
  }
  /// `scanflow top` on a terminal; what the shell then says of how it ended.
  std::unique_ptr<Tmux> look(int columns = 110, int rows = 24, const std::string& words = "") {
    return std::make_unique<Tmux>(
        SCANFLOW_BINARY_DIR "/bin/scanflow top --every 200ms " + words +
            "; echo \"ended with $?\"; stty -a; exec sleep 1000",
        columns, rows,
        Program::Environment{{"SCANFLOW_STATE", scanflow_.state().string()},
                             {"XDG_RUNTIME_DIR", scanflow_.files().path().string()}});
  }
  /// It is as it was: the screen from before, echo, and lines.
  static void expect_given_back(const Tmux& tmux, int exit) {
    ASSERT_TRUE(tmux.comes_to_show("ended with " + std::to_string(exit)));
    ASSERT_TRUE(tmux.comes_to_show("echoctl"));
    EXPECT_THAT(tmux.shows(), HasSubstr(" icanon "));
    EXPECT_THAT(tmux.shows(), HasSubstr(" echo "));
    EXPECT_THAT(tmux.shows(), Not(HasSubstr("j k select")));
  }
  char state_of_step() const {
    const std::string pid = read(scanflow_.files() / "pid");
    const std::string stat = read("/proc/" + pid.substr(0, pid.find('\n')) + "/stat");
    const std::size_t end = stat.rfind(") ");
    return end == std::string::npos ? '?' : stat[end + 2];
  }
  pid_t pid_of_top() const {
    for (const pid_t pid : scanflow_.processes()) {
      if (read("/proc/" + std::to_string(pid) + "/cmdline").find(std::string("\0top", 4)) !=
              std::string::npos &&
          read("/proc/" + std::to_string(pid) + "/comm") == "scanflow\n")
        return pid;
    }
    return 0;
  }

  Scanflow scanflow_;
  std::unique_ptr<Program> run_;
};

TEST_F(TopTest, WhereNoEngineLivesItSaysWhatToDo) {
  const Output output = scanflow_({"top"});
  EXPECT_EQ(output.exit, 2);
  EXPECT_THAT(output.err, HasSubstr("no engine lives in " + scanflow_.state().string()));
  EXPECT_THAT(output.err, HasSubstr("'scanflow run FILE' begins one"));
  EXPECT_EQ(scanflow_({"top", "--every", "1ms"}).exit, 2);
  EXPECT_THAT(scanflow_({"top", "--every", "often"}).err, HasSubstr("--every: "));
  EXPECT_EQ(scanflow_({"top", "--server", "http://127.0.0.1:1"}).exit, 3);
}

TEST_F(TopTest, IntoAPipeItPrintsATable) {
  ASSERT_TRUE(begin());
  const Output output = scanflow_({"top"});
  EXPECT_EQ(output.exit, 0) << output.err;
  EXPECT_THAT(output.out, HasSubstr("1 run, 1 attempt, CPU "));
  EXPECT_THAT(output.out, HasSubstr("RUN                 STEP  TRY  STATE"));
  EXPECT_THAT(output.out, HasSubstr("  long    1  running"));
  EXPECT_THAT(output.out, Not(HasSubstr("\033")));
  const json document = last_line(scanflow_({"top", "--once", "-o", "json"}));
  EXPECT_EQ(document["attempts"][0]["step"], "long");
  EXPECT_EQ(scanflow_({"__complete", "top", "--"}).out.substr(0, 8), "--every\n");
  EXPECT_EQ(scanflow_({"runs", "cancel", "last"}).exit, 0);
}

TEST_F(TopTest, PausesAndResumesAStepByKeys) {
  if (!std::filesystem::exists(SCANFLOW_BINARY_DIR "/bin/scanflow-sidecar"))
    GTEST_SKIP() << "there is no scanflow-sidecar in this build";
  ASSERT_TRUE(begin());
  const auto tmux = look();
  ASSERT_TRUE(tmux->comes_to_show("sidecar connected"));
  ASSERT_TRUE(tmux->comes_to_show("MiB"));
  tmux->press("p");
  ASSERT_TRUE(tmux->comes_to_show("pause of long by "));
  ASSERT_TRUE(tmux->comes_to_show("DONE"));
  ASSERT_TRUE(tmux->comes_to_show(" paused "));
  EXPECT_TRUE(eventually([&] { return state_of_step() == 'T'; })) << state_of_step();
  tmux->press("r");
  ASSERT_TRUE(tmux->comes_to_show("resume of long by "));
  ASSERT_TRUE(tmux->comes_to_show(" running "));
  EXPECT_TRUE(eventually([&] { return state_of_step() != 'T'; }));
  tmux->press("s");
  ASSERT_TRUE(tmux->comes_to_show("checkpoint of long by "));
  ASSERT_TRUE(tmux->comes_to_show("UNSUPPORTED")) << "the program offers none";
  EXPECT_EQ(scanflow_({"runs", "cancel", "last"}).exit, 0);
}

TEST_F(TopTest, CancelsARunAfterAQuestionAndEndsWithItsEngine) {
  ASSERT_TRUE(begin());
  const auto tmux = look();
  ASSERT_TRUE(tmux->comes_to_show("long"));
  tmux->press("x");
  ASSERT_TRUE(tmux->comes_to_show("with all of its steps? y: yes"));
  tmux->press("n");
  ASSERT_TRUE(tmux->comes_to_show("is left alone"));
  EXPECT_TRUE(run_->running());
  tmux->press("x");
  ASSERT_TRUE(tmux->comes_to_show("with all of its steps? y: yes"));
  tmux->press("y");
  EXPECT_EQ(run_->wait().exit, 130);
  expect_given_back(*tmux, 3);
  EXPECT_THAT(tmux->shows(), HasSubstr("has ended, so nothing runs there any more"));
}

TEST_F(TopTest, FollowsTheSizeOfItsTerminal) {
  ASSERT_TRUE(begin());
  const auto tmux = look(120, 24);
  ASSERT_TRUE(tmux->comes_to_show("sort: c CPU  m memory"));
  tmux->resize(60, 12);
  ASSERT_TRUE(tmux->comes_to_show("j k  p r s x  sort c m t n  q quit"));
  EXPECT_THAT(tmux->shows(), HasSubstr("STEP"));
  tmux->resize(20, 4);
  ASSERT_TRUE(eventually([&] { return tmux->shows().find("running") == std::string::npos; }))
      << tmux->shows();
  tmux->resize(90, 24);
  ASSERT_TRUE(tmux->comes_to_show("sort: c m t n  q quit"));
  tmux->press("q");
  expect_given_back(*tmux, 0);
  EXPECT_EQ(scanflow_({"runs", "cancel", "last"}).exit, 0);
}

TEST_F(TopTest, GivesTheTerminalBackHoweverItEnds) {
  ASSERT_TRUE(begin());
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGSEGV}) {
    const auto tmux = look();
    ASSERT_TRUE(tmux->comes_to_show("long"));
    ASSERT_NE(pid_of_top(), 0);
    ::kill(pid_of_top(), signal);
    expect_given_back(*tmux, signal == SIGSEGV ? 128 + SIGSEGV : 0);
  }
  EXPECT_EQ(scanflow_({"runs", "cancel", "last"}).exit, 0);
}

TEST_F(TopTest, WithoutColoursWhereNobodyWantsThem) {
  ASSERT_TRUE(begin());
  const auto colored = look();
  ASSERT_TRUE(colored->comes_to_show("▸ "));
  EXPECT_THAT(colored->shows(true), HasSubstr("\033["));
  const auto plain = std::make_unique<Tmux>(
      "NO_COLOR=1 LC_ALL=C " SCANFLOW_BINARY_DIR "/bin/scanflow top; exec sleep 1000", 80, 24,
      Program::Environment{{"SCANFLOW_STATE", scanflow_.state().string()},
                           {"XDG_RUNTIME_DIR", scanflow_.files().path().string()}});
  ASSERT_TRUE(plain->comes_to_show("> "));
  ASSERT_TRUE(plain->comes_to_show("CPUv"));
  EXPECT_THAT(plain->shows(true), Not(HasSubstr("\033[")));
  EXPECT_EQ(scanflow_({"runs", "cancel", "last"}).exit, 0);
}

}  // namespace
}  // namespace scanflow::test
