// Which of the queued runs may begin: those for which their namespace's quota and their concurrency group have room. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>

#include "engine/pipeline/applications.hpp"

namespace scanflow::runtime {

/// What a run takes of these while it runs.
struct Place {
  const std::string& name_space;
  const std::string& group;  // empty: of none
  std::size_t group_max;
  bool called;  // by a step: part of its caller's run, it takes nothing of the quota
};

/// For one pass: told what runs, then asked by those that wait, the oldest first.
class Turns {
 public:
  explicit Turns(const pipeline::Applications& applications) : applications_(applications) {}

  void add(const Place& place);
  /// What of its namespace's quota it waits for, or "". One that does holds up nobody of its group.
  const std::string& waits(const Place& place);
  /// May it begin now? If so it counts as running; if its group has no room, none that comes after it
  /// in the group may.
  bool take(const Place& place);

 private:
  const pipeline::Applications& applications_;
  std::map<std::string, std::size_t> running_;  // by namespace
  std::map<std::string, std::size_t> in_group_;
  std::map<std::string, std::string> full_;  // what they wait for, by namespace
  std::set<std::string> full_groups_;
};

}  // namespace scanflow::runtime
