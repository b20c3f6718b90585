// A port of this machine's own at which nobody says what was asked for.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace scanflow::test {

class MuteServer {
 public:
  enum class Then { hangs, hangs_up };
  /// Each request is answered with `said`, and no more.
  explicit MuteServer(std::string said = "", Then then = Then::hangs)
      : said_(std::move(said)), then_(then), fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd_, 16) != 0 ||
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("cannot listen");
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~MuteServer() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    for (const int each : open_) ::close(each);
    ::close(fd_);
  }
  MuteServer(const MuteServer&) = delete;
  MuteServer& operator=(const MuteServer&) = delete;

  const std::string& url() const { return url_; }

 private:
  void serve() {
    for (int each = ::accept(fd_, nullptr, nullptr); each >= 0;
         each = ::accept(fd_, nullptr, nullptr)) {
      std::array<char, 4096> asked;
      if (!said_.empty() && ::recv(each, asked.data(), asked.size(), 0) > 0)
        (void)::send(each, said_.data(), said_.size(), MSG_NOSIGNAL);
      if (then_ == Then::hangs_up) {
        ::close(each);
      } else {
        open_.push_back(each);
      }
    }
  }

  const std::string said_;
  const Then then_;
  const int fd_;
  std::string url_;
  std::vector<int> open_;  // of the thread
  std::thread thread_;
};

}  // namespace scanflow::test
