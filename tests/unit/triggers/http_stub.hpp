// A small HTTP server on loopback: a test says what it answers. One request a connection.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace scanflow::triggers {

class HttpStub {
 public:
  struct Reply {
    int status = 200;
    std::string body;
    bool is_mute = false;  // the connection stays open, and nothing comes
    std::size_t less = 0;  // bytes of the body that do not come
  };
  HttpStub() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || ::pipe(end_) != 0 || ::bind(listener_, any, size) != 0 ||
        ::listen(listener_, 16) != 0 || ::getsockname(listener_, any, &size) != 0)
      throw std::runtime_error("no port for a test's server");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~HttpStub() {
    ::close(end_[1]);
    thread_.join();
    for (const int each : open_) ::close(each);
    ::close(end_[0]);
    ::close(listener_);
  }
  HttpStub(const HttpStub&) = delete;
  HttpStub& operator=(const HttpStub&) = delete;

  std::string url(const std::string& scheme = "http") const {
    return scheme + "://127.0.0.1:" + std::to_string(port_);
  }
  void answer(Reply reply) {
    const std::lock_guard lock(mutex_);
    reply_ = std::move(reply);
  }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve() {
    for (;;) {
      pollfd ready[2] = {{listener_, POLLIN, 0}, {end_[0], POLLIN, 0}};
      ::poll(ready, 2, -1);
      if (ready[1].revents != 0) return;
      const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection >= 0 && !handle(connection)) ::close(connection);
    }
  }
  /// It stays open.
  bool handle(int connection) {
    std::string request;
    char piece[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      pollfd ready = {connection, POLLIN, 0};
      const ssize_t got =
          ::poll(&ready, 1, 2000) == 1 ? ::read(connection, piece, sizeof piece) : 0;
      if (got <= 0 || piece[0] == '\x16') return false;  // a TLS hello
      request.append(piece, static_cast<std::size_t>(got));
    }
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    if (reply_.is_mute) {
      open_.push_back(connection);
      return true;
    }
    std::string text =
        "HTTP/1.1 " + std::to_string(reply_.status) +
        " Said\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
        std::to_string(reply_.body.size()) + "\r\n\r\n" + reply_.body;
    text.resize(text.size() - reply_.less);
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t more = ::send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (more <= 0) break;
      sent += static_cast<std::size_t>(more);
    }
    return false;
  }

  int listener_;
  int end_[2] = {-1, -1};
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  Reply reply_;
  std::vector<std::string> requests_;
  std::vector<int> open_;  // of the thread
  std::thread thread_;
};

}  // namespace scanflow::triggers
