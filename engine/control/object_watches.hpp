// Objects of the engine's cluster that rules watch: of each watch the API server tells every change. Thread-safe.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/kube/client.hpp"
#include "engine/runtime/cluster.hpp"

namespace scanflow::control {

using nlohmann::json;

class ObjectWatches {
 public:
  static constexpr std::size_t kMostObjects = 1000;  // of one watch
  /// {"change": "there" | "added" | "modified" | "deleted", "object": {"kind", "namespace", "name", "uid"}, "value"}; and
  /// when those that are there were told, at the beginning and now and then: {"change": "listed", "uids"}.
  using Tell = std::function<void(json told)>;

  explicit ObjectWatches(runtime::Cluster cluster);
  ~ObjectWatches();

  /// `what`: {"object" (a kind, or KIND/NAME), "namespace" ("": the engine's, "*": all), "labels", "path"}. `tell`: on a
  /// thread of the watch's. Gives its number.
  std::uint64_t watch(const json& what, Tell tell);
  /// As if it began now: all that are there are told.
  void again(std::uint64_t number);
  /// Nothing is told any more when it returns; waits for nothing but what is being told.
  void unwatch(std::uint64_t number);
  /// Why it is told nothing at the moment; "": it is.
  std::string problem(std::uint64_t number) const;

 private:
  class Watch;
  Result<std::shared_ptr<kube::Client>> client();
  void end(std::shared_ptr<Watch> watch);

  const runtime::Cluster cluster_;
  mutable std::mutex mutex_;  // of what follows
  std::shared_ptr<kube::Client> client_;
  std::map<std::uint64_t, std::shared_ptr<Watch>> watches_;
  std::uint64_t last_ = 0;
  boost::asio::thread_pool ending_{1};  // whatever ended waits for its threads there
};

}  // namespace scanflow::control
