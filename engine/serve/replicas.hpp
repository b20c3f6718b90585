// The replicas of a service: so many are alive and ready; one that ends, or does not answer its supervisor,
// is replaced, at once and then after growing waits. A new document is taken over without a gap: its
// replicas are ready before the old ones go. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/infer/document.hpp"
#include "engine/serve/instance.hpp"
#include "engine/serve/router.hpp"

namespace scanflow::serve {

struct ReplicasOptions {
  std::filesystem::path program;  // scanflow-service, absolute: each is a process of it
  MakeInstance make;              // or this makes them
  std::filesystem::path
      directory;               // exists; of this service alone: sockets, documents, logs. Short: a
                               // socket's path has 107 bytes at most
  std::filesystem::path logs;  // where logs are kept instead; empty: there, too
  bool backup = false;         // they answer only while no others do
  /// What happens, for people: "replica 3 was killed by SIGKILL; the next starts in 0.1 s". From
  /// threads of its own and of the server.
  std::function<void(const std::string&)> tell = [](const std::string&) {};
};

struct ReplicaStatus {
  std::string id;   // "3": counted over the service's life; of a backup "b3"
  int pid = 0;      // 0: it is no process of this machine
  std::string pod;  // "": it is none
  enum class State { starting, ready, ending } state = State::starting;
  std::uint64_t starts_before =
      0;  // of its place, that failed or ended since the last quiet minute
};

class Replicas {
 public:
  /// `router` and `server`, whose thread it belongs to, outlive it.
  Replicas(ReplicasOptions options, infer::ServiceDocument document, std::size_t count,
           Router& router, http::Server& server);
  /// Ends all: what is on its way is answered first. Blocks, at most about half a minute.
  ~Replicas();

  /// Begins to end all, for good.
  void end();
  void scale(std::size_t count);
  /// From now on this is what is served; listen and admin are given by each replica.
  void update(infer::ServiceDocument document);
  /// Gives a node these versions in every replica, and in all that come. Blocks. One replica is the
  /// first: where it cannot (an error says why) nothing has changed; one of the others that cannot
  /// is replaced. Gives how long the slowest took to switch, in microseconds; none: no replica was
  /// ready, and those that come have them.
  Result<std::optional<std::int64_t>> set_traffic(
      const std::string& node, const std::vector<infer::VersionDocument>& versions);
  std::vector<ReplicaStatus> status() const;
  /// Until so many are ready; false: not within that time.
  bool wait_ready(std::size_t count, std::chrono::milliseconds patience) const;
  /// What a replica's admin socket answers; an error where it does not. Blocks.
  Result<nlohmann::json> ask(const std::string& id, const std::string& path) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace scanflow::serve
