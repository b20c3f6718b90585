// What a replica runs in: a process of this machine, or what else can be started, listened to and ended.
#pragma once

#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/infer/document.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::serve {

/// Calls return at once, and come from one thread; kill() from any. It goes when it is over, or before it was begun.
class Instance {
 public:
  struct News {
    bool ready = false;               // it takes requests from now on
    std::optional<std::string> over;  // it is gone: how
    std::string words = {};           // what it said last
  };

  virtual ~Instance() = default;
  /// One of them is readable when there is news.
  virtual std::vector<int> descriptors() const = 0;
  virtual News look() = 0;
  /// It ends, once what it has is answered.
  virtual void end() = 0;
  /// It ends at once. Also when it is over.
  virtual void kill() = 0;
  virtual int pid() const { return 0; }           // 0: it is no process of this machine
  virtual std::string pod() const { return {}; }  // its name; "": it is none
  /// Gives a node these versions: {"switched_us"}, or why it cannot have them. None: its admin socket is to be asked.
  virtual std::optional<std::future<Result<nlohmann::json>>> set_versions(
      const std::string& /*node*/, const std::vector<infer::VersionDocument>& /*versions*/) {
    return std::nullopt;
  }
};

struct InstanceOrder {
  std::string id;  // as in ReplicaStatus
  infer::ServiceDocument
      document;  // with listen and admin: sockets in a directory of its own, which exists
  std::filesystem::path log;  // what it says goes there
  /// What its admin socket answers to a GET; an error where it does not; not valid once the replica is gone. [any-thread]
  std::function<std::future<Result<nlohmann::json>>(const std::string& path)> ask;
};
/// Begins one. An error says why not.
using MakeInstance = std::function<Result<std::shared_ptr<Instance>>(InstanceOrder order)>;

}  // namespace scanflow::serve
