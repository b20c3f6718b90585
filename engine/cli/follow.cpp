#include "engine/cli/follow.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string_view>
#include <thread>

#include "engine/api/client.hpp"
#include "engine/api/remote_engine.hpp"
#include "engine/cli/hint.hpp"
#include "engine/runtime/engine.hpp"
#include "engine/runtime/engine_socket.hpp"
#include "engine/runtime/followers.hpp"
#include "engine/runtime/machine_capacity.hpp"

namespace scanflow::cli {
namespace {

using namespace std::chrono_literals;
using runtime::UpdateQueue;

/// An engine that is about to begin is looked for again after this time.
constexpr auto kEngineBegins = 10ms;
/// How long a server that has gone away is waited for.
constexpr auto kServerPatience = 30s;

std::atomic<int> interrupts{0};

/// What is said by whoever leaves at once; made before, as a signal handler can make nothing.
struct Farewell {
  std::string words;     // on stderr
  std::string document;  // on stdout
};
Farewell farewell;

void on_signal(int) {
  if (interrupts.fetch_add(1) == 0) return;
  const std::string& words = farewell.words;
  const std::string& document = farewell.document;
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, words.data(), words.size());
  written = ::write(STDOUT_FILENO, document.data(), document.size());
  ::_exit(kCancelled);
}

Farewell farewell_of(const Context& context, const std::string& run) {
  Farewell said;
  said.words = context.server.empty()
                   ? fmt::format(
                         "\nleft at once; what still runs goes on without an engine, until "
                         "this finds it again: {}\n",
                         hint(context, {"runs", "resume", run}))
                   : fmt::format("\nleft at once; the server goes on with it: {}\n",
                                 hint(context, {"runs", "watch", run}));
  if (context.json) {
    said.document =
        json{{"error", "left at once"}, {"exit", kCancelled}, {"run", run}}.dump() + "\n";
  }
  return said;
}

void catch_signals(const Context& context, const std::string& run) {
  farewell = farewell_of(context, run);
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
  struct sigaction hangup {};
  ::sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);  // unless under nohup
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
}

/// An engine to talk to: our own, or another process's.
struct Connection {
  std::shared_ptr<UpdateQueue> queue = std::make_shared<UpdateQueue>();
  // Destroyed from the last to the first: our engine, then its lock.
  std::optional<runtime::EngineLock> lock;
  std::unique_ptr<runtime::EngineSocket> own;
  std::unique_ptr<runtime::EngineClient> client;
  std::unique_ptr<api::RemoteEngine> remote;  // of --server

  runtime::Client caller() const {
    return {[updates = queue](const runtime::Update& update) {
              updates->push(update);
              return true;
            },
            true, runtime::own_environment()};
  }

  /// The answer comes to the queue; where the engine is gone, that says "closing".
  void ask(const json& request) {
    if (remote) {
      remote->send(request);
    } else if (own) {
      serve_request(own->engine(), request, caller());
    } else {
      (void)client->send(request);
    }
  }

  /// `again`: an engine that ended meanwhile may know the run already.
  void start(Target& target, bool again) {
    if (own && target.submission) {
      return own->engine().submit(*target.submission, std::exchange(target.prepared, std::nullopt),
                                  caller(), again);
    }
    json request = {{"environment", runtime::own_environment()}};
    if (target.submission) {
      request.update({{"op", "submit"},
                      {"submission", runtime::to_json(*target.submission)},
                      {"again", again}});
    } else {
      request.update({{"op", "attach"}, {"run", target.run}});
    }
    ask(request);
  }
};

Result<std::unique_ptr<Connection>> become_engine(const Context& context,
                                                  const runtime::StateDirectory& state,
                                                  runtime::EngineLock lock, std::uint32_t jobs,
                                                  store::Durability durability) {
  auto connection = std::make_unique<Connection>();
  connection->lock.emplace(std::move(lock));
  auto store = store::Store::open(state.root, durability);
  if (!store) return tl::unexpected(store.error());
  runtime::EngineOptions options;
  options.state = state;
  options.store = std::move(*store);
  options.worker = context.worker;
  options.plugins = context.plugins;
  options.jobs = jobs;
  options.capacity = runtime::machine_capacity();
  options.sync_artifacts = durability == store::Durability::power;
  auto own =
      runtime::EngineSocket::serve(std::make_unique<runtime::Engine>(std::move(options)), state);
  if (!own) return tl::unexpected(own.error());
  connection->own = std::move(*own);
  return connection;
}

