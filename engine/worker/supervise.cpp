#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "engine/worker/note.hpp"
#include "engine/worker/supervisor.hpp"

namespace scanflow::worker {
namespace {

constexpr int kUsage = 64;

/// Cuts what ties the process to the terminal and the engine that started it: an open pipe of the
/// engine's would keep `scanflow run | less` waiting.
void detach(int ready_fd) {
  ::setsid();  // fails where it leads a session already
  if (::chdir("/") != 0) note("cannot change to /");
  for (int signal = 1; signal < SIGRTMAX; ++signal) ::signal(signal, SIG_DFL);
  constexpr unsigned int kFirst = 3;
  if (ready_fd < static_cast<int>(kFirst)) {
    ::close_range(kFirst, ~0U, 0);
    return;
  }
  const auto ready = static_cast<unsigned int>(ready_fd);
  if (ready > kFirst) ::close_range(kFirst, ready - 1, 0);
  ::close_range(ready + 1, ~0U, 0);
  ::fcntl(ready_fd, F_SETFD, FD_CLOEXEC);
}

/// Each slot holds a few descriptors. The limit as it was, which programs get.
rlimit raise_open_files() {
  constexpr rlim_t kWanted = 65536;
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit raised = before;
  raised.rlim_cur = std::max(before.rlim_cur, std::min(before.rlim_max, kWanted));
  ::setrlimit(RLIMIT_NOFILE, &raised);
  return before;
}

std::string supervised_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

int run(const SupervisorOptions& options, const std::function<void()>& ready) {
  try {
    Supervisor supervisor(options);
    if (auto opened = supervisor.open(); !opened) {
      note(opened.error().message);
      return 1;
    }
    ready();
    supervisor.run();
    return 0;
  } catch (const std::exception& error) {
    note(std::string("ended by a broken invariant: ") + error.what());
    return 1;
  }
}

}  // namespace

int supervise(SupervisorOptions options, int ready_fd) {
  detach(ready_fd);
  options.program_files = raise_open_files();
  return run(options, [ready_fd] {
    if (ready_fd < 0) return;
    ::signal(SIGPIPE, SIG_IGN);  // that the engine is gone is no reason to die
    if (::write(ready_fd, "r", 1) != 1) note("the engine that started this is gone");
    ::signal(SIGPIPE, SIG_DFL);
    ::close(ready_fd);
  });
}

int serve_pod(const std::string& program) {
  SupervisorOptions options;
  options.program = program;
  options.socket = supervised_variable("SCANFLOW_WORKER_SOCKET");
  options.pod_sidecar = supervised_variable("SCANFLOW_SIDECAR_SOCKET");
  options.plugins = supervised_variable("SCANFLOW_PLUGINS");
  if (options.plugins.empty()) {  // where an installation has them
    options.plugins =
        std::filesystem::path(program).parent_path().parent_path() / "lib/scanflow/plugins";
  }
  for (const auto& [name, value] : {std::pair("SCANFLOW_WORKER_SOCKET", options.socket),
                                    std::pair("SCANFLOW_SIDECAR_SOCKET", options.pod_sidecar)}) {
    if (value.starts_with('/')) continue;
    note(fmt::format("{} must be an absolute path, not '{}'", name, value));
    return kUsage;
  }
  options.work_directory = options.socket + ".work";
  options.program_files = raise_open_files();
  return run(options, [] {});
}

}  // namespace scanflow::worker
