// What an attempt has made, stored at the hub before its result is told. [one thread]
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "sidecar/bulk/client.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::relay {

class Outputs {
 public:
  /// The result, whose artifacts are named by their digests; or the same, failed, where one could not be
  /// stored.
  using Done = std::function<void(protocol::Result)>;

  /// `directory`: where manifests are written, for as long as they are on their way.
  Outputs(std::string directory, bulk::Client& client);
  ~Outputs();

  /// Calls `done` within this, or later.
  void store(protocol::Result result, Done done);

 private:
  struct Storing;
  using StoringPtr = std::shared_ptr<Storing>;

  void store(const StoringPtr& storing, protocol::ArtifactFile& artifact);
  void store_tree(const StoringPtr& storing, protocol::ArtifactFile& artifact);
  void one_less(const StoringPtr& storing);
  static void fail_with(const StoringPtr& storing, const std::string& name, const std::string& why);

  const std::string directory_;
  bulk::Client& client_;
  std::uint64_t manifests_ = 0;  // numbered
};

}  // namespace scanflow::relay
