// Starts the runs of registered pipelines that have a schedule. A firing is a run whose id follows
// from the pipeline, its version and the time of firing, and that it fired is committed with the
// run's first event: so it happens once, whenever the server is killed.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "engine/api/scheduled.hpp"
#include "engine/runtime/engine.hpp"
#include "engine/store/store.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::api {

/// A thread of its own.
class Scheduler {
 public:
  struct Options {
    runtime::StateDirectory state;
    std::uint32_t jobs = 1;  // of each run
    std::vector<std::string> plugin_dirs;
    std::function<std::shared_ptr<const loader::Catalog>()> catalog;  // null: it cannot be found
    std::function<void(const std::string& line)> log;                 // [any-thread]
  };
  /// The engine outlives it.
  static Result<std::unique_ptr<Scheduler>> start(Options options, runtime::Engine& engine);
  ~Scheduler();

 private:
  /// A registered pipeline, as it was read.
  struct Known {
    std::uint32_t version = 0;
    Scheduled scheduled;
    std::int64_t since_us = 0;  // firings up to here are dealt with
    std::int64_t read_us = 0;
  };

  Scheduler(Options options, runtime::Engine& engine, std::unique_ptr<store::Store> store,
            std::map<std::string, store::Firing> fired);
  void loop();
  /// What has changed in the registry is read, what is due is started. When to look again.
  std::int64_t look(std::int64_t now_us);
  void read_registry();
  void fire(const Known& known, std::int64_t time_us);

  const Options options_;
  runtime::Engine& engine_;
  const std::unique_ptr<store::Store> store_;
  std::map<std::string, store::Firing> fired_;  // as the store had it at the start
  std::map<std::string, Known> known_;          // NAMESPACE/NAME -> it
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;  // by the mutex
  std::thread thread_;
};

}  // namespace scanflow::api
