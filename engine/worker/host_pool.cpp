#include "engine/worker/host_pool.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <variant>

#include "engine/worker/fd_passing.hpp"
#include "engine/worker/note.hpp"
#include "engine/worker/spawn.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/signals.hpp"

namespace scanflow::worker {
namespace {

constexpr std::size_t kMaxHosts = 4;
constexpr std::int64_t kHostIdleUs = 300'000'000;

std::string key_of(const std::string& library) {
  struct stat info {};
  if (::stat(library.c_str(), &info) != 0) return library;
  return fmt::format("{}|{}|{}.{}|{}", library, info.st_ino, info.st_mtim.tv_sec,
                     info.st_mtim.tv_nsec, info.st_size);
}

/// A process that was killed a moment ago has closed its end already.
bool is_waiting(int socket) {
  pollfd closed{socket, POLLIN, 0};
  return ::poll(&closed, 1, 0) == 0;
}

}  // namespace

HostPool::HostPool(Loop& loop, Events events, std::string program, std::vector<std::string> env,
                   int null_fd, int log_fd)
    : loop_(loop),
      events_(std::move(events)),
      program_(std::move(program)),
      env_(std::move(env)),
      null_fd_(null_fd),
      log_fd_(log_fd) {}

HostPool::~HostPool() {
  for (const auto& host : hosts_) {
    if (host->fd) loop_.forget(host->fd.get());
  }
}

HostPool::Host* HostPool::find(const std::string& library) {
  const std::string key = key_of(library);
  Host* found = nullptr;
  for (const auto& host : hosts_) {
    if (host->retired || host->library != library) continue;
    if (host->key == key) {
      found = host.get();
    } else {
      retire(*host);  // the file has changed
    }
  }
  return found;
}

HostPool::Host* HostPool::create(const std::string& library, std::string& error) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    error = "cannot make a socket: " + std::generic_category().message(errno);
    return nullptr;
  }
  auto host = std::make_unique<Host>();
  host->fd = UniqueFd(ends[0]);
  const UniqueFd theirs(ends[1]);
  Program program;
  program.file = program_;
  program.argv = {"scanflow-worker", "host", "--library", library};
  program.env = env_;
  program.stdin_fd = null_fd_;
  program.stdout_fd = program.stderr_fd = log_fd_;
  program.extra_fd = theirs.get();
  const auto pid = spawn(program);
  if (!pid) {
    error = pid.error().message;
    return nullptr;
  }
  host->key = key_of(library);
  host->library = library;
  host->pid = *pid;
  host->used_us = monotonic_us();
  hosts_.push_back(std::move(host));
  Host* made = hosts_.back().get();
  loop_.watch(made->fd.get(), EPOLLIN, [this, number = *pid](std::uint32_t) { on_ready(number); });
  return made;
}

void HostPool::start(const protocol::AttemptId& id, const std::string& library) {
  keep_spares_ = true;
  Host* host = find(library);
  std::string error;
  if (host == nullptr) host = create(library, error);
  if (host == nullptr) return events_.failed(id, "retryable", error);
  host->used_us = monotonic_us();
  if (host->spare && is_waiting(host->spare->socket.get())) {
    Spare spare = std::move(*host->spare);
    host->spare.reset();
    hand_over(*host, id, std::move(spare));
  } else {
    host->spare.reset();
    host->waiting.push_back(id);
    ask(*host, host->waiting.size());
  }
  retire_idle();
}

/// Sees to it that so many forks are under way.
void HostPool::ask(Host& host, std::size_t forks) {
  if (!host.ready) return;
  for (; host.asked < forks; ++host.asked) host.stream.queue(protocol::Fork{});
  // A few bytes: they fit. A host that is gone is met when it is reaped.
  host.stream.flush(host.fd.get());
}

void HostPool::hand_over(Host& host, const protocol::AttemptId& id, Spare spare) {
  host.attempts.insert(spare.pid);
  events_.forked(id, spare.pid, std::move(spare.socket));
}

void HostPool::is_up(pid_t pid) {
  for (const auto& host : hosts_) {
    if (host->attempts.count(pid) != 0) keep_spare(*host);
  }
}

void HostPool::keep_spare(Host& host) {
  if (keep_spares_ && !host.retired && !host.spare) ask(host, host.waiting.size() + 1);
}

void HostPool::drop_spares() {
  keep_spares_ = false;
  for (const auto& host : hosts_) host->spare.reset();
}

bool HostPool::withdraw(const protocol::AttemptId& id) {
  for (const auto& host : hosts_) {
    const auto found = std::find(host->waiting.begin(), host->waiting.end(), id);
    if (found == host->waiting.end()) continue;
    host->waiting.erase(found);  // the fork that it asked for becomes the spare
    if (host->retired) retire(*host);
    return true;
  }
  return false;
}

