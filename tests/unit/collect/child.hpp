// A real process that does what a test wants, in a session of its own; killed at its end.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>

namespace scanflow::collect {

class Child {
 public:
  /// Returns once `prepare` is done in the child, which then does `rest` (waits, by default).
  explicit Child(
      const std::function<bool()>& prepare, const std::function<void()>& rest = [] { ::pause(); }) {
    int ready[2], go[2];
    if (::pipe(ready) != 0 || ::pipe(go) != 0) throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ == 0) {
      ::setsid();
      ::close(go[1]);
      const char answer = prepare() ? '1' : '0';
      if (::write(ready[1], &answer, 1) != 1) ::_exit(3);
      char byte = 0;
      if (::read(go[0], &byte, 1) == 1) rest();
      ::_exit(0);
    }
    ::close(ready[1]);
    ::close(go[0]);
    go_ = go[1];
    char answer = 0;
    prepared_ = ::read(ready[0], &answer, 1) == 1 && answer == '1';
    ::close(ready[0]);
  }
  ~Child() {
    ::close(go_);
    if (!reaped_) {
      ::kill(-pid_, SIGKILL);
      wait();
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  bool prepared() const { return prepared_; }
  /// Lets it begin with the rest.
  bool go() const { return ::write(go_, "g", 1) == 1; }
  /// Its wait status.
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    reaped_ = true;
    return status;
  }

 private:
  pid_t pid_ = -1;
  int go_ = -1;
  bool prepared_ = false;
  bool reaped_ = false;
};

/// Memory that is really there.
inline char* touch(std::size_t bytes) {
  auto* memory = new char[bytes];
  for (std::size_t at = 0; at < bytes; at += 4096) memory[at] = 1;
  return memory;
}

}  // namespace scanflow::collect
