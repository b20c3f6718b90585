// Which commands were told, begun and ended, on disk: so that one that is told again is not done again,
// and the successor of a sidecar that was killed knows what it may have been doing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "sdk/base/result.hpp"
#include "sdk/base/unique_fd.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::execute {

class Journal {
 public:
  /// What a predecessor left.
  struct Left {
    std::vector<protocol::Command> received;  // not begun; deadline_us: what is left of it
    std::vector<protocol::Command> started;   // what became of them is not known
    std::set<protocol::AttemptId> held;       // they may be stopped still
  };

  /// wall_us: the time now. An error: the file cannot be written.
  static Result<std::unique_ptr<Journal>> open(const std::filesystem::path& file,
                                               std::int64_t wall_us);
  Left take_left() { return std::exchange(left_, {}); }

  bool knows(const std::string& command) const { return known_.contains(command); }
  /// Each is written when it returns, not synced. An error: it could not be (a full disk).
  Result<void> received(const protocol::Command& command, std::int64_t wall_us);
  Result<void> started(const std::string& command);
  Result<void> ended(const std::string& command);
  /// An attempt is held by signals, or not any more.
  Result<void> holds(const protocol::AttemptId& attempt, bool held);

 private:
  struct Known {
    protocol::Command command;   // deadline_us: since 1970
    std::int64_t forget_us = 0;  // since 1970
    enum class State { received, started, ended } state = State::received;
  };

  explicit Journal(std::filesystem::path file) : file_(std::move(file)) {}
  void take(const nlohmann::json& line);
  Result<void> append(const nlohmann::json& line);
  /// Writes it anew, without what nobody will ask for.
  Result<void> compact(std::int64_t wall_us);

  const std::filesystem::path file_;
  UniqueFd fd_;
  std::uint64_t bytes_ = 0;
  std::map<std::string, Known> known_;
  std::set<protocol::AttemptId> held_;
  Left left_;
};

}  // namespace scanflow::execute
