// Plain HTTP: of a client, of this process's client, and of a server that hands on to another.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <future>
#include <thread>

#include "engine/http/client.hpp"
#include "engine/http/server.hpp"
#include "engine/http/upstream.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::StartsWith;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kLarge = 12u << 20;  // more than sockets take at once
constexpr std::uint64_t kMost = 64u << 20;

/// A socket, as it is.
class Bare {
 public:
  explicit Bare(const std::string& address) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }
  ~Bare() { ::close(fd_); }
  void say(const std::string& text) const {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  /// Until it is closed, or so much has come.
  std::string hear(std::size_t most = SIZE_MAX) const {
    std::string heard;
    std::array<char, 65536> piece;
    while (heard.size() < most) {
      const auto n = ::recv(fd_, piece.data(), piece.size(), 0);
      if (n <= 0) break;
      heard.append(piece.data(), static_cast<std::size_t>(n));
    }
    return heard;
  }

 private:
  int fd_;
};

/// Answers with the body it gets; "/silent" never.
class PlainTest : public testing::Test {
 protected:
  std::unique_ptr<Server> echo(const std::string& address, const Limits& limits) {
    Options options;
    options.limits = limits;
    options.limits.body_bytes = kMost;
    auto server = Server::listen(address, std::move(options));
    if (!server) throw std::runtime_error(server.error().message);
    (*server)->start([this](const Request& request, const Reply& reply) {
      if (request.path[0] == "silent") return held_.push_back(reply);
      Response response;
      response.body = request.body;
      reply(std::move(response));
    });
    return std::move(*server);
  }
  std::unique_ptr<Client> client(const Server& server) {
    const std::string& address = server.address();
    const auto colon = address.rfind(':');
    auto made = Client::connect(
        {address.substr(0, colon), address.substr(colon + 1), nullptr, "", {}}, seconds(10));
    if (!made) throw std::runtime_error(made.error().message);
    return std::move(*made);
  }

  test::TempDir directory_;
  std::vector<Reply> held_;
  std::unique_ptr<Server> server_ = echo("127.0.0.1:0", {});
};

constexpr const char* kPost = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n";

TEST_F(PlainTest, ABodyIsTakenInWhateverPiecesItComes) {
  const Bare bare(server_->address());
  const auto answered = [&](const std::string& body) {
    std::string heard;
    while (heard.find("\r\n\r\n" + body) == std::string::npos) {
      const auto more = bare.hear(1);
      if (more.empty()) return false;
      heard += more;
    }
    return true;
  };
  bare.say(kPost + std::string("with"));
  EXPECT_TRUE(answered("with"));
  bare.say(kPost + std::string("ha"));
  bare.say("lf");
  EXPECT_TRUE(answered("half"));
  bare.say(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nch\r\n");
  bare.say("3\r\nunk\r\n0\r\n\r\n");
  EXPECT_TRUE(answered("chunk"));
  bare.say(kPost + std::string("one.") + kPost + "two.");
  const std::string both = bare.hear(2);
  EXPECT_THAT(both, StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(PlainTest, WhatTheKernelDoesNotTakeAtOnceIsSentWhenItDoes) {
  const auto asks = client(*server_);
  std::string body(kLarge, 'x');
  body.back() = 'y';
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(asks->ask({"POST", "/echo", {}, body}));
    const auto answer = asks->rest(kMost);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_TRUE(*answer == body);
    EXPECT_TRUE(asks->reusable());
  }
}

TEST_F(PlainTest, EachStepOfAConnectionHasItsTime) {
  Limits limits;
  limits.receive = limits.idle = milliseconds(100);
  const auto server = echo("127.0.0.1:0", limits);
  const Bare idle(server->address()), half(server->address()), asks(server->address());
  asks.say("GET /silent HTTP/1.1\r\nHost: localhost\r\n\r\n");
  half.say(kPost + std::string("ha"));
  EXPECT_EQ(idle.hear(), "");
  EXPECT_EQ(half.hear(), "");
  // What is being answered is given its time, however long that takes. The others came after it.
  std::promise<void> later;
  server->post_at(Clock::now() + 3 * limits.idle, [&] {
    held_.front()(respond(200, {{"late", true}}));
    held_.clear();
    later.set_value();
  });
  later.get_future().wait();
  EXPECT_THAT(asks.hear(), StartsWith("HTTP/1.1 200"));  // and then it is idle, and closed
}

/// What another server answers to what this one hands on.
class OnwardTest : public PlainTest {
 protected:
  using Came = tl::expected<Response, NotReached>;
  Came send(const std::string& target, const std::string& body, milliseconds time) {
    std::promise<Came> came;
    server_->post([&] {
      if (!upstream_) upstream_ = std::make_unique<Upstream>(*server_, address_, kMost);
      const Onward onward{
          "POST", target, {{"Host", "localhost"}}, std::make_shared<const std::string>(body)};
      upstream_->send(onward, Clock::now() + time, [&](Came answer) { came.set_value(answer); });
    });
    return came.get_future().get();
  }
  void TearDown() override {
    on(*server_, [&] { upstream_.reset(); });
    if (other_) on(*other_, [&] { held_.clear(); });
  }
  template <class Call>
  static void on(Server& server, const Call& call) {
    std::promise<void> done;
    server.post([&] {
      call();
      done.set_value();
    });
    done.get_future().wait();
  }

  const std::string address_ = "unix:" + (directory_.path() / "s").string();
  std::unique_ptr<Server> other_ = echo(address_, {});
  std::unique_ptr<Upstream> upstream_;
};

TEST_F(OnwardTest, SmallAndLargeGoThereAndBack) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{3}, kLarge, std::size_t{3}}) {
    const auto answer = send("/echo", std::string(size, 'x'), seconds(30));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body.size(), size);
  }
}

TEST_F(OnwardTest, WhoDoesNotAnswerIsLateWhenItIsTime) {
  ASSERT_TRUE(send("/echo", "x", seconds(30)));  // its timer runs for longer
  const auto begun = Clock::now();
  const auto late = send("/silent", "x", milliseconds(50));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().why, NotReached::Why::late);
  EXPECT_GE(Clock::now() - begun, milliseconds(50));
  EXPECT_LT(Clock::now() - begun, seconds(20));
  EXPECT_TRUE(send("/echo", "x", seconds(30)));
}

TEST_F(OnwardTest, OneThatHasGoneIsClosedAndThenRefuses) {
  ASSERT_TRUE(send("/echo", "x", seconds(30)));
  other_.reset();
  const auto closed = send("/echo", "x", seconds(30));
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().why, NotReached::Why::closed);
  const auto refused = send("/echo", "x", seconds(30));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().why, NotReached::Why::refused);
}

}  // namespace
}  // namespace scanflow::http
