// The admin port, over real sockets.
#include "sidecar/admin/admin.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <thread>

#include "sdk/base/unique_fd.hpp"

namespace scanflow::sidecar {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class AdminTest : public testing::Test {
 protected:
  AdminTest() {
    Admin::Answers answers;
    answers.ready = [this] { return ready; };
    answers.metrics = [] { return std::string("up 1\n"); };
    answers.shutdown = [this] { asked_to_end = true; };
    auto opened = Admin::open(loop, "127.0.0.1:0", answers);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().message);
    admin = std::move(*opened);
  }

  /// What it answers, until it closes.
  std::string ask(const std::string& text) {
    std::string answer;
    std::thread client([&] {
      const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(static_cast<in_port_t>(
          std::stoi(admin->address().substr(admin->address().rfind(':') + 1))));
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
      EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(text.size()));
      char buffer[4096];
      for (ssize_t n = 0; (n = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;)
        answer.append(buffer, static_cast<std::size_t>(n));
      done = true;
    });
    const Loop::Watch timer = loop.timer([] {});
    done = false;
    while (!done) {
      Loop::arm(timer, 5'000);
      ::event_base_loop(loop.base(), EVLOOP_ONCE);
    }
    client.join();
    return answer;
  }
  std::string get(const std::string& path, const std::string& method = "GET") {
    return ask(method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  }

  Loop loop;
  bool ready = true;
  bool asked_to_end = false;
  std::atomic<bool> done = false;
  std::unique_ptr<Admin> admin;
};

TEST_F(AdminTest, AnswersProbes) {
  EXPECT_THAT(get("/live"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(get("/ready"), StartsWith("HTTP/1.1 200"));
  ready = false;
  EXPECT_THAT(get("/ready"), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(get("/live"), StartsWith("HTTP/1.1 200"));
}

TEST_F(AdminTest, GivesMetricsAsPrometheusReadsThem) {
  const std::string answer = get("/metrics");
  EXPECT_THAT(answer, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(answer, HasSubstr("up 1\n"));
}

TEST_F(AdminTest, EndsItWhenItIsPosted) {
  EXPECT_THAT(get("/shutdown"), StartsWith("HTTP/1.1 405"));
  EXPECT_FALSE(asked_to_end);
  EXPECT_THAT(get("/shutdown", "POST"), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(asked_to_end);
}

TEST_F(AdminTest, RefusesWhatItDoesNotServe) {
  EXPECT_THAT(get("/"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(get("/metrics", "POST"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(ask("nonsense\r\n\r\n"), Not(StartsWith("HTTP/1.1 200")));
  EXPECT_THAT(get("/" + std::string(100'000, 'x')), Not(StartsWith("HTTP/1.1 200")));
  EXPECT_THAT(get("/live"), StartsWith("HTTP/1.1 200"));
}

TEST(Admin, SaysWhatIsWrongWithAnAddress) {
  Loop loop;
  for (const char* address : {"4191", "127.0.0.1:", "127.0.0.1:99999", ":1", "127.0.0.1:12x"}) {
    const auto opened = Admin::open(loop, address, {});
    ASSERT_FALSE(opened) << address;
    EXPECT_THAT(opened.error().message, HasSubstr("is no address with a port"));
  }
}

}  // namespace
}  // namespace scanflow::sidecar
