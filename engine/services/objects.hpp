// The objects that a cluster is to hold for services, and what it was told of them: what is to be done next, so that each
// soon is as it is wanted, also where that was refused, or somebody has deleted it. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace scanflow::services {

using nlohmann::json;

class Objects {
 public:
  /// In the order in which they are made.
  enum class Kind { secret, service, deployment };
  struct Name {
    Kind kind = Kind::secret;
    std::string name;
    auto operator<=>(const Name&) const = default;
  };
  struct Task {
    Name name;
    json object;  // null: it is to be deleted
  };

  /// Null: it is to go. The same again is not done again.
  void want(const Name& name, json object);
  /// What the cluster does not hold as it is wanted; what it has refused, after growing waits.
  std::vector<Task> due(std::int64_t now_us) const;
  /// `problem`: empty: the cluster has done it.
  void done(const Task& task, std::string problem, std::int64_t now_us);
  /// Somebody else has deleted it.
  void lost(const Name& name);
  void lost_all();

  /// Of what is wanted now. None: the cluster was not asked yet; "": it is so; else why it is not.
  std::optional<std::string> outcome(const Name& name) const;
  /// Those that should be there.
  std::vector<Name> wanted() const;

 private:
  struct Object {
    json object;
    bool is_so = false;
    std::string problem;
    std::int64_t again_us = 0, wait_us = 0;
  };
  std::map<Name, Object> objects_;
};

}  // namespace scanflow::services
