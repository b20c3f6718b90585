#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "engine/http/server.hpp"
#include "sdk/base/unique_fd.hpp"
#include "tests/fuzz/properties.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::fuzz {
namespace {

constexpr timeval kPatience{10, 0};

/// One for all inputs: what one of them leaves behind meets the next.
class EchoServer {
 public:
  EchoServer() {
    http::Options options;
    options.limits.body_bytes = 64u << 10;
    auto listening = http::Server::listen("unix:" + path(), std::move(options));
    if (!listening) throw Broken(listening.error().message);
    server_ = std::move(*listening);
    server_->start([](const http::Request& request, const http::Reply& reply) {
      reply(http::respond(200, {{"bytes", request.body.size()}}));
    });
  }
  std::string path() const { return directory_ / "http"; }

  /// What comes back, to its end.
  std::string send(std::string_view bytes) const {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    must(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
         "the server takes connections");
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    (void)::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    ::shutdown(fd.get(), SHUT_WR);
    std::string answer;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0)
      answer.append(buffer, static_cast<std::size_t>(got));
    must(got == 0 || errno == ECONNRESET, "the connection ends");
    return answer;
  }

 private:
  test::TempDir directory_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace

void connection(std::string_view input) {
  static const EchoServer server;
  const std::string answer = server.send(input);
  must(answer.empty() || answer.starts_with("HTTP/1."), "an answer is HTTP");
  const std::string next = server.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  must(next.starts_with("HTTP/1.1 200"), "the next client is served");
}

}  // namespace scanflow::fuzz
