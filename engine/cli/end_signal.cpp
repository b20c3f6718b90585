#include "engine/cli/end_signal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>

#include "engine/cli/context.hpp"

namespace scanflow::cli {
namespace {

std::array<int, 2> signal_pipe{-1, -1};
std::atomic<int> signals{0};

void on_signal(int) {
  if (signals.fetch_add(1) > 0) ::_exit(kCancelled);
  const char byte = 0;
  [[maybe_unused]] const ssize_t written = ::write(signal_pipe[1], &byte, 1);
}

}  // namespace

Result<void> catch_end_signals() {
  if (::pipe2(signal_pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    return fail("cannot make a pipe for signals");
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
  return {};
}

bool end_signal_within(std::chrono::milliseconds time) {
  pollfd wait{signal_pipe[0], POLLIN, 0};
  return ::poll(&wait, 1, static_cast<int>(time.count())) > 0;
}

void wait_for_end_signal() {
  while (!end_signal_within(std::chrono::minutes(1))) {
  }
}

void log_line(const std::string& line) {
  const std::string whole = line + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, whole.data(), whole.size());
}

}  // namespace scanflow::cli
