// A client of HTTPS, against our own server.
#include "engine/http/client.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <ctime>
#include <thread>

#include "engine/http/base64.hpp"
#include "engine/http/server.hpp"
#include "engine/http/trust.hpp"
#include "sdk/base/unique_fd.hpp"
#include "tests/support/certificates.hpp"

namespace scanflow::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using Why = NoAnswer::Why;

class ClientTest : public testing::Test {
 protected:
  void serve(const Issued& issued) {
    const test::IssuedFiles at{directory_.path()};
    at.write(issued);
    Options options;
    options.certificate = test::opened(at);
    auto listening = Server::listen("127.0.0.1:0", std::move(options));
    ASSERT_TRUE(listening) << listening.error().message;
    server_ = std::move(*listening);
    server_->start([this](const Request& request, const Reply& reply) {
      if (request.path == std::vector<std::string>{"never"}) return held_.push_back(reply);
      if (request.path == std::vector<std::string>{"echo"}) {
        Response response;
        response.body = request.body;
        return reply(std::move(response));
      }
      reply(respond(200, {{"path", request.path}, {"bytes", request.body.size()}}));
    });
  }
  Peer peer(const std::string& ca) {
    Peer peer{.host = "127.0.0.1",
              .port = port(),
              .context = {},
              .server_name = "localhost",
              .proxy = {}};
    auto context = client_context({.ca = ca, .certificate = "", .key = ""}, std::time(nullptr));
    EXPECT_TRUE(context) << context.error().message;
    peer.context = *context;
    return peer;
  }
  std::string port() const { return server_->address().substr(server_->address().rfind(':') + 1); }
  NoAnswer refusal(const Peer& peer) {
    const auto client = Client::connect(peer, seconds(5));
    return client ? NoAnswer{Why::closed, "none", false} : client.error();
  }

  const test::TempDir directory_;
  const Issued issued_ = test::issue();
  std::unique_ptr<Server> server_;
  std::vector<Reply> held_;  // each keeps its connection, which must not outlive the server
};

TEST_F(ClientTest, AsksAgainOverItsConnection) {
  ASSERT_NO_FATAL_FAILURE(serve(issued_));
  auto client = Client::connect(peer(issued_.ca), seconds(5));
  ASSERT_TRUE(client) << client.error().message;
  for (const char* path : {"one", "two"}) {
    const auto head =
        (*client)->ask({.method = "POST", .target = std::string("/") + path, .body = "{}"});
    ASSERT_TRUE(head) << head.error().message;
    EXPECT_EQ(head->status, 200);
    EXPECT_EQ(head->header("content-type"), "application/json");
    const auto body = (*client)->rest(1 << 20);
    ASSERT_TRUE(body) << body.error().message;
    EXPECT_THAT(*body, testing::AllOf(HasSubstr(path), HasSubstr("\"bytes\":2")));
    EXPECT_TRUE((*client)->reusable());
  }
}

TEST_F(ClientTest, BodiesOfAnySizeGoBothWays) {
  ASSERT_NO_FATAL_FAILURE(serve(issued_));
  auto client = Client::connect(peer(issued_.ca), seconds(5));
  ASSERT_TRUE(client) << client.error().message;
  for (const std::size_t size : {1UL, 16'000UL, 70'000UL, 3'000'000UL}) {
    std::string sent(size, 'a');
    sent.back() = 'z';
    const auto head = (*client)->ask({.method = "POST", .target = "/echo", .body = sent});
    ASSERT_TRUE(head) << head.error().message;
    const auto body = (*client)->rest(size);
    ASSERT_TRUE(body) << body.error().message;
    EXPECT_TRUE(*body == sent) << size << " bytes: " << body->size() << " came back";
  }
}

TEST_F(ClientTest, BelievesOnlyWhomItShould) {
  ASSERT_NO_FATAL_FAILURE(serve(issued_));
  EXPECT_EQ(refusal(peer(test::issue().ca)).why, Why::tls);
  Peer other = peer(issued_.ca);
  other.server_name = "elsewhere";
  EXPECT_THAT(refusal(other).message, HasSubstr("ostname mismatch"));
  other.server_name.clear();  // then the address counts
  EXPECT_THAT(refusal(other).message, HasSubstr("IP address mismatch"));
}

TEST_F(ClientTest, ABodyBeyondItsBoundIsNoAnswer) {
  ASSERT_NO_FATAL_FAILURE(serve(issued_));
  auto client = Client::connect(peer(issued_.ca), seconds(5));
  ASSERT_TRUE((*client)->ask({.target = "/a"}));
  const auto body = (*client)->rest(3);
  ASSERT_FALSE(body);
  EXPECT_THAT(body.error().message, HasSubstr("exceeds"));
}

TEST_F(ClientTest, GivesUpWhoIsSilentOrWhenItIsStopped) {
  ASSERT_NO_FATAL_FAILURE(serve(issued_));
  auto client = Client::connect(peer(issued_.ca), seconds(5));
  const auto late = (*client)->ask({.target = "/never", .patience = milliseconds(50)});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().why, Why::silent);
  EXPECT_TRUE(late.error().sent) << "it may have been acted upon";
  auto another = Client::connect(peer(issued_.ca), seconds(5));
  std::stop_source stop;
  std::jthread stops([&] { stop.request_stop(); });
  const auto stopped = (*another)->ask({.target = "/never"}, stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().why, Why::stopped);
}

