// How a run begins: what is submitted is read and admitted on the pool, and begun on the strand.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/backend/names.hpp"
#include "engine/runtime/admission.hpp"
#include "engine/runtime/engine_impl.hpp"
#include "engine/runtime/machine_capacity.hpp"
#include "engine/runtime/replies.hpp"
#include "engine/runtime/secrets.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::runtime {
namespace {

json rejected(int exit_code, const std::string& message) {
  return {{"type", "rejected"}, {"exit", exit_code}, {"message", message}};
}

void tell_client(const Client& client, json update) {
  client.listener(std::make_shared<const json>(std::move(update)));
}

}  // namespace

void Engine::Impl::refuse(const Client& client) const {
  tell_client(client, failed ? rejected(3, "the engine cannot store events any more")
                             : json{{"type", "closing"}});
}

bool Engine::Impl::is_known(const std::string& run) const {
  if (runs.contains(run)) return true;
  const auto rows =
      options.store ? options.store->find_runs(run) : Result<std::vector<store::RunRow>>();
  return rows && !rows->empty();
}

void Engine::Impl::submit(Submission submission, std::optional<Prepared> prepared, Client client) {
  if (failed || closing) return refuse(client);
  if (is_known(submission.run)) return attach(submission.run, std::move(client));
  if (full)
    return tell_client(client, rejected(3, "the engine is about to end: it takes no more runs"));
  if (prepared && !needs_admission(submission, *prepared)) {
    begin_or_reject(std::move(submission), std::move(*prepared), client);
    return;
  }
  const bool is_asked = !prepared && submission.retry_of.empty() && !submission.caller;
  if (!is_asked)
    return read_and_begin(std::move(submission), std::move(prepared), std::move(client));
  boost::asio::post(
      asking, [this, submission = std::move(submission), client = std::move(client)]() mutable {
        const auto admitted = ask_to_admit(submission);
        if (admitted) return read_and_begin(std::move(submission), std::nullopt, std::move(client));
        post([client = std::move(client), why = admitted.error().message] {
          reject(client, why, kForbidden);
        });
      });
}

/// [any-thread]
void Engine::Impl::read_and_begin(Submission submission, std::optional<Prepared> prepared,
                                  Client client) {
  work([this, submission = std::move(submission), prepared = std::move(prepared),
        client = std::move(client)]() mutable {
    Result<Prepared> ready = get_ready(submission, std::move(prepared), client.environment);
    post([this, submission = std::move(submission), ready = std::move(ready),
          client = std::move(client)]() mutable {
      // Meanwhile the same one may have been submitted, and have ended.
      if (!failed && !closing && is_known(submission.run)) {
        attach(submission.run, std::move(client));
      } else if (ready) {
        begin_or_reject(std::move(submission), std::move(*ready), client);
      } else {
        tell_client(client, rejected(2, ready.error().message));
      }
    });
  });
}

/// [any-thread]
Result<void> Engine::Impl::ask_to_admit(Submission& submission) {
  try {
    const std::shared_lock shared(admitting);
    return admit_first ? admit_first(submission) : Result<void>();
  } catch (const std::exception& error) {
    return fail(bug(error.what()));
  }
}

/// [any-thread]
Result<Prepared> Engine::Impl::get_ready(Submission& submission, std::optional<Prepared> prepared,
                                         const Environment& environment) {
  if (!prepared) {
    std::string problem;
    auto catalog = discover(submission.options, &problem);
    if (!catalog) return fail(problem);
    auto made = prepare(submission, std::move(catalog));
    if (!made) return made;
    prepared = std::move(*made);
  }
  return admit(submission, std::move(*prepared), environment, artifacts);
}

void Engine::Impl::begin_or_reject(Submission submission, Prepared prepared, const Client& client) {
  const auto refusal = begin(std::move(submission), std::move(prepared), client);
  if (refusal) tell_client(client, rejected(refusal->exit, refusal->message));
}

std::optional<Engine::Impl::Refusal> Engine::Impl::begin(Submission submission, Prepared prepared,
                                                         Client client) {
  if (failed || closing) {
    refuse(client);
    return std::nullopt;
  }
  const std::int64_t now = wall_us();
  make_room(submission.options);
  std::string id = submission.run;
  auto entry = std::make_shared<Entry>(std::move(id), std::move(submission), std::move(prepared),
                                       now, options);
  if (std::string why = never_fits(*entry); !why.empty()) return Refusal{2, std::move(why)};
  if (std::string why = refused(*entry); !why.empty()) return Refusal{2, std::move(why)};
  GroupTurn turn;
  std::string waits;
  if (takes_turns(*entry)) {
    waits = start_queued().waits(place_of(*entry));  // those before it begin first
    turn = enter_group(*entry);
  }
  if (!turn.refused.empty()) {
    pump();
    flush();
    return Refusal{1, turn.refused};
  }
  enter(entry);
  const auto& steps = entry->run.plan().pipeline->steps;
  if (std::any_of(steps.begin(), steps.end(), [](const auto& step) { return step.uses != "noop"; }))
    backend_for(entry->run.submission().options.backend)->get_ready();
  set_environment(entry, std::move(client.environment));
  entry->run.add_client(std::move(client));
  entry->run.set_waits(waits);
  entry->run.apply(entry->run.created_event(turn.queued || !waits.empty()), batch);
  const Submission& begun = entry->run.submission();
  if (begun.scheduled_us > 0 && !begun.caller) {
    const pipeline::Pipeline& pipeline = *entry->run.plan().pipeline;
    batch.firings.push_back({pipeline.name_space, pipeline.name, {begun.scheduled_us, ""}});
  }
  pump(entry);
  flush();
  return std::nullopt;
}

void Engine::Impl::set_environment(const EntryPtr& entry, Environment environment) const {
  entry->requests.set_environment(std::move(environment), own_environment);
  entry->requests.withhold(secret_variables(*entry->run.plan().pipeline));
  const auto& caller = entry->run.submission().caller;
  const auto calling = caller ? runs.find(caller->run) : runs.end();
  if (calling != runs.end()) entry->requests.withhold(calling->second->requests.withheld());
}

/// At least as much at once as it asks for, on this machine.
void Engine::Impl::make_room(const RunOptions& chosen) {
  if (!backend::runs_elsewhere(chosen.backend)) options.jobs = std::max(options.jobs, chosen.jobs);
}

/// Which steps could never start on this machine, or "".
std::string Engine::Impl::never_fits(const Entry& entry) const {
  const RunOptions& chosen = entry.run.submission().options;
  const run::Capacity capacity = capacity_for(chosen, options.capacity);
  const pipeline::Pipeline& pipeline = *entry.run.plan().pipeline;
  std::string text;
  std::size_t errors = 0;
  for (const pipeline::Step& step : pipeline.steps) {
    const std::string why = run::Scheduler::never_fits(step, capacity);
    if (why.empty()) continue;
    ++errors;
    text += fmt::format("{}:{}:{}: error: step '{}' can never start: {}\n", pipeline.file,
                        step.at.line, step.at.column, step.name, why);
  }
  if (errors == 0) return {};
  return text + fmt::format("{} error{}; nothing was run", errors, errors == 1 ? "" : "s");
}

}  // namespace scanflow::runtime
