#include "engine/worker/spawn.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sdk/base/unique_fd.hpp"
#include "tests/support/program.hpp"

namespace scanflow::worker {
namespace {

class SpawnTest : public testing::Test {
 protected:
  tl::expected<pid_t, SpawnFailure> start(std::vector<std::string> argv,
                                          const std::string& cwd = {}) {
    Program program;
    program.file = argv.front();
    program.argv = std::move(argv);
    program.env = {"GREETING=hello"};
    program.cwd = cwd;
    null_ = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    out_ = UniqueFd(::open((files_ / "out").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    program.stdin_fd = null_.get();
    program.stdout_fd = program.stderr_fd = out_.get();
    return spawn(program);
  }

  test::TempDir files_;
  UniqueFd null_, out_;
};

TEST_F(SpawnTest, StartsASessionWithItsEnvironmentAndDirectory) {
  const auto pid = start({"/bin/sh", "-c", "echo $GREETING; pwd; ps -o pid=,sid= -p $$ 2>&1"}, "/");
  ASSERT_TRUE(pid) << pid.error().message;
  int status = 0;
  ASSERT_EQ(::waitpid(*pid, &status, 0), *pid);
  const std::string out = test::read(files_ / "out");
  EXPECT_EQ(out.substr(0, 8), "hello\n/\n") << out;
  const std::string number = std::to_string(*pid);
  EXPECT_NE(out.find(number), out.rfind(number)) << out;  // as pid and as session
}

TEST_F(SpawnTest, ItHasNoneOfItsParentsFiles) {
  const UniqueFd forgotten(::open("/dev/null", O_RDONLY));
  const auto pid = start({"/bin/sh", "-c", "for f in /proc/$$/fd/*; do readlink $f; done"});
  ASSERT_TRUE(pid) << pid.error().message;
  int status = 0;
  ASSERT_EQ(::waitpid(*pid, &status, 0), *pid);
  const std::string out = (files_ / "out").string();
  EXPECT_EQ(test::read(out), "/dev/null\n" + out + "\n" + out + "\n");
}

TEST_F(SpawnTest, FailuresSayWhatAndLeaveNoChild) {
  EXPECT_NE(start({"/bin/true"}, "/no/such").error().message.find("/no/such"), std::string::npos);
  const std::string script = files_.write("script", "no interpreter line");
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  EXPECT_NE(start({script}).error().message.find("neither a binary"), std::string::npos);
  const std::string bad = files_.write("bad", "#!/no/such/interpreter\n");
  std::filesystem::permissions(bad, std::filesystem::perms::owner_all);
  EXPECT_NE(start({bad}).error().message.find("its interpreter"), std::string::npos);
  EXPECT_NE(start({"/bin/true", std::string(3'000'000, 'x')}).error().message.find("too long"),
            std::string::npos);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

}  // namespace
}  // namespace scanflow::worker
