// Bodies that lie in files, as clients send and get them.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "engine/http/range.hpp"
#include "engine/http/server.hpp"
#include "sdk/base/digest.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/program.hpp"
#include "tests/support/tls_client.hpp"

namespace scanflow::http {
namespace {

using test::TlsClient;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string some_bytes(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + i * i % 23);
  return text;
}

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    at_.write(issued_);
    std::filesystem::create_directory(spool_);
    listen(Limits().receive);
  }
  void listen(std::chrono::milliseconds receive) {
    Options options;
    options.limits.receive = receive;
    options.limits.body_bytes = 1 << 10;
    options.certificate = test::opened(at_);
    server_ = std::move(*Server::listen("127.0.0.1:0", std::move(options)));
    server_->start([this](const Request& request, const Reply& reply) { answer(request, reply); },
                   [this](const Request& head) { return admit(head); });
  }

  Admission admit(const Request& head) const {
    if (head.path.front() == "refused")
      return respond(403, {{"no", head.header("Content-Length")}});
    if (head.path.front() == "memory") return InMemory{};
    return SpoolTo{spool_, most_, 1 << 20, [](int status, const std::string& message) {
                     return respond(status, {{"why", message}});
                   }};
  }

  void answer(const Request& request, const Reply& reply) {
    if (request.method == "GET")
      return reply(respond_with_file(request, *OpenFile::open(kept_), "text/x-test", "tag"));
    if (!request.body_file) return reply(respond(200, {{"memory", request.body.size()}}));
    std::filesystem::remove(kept_);
    std::filesystem::create_hard_link(request.body_file->path, kept_);
    reply(
        respond(200, {{"bytes", request.body_file->bytes}, {"sha256", request.body_file->sha256}}));
  }

  bool spool_is_empty() const { return std::filesystem::is_empty(spool_); }
  std::string get(TlsClient& client, const std::string& headers, const char* method = "GET") {
    return client.send(std::string(method) + " /file HTTP/1.1\r\nHost: localhost\r\n" + headers +
                       "\r\n");
  }

  test::TempDir directory_;
  test::IssuedFiles at_{directory_.path()};
  Issued issued_ = test::issue();
  const std::filesystem::path spool_ = directory_.path() / "spool",
                              kept_ = directory_.path() / "kept";
  std::uint64_t most_ = 8u << 20;
  std::unique_ptr<Server> server_;
};

TEST_F(FileTest, ABodyGoesIntoAFileAndBackAgain) {
  TlsClient client(server_->address(), issued_.ca);
  for (const std::size_t bytes : {0u, 1u, 3u << 20}) {
    const std::string body = some_bytes(bytes);
    EXPECT_THAT(client.ask("PUT", "/file", body),
                AllOf(StartsWith("HTTP/1.1 200"), HasSubstr(sha256_hex(body)),
                      HasSubstr("\"bytes\":" + std::to_string(bytes))));
    EXPECT_TRUE(test::eventually([&] { return spool_is_empty(); }));
    EXPECT_THAT(get(client, ""),
                AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("text/x-test"),
                      HasSubstr("Accept-Ranges: bytes"), EndsWith("\r\n\r\n" + body)));
  }
  EXPECT_THAT(client.ask("PUT", "/memory", "1234"), HasSubstr("\"memory\":4"));
}

TEST_F(FileTest, ABodyInChunksIsTakenToo) {
  TlsClient client(server_->address(), issued_.ca);
  const std::string piece = some_bytes(0x12345);
  std::string request =
      "PUT /file HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string whole;
  for (int i = 0; i < 9; ++i) {
    request += "12345\r\n" + piece + "\r\n";
    whole += piece;
  }
  EXPECT_THAT(client.send(request + "0\r\n\r\n"), HasSubstr(sha256_hex(whole)));
}

