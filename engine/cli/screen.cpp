#include "engine/cli/screen.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <system_error>

namespace scanflow::cli {
namespace {

// The other screen (what stood there comes back), no cursor; and back.
constexpr std::string_view kEnter = "\033[?1049h\033[?25l";
constexpr std::string_view kLeave = "\033[0m\033[?25h\033[?1049l";

/// Where a crash finds how the terminal was.
termios before{};
volatile sig_atomic_t entered = 0;

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // nobody looks any more
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

/// Calls only what a signal handler may.
void leave_screen() {
  if (entered == 0) return;
  entered = 0;
  write_all(kLeave);
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

void enter() {
  termios raw = before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 0;  // what poll has seen is read, no more is waited for
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  entered = 1;
  write_all(kEnter);
}

void on_crash(int signal) {
  leave_screen();
  ::raise(signal);  // its handler is gone (SA_RESETHAND)
}

std::string reason() { return std::generic_category().message(errno); }

}  // namespace

Result<Signals> Signals::take() {
  sigset_t mine;
  ::sigemptyset(&mine);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH}) ::sigaddset(&mine, signal);
  ::pthread_sigmask(SIG_BLOCK, &mine, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  Signals signals;
  signals.fd_ = UniqueFd(::signalfd(-1, &mine, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals.fd_) return fail("cannot read signals: " + reason());
  return signals;
}

int Signals::next() const {
  signalfd_siginfo info{};
  return ::read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo)
                                                              : 0;
}

bool Screen::possible() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0 && kind != nullptr &&
         *kind != '\0' && std::string_view(kind) != "dumb";
}

Result<std::unique_ptr<Screen>> Screen::open(const Signals& signals) {
  if (::tcgetattr(STDIN_FILENO, &before) != 0) return fail("cannot read the terminal: " + reason());
  struct sigaction crash {};
  crash.sa_handler = on_crash;
  crash.sa_flags = SA_RESETHAND | SA_NODEFER;
  for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT})
    ::sigaction(signal, &crash, nullptr);
  enter();
  return std::unique_ptr<Screen>(new Screen(signals));
}

Screen::~Screen() { leave_screen(); }

void Screen::draw(const std::vector<std::string>& lines) {
  // Line by line over what stands there: a screen that is cleared as a whole flickers. Each is cleared
  // before it is written: behind a line that is full the cursor still stands on its last column.
  std::string text = "\033[H";
  for (std::size_t i = 0; i < lines.size(); ++i)
    text += (i == 0 ? "\033[2K" : "\r\n\033[2K") + lines[i];
  write_all(text);
}

void Screen::stop() {
  leave_screen();
  ::raise(SIGSTOP);
  // Somebody has said SIGCONT; the shell may have changed the terminal meanwhile.
  ::tcgetattr(STDIN_FILENO, &before);
  enter();
}

Screen::Event Screen::wait(int other, std::chrono::milliseconds patience) {
  Event event;
  std::array<pollfd, 3> wanted{
      {{STDIN_FILENO, POLLIN, 0}, {signals_.fd(), POLLIN, 0}, {other, POLLIN, 0}}};
  if (::poll(wanted.data(), wanted.size(), static_cast<int>(patience.count())) <= 0) return event;
  for (int signal = signals_.next(); signal != 0; signal = signals_.next()) {
    if (signal == SIGTSTP) stop();
    if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP) event.end = signal;
  }
  if (wanted[0].revents == 0) return event;
  std::array<char, 256> bytes{};
  const ssize_t n = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (n > 0) event.keys.assign(bytes.data(), static_cast<std::size_t>(n));
  if (n <= 0 && (wanted[0].revents & (POLLHUP | POLLERR)) != 0) event.end = SIGHUP;
  return event;
}

}  // namespace scanflow::cli
