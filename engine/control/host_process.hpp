// A process that hosts the triggers and strategies of an agent. A call that hangs, or crashes it, ends the process: all
// that was in it is to be loaded again, in the next one. For one thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "sdk/base/result.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow::control {

using nlohmann::json;

class HostProcess {
 public:
  struct Options {
    std::filesystem::path worker;                     // scanflow-worker
    std::chrono::milliseconds load_deadline{10'000};  // of loading: a library may be large
    /// A line that a plugin has logged. `level`: SCANFLOW_LOG_INFO, ...
    std::function<void(std::int32_t level, std::string_view line)> log;
  };
  explicit HostProcess(Options options) : options_(std::move(options)) {}
  ~HostProcess() { end(); }
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;

  /// Starts it where none runs. Counts the processes that were started: what was loaded in an earlier one is gone.
  Result<std::uint64_t> start();
  /// Its answer (sdk/loader/control_messages.hpp). An error of the plugin leaves the process; one that hangs or crashes
  /// does not (is_running()). `deadline`: of a call; loading has its own.
  Result<json> ask(const json& question,
                   std::chrono::milliseconds deadline = std::chrono::seconds(1));
  bool is_running() const { return pid_ > 0; }
  std::uint64_t started() const { return started_; }  // processes until now

 private:
  void end();
  std::string reap();

  const Options options_;
  pid_t pid_ = -1;
  UniqueFd socket_;
  std::uint64_t started_ = 0;
};

}  // namespace scanflow::control
