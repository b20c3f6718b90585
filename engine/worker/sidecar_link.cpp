#include "engine/worker/sidecar_link.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <variant>

#include "engine/worker/note.hpp"
#include "engine/worker/spawn.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/signals.hpp"
#include "sdk/base/unix_socket.hpp"

namespace scanflow::worker {
namespace {

// It listens a few milliseconds after its start; one that dies again and again is left alone longer.
constexpr std::int64_t kFirstWaitUs = 10'000, kLastWaitUs = 5'000'000;
/// One that has not answered for so long hangs: what it holds would be held for ever.
constexpr std::int64_t kBeatUs = 2'000'000, kSilentUs = 10'000'000;
/// It keeps up; one that does not is of no use.
constexpr std::size_t kMostPending = std::size_t{4} << 20;

std::vector<std::string> sidecar_environment(const SidecarOptions& options,
                                             const std::string& hub) {
  std::vector<std::string> variables = {
      "SCANFLOW_HUB=" + hub,
      "SCANFLOW_POD_UID=local",
      "SCANFLOW_SIDECAR_DIR=" + options.directory,
      "SCANFLOW_SIDECAR_SOCKET=" + options.socket,
      "SCANFLOW_ENDS_ALONE=1",
  };
  if (::access("/dev/nvidiactl", F_OK) == 0) variables.emplace_back("SCANFLOW_GPU=1");
  for (const char* name : {"PATH", "LD_LIBRARY_PATH", "SCANFLOW_RULES"}) {
    if (const char* value = std::getenv(name); value != nullptr)
      variables.push_back(fmt::format("{}={}", name, value));
  }
  return variables;
}

}  // namespace

SidecarLink::SidecarLink(Loop& loop, SidecarOptions options, Events events)
    : loop_(loop), options_(std::move(options)), events_(std::move(events)) {}

SidecarLink::~SidecarLink() {
  loop_.cancel(beat_);
  loop_.cancel(retry_);
  if (fd_) loop_.forget(fd_.get());
}

void SidecarLink::observe(const std::string& hub) {
  hub_ = hub;
  ensure();
}

void SidecarLink::ensure() {
  if (hub_.empty() || fd_ || retrying_ || connect()) return;
  if (pid_ == 0 && !options_.program.empty()) start();
  try_later();
}

bool SidecarLink::connect() {
  auto fd = connect_to(options_.socket);
  if (!fd) return false;
  fd_ = std::move(*fd);
  ++connection_;
  wait_us_ = 0;
  heard_us_ = monotonic_us();
  arm_beat();
  stream_ = protocol::Stream();
  loop_.watch(fd_.get(), EPOLLIN, [this](std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) write();
    if (fd_) read();
  });
  protocol::Hello hello;
  hello.role = "launcher";
  hello.pid = ::getpid();
  if (options_.deliver) hello.capabilities.emplace_back("deliver");
  send(std::move(hello));
  events_.connected();
  return true;
}

void SidecarLink::arm_beat() {
  loop_.cancel(beat_);
  beat_ = loop_.after(kBeatUs, [this] { beat(); });
}

void SidecarLink::beat() {
  if (!fd_) return;
  if (!events_.needed()) {
    heard_us_ = monotonic_us();  // it is not asked
  } else if (monotonic_us() - heard_us_ > kSilentUs) {
    note("the sidecar does not answer, and is replaced");
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    return drop();
  } else {
    send(protocol::Heartbeat{});
  }
  if (fd_) arm_beat();
}

void SidecarLink::start() {
  Program program;
  program.file = options_.program;
  program.argv = {"scanflow-sidecar"};
  program.env = sidecar_environment(options_, hub_);
  const UniqueFd null(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  const UniqueFd log(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  program.stdin_fd = null.get();
  program.stdout_fd = program.stderr_fd = log.get();
  const auto pid = spawn(program);
  if (pid) {
    pid_ = *pid;
  } else if (wait_us_ == 0) {
    note("no sidecar: " + pid.error().message);
  }
}

void SidecarLink::try_later() {
  wait_us_ = std::clamp(wait_us_ * 2, kFirstWaitUs, kLastWaitUs);
  retrying_ = true;
  retry_ = loop_.after(wait_us_, [this] {
    retrying_ = false;
    if (events_.needed()) {
      ensure();
    } else {
      try_later();
    }
  });
}

bool SidecarLink::reaped(pid_t pid, int wait_status) {
  if (!has(pid)) return false;
  pid_ = 0;
  note("the sidecar " + describe_exit(wait_status));
  ensure();
  return true;
}

void SidecarLink::send(protocol::Body body) {
  if (!fd_) return;
  stream_.queue(std::move(body));
  write();
}

void SidecarLink::write() {
  stream_.flush(fd_.get());  // a closed socket is met when it is read
  if (stream_.pending_bytes() > kMostPending) return drop();
  loop_.change(fd_.get(), stream_.pending() ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void SidecarLink::read() {
  const bool closed = stream_.fill(fd_.get()) == protocol::Flow::closed;
  const std::uint64_t connection = connection_;
  for (;;) {
    auto message = stream_.next();
    if (!message) return drop();
    if (!*message) break;
    heard_us_ = monotonic_us();
    if (std::holds_alternative<protocol::Heartbeat>((*message)->body)) continue;
    events_.message((*message)->body);
    if (!fd_ || connection != connection_) return;
  }
  if (closed) drop();
}

void SidecarLink::drop() {
  loop_.cancel(beat_);
  loop_.forget(fd_.get());
  fd_.reset();
  ensure();
}

}  // namespace scanflow::worker
