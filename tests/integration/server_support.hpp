// A real `scanflow server` on a port of its own, and what asks it.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/api/client.hpp"
#include "tests/support/program.hpp"

namespace scanflow::test {

using nlohmann::json;

class ServerProgram {
 public:
  explicit ServerProgram(const Scanflow& scanflow, std::vector<std::string> more = {},
                         std::uint16_t port = 0, const Program::Environment& environment = {}) {
    std::vector<std::string> arguments{"server", "--listen", "127.0.0.1:" + std::to_string(port)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    program_ = scanflow.start(std::move(arguments), environment);
    const std::string said = "listening on ";
    const bool listens = eventually([&] {
      return log().find('\n', log().find(said)) != std::string::npos &&
             log().find(said) != std::string::npos;
    });
    if (!listens) throw std::runtime_error("the server does not listen: " + log());
    const std::size_t begin = log().find(said) + said.size();
    url_ = log().substr(begin, log().find('\n', begin) - begin);
    client_.emplace(*api::HttpClient::to(url_));
  }

  std::string log() const { return program_->err(); }
  const std::string& url() const { return url_; }
  std::uint16_t port() const {
    return static_cast<std::uint16_t>(std::stoi(url_.substr(url_.rfind(':') + 1)));
  }
  const api::HttpClient& client() const { return *client_; }
  Program& program() { return *program_; }

  json get(const std::string& path) const { return document(client_->json_of({.target = path})); }
  json post(const std::string& path, const json& body = json::object()) const {
    return document(client_->json_of({.method = "POST", .target = path, .body = body.dump()}));
  }
  /// Its id.
  std::string submit(const std::string& source, const std::string& run = "") const {
    json body = {{"source", source}};
    if (!run.empty()) body["run"] = run;
    const json begun = post("/api/v1/runs", body);
    if (!begun.contains("run")) throw std::runtime_error(begun.dump());
    return begun.at("run");
  }
  bool reaches(const std::string& run, const std::string& status) const {
    return eventually([&] { return get("/api/v1/runs/" + run).value("status", "") == status; });
  }

  void kill() { program_->signal(SIGKILL), program_->wait(); }
  /// Its exit status.
  int stop() {
    program_->signal(SIGTERM);
    return program_->wait().exit;
  }

 private:
  /// Of a failure: {"status", "exit", "message"}.
  static json document(const api::Answer<json>& answer) {
    if (answer) return *answer;
    const api::Failure& failure = answer.error();
    return {{"status", failure.status}, {"exit", failure.exit}, {"message", failure.message}};
  }

  std::unique_ptr<Program> program_;
  std::string url_;
  std::optional<api::HttpClient> client_;
};

/// A server, and a command line that has nothing of its state.
struct Remote {
  Scanflow there, here;
  std::unique_ptr<ServerProgram> server = std::make_unique<ServerProgram>(there);

  Output operator()(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--server", server->url()});
    return here(std::move(arguments));
  }
};

/// A connection that sends what it likes.
class RawConnection {
 public:
  explicit RawConnection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
      throw std::runtime_error("cannot connect");
  }
  ~RawConnection() { ::close(fd_); }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  void send(const std::string& text) const {
    (void)::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
  }
  void end() const { ::shutdown(fd_, SHUT_WR); }
  /// What comes next, within 20 s; "" at the end.
  std::string piece() const {
    std::string text(1 << 20, '\0');
    pollfd wait{fd_, POLLIN, 0};
    const ssize_t n = ::poll(&wait, 1, 20'000) == 1 ? ::recv(fd_, text.data(), text.size(), 0) : 0;
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    return text;
  }
  /// What comes until it is closed, or contains `wanted`, within 20 s.
  std::string receive(const std::string& wanted = "\n\n no such text") const {
    std::string text;
    pollfd wait{fd_, POLLIN, 0};
    while (text.find(wanted) == std::string::npos && ::poll(&wait, 1, 20'000) == 1) {
      char buffer[4096];
      const ssize_t n = ::recv(fd_, buffer, sizeof(buffer), 0);
      if (n <= 0) break;
      text.append(buffer, static_cast<std::size_t>(n));
    }
    return text;
  }

 private:
  int fd_;
};

/// The events of a run from a stream, to its end or until `wanted` is in them.
inline std::string stream(const ServerProgram& server, const std::string& run,
                          const std::string& after, const std::string& wanted = "event: finished") {
  const RawConnection connection(server.port());
  connection.send("GET /api/v1/runs/" + run +
                  "/events HTTP/1.0\r\nHost: localhost\r\nAccept: text/event-stream\r\n" +
                  (after.empty() ? "" : "Last-Event-ID: " + after + "\r\n") + "\r\n");
  return connection.receive(wanted);
}

}  // namespace scanflow::test