/// The server, once it is ready. `patience`: one that does not answer is about to start again.
Result<std::unique_ptr<Connection>> connect_to_server(const std::string& url, bool patience) {
  auto client = api::HttpClient::to(url);
  if (!client) return tl::unexpected(client.error());
  const auto deadline = std::chrono::steady_clock::now() + kServerPatience;
  for (;;) {
    const auto ready = client->request({.target = "/readyz"});
    if (ready && ready->status == 200) break;
    if (!ready && !patience) return tl::unexpected(ready.error());
    if (interrupts > 0 || std::chrono::steady_clock::now() > deadline) {
      return fail(ready ? fmt::format("the server at {} is not ready: {}", url,
                                      api::failure_of(ready->status, ready->body).message)
                        : ready.error().message);
    }
    std::this_thread::sleep_for(100ms);
  }
  auto connection = std::make_unique<Connection>();
  connection->remote = std::make_unique<api::RemoteEngine>(std::move(*client), connection->queue);
  return connection;
}

/// The lock where it is free, else the engine that holds it. An engine that is about to start or
/// end is waited for.
Result<std::unique_ptr<Connection>> connect(const Context& context,
                                            const runtime::StateDirectory& state,
                                            std::uint32_t jobs, store::Durability durability) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  for (;;) {
    auto lock = runtime::EngineLock::try_take(state);
    if (!lock) return tl::unexpected(lock.error());
    if (*lock) return become_engine(context, state, std::move(**lock), jobs, durability);
    auto connection = std::make_unique<Connection>();
    auto client = runtime::EngineClient::connect(state, connection->queue);
    if (client) {
      connection->client = std::move(*client);
      return connection;
    }
    if (std::chrono::steady_clock::now() > deadline) {
      return fail(fmt::format("{} is held by a process that does not answer: {}",
                              state.lock().string(), client.error().message));
    }
    std::this_thread::sleep_for(kEngineBegins);
  }
}

/// How an update ends what is followed, or nothing.
std::optional<Outcome> outcome_of(const json& update) {
  const std::string type = update.value("type", "");
  if (type == "rejected") {
    return Outcome{
        update.value("exit", static_cast<int>(kEngine)), update.value("message", ""), {}};
  }
  if (type != "finished") return std::nullopt;
  const json& result = update.at("result");
  const std::string status = result.at("status");
  return Outcome{status == "succeeded"   ? kSucceeded
                 : status == "cancelled" ? kCancelled
                                         : kRunFailed,
                 "", result};
}

/// Does a living process go on with it, or with the run that called it? Then an engine that cannot
/// be reached is about to begin.
bool is_followed(const runtime::StateDirectory& state, const std::string& run) {
  const auto followers = runtime::Followers::open(state);
  const auto store = store::Store::open_read_only(state.root);
  std::string top = run;
  while (followers && store && !top.empty()) {
    if (followers->has(top)) return true;
    const auto rows = (*store)->find_runs(top);
    top = rows && !rows->empty() ? rows->front().parent : "";
  }
  return false;
}

}  // namespace

Outcome recorded(const Context& context, const std::string& run) {
  const auto runs = open_runs(context);
  if (!runs) return {runs.error().exit, runs.error().message, {}};
  auto shown = (*runs)->show(run);
  if (!shown) return {shown.error().exit, shown.error().message, {}};
  if (shown->at("ended_us") == 0) {
    return {kEngine,
            fmt::format("run {} was interrupted, and nobody goes on with it: '{}' does", run,
                        hint(context, {"runs", "resume", run})),
            {}};
  }
  for (const char* name : {"created_us", "ended_us", "trigger"}) shown->erase(name);
  const json finished = {{"type", "finished"}, {"result", std::move(*shown)}};
  return *outcome_of(finished);
}

namespace {

/// Events are told once they are committed: with the first one the run is safe; so is one that was
/// recorded before.
void tell_begun(Target& target, const json& update) {
  const std::string type = update.value("type", "");
  if (!target.begun || (type != "accepted" && type != "event")) return;
  if (type == "accepted") target.accepted = update;
  if (type == "event" || update.value("recorded", false))
    std::exchange(target.begun, nullptr)(target.accepted);
}

}  // namespace

