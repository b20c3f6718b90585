// The supervisor's door, spoken to by hand.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "sdk/base/unique_fd.hpp"
#include "sidecar/protocol/stream.hpp"
#include "tests/support/program.hpp"

namespace scanflow::worker {
namespace {

class SupervisorTest : public testing::Test {
 protected:
  std::unique_ptr<test::Program> start(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> argv = {std::string(SCANFLOW_BINARY_DIR) + "/bin/scanflow-worker",
                                     "supervise",
                                     "--socket",
                                     (files_ / "s").string(),
                                     "--work",
                                     (files_ / "work").string(),
                                     "--log",
                                     (files_ / "log").string()};
    argv.insert(argv.end(), more.begin(), more.end());
    return std::make_unique<test::Program>(argv);
  }

  UniqueFd connect() const {
    UniqueFd fd;
    test::eventually([&] {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::strcpy(address.sun_path, (files_ / "s").c_str());
      fd = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    });
    return fd;
  }

  template <class T>
  std::optional<T> expect(const UniqueFd& fd, protocol::Stream& stream) const {
    auto message = protocol::receive(fd.get(), stream);
    if (!message || !*message || !std::holds_alternative<T>((*message)->body)) return std::nullopt;
    return std::get<T>((*message)->body);
  }

  test::TempDir files_;
};

protocol::Hello engine() {
  protocol::Hello hello;
  hello.role = "engine";
  return hello;
}

TEST_F(SupervisorTest, OutlivesAnEngineThatDiedWhileItStarted) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const auto program = start({"--ready-fd", std::to_string(ready[1])});
  ::close(ready[0]);
  ::close(ready[1]);
  const UniqueFd fd = connect();
  protocol::Stream stream;
  ASSERT_TRUE(protocol::send(fd.get(), stream, engine()));
  EXPECT_TRUE(expect<protocol::Hello>(fd, stream)) << program->wait().exit;
}

TEST_F(SupervisorTest, GreetsAndLeavesWhenTold) {
  const auto program = start();
  const UniqueFd fd = connect();
  protocol::Stream stream;
  ASSERT_TRUE(protocol::send(fd.get(), stream, engine()));
  const auto hello = expect<protocol::Hello>(fd, stream);
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->role, "supervisor");
  EXPECT_EQ(hello->pid, program->pid());
  ASSERT_TRUE(protocol::send(fd.get(), stream, protocol::Shutdown{}));
  EXPECT_EQ(program->wait().exit, 0);
  EXPECT_FALSE(std::filesystem::exists(files_ / "s"));
}

TEST_F(SupervisorTest, RefusesAnotherMajorVersionAndSaysWhichItSpeaks) {
  const auto program = start();
  const UniqueFd fd = connect();
  protocol::Message message;
  message.header.major = 9;
  message.body = engine();
  std::string bytes;
  protocol::append_frame(message, bytes);
  ASSERT_EQ(::send(fd.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  protocol::Stream stream;
  const auto reject = expect<protocol::Reject>(fd, stream);
  ASSERT_TRUE(reject);
  EXPECT_EQ(reject->max_major, protocol::kMajor);
  EXPECT_NE(reject->reason.find("version 9"), std::string::npos);
}

TEST_F(SupervisorTest, GarbageEndsTheConnectionOnly) {
  const auto program = start();
  {
    const UniqueFd fd = connect();
    ASSERT_EQ(::send(fd.get(), "\xff\xff\xff\xff garbage", 12, 0), 12);
    protocol::Stream stream;
    EXPECT_TRUE(expect<protocol::Reject>(fd, stream));
  }
  const UniqueFd fd = connect();
  protocol::Stream stream;
  ASSERT_TRUE(protocol::send(fd.get(), stream, engine()));
  EXPECT_TRUE(expect<protocol::Hello>(fd, stream));
}

TEST_F(SupervisorTest, ANewerEngineReplacesAnOlderOne) {
  const auto program = start();
  const UniqueFd old_fd = connect();
  protocol::Stream old_stream;
  ASSERT_TRUE(protocol::send(old_fd.get(), old_stream, engine()));
  ASSERT_TRUE(expect<protocol::Hello>(old_fd, old_stream));
  const UniqueFd new_fd = connect();
  protocol::Stream new_stream;
  ASSERT_TRUE(protocol::send(new_fd.get(), new_stream, engine()));
  EXPECT_TRUE(expect<protocol::Hello>(new_fd, new_stream));
  const auto end = protocol::receive(old_fd.get(), old_stream);
  ASSERT_TRUE(end);
  EXPECT_FALSE(*end);
}

TEST_F(SupervisorTest, ASecondOneOnTheSameDirectoryIsRefused) {
  const auto program = start();
  const UniqueFd fd = connect();
  EXPECT_EQ(start()->wait().exit, 1);
  EXPECT_NE(test::read(files_ / "log").find("another supervisor holds"), std::string::npos);
}

TEST_F(SupervisorTest, SigtermEndsIt) {
  const auto program = start();
  const UniqueFd fd = connect();
  program->signal(SIGTERM);
  EXPECT_EQ(program->wait().exit, 0);
}

}  // namespace
}  // namespace scanflow::worker
