// A terminal of a test's own, by tmux: a command in it, what it shows, and keys.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/program.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {

class Tmux {
 public:
  /// `command`: of sh. It sees a UTF-8 locale, and `environment`.
  Tmux(const std::string& command, int columns, int rows,
       const Program::Environment& environment = {}) {
    Program::Environment all = environment;
    all.emplace("LC_ALL", "C.UTF-8");
    const Output begun = ask({"-f", "/dev/null", "new-session", "-d", "-x", std::to_string(columns),
                              "-y", std::to_string(rows), "sh", "-c", command},
                             all);
    EXPECT_EQ(begun.exit, 0) << begun.err;
  }
  ~Tmux() { ask({"kill-server"}); }
  Tmux(const Tmux&) = delete;
  Tmux& operator=(const Tmux&) = delete;

  /// What is on the screen; `escapes`: with its colours.
  std::string shows(bool escapes = false) const {
    std::vector<std::string> words{"capture-pane", "-p"};
    if (escapes) words.emplace_back("-e");
    return ask(words).out;
  }
  /// As `tmux send-keys` names them.
  void press(const std::string& key) const { ask({"send-keys", key}); }
  void resize(int columns, int rows) const {
    ask({"resize-window", "-x", std::to_string(columns), "-y", std::to_string(rows)});
  }
  bool comes_to_show(const std::string& text) const {
    const bool shown = eventually([&] { return shows().find(text) != std::string::npos; });
    EXPECT_TRUE(shown) << "no '" << text << "' on:\n" << shows();
    return shown;
  }

 private:
  Output ask(std::vector<std::string> words, const Program::Environment& environment = {}) const {
    words.insert(words.begin(), {"tmux", "-u", "-S", (directory_ / "socket").string()});
    return Program(words, environment).wait();
  }

  TempDir directory_;
};

}  // namespace scanflow::test
