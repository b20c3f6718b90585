// What Tab gives.
#include <gtest/gtest.h>

#include "sdk/base/uuid.hpp"
#include "tests/support/program.hpp"

namespace scanflow::test {
namespace {

class Completion : public testing::Test {
 protected:
  /// One line: the candidates for the last of the words.
  std::string of(std::vector<std::string> words) const {
    words.insert(words.begin(), "__complete");
    const Output output = scanflow_(std::move(words));
    EXPECT_EQ(output.exit, 0) << output.err;
    std::string line = output.out;
    for (char& c : line) c = c == '\n' ? ' ' : c;
    return line;
  }
  const Scanflow scanflow_;
};

TEST_F(Completion, OfCommandsOptionsAndTheirValues) {
  EXPECT_EQ(of({"val"}), "validate ");
  EXPECT_EQ(of({"runs", "w"}), "wait watch ");
  EXPECT_EQ(of({"runs", "list", "--si"}), "--since ");
  EXPECT_EQ(of({"runs", "list", "--status", "c"}), "cancelled ");
  EXPECT_EQ(of({"-o", "j"}), "json ");
  EXPECT_EQ(of({"inject", "--shape", ""}), "native plain ");
  EXPECT_EQ(of({"-o", "json", "runs", "w"}), "wait watch ") << "an option's value is no command";
  EXPECT_EQ(of({"completion", ""}), "bash zsh ");
  EXPECT_EQ(of({"nothing", "--like", "th"}), "");
  EXPECT_EQ(of({}), "");
}

TEST_F(Completion, OfPrimitivesOfTheEngineAndOfServices) {
  EXPECT_EQ(of({"primitive", "send", "engine", "can"}), "cancel_run ");
  EXPECT_EQ(of({"primitive", "send", "engine", "cancel_run", ""}), "run= ");
  EXPECT_EQ(of({"primitive", "send", "inferenceservice/digits", "s"}), "scale set_traffic ");
}

TEST_F(Completion, OfFilesIsTheShells) { EXPECT_EQ(of({"validate", ""}), ""); }

TEST_F(Completion, OfRunsAndTheirSteps) {
  EXPECT_EQ(of({"runs", "show", ""}), "") << "there is no state directory yet";
  const std::string file = scanflow_.files().write("p.yaml", R"(
apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {name: p}
steps: [{name: load, uses: noop}, {name: train, uses: noop}]
)");
  ASSERT_EQ(scanflow_({"run", file}).exit, 0);
  EXPECT_EQ(of({"runs", "show", "la"}), "last ");
  const std::string run = scanflow_({"runs", "list", "-o", "json"}).out.substr(0, 200);
  const std::string ids = of({"runs", "show", ""});
  EXPECT_NE(run.find(short_id(ids)), std::string::npos) << ids;
  EXPECT_EQ(of({"runs", "logs", "last", ""}), "load train ");
  EXPECT_EQ(of({"runs", "wait", "last", "la"}), "last ") << "it takes many";
}

TEST_F(Completion, OfRegisteredPipelinesBesideFiles) {
  const std::string file = scanflow_.files().write("p.yaml", R"(
apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {name: train, namespace: team}
steps: [{name: a, uses: noop}]
)");
  ASSERT_EQ(scanflow_({"apply", "-f", file}).exit, 0);
  EXPECT_EQ(of({"run", "te"}), "team/train ");
  EXPECT_EQ(of({"run", "p."}), "") << "files are the shell's";
  EXPECT_EQ(of({"run", ""}), "") << "both may stand there: files come first";
}

TEST_F(Completion, OfParametersPluginsAndStepsThatAwait) {
  const std::string file = scanflow_.files().write("p.yaml", R"(
apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {name: train, namespace: team}
params: {epochs: 1, rate: 0.1}
steps: [{name: gate, approve: true}, {name: done, uses: noop}]
)");
  EXPECT_EQ(of({"run", file, "-p", ""}), "epochs= rate= ");
  EXPECT_EQ(of({"run", file, "--param", "r"}), "rate= ");
  EXPECT_EQ(of({"plugin", "inspect", "noo"}), "noop ");
  ASSERT_EQ(scanflow_({"apply", "-f", file}).exit, 0);
  EXPECT_EQ(of({"get", ""}), "team/train ");
  EXPECT_EQ(of({"run", "team/train", "-p", "e"}), "epochs= ");
  const auto run = scanflow_.start({"run", file});
  ASSERT_TRUE(eventually([&] { return of({"runs", "approve", "last", ""}) == "gate "; }));
  EXPECT_EQ(of({"runs", "retry", "last", "--from", ""}), "done gate ");
  EXPECT_EQ(of({"runs", "logs", "last", ""}), "done gate ");
  EXPECT_EQ(of({"--state=" + scanflow_.files().path().string(), "runs", "show", ""}), "");
}

class InShells : public Completion {
 protected:
  std::string file_ = scanflow_.files().write("p.yaml", R"(
apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {name: p}
params: {epochs: 1, rate: 0.1}
steps: [{name: a, matrix: {x: [1, 2]}, uses: noop}]
)");
};

TEST_F(InShells, InBash) {
  ASSERT_EQ(scanflow_({"run", file_}).exit, 0);
  const std::string state = scanflow_.state().string();
  const Output output = Program({"bash", "-c", R"(
    set -e
    PATH=")" SCANFLOW_BINARY_DIR R"(/bin:$PATH"
    export SCANFLOW_STATE=")" + state + R"("
    compopt() { echo "compopt $1 $2"; }
    source <(scanflow completion bash)
    try() { COMP_WORDS=(scanflow "$@"); COMP_CWORD=$#; _scanflow; echo "${COMPREPLY[@]}"; }
    try runs li
    try run )" + file_ + R"( -p ep
    try runs logs last 'a[x' = ''
    try runs logs last 'a[x' =
    try runs show --state = )" + state + R"( la
    try validate ''
    complete -p scanflow)"})
                            .wait();
  EXPECT_EQ(output.exit, 0) << output.err;
  EXPECT_EQ(output.out,
            "list\ncompopt -o nospace\nepochs=\n1] 2]\n1] 2]\nlast\n\n"
            "complete -o default -F _scanflow scanflow\n");
}

/// Zsh completes on a terminal only: what Tab has made of the line is printed instead of run.
TEST_F(InShells, InZsh) {
  if (Program({"sh", "-c", "command -v zsh script"}).wait().exit != 0)
    GTEST_SKIP() << "needs zsh, and script to give it a terminal";
  ASSERT_EQ(scanflow_({"run", file_}).exit, 0);
  const auto completed = [&](const std::string& line) {
    const std::string shown = scanflow_.files() / "shown";
    const std::string rc = "PATH=" SCANFLOW_BINARY_DIR "/bin:$PATH\nexport SCANFLOW_STATE=" +
                           scanflow_.state().string() +
                           "\nautoload -Uz compinit; compinit -u -D\n"
                           "source <(scanflow completion zsh)\n"
                           "tell() { print -r -- \"$BUFFER|\" > " +
                           shown + "; exit; }\nzle -N tell; bindkey '^X' tell\n";
    scanflow_.files().write(".zshrc", rc);
    std::filesystem::remove(shown);
    const std::string typed = "(printf '%s\\t\\030' " + line + "; exec tail -f /dev/null)";
    const auto shell = Program({"sh", "-c",
                                typed + " | ZDOTDIR=" + scanflow_.files().path().string() +
                                    " script -qfec 'zsh -i' /dev/null"});
    EXPECT_TRUE(eventually([&] { return read(shown).ends_with("|\n"); }));
    return read(shown);
  };
  EXPECT_EQ(completed("'scanflow runs li'"), "scanflow runs list |\n");
  EXPECT_EQ(completed("'scanflow run " + file_ + " -p ep'"),
            "scanflow run " + file_ + " -p epochs=|\n");
}

}  // namespace
}  // namespace scanflow::test