TEST_F(FileTest, PartsOfAFile) {
  TlsClient client(server_->address(), issued_.ca);
  const std::string body = some_bytes(1 << 20);
  client.ask("PUT", "/file", body);
  EXPECT_THAT(get(client, "Range: bytes=10-19\r\n"),
              AllOf(StartsWith("HTTP/1.1 206"), HasSubstr("Content-Range: bytes 10-19/1048576\r\n"),
                    EndsWith("\r\n\r\n" + body.substr(10, 10))));
  EXPECT_THAT(get(client, "Range: bytes=-5\r\n"),
              EndsWith("\r\n\r\n" + body.substr(body.size() - 5)));
  EXPECT_THAT(get(client, "Range: bytes=1048576-\r\n"),
              AllOf(StartsWith("HTTP/1.1 416"), HasSubstr("Content-Range: bytes */1048576\r\n")));
  EXPECT_THAT(get(client, "If-Range: \"tag\"\r\nRange: bytes=0-1\r\n"), StartsWith("HTTP/1.1 206"));
  EXPECT_THAT(get(client, "If-Range: \"other\"\r\nRange: bytes=0-1\r\n"), EndsWith(body));
  EXPECT_THAT(client.ask("PUT", "/memory", ""), StartsWith("HTTP/1.1 200"));
}

TEST_F(FileTest, OfHeadOnlyTheHeaderComes) {
  TlsClient client(server_->address(), issued_.ca);
  client.ask("PUT", "/file", some_bytes(100));
  client.write("HEAD /file HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(get(client, ""), AllOf(HasSubstr("Content-Length: 100"), Not(HasSubstr("aab"))))
      << "of the first answer";
}

TEST_F(FileTest, WhatIsNotWantedIsRefusedBeforeItComes) {
  const std::string head =
      "HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: ";
  const auto ask = [&](const std::string& path, const std::string& length) {
    TlsClient client(server_->address(), issued_.ca);
    return client.send("PUT " + path + head + length + "\r\n\r\n");
  };
  EXPECT_THAT(ask("/refused ", "5000000000"),
              AllOf(StartsWith("HTTP/1.1 403"), HasSubstr("5000000000")));
  EXPECT_THAT(ask("/memory ", "2147483648"),
              AllOf(StartsWith("HTTP/1.1 413"), HasSubstr("the body exceeds")));
  EXPECT_THAT(ask("/file ", "8388609"),
              AllOf(StartsWith("HTTP/1.1 413"), HasSubstr("the body exceeds 8 MiB")));
  EXPECT_THAT(ask("/file ", "5"), StartsWith("HTTP/1.1 100"));
  EXPECT_TRUE(test::eventually([&] { return spool_is_empty(); }));
}

TEST_F(FileTest, WhatNoDiskHasRoomForIsRefusedBeforeItComes) {
  most_ = ~0ull;
  TlsClient client(server_->address(), issued_.ca);
  EXPECT_THAT(
      client.send("PUT /file HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1125899906842624"
                  "\r\n\r\n"),
      AllOf(StartsWith("HTTP/1.1 507"), HasSubstr("MiB are kept for others"),
            HasSubstr("free some space")));
}

TEST_F(FileTest, ABodyThatDoesNotSayItsLengthIsCutOffAtTheLimit) {
  TlsClient client(server_->address(), issued_.ca);
  std::string request =
      "PUT /file HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 9; ++i) request += "100000\r\n" + std::string(1 << 20, 'x') + "\r\n";
  EXPECT_THAT(client.send(request), StartsWith("HTTP/1.1 413"));
  EXPECT_TRUE(test::eventually([&] { return spool_is_empty(); }));
}

TEST_F(FileTest, OfAClientThatGoesAwayInTheMiddleNothingStays) {
  {
    TlsClient client(server_->address(), issued_.ca);
    client.write("PUT /file HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4194304\r\n\r\n" +
                 some_bytes(2 << 20));
    EXPECT_TRUE(test::eventually([&] { return !spool_is_empty(); }));
  }
  EXPECT_TRUE(test::eventually([&] { return spool_is_empty(); }));
  EXPECT_FALSE(std::filesystem::exists(kept_));
}

TEST_F(FileTest, AClientThatFallsSilentIsGivenUp) {
  server_.reset();
  listen(std::chrono::milliseconds(100));
  TlsClient client(server_->address(), issued_.ca);
  EXPECT_EQ(client.send("PUT /file HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4194304\r\n\r\n" +
                        some_bytes(1 << 20)),
            "");
  EXPECT_TRUE(test::eventually([&] { return spool_is_empty(); }));
}

TEST_F(FileTest, WhereTheFileCannotBeMadeThatIsSaid) {
  std::filesystem::remove(spool_);
  std::ofstream(spool_) << "in its way";
  TlsClient client(server_->address(), issued_.ca);
  EXPECT_THAT(client.ask("PUT", "/file", "12"),
              AllOf(StartsWith("HTTP/1.1 500"), HasSubstr("cannot make")));
}

}  // namespace
}  // namespace scanflow::http
