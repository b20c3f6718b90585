#include "engine/cli/detach.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "engine/cli/hint.hpp"
#include "engine/cli/text.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

/// Nothing that the caller waits for stays open here.
Result<void> leave(const std::filesystem::path& log, int keep) {
  if (::setsid() < 0) return fail(describe_errno("cannot begin", "a session", errno));
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (null < 0) return fail(describe_errno("cannot open", "/dev/null", errno));
  if (out < 0) return fail(describe_errno("cannot open", log, errno));
  if (::dup2(null, STDIN_FILENO) < 0 || ::dup2(null, STDOUT_FILENO) < 0 ||
      ::dup2(out, STDERR_FILENO) < 0) {
    return fail(describe_errno("cannot use", log, errno));
  }
  const auto most = static_cast<int>(::sysconf(_SC_OPEN_MAX));
  for (int fd = STDERR_FILENO + 1; fd < std::min(most, 4096); ++fd) {
    if (fd != keep) ::close(fd);
  }
  return {};
}

void tell_terminal(int& pipe, const json& answer) {
  if (pipe < 0) return;
  const std::string text = answer.dump();
  [[maybe_unused]] const ssize_t written = ::write(pipe, text.data(), text.size());
  ::close(pipe);
  pipe = -1;
}

/// The process in the background.
[[noreturn]] void go_on_detached(const Context& context, const runtime::StateDirectory& state,
                                 Target target, store::Durability durability, int pipe) {
  if (const auto left = leave(state.root / "detached.log", pipe); !left) {
    tell_terminal(pipe, {{"exit", kEngine}, {"message", left.error().message}});
    ::_exit(kEngine);
  }
  target.begun = [&pipe](const json& update) {
    tell_terminal(pipe, {{"exit", kSucceeded}, {"result", detached(update)}});
  };
  ProgressPrinter silent(ProgressPrinter::Style::silent, STDOUT_FILENO);
  const std::string run = target.run;
  const Outcome outcome = follow(context, state, std::move(target), durability, silent);
  if (outcome.result.is_null() && pipe < 0)
    fmt::print(stderr, "{}  run {}: {}\n", format_time(wall_us()), run, outcome.message);
  tell_terminal(pipe, {{"exit", outcome.exit}, {"message", outcome.message}});
  ::_exit(outcome.exit);
}

}  // namespace

Outcome detach(const Context& context, const runtime::StateDirectory& state, Target target,
               store::Durability durability) {
  if (!context.server.empty()) return hand_over(context, std::move(target));
  if (auto created = runtime::create(state); !created)
    return {kEngine, created.error().message, {}};
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return {kEngine, describe_errno("cannot make", "a pipe", errno), {}};
  std::fflush(nullptr);  // or it would be printed twice
  const pid_t child = ::fork();
  if (child == 0) go_on_detached(context, state, std::move(target), durability, ends[1]);
  const int error = errno;
  ::close(ends[1]);
  const auto said = child < 0 ? Result<std::string>() : read_all(ends[0], "the new process");
  ::close(ends[0]);
  if (child < 0) return {kEngine, describe_errno("cannot start", "a process", error), {}};
  const json answer = json::parse(said.value_or(""), nullptr, false);
  if (answer.is_discarded()) {
    return {kEngine,
            fmt::format("the process in the background ended before the run began; {} may "
                        "say why",
                        (state.root / "detached.log").string()),
            {}};
  }
  return {answer.at("exit"), answer.value("message", ""), answer.value("result", json())};
}

int report_detached(const Context& context, const Outcome& outcome) {
  if (outcome.result.is_null())
    return complain(context, static_cast<Exit>(outcome.exit), outcome.message);
  const std::string run = outcome.result.at("run");
  fmt::print("{}\n", context.json ? outcome.result.dump() : run);
  if (!context.json && ::isatty(STDERR_FILENO) != 0)
    fmt::print(stderr, "it goes on: {}\n", hint(context, {"runs", "watch", short_id(run)}));
  return outcome.exit;
}

}  // namespace scanflow::cli