Outcome follow(const Context& context, const runtime::StateDirectory& state, Target target,
               store::Durability durability, ProgressPrinter& printer, bool cancel) {
  if (target.submission) target.run = target.submission->run;
  catch_signals(context, target.run);
  if (cancel) interrupts = 1;
  const bool remote = !context.server.empty();
  if (auto created = remote ? Result<void>() : runtime::create(state); !created)
    return {kEngine, created.error().message, {}};
  const std::uint32_t jobs = target.submission ? target.submission->options.jobs : 1;
  std::optional<runtime::Followers> followers;
  if (!remote) {
    auto opened = runtime::Followers::open(state);
    if (!opened) return {kEngine, opened.error().message, {}};
    followers.emplace(std::move(*opened));
    if (auto added = followers->add(target.run); !added)
      return {kEngine, added.error().message, {}};
  }
  int cancelled = 0;
  bool accepted = false;
  for (bool again = false;; again = true) {
    auto connection = remote ? connect_to_server(context.server, again)
                             : connect(context, state, jobs, durability);
    if (!connection) return {kEngine, connection.error().message, {}};
    (*connection)->start(target, again);
    for (bool closing = false; !closing;) {
      const auto update = (*connection)->queue->pop(50ms);
      // A request to cancel before it was accepted would be about a run that is not there.
      if (interrupts > cancelled && (accepted || update)) {
        cancelled = interrupts;
        (*connection)->ask({{"op", "cancel"}, {"run", target.run}});
        printer.note("cancelling; press again to leave at once");
      }
      printer.tick();
      if (!update) continue;
      accepted = true;
      tell_begun(target, *update);
      closing = update->value("type", "") == "closing";
      if (auto outcome = outcome_of(*update)) {
        printer.finish();
        return std::move(*outcome);
      }
      printer.update(*update);
    }
  }
}

namespace {

/// To look on; null where nobody runs anything.
Result<std::unique_ptr<Connection>> connect_to_look(const Context& context,
                                                    const runtime::StateDirectory& state,
                                                    bool again) {
  if (!context.server.empty()) return connect_to_server(context.server, again);
  auto connection = std::make_unique<Connection>();
  auto client = runtime::EngineClient::connect(state, connection->queue);
  if (!client) return nullptr;
  connection->client = std::move(*client);
  return connection;
}

}  // namespace

Outcome watch(const Context& context, const runtime::StateDirectory& state, const std::string& run,
              ProgressPrinter& printer) {
  for (bool again = false;; again = true) {
    const auto connection = connect_to_look(context, state, again);
    if (!connection) return {kEngine, connection.error().message, {}};
    if (!*connection) {
      Outcome outcome = recorded(context, run);
      if (!outcome.result.is_null() || !is_followed(state, run)) return outcome;
      std::this_thread::sleep_for(kEngineBegins);
      continue;
    }
    (*connection)->ask({{"op", "attach"}, {"run", run}, {"watch", true}});
    const auto& queue = (*connection)->queue;
    for (bool closing = false; !closing;) {
      const auto update = queue->pop(50ms);
      printer.tick();
      if (!update) continue;
      closing = update->value("type", "") == "closing";
      if (auto outcome = outcome_of(*update)) {
        printer.finish();
        return std::move(*outcome);
      }
      printer.update(*update);
    }
  }
}

namespace {

constexpr const char* kNoAnswer = "the engine ended before it answered; ask again";

/// The one answer to a request that follows nothing; nothing where the engine ended before it gave
/// one. `exit`: the status that an error stands for.
std::optional<Result<json>> answer(UpdateQueue& queue, int& exit) {
  for (;;) {
    const auto update = queue.pop(50ms);
    const std::string type = update ? update->value("type", "") : "";
    if (type == "done") return *update;
    if (type == "closing") return std::nullopt;
    if (type != "rejected") continue;
    exit = update->value("exit", exit);
    return fail(update->value("message", ""));
  }
}

}  // namespace

Result<json> ask_engine(const Context& context, const runtime::StateDirectory& state,
                        const nlohmann::json& request) {
  auto connection = connect_to_look(context, state, false);
  while (connection && !*connection && is_followed(state, request.at("run"))) {
    std::this_thread::sleep_for(kEngineBegins);
    connection = connect_to_look(context, state, false);
  }
  if (!connection) return tl::unexpected(connection.error());
  if (!*connection) {
    return fail(
        fmt::format("nothing runs in this state directory now; this goes on with a run that was "
                    "interrupted: {}",
                    hint(context, {"runs", "resume", request.at("run")})));
  }
  (*connection)->ask(request);
  int exit = kEngine;
  auto answered = answer(*(*connection)->queue, exit);
  return answered ? std::move(*answered) : fail(kNoAnswer);
}

Result<json> ask_any_engine(const Context& context, const runtime::StateDirectory& state,
                            const nlohmann::json& request, int* exit) {
  int status = kEngine;
  int& told = exit != nullptr ? *exit : status;
  told = kEngine;
  if (!context.server.empty()) return ask_engine(context, state, request);
  if (auto created = runtime::create(state); !created) return tl::unexpected(created.error());
  // An engine that ends is followed by the next one, or by this process.
  constexpr int kEngines = 5;
  for (int i = 0; i < kEngines; ++i) {
    auto connection = connect(context, state, 1, store::Durability::process);
    if (!connection) return tl::unexpected(connection.error());
    (*connection)->ask(request);
    if (auto answered = answer(*(*connection)->queue, told)) return std::move(*answered);
  }
  return fail(kNoAnswer);
}

}  // namespace scanflow::cli
