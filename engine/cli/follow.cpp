#include "engine/cli/follow.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string_view>
#include <thread>

#include "engine/runtime/active_run.hpp"
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

std::atomic<int> interrupts{0};

void on_signal(int) {
  if (interrupts.fetch_add(1) == 0) return;
  constexpr std::string_view kLeft =
      "\nleft at once; what still runs goes on without an engine: 'scanflow runs resume last' "
      "finds it again\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kLeft.data(), kLeft.size());
  ::_exit(kCancelled);
}

void catch_signals() {
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

  runtime::Client caller() const {
    return {[updates = queue](const runtime::Update& update) {
              updates->push(update);
              return true;
            },
            true, runtime::own_environment()};
  }

  /// The answer comes to the queue; where the engine is gone, that says "closing".
  void ask(const json& request) {
    if (own) {
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

Outcome recorded(const runtime::StateDirectory& state, const std::string& run) {
  const auto store = store::Store::open_read_only(state.root);
  if (!store) return {kEngine, store.error().message, {}};
  const auto rows = (*store)->find_runs(run);
  const auto steps = (*store)->steps(run);
  if (!rows || !steps || rows->empty()) return {kEngine, "cannot read run " + run, {}};
  if (rows->front().ended_us == 0) {
    return {
        kEngine,
        fmt::format("run {0} was interrupted, and nobody goes on with it: 'scanflow runs resume "
                    "{0}' does",
                    run),
        {}};
  }
  const json finished = {{"type", "finished"},
                         {"result", runtime::result_document(rows->front(), *steps)}};
  return *outcome_of(finished);
}

Outcome follow(const Context& context, const runtime::StateDirectory& state, Target target,
               store::Durability durability, ProgressPrinter& printer, bool cancel) {
  catch_signals();
  if (cancel) interrupts = 1;
  if (auto created = runtime::create(state); !created)
    return {kEngine, created.error().message, {}};
  const std::uint32_t jobs = target.submission ? target.submission->options.jobs : 1;
  if (target.submission) target.run = target.submission->run;
  auto followers = runtime::Followers::open(state);
  if (!followers) return {kEngine, followers.error().message, {}};
  if (auto added = followers->add(target.run); !added) return {kEngine, added.error().message, {}};
  int cancelled = 0;
  bool accepted = false;
  for (bool again = false;; again = true) {
    auto connection = connect(context, state, jobs, durability);
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
      closing = update->value("type", "") == "closing";
      if (auto outcome = outcome_of(*update)) {
        printer.finish();
        return std::move(*outcome);
      }
      printer.update(*update);
    }
  }
}

Outcome watch(const runtime::StateDirectory& state, const std::string& run,
              ProgressPrinter& printer) {
  for (;;) {
    const auto queue = std::make_shared<UpdateQueue>();
    const auto client = runtime::EngineClient::connect(state, queue);
    if (!client) {
      Outcome outcome = recorded(state, run);
      if (!outcome.result.is_null() || !is_followed(state, run)) return outcome;
      std::this_thread::sleep_for(kEngineBegins);
      continue;
    }
    (void)(*client)->send({{"op", "attach"}, {"run", run}, {"watch", true}});
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

/// The one answer to a request that follows nothing.
Result<json> answer(UpdateQueue& queue) {
  for (;;) {
    const auto update = queue.pop(50ms);
    const std::string type = update ? update->value("type", "") : "";
    if (type == "done") return *update;
    if (type == "rejected") return fail(update->value("message", ""));
    if (type == "closing") return fail("the engine ended before it answered; ask again");
  }
}

}  // namespace

Result<json> ask_engine(const runtime::StateDirectory& state, const nlohmann::json& request) {
  const auto queue = std::make_shared<UpdateQueue>();
  auto client = runtime::EngineClient::connect(state, queue);
  while (!client && is_followed(state, request.at("run"))) {
    std::this_thread::sleep_for(kEngineBegins);
    client = runtime::EngineClient::connect(state, queue);
  }
  if (!client) {
    return fail(
        "nothing runs in this state directory now; 'scanflow runs resume' goes on with a run that "
        "was interrupted");
  }
  if (auto sent = (*client)->send(request); !sent) return tl::unexpected(sent.error());
  return answer(*queue);
}

Result<json> ask_any_engine(const Context& context, const runtime::StateDirectory& state,
                            const nlohmann::json& request) {
  if (auto created = runtime::create(state); !created) return tl::unexpected(created.error());
  auto connection = connect(context, state, 1, store::Durability::process);
  if (!connection) return tl::unexpected(connection.error());
  (*connection)->ask(request);
  return answer(*(*connection)->queue);
}

}  // namespace scanflow::cli
