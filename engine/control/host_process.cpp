#include "engine/control/host_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <utility>

#include "engine/worker/run_program.hpp"
#include "engine/worker/spawn.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/signals.hpp"
#include "sdk/loader/control_messages.hpp"

namespace scanflow::control {

Result<std::uint64_t> HostProcess::start() {
  if (is_running()) return started_;
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(describe_errno("cannot make", "a socket", errno));
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const UniqueFd err(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  worker::Program program;
  program.file = options_.worker;
  program.argv = {"scanflow-worker", "control"};
  program.env = worker::environment_with({});
  program.stdin_fd = program.stdout_fd = null.get();
  program.stderr_fd = err ? err.get() : null.get();
  program.extra_fd = theirs.get();
  program.dies_with_parent = true;  // also while a plugin hangs in it
  const auto pid = worker::spawn(program);
  if (!pid)
    return fail(fmt::format("cannot start {}: {}", options_.worker.string(), pid.error().message));
  pid_ = *pid;
  socket_ = std::move(ours);
  return ++started_;
}

Result<json> HostProcess::ask(const json& question, std::chrono::milliseconds deadline) {
  if (!is_running()) return fail("its control host does not run");
  if (question.value("op", "") == "load") deadline = options_.load_deadline;
  const auto written = loader::write_frame(socket_.get(), question);
  auto answer = written ? loader::read_frame(socket_.get(), deadline)
                        : Result<std::optional<json>>(std::nullopt);
  if (!answer) {
    const bool late = answer.error().message == loader::kLate;
    const std::string why =
        late ? fmt::format("it did not answer within {} ms, and was killed", deadline.count())
             : answer.error().message;
    reap();
    return fail(why);
  }
  if (!*answer) return fail("its control host " + reap());
  json& said = **answer;
  for (const json& line : said.value("log", json::array()))
    if (options_.log) options_.log(line.at(0), line.at(1).get_ref<const std::string&>());
  if (said.contains("error")) return fail(said.at("error").get<std::string>());
  return std::move(said.at("answer"));
}

/// How it ended; one that lives still is killed.
std::string HostProcess::reap() {
  ::kill(-pid_, SIGKILL);
  socket_.reset();
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return describe_exit(status);
}

void HostProcess::end() {
  if (is_running()) reap();
}

}  // namespace scanflow::control
