// What Tab gives.
#include <gtest/gtest.h>

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
  EXPECT_EQ(of({"-o", "json", "runs", "w"}), "wait watch ") << "an option's value is no command";
  EXPECT_EQ(of({"completion", ""}), "bash zsh ");
  EXPECT_EQ(of({"nothing", "--like", "th"}), "");
  EXPECT_EQ(of({}), "");
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
  EXPECT_NE(run.find(ids.substr(0, 13)), std::string::npos) << ids;
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

TEST_F(Completion, InBash) {
  const Output output = Program({"bash", "-c", R"(
    set -e
    PATH=")" SCANFLOW_BINARY_DIR R"(/bin:$PATH"
    source <(scanflow completion bash)
    COMP_WORDS=(scanflow runs li); COMP_CWORD=2
    _scanflow
    echo "${COMPREPLY[@]}"
    complete -p scanflow)"})
                            .wait();
  EXPECT_EQ(output.exit, 0) << output.err;
  EXPECT_EQ(output.out, "list\ncomplete -o default -F _scanflow scanflow\n");
}

}  // namespace
}  // namespace scanflow::test