void HostPool::on_ready(pid_t pid) {
  const auto found = std::find_if(hosts_.begin(), hosts_.end(),
                                  [&](const auto& host) { return host->pid == pid; });
  if (found == hosts_.end()) return;
  Host& host = **found;
  const bool closed = !receive_with_fds(host.fd.get(), host.bytes, host.sockets);
  host.stream.feed(std::exchange(host.bytes, {}));
  for (;;) {
    auto message = host.stream.next();
    if (!message) {
      note(fmt::format("step host of {}: {}", host.library, message.error().message));
      ::kill(host.pid, SIGKILL);
      break;
    }
    if (!*message) break;
    handle(host, (*message)->body);
  }
  if (closed) loop_.forget(host.fd.get());  // the rest follows when it is reaped
  if (host.retired) retire(host);
}

void HostPool::handle(Host& host, protocol::Body& body) {
  if (std::holds_alternative<protocol::Hello>(body)) {
    host.ready = true;
    ask(host, host.waiting.size());
  } else if (const auto* reject = std::get_if<protocol::Reject>(&body)) {
    host.retired = true;
    fail_waiting(host, "config", reject->reason);
  } else if (const auto* forked = std::get_if<protocol::Forked>(&body)) {
    take(host, forked->pid);
  } else if (const auto* exited = std::get_if<protocol::Exited>(&body)) {
    on_exited(host, *exited);
  }
}

/// A process that the warm parent has forked, or could not.
void HostPool::take(Host& host, pid_t pid) {
  if (host.asked > 0) --host.asked;
  Spare spare{pid, {}};
  if (!host.sockets.empty()) {
    spare.socket = std::move(host.sockets.front());
    host.sockets.pop_front();
  }
  if (!spare.socket) pid = -1;  // this process has too many descriptors open
  if (host.waiting.empty()) {
    // Without an owner the socket closes, and the process ends.
    if (pid > 0 && keep_spares_ && !host.retired && !host.spare) host.spare = std::move(spare);
    return;
  }
  const protocol::AttemptId id = std::move(host.waiting.front());
  host.waiting.pop_front();
  if (pid > 0) return hand_over(host, id, std::move(spare));
  events_.failed(
      id, "retryable",
      "the step host could not fork, or its fork not be taken over; see the worker's log");
}

void HostPool::on_exited(Host& host, const protocol::Exited& exited) {
  // Not forked again at once: what killed it (no memory is left?) may go on. The next attempt asks.
  if (host.spare && host.spare->pid == exited.pid) host.spare.reset();
  if (host.attempts.erase(exited.pid) == 0) return;
  host.used_us = monotonic_us();
  keep_spare(host);  // one that was quick ends before it is heard that it was up
  events_.exited(exited);
}

void HostPool::fail_waiting(Host& host, const std::string& cause, const std::string& message) {
  for (const protocol::AttemptId& id : std::exchange(host.waiting, {})) {
    events_.failed(id, cause, message);
  }
}

bool HostPool::has(pid_t pid) const {
  return std::any_of(hosts_.begin(), hosts_.end(), [&](const auto& host) {
    return host->pid == pid || (host->spare && host->spare->pid == pid);
  });
}

bool HostPool::reaped(pid_t pid, int wait_status) {
  const auto found = std::find_if(hosts_.begin(), hosts_.end(),
                                  [&](const auto& host) { return host->pid == pid; });
  if (found == hosts_.end()) return false;
  on_ready(pid);  // what it said last
  const std::unique_ptr<Host> host = std::move(*found);
  hosts_.erase(found);
  if (host->fd) loop_.forget(host->fd.get());
  const bool expected = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
  const std::string how = describe_exit(wait_status);
  if (!expected) {
    note(fmt::format("step host of {} {}", host->library, how));
  }
  fail_waiting(*host, "crash",
               fmt::format("the step host {} {} {}", how,
                           host->ready ? "before it had forked the attempt of" : "while it loaded",
                           host->library));
  report_unseen(*host);
  return true;
}

/// The attempts of a dead warm parent are this process's children now, but for those that it had
/// reaped and not come to announce.
void HostPool::report_unseen(const Host& host) {
  for (const pid_t pid : host.attempts) {
    siginfo_t info{};
    const bool ours =
        ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
    if (!ours) events_.exited(protocol::Exited{pid, SIGKILL, 0, 0});
  }
}

void HostPool::retire(Host& host) {
  host.retired = true;
  host.spare.reset();
  if (!host.idle()) return;
  loop_.forget(host.fd.get());
  host.fd.reset();  // the end of its input: it exits
}

void HostPool::retire_idle() {
  const auto idle = [](const auto& host) { return !host->retired && host->idle(); };
  const auto alive =
      std::count_if(hosts_.begin(), hosts_.end(), [](const auto& host) { return !host->retired; });
  if (static_cast<std::size_t>(alive) > kMaxHosts) {
    Host* oldest = nullptr;
    for (const auto& host : hosts_) {
      if (idle(host) && (oldest == nullptr || host->used_us < oldest->used_us)) oldest = host.get();
    }
    if (oldest != nullptr) retire(*oldest);
  }
  for (const auto& host : hosts_) {
    if (idle(host) && monotonic_us() - host->used_us >= kHostIdleUs) retire(*host);
  }
  if (trimming_ || hosts_.empty()) return;
  trimming_ = true;
  loop_.after(kHostIdleUs, [this] {
    trimming_ = false;
    retire_idle();
  });
}

}  // namespace scanflow::worker
