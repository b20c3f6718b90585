// A terminal that a command has for itself: drawn as a whole, keys as they are pressed, and given
// back as it was, however the command ends.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "sdk/base/result.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::cli {

/// SIGINT, SIGTERM, SIGHUP, SIGTSTP and SIGWINCH are blocked from now on and read instead, so that
/// none ends the process while its terminal is not as it was. Before any thread begins, as threads
/// inherit what is blocked.
class Signals {
 public:
  static Result<Signals> take();
  int fd() const { return fd_.get(); }
  /// The next one that has come; 0: none.
  int next() const;

 private:
  UniqueFd fd_;
};

/// At most one at a time. [one-thread]
class Screen {
 public:
  /// Can there be one? Both are a terminal, of a kind that can be drawn on.
  static bool possible();
  /// `signals` outlives it.
  static Result<std::unique_ptr<Screen>> open(const Signals& signals);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// As many lines as the terminal has.
  void draw(const std::vector<std::string>& lines);

  struct Event {
    std::string keys;  // bytes of the terminal
    int end = 0;       // the signal that asks for the end; SIGHUP also when the terminal is gone
  };
  /// Waits for keys, signals, `other` to be readable, or `patience`. A stop (Ctrl-Z) and what follows
  /// it, and a new size, are done here: draw again after any event.
  Event wait(int other, std::chrono::milliseconds patience);

 private:
  explicit Screen(const Signals& signals) : signals_(signals) {}
  void stop();

  const Signals& signals_;
};

}  // namespace scanflow::cli
