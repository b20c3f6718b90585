// What a service's nodes are to serve: loads their versions, one change after the other, on a thread of its own.
// Once each node has some, there is a service.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <vector>

#include "engine/infer/document.hpp"
#include "engine/infer/service.hpp"

namespace scanflow::infer {

/// Thread-safe.
class Stage {
 public:
  struct Switched {
    std::int64_t loaded_us = 0;    // how long loading took
    std::int64_t switched_us = 0;  // and then, until those that are gone answered no more
  };

  /// All outlive it. `begins`: is told of the service once, on its thread.
  Stage(const ServiceDocument& document, Flow flow, Runner& runner,
        std::function<void(Service&)> begins);
  /// Waits for what is being loaded.
  ~Stage();

  /// What the document names, on its thread; the nodes for which it names nothing wait until they are told.
  std::future<Result<void>> load();
  /// {"node", "versions": versions_from_json}: these from now on; what is not loaded yet is loaded
  /// first. `then` is told on its thread, when those that are gone answer nothing any more.
  void set_traffic(json wish, std::function<void(Answered<Switched>)> then);
  /// Null: some node has no version yet.
  Service* service() const { return serving_; }
  /// It takes no more changes, when this returns.
  void finish() { loader_.join(); }

 private:
  Result<void> load_now();
  Answered<Switched> set_traffic_now(const json& wish);
  Result<std::vector<Version>> load(NodeIndex node, const std::vector<VersionDocument>& wanted);
  void begin();

  const ServiceDocument& document_;
  Flow flow_;
  Runner& runner_;
  const std::function<void(Service&)> begins_;
  std::vector<std::vector<Version>> loaded_;  // by node, until there is a service
  std::unique_ptr<Service> service_;
  std::atomic<Service*> serving_ = nullptr;
  boost::asio::thread_pool loader_{1};
};

}  // namespace scanflow::infer
