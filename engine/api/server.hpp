// The engine, long-lived: it goes on with the runs that an earlier one left unfinished, and serves
// the engine's socket and HTTP.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/orchestrate/allow_list.hpp"
#include "engine/runtime/state_directory.hpp"
#include "engine/store/store.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::api {

struct ServerOptions {
  runtime::StateDirectory state;
  std::filesystem::path worker, plugins;  // as EngineOptions
  std::vector<std::string> plugin_dirs;
  std::uint32_t jobs = 1;
  store::Durability durability = store::Durability::process;
  orchestrate::AllowList patch_allow;  // as EngineOptions
  std::string listen = "127.0.0.1:8420";
  std::string services = "127.0.0.1:8421";  // where clients of its services ask
  std::string services_on = "local";        // where they run; or "podman", "kubernetes"
  std::string version;
  std::function<void(const std::string& line)> log;  // [any-thread]
};

class Server {
 public:
  /// Returns when all runs go on and it takes others. Until then HTTP says that it is not ready.
  static Result<std::unique_ptr<Server>> start(ServerOptions options);
  /// Takes no more requests, tells those who look on, and leaves running attempts to their
  /// supervisors: the next server finds them again.
  ~Server();

  const std::string& address() const;
  /// Takes no more runs from now on.
  void take_no_more();
  /// How many runs are not over.
  Result<std::size_t> unfinished() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::api