TEST_F(ClientTest, SaysThatNobodyListens) {
  Peer nobody{.host = "127.0.0.1", .port = "1", .context = {}, .server_name = "", .proxy = {}};
  EXPECT_EQ(refusal(nobody).why, Why::refused);
  EXPECT_FALSE(refusal(nobody).sent);
}

/// A proxy that answers CONNECT with this line, and then is the wire to a port of this machine.
class OneProxy {
 public:
  OneProxy(std::string answer, std::uint16_t to) {
    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(0);
    ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::listen(listener_.get(), 1);
    socklen_t size = sizeof address;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port = std::to_string(ntohs(address.sin_port));
    thread_ = std::jthread([this, answer = std::move(answer), to] { serve(answer, to); });
  }
  std::string port, asked;

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  void serve(const std::string& answer, std::uint16_t to) {
    const UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
    char byte = 0;
    while (!asked.ends_with("\r\n\r\n") && ::read(client.get(), &byte, 1) == 1) asked += byte;
    const std::string text = "HTTP/1.1 " + answer + "\r\n\r\n";
    [[maybe_unused]] const ssize_t sent = ::write(client.get(), text.data(), text.size());
    if (!answer.starts_with("200")) return;
    const UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(to);
    ::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    std::jthread back([&] { pass(server.get(), client.get()); });
    pass(client.get(), server.get());
    ::shutdown(server.get(), SHUT_RDWR);
  }
  static void pass(int from, int to) {
    char bytes[4096];
    for (ssize_t n = 0; (n = ::read(from, bytes, sizeof bytes)) > 0;)
      if (::send(to, bytes, static_cast<std::size_t>(n), MSG_NOSIGNAL) < 0) return;
  }
  UniqueFd listener_;
  std::jthread thread_;
};

TEST_F(ClientTest, GoesThroughAProxy) {
  ASSERT_NO_FATAL_FAILURE(serve(issued_));
  OneProxy proxy("200 Connection established", static_cast<std::uint16_t>(std::stoi(port())));
  {
    Peer through = peer(issued_.ca);
    through.proxy = Proxy{"127.0.0.1", proxy.port, "Basic dTpw"};
    auto client = Client::connect(through, seconds(5));
    ASSERT_TRUE(client) << client.error().message;
    ASSERT_TRUE((*client)->ask({.target = "/a"}));
    EXPECT_THAT(*(*client)->rest(1 << 20), HasSubstr("\"a\""));
  }
  EXPECT_THAT(proxy.asked, testing::AllOf(HasSubstr("CONNECT 127.0.0.1:" + port()),
                                          HasSubstr("Proxy-Authorization: Basic dTpw")));
  OneProxy refuses("407 Proxy Authentication Required", 0);
  Peer through = peer(issued_.ca);
  through.proxy = Proxy{"127.0.0.1", refuses.port, ""};
  EXPECT_THAT(refusal(through).message, HasSubstr("refuses: status 407"));
}

TEST(Trust, SaysWhatIsWrongWithACertificate) {
  const std::int64_t now_s = std::time(nullptr);
  const Issued issued = test::issue(), other = test::issue();
  const auto error = [&](const Trust& trust, std::int64_t at_s) {
    const auto context = client_context(trust, at_s);
    return context ? "none" : context.error().message;
  };
  EXPECT_EQ(error({issued.ca, issued.certificate, issued.key}, now_s), "none");
  EXPECT_EQ(error({"", "", ""}, now_s), "none") << "what this machine trusts";
  EXPECT_THAT(error({issued.ca, issued.certificate, issued.key}, now_s + 40 * test::kDay_s),
              HasSubstr("expired on"));
  EXPECT_THAT(error({issued.ca, issued.certificate, issued.key}, now_s - 40 * test::kDay_s),
              HasSubstr("valid from"));
  EXPECT_THAT(error({issued.ca, issued.certificate, other.key}, now_s),
              HasSubstr("not that of its certificate"));
  EXPECT_THAT(error({issued.ca, "x", "y"}, now_s), HasSubstr("empty of certificates"));
  EXPECT_THAT(error({issued.ca, issued.certificate, "y"}, now_s), HasSubstr("no private key"));
  EXPECT_THAT(error({issued.ca.substr(0, issued.ca.size() / 2), "", ""}, now_s),
              HasSubstr("malformed"));
}

TEST(Base64, GoesBothWays) {
  for (const std::string text : {"", "f", "fo", "foo", "foob", "fooba", "foobar"})
    EXPECT_EQ(base64_decoded(base64(text)), text);
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64_decoded("Zm9v\nYmFy\n"), "foobar");
  for (const char* wrong : {"Z", "Zm9", "Zm9v====", "Zm!v"})
    EXPECT_FALSE(base64_decoded(wrong)) << wrong;
}

}  // namespace
}  // namespace scanflow::http
