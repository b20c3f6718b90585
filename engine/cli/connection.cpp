#include "engine/cli/connection.hpp"

#include <fmt/format.h>

#include <chrono>
#include <thread>
#include <utility>

#include "engine/cli/text.hpp"
#include "engine/runtime/machine_capacity.hpp"
#include "engine/runtime/run_locks.hpp"

namespace scanflow::cli {

using nlohmann::json;
using namespace std::chrono_literals;

namespace {

/// How long a server that has gone away is waited for.
constexpr auto kServerPatience = 30s;

runtime::Client caller_of(const Connection& connection) {
  return {[updates = connection.queue](const runtime::Update& update) {
            updates->push(update);
            return true;
          },
          true, runtime::own_environment()};
}

}  // namespace

void Connection::ask(const json& request) {
  if (remote) {
    remote->send(request);
  } else if (own) {
    serve_request(own->engine(), request, caller_of(*this));
  } else {
    (void)client->send(request);
  }
}

void Connection::start(Target& target) {
  if (own && target.submission) {
    return own->engine().submit(*target.submission, std::exchange(target.prepared, std::nullopt),
                                caller_of(*this));
  }
  json request = {{"environment", runtime::own_environment()}};
  if (!target.request.is_null()) {
    request.update({{"op", "submit"}, {"submission", target.request}});
  } else if (target.submission) {
    request.update({{"op", "submit"}, {"submission", runtime::to_json(*target.submission)}});
  } else {
    request.update({{"op", "attach"}, {"run", target.run}});
  }
  ask(request);
}

namespace {

Connected become_engine(const Context& context, const runtime::StateDirectory& state,
                        runtime::ProcessLock lock, std::uint32_t jobs,
                        store::Durability durability) {
  auto connection = std::make_unique<Connection>();
  connection->lock.emplace(std::move(lock));
  auto store = store::Store::open(state.root, durability);
  if (!store) return api::broken(store.error().message);
  runtime::EngineOptions options;
  options.state = state;
  options.store = std::move(*store);
  options.worker = context.worker;
  options.plugins = context.plugins;
  options.jobs = jobs;
  options.capacity = runtime::machine_capacity();
  options.sync_artifacts = durability == store::Durability::power;
  options.log = [](const std::string& text) {
    fmt::print(stderr, "warning: {}\n", printable(text));
  };
  auto own =
      runtime::EngineSocket::serve(std::make_unique<runtime::Engine>(std::move(options)), state);
  if (!own) return api::broken(own.error().message);
  connection->own = std::move(*own);
  return connection;
}

/// The server, once it is ready. One that does not answer is about to start again, as long as
/// `waits` says so.
Connected connect_to_server(const Context& context, const std::function<bool()>& waits) {
  auto client = context.client();
  if (!client) return tl::unexpected(client.error());
  const auto deadline = std::chrono::steady_clock::now() + kServerPatience;
  for (;;) {
    const auto ready = client->request({.target = "/readyz"});
    if (ready && ready->status == 200) break;
    const bool late = std::chrono::steady_clock::now() > deadline;
    if (!ready && (late || !waits())) return api::broken(ready.error().message);
    if (late || !waits()) {
      return api::broken(fmt::format("the server at {} is not ready: {}", context.server,
                                     api::failure_of(ready->status, ready->body).message));
    }
    std::this_thread::sleep_for(100ms);
  }
  auto connection = std::make_unique<Connection>();
  connection->remote = std::make_unique<api::RemoteEngine>(std::move(*client), connection->queue);
  return connection;
}

}  // namespace

Connected connect(const Context& context, const runtime::StateDirectory& state, std::uint32_t jobs,
                  store::Durability durability, const std::function<bool()>& waits) {
  if (!context.server.empty()) return connect_to_server(context, waits);
  if (auto created = runtime::create(state); !created) return api::broken(created.error().message);
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  for (;;) {
    if (!runtime::ProcessLock::is_held(state.server_lock())) {
      auto lock = runtime::ProcessLock::try_take(state.engine_lock());
      if (!lock) return api::broken(lock.error().message);
      if (*lock) return become_engine(context, state, std::move(**lock), jobs, durability);
    }
    auto connection = std::make_unique<Connection>();
    auto client = runtime::EngineClient::connect(state, connection->queue);
    if (client) {
      connection->client = std::move(*client);
      return connection;
    }
    if (std::chrono::steady_clock::now() > deadline) {
      return api::broken(fmt::format("{} is held by a process that does not answer: {}",
                                     state.engine_lock().string(), client.error().message));
    }
    std::this_thread::sleep_for(kEngineBegins);
  }
}

Connected connect_to_look(const Context& context, const runtime::StateDirectory& state,
                          const std::function<bool()>& waits) {
  if (!context.server.empty()) return connect_to_server(context, waits);
  auto connection = std::make_unique<Connection>();
  auto client = runtime::EngineClient::connect(state, connection->queue);
  if (!client) return nullptr;
  connection->client = std::move(*client);
  return connection;
}

bool is_followed(const runtime::StateDirectory& state, const std::string& run) {
  if (runtime::ProcessLock::is_held(state.server_lock())) return true;
  const auto followers = runtime::RunLocks::open(state.followers());
  const auto store = store::Store::open_read_only(state.root);
  std::string top = run;
  while (followers && store && !top.empty()) {
    if (followers->has(top)) return true;
    const auto rows = (*store)->find_runs(top);
    top = rows && !rows->empty() ? rows->front().parent : "";
  }
  return false;
}

namespace {

bool never() { return false; }

api::Failure no_answer() {
  return {503, kEngine, "the engine ended before it answered; ask again"};
}

/// The one answer to a request that follows nothing; nothing where the engine ended before it gave
/// one.
std::optional<api::Answer<json>> answer(runtime::UpdateQueue& queue) {
  for (;;) {
    const auto update = queue.pop(50ms);
    const std::string type = update ? update->value("type", "") : "";
    if (type == "done") return *update;
    if (type == "closing") return std::nullopt;
    if (type != "rejected") continue;
    return tl::unexpected(api::Failure{400, update->value("exit", static_cast<int>(kEngine)),
                                       update->value("message", "")});
  }
}

}  // namespace

api::Answer<json> ask_engine(const Context& context, const runtime::StateDirectory& state,
                             const json& request) {
  auto connection = connect_to_look(context, state, never);
  while (connection && !*connection && is_followed(state, request.at("run"))) {
    std::this_thread::sleep_for(kEngineBegins);
    connection = connect_to_look(context, state, never);
  }
  if (!connection) return tl::unexpected(connection.error());
  if (!*connection) {
    return api::wrong(
        "nothing runs in this state directory now; 'scanflow runs resume' goes on with a run that "
        "was interrupted");
  }
  (*connection)->ask(request);
  auto answered = answer(*(*connection)->queue);
  return answered ? std::move(*answered) : tl::unexpected(no_answer());
}

api::Answer<json> ask_any_engine(const Context& context, const runtime::StateDirectory& state,
                                 const json& request) {
  // An engine that ends is followed by the next one, or by this process.
  constexpr int kEngines = 5;
  for (int i = 0; i < kEngines; ++i) {
    auto connection = connect(context, state, 1, store::Durability::process, never);
    if (!connection) return tl::unexpected(connection.error());
    (*connection)->ask(request);
    if (auto answered = answer(*(*connection)->queue)) return std::move(*answered);
    if (!context.server.empty()) break;
  }
  return tl::unexpected(no_answer());
}

}  // namespace scanflow::cli
