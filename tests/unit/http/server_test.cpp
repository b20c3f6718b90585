// HTTPS, as clients see it. (Plain HTTP is tried by the tests of the engine's server.)
#include "engine/http/server.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <thread>

#include "tests/support/certificates.hpp"
#include "tests/support/program.hpp"
#include "tests/support/tls_client.hpp"

namespace scanflow::http {
namespace {

using test::issue;
using test::TlsClient;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class HttpsTest : public testing::Test {
 protected:
  void SetUp() override {
    at_.write(issued_);
    Options options;
    options.limits.body_bytes = 1 << 20;
    options.limits.connections = 3;
    options.certificate = test::opened(at_);
    auto listening = Server::listen("127.0.0.1:0", std::move(options));
    ASSERT_TRUE(listening) << listening.error().message;
    server_ = std::move(*listening);
    server_->start([](const Request& request, const Reply& reply) {
      reply(respond(200, {{"path", request.path}, {"bytes", request.body.size()}}));
    });
  }

  test::TempDir directory_;
  test::IssuedFiles at_{directory_.path()};
  Issued issued_ = issue();
  std::unique_ptr<Server> server_;
};

TEST_F(HttpsTest, AnswersOverAConnectionThatStays) {
  TlsClient client(server_->address(), issued_.ca);
  ASSERT_TRUE(client.connected()) << client.problem();
  for (const char* path : {"/one", "/two"}) {
    EXPECT_THAT(client.ask("POST", path, "{}"),
                AllOf(StartsWith("HTTP/1.1 200"), HasSubstr(path + 1), HasSubstr("\"bytes\":2")));
  }
}

TEST_F(HttpsTest, AClientWithAnotherCaRefusesIt) {
  const TlsClient client(server_->address(), issue().ca);
  EXPECT_FALSE(client.connected());
  EXPECT_THAT(client.problem(), HasSubstr("issuer certificate"));
}

TEST_F(HttpsTest, WhoSpeaksHttp2AloneIsRefusedAtOnce) {
  EXPECT_FALSE(TlsClient(server_->address(), issued_.ca, "\x02h2").connected());
  EXPECT_TRUE(TlsClient(server_->address(), issued_.ca, "\x02h2\x08http/1.1").connected());
}

TEST_F(HttpsTest, TheNextConnectionHasTheRenewedCertificate) {
  TlsClient before(server_->address(), issued_.ca);
  ASSERT_TRUE(before.connected());
  const Issued next = issue();
  at_.write(next);
  EXPECT_TRUE(TlsClient(server_->address(), next.ca).connected());
  EXPECT_FALSE(TlsClient(server_->address(), issued_.ca).connected());
  EXPECT_THAT(before.ask("GET", "/still"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpsTest, ABodyThatIsTooLargeIsRefusedWithItsBound) {
  TlsClient client(server_->address(), issued_.ca);
  EXPECT_THAT(client.ask("POST", "/", std::string(2 << 20, 'x')),
              AllOf(StartsWith("HTTP/1.1 413"), HasSubstr("exceeds 1 MiB")));
}

TEST_F(HttpsTest, WhatIsNoTlsEndsTheConnectionAndNothingElse) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(
      std::stoi(server_->address().substr(server_->address().rfind(':') + 1))));
  ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_GT(::write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 0);
  std::array<char, 256> said;
  while (::read(fd, said.data(), said.size()) > 0) {
  }  // until it is closed
  ::close(fd);
  EXPECT_TRUE(TlsClient(server_->address(), issued_.ca).connected());
}

/// A request whose body does not come.
constexpr const char* kHalf = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n";

TEST_F(HttpsTest, OfMoreConnectionsThanThereMayBeTheOneThatIsIdleForLongestGivesWay) {
  std::vector<std::unique_ptr<TlsClient>> open;
  for (int i = 0; i < 3; ++i)
    open.push_back(std::make_unique<TlsClient>(server_->address(), issued_.ca));
  EXPECT_THAT(open[0]->ask("GET", "/"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(open[2]->ask("GET", "/"), StartsWith("HTTP/1.1 200"));
  TlsClient next(server_->address(), issued_.ca);
  EXPECT_THAT(next.ask("GET", "/"), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(open[1]->ask("GET", "/"), "");
  EXPECT_THAT(open[0]->ask("GET", "/"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(open[2]->ask("GET", "/"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpsTest, WhileAllConnectionsAreBusyOthersAreClosed) {
  // One whose half has not been read yet is idle still and gives way; the next one fills its place.
  std::vector<std::unique_ptr<TlsClient>> open;
  EXPECT_TRUE(test::eventually([&] {
    auto next = std::make_unique<TlsClient>(server_->address(), issued_.ca);
    if (!next->connected()) return true;
    next->write(kHalf);
    open.push_back(std::move(next));
    return false;
  }));
  EXPECT_GE(open.size(), 3);
}

TEST(Address, WithoutTlsOnlyThisMachinesOwnIsListenedOn) {
  EXPECT_THAT(wrong_address("0.0.0.0:80"), HasSubstr("is not an address of this machine's own"));
  EXPECT_THAT(wrong_address(":80"), HasSubstr("is no address to listen on"));
  for (const char* address : {"0.0.0.0:8443", ":8443", "[::]:0", "127.0.0.1:1", "localhost:2"})
    EXPECT_EQ(wrong_address(address, true), "") << address;
  EXPECT_THAT(wrong_address("8443", true), HasSubstr("0.0.0.0:8443 or [::]:8443 is one"));
  EXPECT_THAT(wrong_address("::1:8443", true), HasSubstr("[::]:8443 is one"));
  EXPECT_THAT(wrong_address("web.shop:1", true), HasSubstr("is no address"));
}

/// Has always more to say.
struct Endless final : Stream {
  void next(std::function<void(std::string)> then) override { then(std::string(1 << 12, 'x')); }
};

TEST_F(HttpsTest, ManyWhoGoAwayInTheMiddleOfALongAnswerEndOnlyTheirConnections) {
  server_.reset();
  Options options;
  options.certificate = test::opened(at_);
  server_ = std::move(*Server::listen("127.0.0.1:0", std::move(options)));
  server_->start([](const Request& request, const Reply& reply) {
    Response response;
    if (request.path == std::vector<std::string>{"long"})
      response.stream = std::make_shared<Endless>();
    reply(std::move(response));
  });
  for (int i = 0; i < 100; ++i) {
    TlsClient client(server_->address(), issued_.ca);
    ASSERT_TRUE(client.connected()) << i << ": " << client.problem();
    EXPECT_THAT(client.ask("GET", "/long"), StartsWith("HTTP/1.1 200"));
  }
  TlsClient last(server_->address(), issued_.ca);
  EXPECT_THAT(last.ask("GET", "/short"), StartsWith("HTTP/1.1 200"));
}

}  // namespace
}  // namespace scanflow::http
