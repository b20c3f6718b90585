// Runs real programs in tests: their output, exit status, signals, and deadlines instead of sleeps.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/temp_dir.hpp"

namespace scanflow::test {

/// Waits until `condition` holds; false after `patience`.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds patience = std::chrono::seconds(20));

struct Output {
  int exit = -1;  // 128 + signal where a signal ended it
  std::string out, err;
};

/// A program that runs; killed with its children's session at the end of the test if it still does.
class Program {
 public:
  using Environment = std::map<std::string, std::string>;  // added to the test's own
  Program(const std::vector<std::string>& argv, const Environment& environment = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  void signal(int number) const;
  std::string out() const { return read(directory_ / "out"); }
  std::string err() const { return read(directory_ / "err"); }
  /// Waits for its end; killed (exit 137) after `patience`.
  Output wait(std::chrono::milliseconds patience = std::chrono::seconds(60));

 private:
  bool reap(int flags);

  TempDir directory_;
  pid_t pid_ = -1;
  int exit_ = -1;
  bool over_ = false;
};

/// A pipeline, in YAML, of what follows its name.
inline std::string pipeline(const std::string& rest) {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\n" + rest;
}

/// build/bin/scanflow with a state directory of its own.
class Scanflow {
 public:
  Scanflow();
  ~Scanflow();  // ends a supervisor that was left behind
  /// Runs `scanflow ARGUMENTS` to its end.
  Output operator()(std::vector<std::string> arguments,
                    const Program::Environment& environment = {}) const;
  /// Starts it.
  std::unique_ptr<Program> start(std::vector<std::string> arguments,
                                 const Program::Environment& environment = {}) const;
  const TempDir& files() const { return files_; }
  std::filesystem::path state() const { return files_ / "state"; }
  /// PIDs of processes whose command line mentions this instance's directory (supervisors, workers,
  /// steps).
  std::vector<pid_t> processes() const;

 private:
  std::vector<std::string> argv(std::vector<std::string> arguments) const;
  TempDir files_;
};

}  // namespace scanflow::test
