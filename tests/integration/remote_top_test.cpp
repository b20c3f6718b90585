// `scanflow top` of a server.
#include <gmock/gmock.h>

#include "tests/integration/server_support.hpp"
#include "tests/support/results.hpp"
#include "tests/support/tmux.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;

constexpr const char* kLongStep =
    "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\n"
    "steps: [{name: long, run: \"while :; do sleep 0.05; done\"}]\n";

class RemoteTop : public testing::Test {
 protected:
  std::unique_ptr<Tmux> look() const {
    return std::make_unique<Tmux>(SCANFLOW_BINARY_DIR "/bin/scanflow top --every 200ms --server " +
                                      remote_.server->url() +
                                      "; echo \"ended with $?\"; exec sleep 1000",
                                  110, 24);
  }
  Remote remote_;
};

TEST_F(RemoteTop, SaysThatNothingRunsUntilSomethingDoes) {
  EXPECT_EQ(remote_({"top"}).out, "nothing runs now\n");
  const auto tmux = look();
  ASSERT_TRUE(tmux->comes_to_show("'scanflow run FILE' begins some"));
  tmux->press("p");
  ASSERT_TRUE(tmux->comes_to_show("there is no step to act on"));
  const std::string run = remote_.server->submit(kLongStep);
  ASSERT_TRUE(tmux->comes_to_show("long"));
  EXPECT_THAT(tmux->shows(), HasSubstr("scanflow top  " + remote_.server->url()));
  EXPECT_EQ(last_line(remote_({"top", "-o", "json"}))["attempts"][0]["run"], run);
  tmux->press("x");
  tmux->press("y");
  ASSERT_TRUE(remote_.server->reaches(run, "cancelled"));
  ASSERT_TRUE(tmux->comes_to_show("nothing runs now"));
  tmux->press("q");
  ASSERT_TRUE(tmux->comes_to_show("ended with 0"));
}

TEST_F(RemoteTop, OutlivesAServerThatIsStartedAgainButNotOneThatIsGone) {
  const auto tmux = look();
  ASSERT_TRUE(tmux->comes_to_show("nothing runs now"));
  const std::uint16_t port = remote_.server->port();
  remote_.server->stop();
  remote_.server = std::make_unique<ServerProgram>(remote_.there, std::vector<std::string>(), port);
  remote_.server->submit(kLongStep);
  ASSERT_TRUE(tmux->comes_to_show("long"));
  remote_.server->kill();
  ASSERT_TRUE(tmux->comes_to_show("ended with 3"));
  EXPECT_THAT(tmux->shows(), HasSubstr("error: "));
}

}  // namespace
}  // namespace scanflow::test
