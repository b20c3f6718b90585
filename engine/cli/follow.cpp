#include "engine/cli/follow.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string_view>
#include <thread>

#include "engine/cli/connection.hpp"
#include "engine/cli/hint.hpp"
#include "engine/runtime/run_locks.hpp"

namespace scanflow::cli {
namespace {

using namespace std::chrono_literals;

std::atomic<int> interrupts{0};

/// What is said by whoever leaves at once; made before, as a signal handler can make nothing.
struct Farewell {
  std::string words;     // on stderr
  std::string document;  // on stdout
};
Farewell farewell;

void on_interrupt(int) {
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
  action.sa_handler = on_interrupt;
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
  struct sigaction hangup {};
  ::sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);  // unless under nohup
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
}

Outcome failure(const api::Failure& failure) { return {failure.exit, failure.message, {}}; }

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

}  // namespace

Outcome recorded(const Context& context, const std::string& run) {
  const auto runs = open_runs(context);
  if (!runs) return failure(runs.error());
  auto shown = (*runs)->show(run);
  if (!shown) return failure(shown.error());
  if (shown->at("ended_us") == 0) {
    return {kEngine,
            fmt::format("run {} was interrupted, and nobody goes on with it: '{}' does", run,
                        hint(context, {"runs", "resume", run})),
            {}};
  }
  for (const char* name : {"created_us", "ended_us", "trigger", "primitives"}) shown->erase(name);
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
  const std::uint32_t jobs = target.submission ? target.submission->options.jobs : 1;
  std::optional<runtime::RunLocks> followers;
  if (context.server.empty()) {
    if (auto created = runtime::create(state); !created)
      return {kEngine, created.error().message, {}};
    auto opened = runtime::RunLocks::open(state.followers());
    if (!opened) return {kEngine, opened.error().message, {}};
    followers.emplace(std::move(*opened));
    if (auto added = followers->add(target.run); !added)
      return {kEngine, added.error().message, {}};
  }
  int cancelled = 0;
  bool cancel_taken = false;  // or the next engine is asked again
  bool accepted = false;
  for (bool again = false;; again = true) {
    auto connection =
        connect(context, state, jobs, durability, [again] { return again && interrupts == 0; });
    if (!connection) return failure(connection.error());
    (*connection)->start(target);
    if (!cancel_taken) cancelled = 0;
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
      cancel_taken = cancel_taken || update->value("type", "") == "done";
      if (auto outcome = outcome_of(*update)) {
        printer.finish();
        return std::move(*outcome);
      }
      printer.update(*update);
    }
  }
}

Outcome hand_over(const Context& context, Target target) {
  auto connection = connect(context, {}, 1, store::Durability::process, [] { return false; });
  if (!connection) return failure(connection.error());
  (*connection)->start(target);
  for (;;) {
    const auto update = (*connection)->queue->pop(50ms);
    if (!update) continue;
    const std::string type = update->value("type", "");
    if (type == "accepted") return {kSucceeded, "", detached(*update)};
    if (type == "finished") return {kSucceeded, "", detached(update->at("result"))};
    if (type == "closing")
      return {kEngine, "the server went away before it had taken the run; ask again", {}};
    if (auto outcome = outcome_of(*update)) return std::move(*outcome);
  }
}

json detached(const json& run) {
  return {{"run", run.at("run")},
          {"pipeline", run.at("pipeline")},
          {"namespace", run.at("namespace")},
          {"detached", true}};
}

Outcome watch(const Context& context, const runtime::StateDirectory& state, const std::string& run,
              ProgressPrinter& printer) {
  for (bool again = false;; again = true) {
    const auto connection =
        connect_to_look(context, state, [again] { return again && interrupts == 0; });
    if (!connection) return failure(connection.error());
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

}  // namespace scanflow::cli
