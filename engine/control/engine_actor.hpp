// Carries out primitives by the engine: its own, those of steps (by their sidecars), those of objects (by a cluster).
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/control/actor.hpp"
#include "engine/control/ledger.hpp"
#include "engine/pipeline/engine_primitives.hpp"
#include "engine/runtime/engine.hpp"
#include "engine/runtime/state_directory.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::control {

class EngineActor final : public Actor {
 public:
  struct Options {
    runtime::StateDirectory state;
    std::uint32_t jobs = 0;  // of runs that it starts, as of the server
    std::vector<std::string> plugin_dirs;
    std::function<std::shared_ptr<const loader::Catalog>()> catalog;
  };
  /// Both outlive it, or it was told to forget the engine: from then on it uses neither.
  EngineActor(Options options, runtime::Engine& engine, Ledger& ledger);
  ~EngineActor() override;
  void forget_engine();

  void act(const Order& order, std::function<void(Outcome)> then) override;

 private:
  using Then = std::function<void(Outcome)>;
  Then once(const Order& order, Then then);
  static std::string wrong_arguments(const pipeline::EnginePrimitive& primitive, json& args);
  void act_on_engine(const Order& order, const Then& then);
  void run_pipeline(const Order& order, const Then& then);
  void cancel_run(const Order& order, const Then& then);
  void hedge_step(const Order& order, const Then& then);
  void retry_step(const Order& order, const Then& then);
  void promote_model(const Order& order, const Then& then);
  Outcome change_service(const Order& order);
  void submit(runtime::Submission submission, std::optional<runtime::Prepared> prepared,
              const Then& then);
  Outcome emit(const Order& order);
  void ask_step(const Order& order, const Then& then);
  void ask_object(const Order& order, const Then& then);
  void ask_object_later(const Order& order, const Then& then);
  void ask_service(const Order& order, const Then& then);
  /// With the engine, while it is there.
  void with(const std::function<void(runtime::Engine&)>& use);

  const Options options_;
  Ledger& ledger_;
  std::mutex mutex_;
  runtime::Engine* engine_;
  std::mutex changing_mutex_;  // of services
  std::mutex under_way_mutex_;
  std::map<std::string, std::vector<Then>> under_way_;  // by Order::id: who is told
  std::stop_source stop_;
  boost::asio::thread_pool pool_{2};       // what reads and writes the store
  boost::asio::thread_pool tell_pool_{4};  // what waits for somebody else
};

}  // namespace scanflow::control
