#include "engine/infer/steered.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <iostream>

#include "sdk/base/unix_socket.hpp"

namespace scanflow::infer {
namespace {

constexpr std::chrono::seconds kFigures{1};  // how often those that have changed are told
constexpr int kAllEach = 60;                 // times all of them, so that nobody forgets them
constexpr std::size_t kMostLine = std::size_t{1} << 20;
constexpr int kWriteSeconds = 5;

/// May it be read from (or is it over) within that time?
bool readable(int fd, int end, std::chrono::milliseconds patience) {
  pollfd fds[] = {{fd, POLLIN, 0}, {end, POLLIN, 0}};
  return ::poll(fds, 2, static_cast<int>(patience.count())) > 0 && fds[1].revents == 0;
}

}  // namespace

/// Written to by the thread, and by the stage's.
struct Steered::Connection {
  explicit Connection(UniqueFd given) : fd(std::move(given)) {
    const timeval patience{kWriteSeconds, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  void say(const json& line) {
    const std::string text = line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    const std::lock_guard lock(mutex);
    for (std::size_t sent = 0; sent < text.size();) {
      const ssize_t n = ::send(fd.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {  // half a line is of no use to anybody
        ::shutdown(fd.get(), SHUT_RDWR);
        return;
      }
      sent += static_cast<std::size_t>(n);
    }
  }
  const UniqueFd fd;
  std::mutex mutex;
};

Steered::Steered(std::string socket, std::string id, Stage& stage)
    : socket_(std::move(socket)),
      id_(std::move(id)),
      stage_(stage),
      end_(::eventfd(0, EFD_CLOEXEC)),
      thread_([this] { run(); }) {}

Steered::~Steered() {
  const std::uint64_t one = 1;
  (void)!::write(end_.get(), &one, sizeof one);
  thread_.join();
}

void Steered::run() {
  bool said = false;
  while (true) {
    auto fd = connect_to(socket_);
    if (fd) {
      said = false;
      serve(std::make_shared<Connection>(std::move(*fd)));
    } else if (!std::exchange(said, true)) {
      std::cerr << "no sidecar steers this service yet: " << fd.error().message << '\n';
    }
    pollfd end{end_.get(), POLLIN, 0};
    if (::poll(&end, 1, 1000) > 0) return;
  }
}

void Steered::serve(const std::shared_ptr<Connection>& connection) {
  connection->say(
      {{"offers",
        {{{"name", "set_traffic"},
          {"summary", "Gives a node these versions, each with its share of requests"}}}}});
  told_.clear();
  times_ = 0;
  std::string in;
  auto next = std::chrono::steady_clock::now();
  while (true) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= next) {
      tell_figures(*connection);
      next = now + kFigures;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now);
    if (!readable(connection->fd.get(), end_.get(), left)) {
      pollfd end{end_.get(), POLLIN, 0};
      if (::poll(&end, 1, 0) > 0) return;
      continue;
    }
    char buffer[4096];
    const ssize_t n = ::recv(connection->fd.get(), buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || in.size() > kMostLine) return;
    in.append(buffer, static_cast<std::size_t>(n));
    for (std::size_t end = 0; (end = in.find('\n')) != std::string::npos; in.erase(0, end + 1))
      take(connection, in.substr(0, end));
  }
}

/// What it is told is checked by who tells it (offers); what it cannot do says the stage.
void Steered::take(const std::shared_ptr<Connection>& connection, const std::string& line) {
  const json told = json::parse(line, nullptr, false);
  if (!told.is_object() || !told.contains("call")) return;
  const json call = told["call"];
  stage_.set_traffic(told.value("arguments", json::object()), [connection, call](auto switched) {
    if (switched) {
      connection->say(
          {{"call", call},
           {"outcome", "DONE"},
           {"value",
            {{"loaded_us", switched->loaded_us}, {"switched_us", switched->switched_us}}}});
    } else {
      connection->say({{"call", call},
                       {"outcome", "FAILED"},
                       {"value", {{"message", switched.error().message}, {"refused", true}}}});
    }
  });
}

void Steered::tell_figures(Connection& connection) {
  const Service* const service = stage_.service();
  if (service == nullptr) return;
  std::vector<Figure> now = figures_of(service->status());
  for (Figure& figure : now) figure.labels["service"] = id_;
  if (++times_ % kAllEach == 0) told_.clear();
  for (const Figure& figure : changed(told_, now)) {
    connection.say({{"metric",
                     {{"name", figure.name},
                      {"value", figure.value},
                      {"labels", figure.labels},
                      {"sampled", true}}}});
  }
  told_ = std::move(now);
}

}  // namespace scanflow::infer
