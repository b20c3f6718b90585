// The inputs of an attempt, brought into its Pod: objects by digest under DIRECTORY/objects, directories as
// links to these under DIRECTORY/trees. They stay for the next attempts in this Pod. [one thread]
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/bulk/client.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::relay {

class Inputs {
 public:
  /// The request, whose inputs have their paths in this Pod; or why one could not be had.
  using Done = std::function<void(Result<protocol::Request>)>;

  Inputs(std::string directory, bulk::Client& client);
  ~Inputs();

  /// Of each input `path` says which object of the store it is (protocol::Fetch). Calls `done` within
  /// this, or later.
  void bring(protocol::Request request, Done done);
  /// Nobody waits for it any more.
  void cancel(const protocol::AttemptId& id);

 private:
  struct Bringing;
  using BringingPtr = std::shared_ptr<Bringing>;
  /// An object that comes, once for all who wait for it.
  struct Fetching {
    bulk::Client::Number number = 0;
    std::vector<std::pair<BringingPtr, std::function<void()>>> waiters;
  };

  void bring(const BringingPtr& bringing, protocol::Input& input);
  void fetch(const BringingPtr& bringing, const std::string& object, const std::string& sha256,
             std::function<void()> then);
  void bring_tree(const BringingPtr& bringing, protocol::Input& input);
  void one_less(const BringingPtr& bringing);
  void fail_with(const BringingPtr& bringing, const std::string& why);
  void make_room(const protocol::Request& request) const;
  std::string object_path(const std::string& object, const std::string& sha256) const;

  const std::string directory_;
  bulk::Client& client_;
  std::map<protocol::AttemptId, BringingPtr> bringing_;
  std::map<std::string, Fetching> fetching_;  // by path
};

}  // namespace scanflow::relay
