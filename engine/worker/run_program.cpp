#include "engine/worker/run_program.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "engine/worker/spawn.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/unique_fd.hpp"

extern char** environ;

namespace scanflow::worker {
namespace {

/// Instead of pipes: nobody waits for a reader, and a descendant that lives on keeps nobody waiting.
UniqueFd memory_file(const char* name) { return UniqueFd(::memfd_create(name, MFD_CLOEXEC)); }

bool fill(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::lseek(fd, 0, SEEK_SET) == 0;
}

std::string content(const UniqueFd& file) {
  if (!file || ::lseek(file.get(), 0, SEEK_SET) != 0) return {};
  return read_all(file.get(), "what a program said", kMostText).value_or("");
}

enum class Wait { ended, late, stopped };

Wait wait_for(int process, std::chrono::milliseconds deadline, const std::stop_token& stop) {
  const UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const std::stop_callback on_stop(stop, [&] { ::eventfd_write(wake.get(), 1); });
  const std::int64_t until = monotonic_us() + deadline.count() * 1000;
  for (;;) {
    const std::int64_t left = (until - monotonic_us()) / 1000;
    if (left <= 0) return Wait::late;
    std::array<pollfd, 2> fds{pollfd{process, POLLIN, 0}, pollfd{wake.get(), POLLIN, 0}};
    const int ready =
        ::poll(fds.data(), fds.size(), static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (ready > 0 && fds[0].revents != 0) return Wait::ended;
    if (ready > 0 && fds[1].revents != 0) return Wait::stopped;
  }
}

/// Whoever is in the midst of something finishes it (podman leaves a container's storage in halves else).
void end_gently(pid_t pid, int process) {
  constexpr std::chrono::seconds kGrace{5};
  ::kill(pid, SIGTERM);
  if (wait_for(process, kGrace, {}) != Wait::ended) ::kill(-pid, SIGKILL);
}

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  ProgramFinder finder;
  return finder.find(name, path != nullptr ? path : "/usr/bin:/bin:/usr/sbin:/sbin", "/")
      .value_or("");
}

std::vector<std::string> environment_with(const std::vector<std::string>& others) {
  std::vector<std::string> all = others;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view variable = *each;
    const std::string_view name = variable.substr(0, variable.find('=') + 1);
    const auto same = [&](const std::string& other) { return other.starts_with(name); };
    if (std::none_of(others.begin(), others.end(), same)) all.emplace_back(variable);
  }
  return all;
}

tl::expected<Ended, NotRun> run_program(const Invocation& command, const std::stop_token& stop) {
  using Why = NotRun::Why;
  const auto not_run = [](Why why, std::string message) {
    return tl::unexpected(NotRun{why, std::move(message)});
  };
  const std::string file = find_program(command.argv.at(0));
  if (file.empty())
    return not_run(Why::absent, fmt::format("{} is not on this machine's PATH", command.argv[0]));
  const UniqueFd in = memory_file("in"), out = memory_file("out"), err = memory_file("err");
  if (!in || !out || !err || !fill(in.get(), command.input)) {
    return not_run(Why::other, fmt::format("cannot hand input to {}: {}", file,
                                           std::generic_category().message(errno)));
  }
  const auto pid = spawn({.file = file,
                          .argv = command.argv,
                          .env = environment_with(command.environment),
                          .cwd = command.directory.string(),
                          .stdin_fd = in.get(),
                          .stdout_fd = out.get(),
                          .stderr_fd = err.get()});
  if (!pid) return not_run(Why::other, pid.error().message);
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  const Wait how = process ? wait_for(process.get(), command.deadline, stop) : Wait::ended;
  if (how != Wait::ended) end_gently(*pid, process.get());
  const int status = reap(*pid);
  if (how == Wait::stopped) return not_run(Why::stopped, fmt::format("{} was stopped", file));
  if (how == Wait::late) {
    return not_run(Why::late,
                   fmt::format("{} did not end within {} ms and was killed; what it said: {}", file,
                               command.deadline.count(), content(err)));
  }
  return Ended{status, content(out), content(err)};
}

}  // namespace scanflow::worker
