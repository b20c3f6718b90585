#include "engine/podman/watch.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <random>
#include <system_error>

#include "engine/worker/spawn.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/signals.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::podman {
namespace {

constexpr int kFirstPause = 200, kLongestPause = 10'000;  // ms
/// Processes write events side by side: one may come after another that is newer.
constexpr std::int64_t kOverlapUs = 2'000'000;
constexpr std::size_t kMostLine = 1u << 20;

/// A podman whose lines are read; killed and reaped at the end. It also dies with its thread: without
/// a reader it would stay until the next event.
class Events {
 public:
  Events(const Invocation& command, std::string file) {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      trouble_ = std::generic_category().message(errno);
      return;
    }
    out_ = UniqueFd(ends[0]);
    const UniqueFd write_end(ends[1]), nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    worker::Program program{.file = std::move(file),
                            .argv = command.argv,
                            .env = environment_with(command.environment),
                            .cwd = {},
                            .stdin_fd = nothing.get(),
                            .stdout_fd = write_end.get(),
                            .stderr_fd = write_end.get(),
                            .dies_with_parent = true};
    const auto started = worker::spawn(program);
    if (started) {
      pid_ = *started;
    } else {
      trouble_ = started.error().message;
    }
  }
  ~Events() { end(); }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  bool started() const { return pid_ > 0; }
  int out() const { return out_.get(); }
  const std::string& trouble() const { return trouble_; }
  /// How it ended, in words.
  std::string end() {
    if (pid_ <= 0) return trouble_;
    ::kill(-pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return trouble_ = describe_exit(status);
  }

 private:
  UniqueFd out_;
  pid_t pid_ = -1;
  std::string trouble_;
};

void pause(const std::stop_token& stop, int ms) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_int_distribution<int> around(ms / 2, ms);
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  woken.wait_for(lock, stop, std::chrono::milliseconds(around(random)), [] { return false; });
}

}  // namespace

Watch::Watch(const Podman& podman, std::string label, std::int64_t since_us, OnEvent on_event,
             OnTrouble on_trouble)
    : podman_(podman),
      label_(std::move(label)),
      since_us_(since_us),
      on_event_(std::move(on_event)),
      on_trouble_(std::move(on_trouble)),
      thread_([this](const std::stop_token& stop) { follow(stop); }) {}

void Watch::follow(const std::stop_token& stop) {
  int wait = kFirstPause;
  while (!stop.stop_requested()) {
    heard_ = false;
    once(stop);
    if (stop.stop_requested()) return;
    wait = heard_ ? kFirstPause : std::min(wait * 2, kLongestPause);
    pause(stop, wait);
  }
}

void Watch::once(const std::stop_token& stop) {
  const Invocation command =
      podman_.command({"events", "--format", "json", "--since", write_time(since_us_), "--filter",
                       "type=container", "--filter", "label=" + label_});
  std::string file = find_program(command.argv.front());
  if (file.empty()) return on_trouble_(command.argv.front() + " is not on PATH any more");
  Events events(command, std::move(file));
  if (!events.started()) return on_trouble_(events.trouble());
  const UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const std::stop_callback on_stop(stop, [&] { ::eventfd_write(wake.get(), 1); });

  std::string text, last;
  std::array<char, 16384> buffer{};
  while (!stop.stop_requested() && text.size() < kMostLine) {
    std::array<pollfd, 2> fds{pollfd{events.out(), POLLIN, 0}, pollfd{wake.get(), POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) break;
    if (fds[0].revents == 0) continue;
    const ssize_t got = ::read(events.out(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos;) {
      const std::string line = text.substr(0, end);
      text.erase(0, end + 1);
      const auto event = read_event(line);
      if (!event) {
        last = line;  // what it complains of
        continue;
      }
      heard_ = true;
      since_us_ = std::max(since_us_, event->time_us - kOverlapUs);
      on_event_(*event);
    }
  }
  if (stop.stop_requested()) return;
  const std::string how = events.end();
  // Where nothing has happened yet it ends at once, content.
  if (last.empty() && how == describe_exit(0)) return;
  on_trouble_(fmt::format("podman events {}{}{}", how, last.empty() ? "" : ": ", last));
}

}  // namespace scanflow::podman
