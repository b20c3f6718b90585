// How commands reach an engine: their own, that of another process, or a server's.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/api/remote_engine.hpp"
#include "engine/cli/context.hpp"
#include "engine/cli/follow.hpp"
#include "engine/runtime/engine.hpp"
#include "engine/runtime/engine_socket.hpp"
#include "engine/runtime/state_directory.hpp"
#include "engine/runtime/update_queue.hpp"

namespace scanflow::cli {

/// An engine that is about to begin is looked for again after this time.
constexpr std::chrono::milliseconds kEngineBegins{10};

/// Answers come to the queue; where the engine is gone, that says "closing".
struct Connection {
  std::shared_ptr<runtime::UpdateQueue> queue = std::make_shared<runtime::UpdateQueue>();
  // Destroyed from the last to the first: our engine, then its lock.
  std::optional<runtime::ProcessLock> lock;
  std::unique_ptr<runtime::EngineSocket> own;
  std::unique_ptr<runtime::EngineClient> client;
  std::unique_ptr<api::RemoteEngine> remote;  // of --server

  /// A request of engine_socket.hpp.
  void ask(const nlohmann::json& request);
  void start(Target& target);
};
using Connected = api::Answer<std::unique_ptr<Connection>>;

/// The server; else this process where the state directory has no engine, else the engine that it
/// has. One that is about to start or end is waited for; a server for as long as `waits` says, or
/// half a minute.
Connected connect(const Context& context, const runtime::StateDirectory& state, std::uint32_t jobs,
                  store::Durability durability, const std::function<bool()>& waits);
/// The same, but this process never becomes the engine: null where there is none.
Connected connect_to_look(const Context& context, const runtime::StateDirectory& state,
                          const std::function<bool()>& waits);

/// Does a living process go on with it, or with the run that called it? Then an engine that cannot
/// be reached is about to begin.
bool is_followed(const runtime::StateDirectory& state, const std::string& run);

/// One request to the engine that runs. Its answer, where it did as it was asked.
api::Answer<nlohmann::json> ask_engine(const Context& context, const runtime::StateDirectory& state,
                                       const nlohmann::json& request);
/// The same; where none runs, this process is the engine for so long. Where one ends before it
/// answers, the next is asked again: so the request must bear that.
api::Answer<nlohmann::json> ask_any_engine(const Context& context,
                                           const runtime::StateDirectory& state,
                                           const nlohmann::json& request);

}  // namespace scanflow::cli
