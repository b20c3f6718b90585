// When an engine begins to have sidecars, and what it looks after each second from then on.
#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <memory>
#include <utility>

#include "engine/runtime/engine_impl.hpp"
#include "engine/runtime/namespaces.hpp"
#include "engine/runtime/top.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/loader/commands.hpp"

namespace scanflow::runtime {
namespace {

/// A step that is over sooner is not worth a sidecar.
constexpr std::int64_t kWorthUs = 1'000'000;
constexpr auto kWatchSecond = std::chrono::seconds(1);
/// Of a command of an earlier engine, beyond its deadline: no sidecar waits so long to tell.
constexpr std::int64_t kWatchForgottenUs = 3'600'000'000;
/// For outcomes on their way, when the engine ends: that of `terminate` comes right behind the end of
/// the step, with which the run may be over.
constexpr auto kLastOutcomes = std::chrono::seconds(1);

bool has_sidecar(const Entry& entry) { return entry.run.submission().options.backend != "inproc"; }

}  // namespace

bool Engine::Impl::is_running(const protocol::AttemptId& member) const {
  const protocol::AttemptId id = protocol::rank_of(member).gang;
  const auto running_in = [&](const auto& entries) -> std::optional<bool> {
    const auto found = entries.find(id.run);
    if (found == entries.end()) return std::nullopt;
    const ActiveRun& run = found->second->run;
    const std::uint32_t step = run.index_of(id.step);
    return step != run::kNoStep && !found->second->over &&
           run.machine().is_in_flight(step, id.attempt);
  };
  if (const auto is = running_in(runs)) return *is;
  if (const auto is = running_in(held)) return *is;
  const auto* workload = steering.fleet ? steering.fleet->workload(member) : nullptr;
  if (workload != nullptr && namespace_of_user(workload->sidecar.user)) return true;
  return strays.contains(id);
}

void Engine::Impl::arm_seconds() {
  if (closing || std::exchange(seconds_armed, true)) return;
  seconds_timer.expires_after(kWatchSecond);
  seconds_timer.async_wait([this](boost::system::error_code error) {
    if (error || closing || failed) return;
    seconds_armed = false;
    each_second();
  });
}

void Engine::Impl::each_second() {
  const std::int64_t now_us = wall_us();
  recent.maintain(now_us);
  bool running = false, worth = false;
  for (const EntryPtr& entry : order) {
    const run::Machine& machine = entry->run.machine();
    if (entry->over || machine.running() == 0 || !has_sidecar(*entry)) continue;
    running = true;
    for (std::uint32_t i = 0; i < machine.size() && !steering.fleet && !worth; ++i) {
      const run::StepState& state = machine.step(i);
      worth = state.status == run::StepStatus::running && machine.spec_of(i).uses != "pipeline" &&
              now_us - state.started_us >= kWorthUs;
    }
  }
  if (worth && !steering.failed && options.store) with_fleet([](const std::string&) {});
  const auto over = [this](const auto& each) { return !is_running(each.first); };
  std::erase_if(steering.last, over);
  std::erase_if(steering.progress, over);
  if (steering.fleet) look_after_commands(now_us);
  if (running || steering.fleet || recent.knowledge() != nullptr) arm_seconds();
}

void Engine::Impl::wait_for_outcomes() {
  auto done = std::make_shared<std::promise<void>>();
  post([this, done] {
    const bool coming =
        std::any_of(steering.open.begin(), steering.open.end(), [this](const auto& each) {
          const store::CommandRow& row = each.second.row;
          return steering.fleet && steering.fleet->attached({row.user, row.pod_uid}) &&
                 !is_running({row.run, row.step, row.attempt});
        });
    if (!coming || failed) return done->set_value();
    steering.all_done = [done] { done->set_value(); };
  });
  done->get_future().wait_for(kLastOutcomes);
}

void Engine::Impl::look_after_commands(std::int64_t now_us) {
  steering.fleet->keep([this](const protocol::AttemptId& id) {
    return is_running(id) || !(runs.contains(id.run) || held.contains(id.run));
  });
  std::vector<std::pair<std::string, std::string>> gone;
  for (auto& [id, asked] : steering.open) {
    const store::CommandRow& row = asked.row;
    const bool over = !is_running({row.run, row.step, row.attempt});
    if (over && asked.over_us == 0) asked.over_us = now_us;
    const hub::SidecarKey sidecar{row.user, row.pod_uid};
    const Open command{row.deadline_us, steering.fleet->attached(sidecar),
                       asked.earlier || steering.fleet->known(sidecar),
                       steering.fleet->away_us(sidecar), asked.over_us};
    if (const std::string outcome = given_up(command, now_us); !outcome.empty())
      gone.emplace_back(id, outcome);
  }
  for (const auto& [id, outcome] : gone) {
    end_command(id, outcome,
                outcome == "EXPIRED" ? "no sidecar took it in time"
                                     : "its sidecar is gone: nobody can say what became of it");
  }
}

void Engine::Impl::tell_top(const Client& client) {
  if (failed || closing) return refuse(client);
  std::vector<RunningAttempt> attempts;
  const auto observe = [&](RunningAttempt& attempt) {
    const auto* workload = steering.fleet ? steering.fleet->workload(attempt.id) : nullptr;
    if (workload == nullptr) return;
    attempt.observed = true;
    attempt.memory_limit = workload->started.memory_limit;
    const auto own = loader::parse_commands(workload->offers);
    if (own) attempt.offers = loader::command_names(*own);
  };
  const auto add = [&](const Entry& entry, std::uint32_t step, const run::InFlight& of,
                       std::uint32_t rank) {
    RunningAttempt& attempt = attempts.emplace_back();
    attempt.id = protocol::member_of(
        {entry.run.id(), entry.run.machine().planned(step).id, of.attempt}, rank);
    attempt.pipeline = entry.run.plan().pipeline->name;
    attempt.started_us = of.started_us;
    attempt.hedge = of.hedge;
    attempt.stopping = of.stopping == run::Cause::none ? "" : pipeline::name(of.stopping);
    if (json pod = entry.run.pod_of(step, of.attempt); rank == 0 && pod.is_object())
      attempt.pod = std::move(pod);
    if (const auto found = steering.progress.find(attempt.id); found != steering.progress.end())
      attempt.progress = found->second;
    if (const auto found = steering.last.find(attempt.id); found != steering.last.end())
      attempt.last = found->second;
    observe(attempt);
  };
  for (const EntryPtr& entry : order) {
    const run::Machine& machine = entry->run.machine();
    for (std::uint32_t i = 0; i < machine.size() && machine.running() > 0; ++i) {
      const pipeline::Step& step = machine.spec_of(i);
      if (step.uses == "pipeline") continue;
      for (const run::InFlight& each : machine.in_flight(i)) {
        for (std::uint32_t rank = 0; rank < step.replicas; ++rank) add(*entry, i, each, rank);
      }
    }
  }
  if (steering.fleet) {
    for (const auto& [id, workload] : steering.fleet->workloads()) {
      const auto name_space = namespace_of_user(workload.sidecar.user);
      if (!name_space) continue;
      RunningAttempt& attempt = attempts.emplace_back();
      attempt.id = id;
      attempt.pipeline = *name_space;
      attempt.started_us = workload.started.started_us;
      attempt.pod = {{"name", steering.fleet->name_of(workload.sidecar)}, {"injected", true}};
      if (const auto found = steering.last.find(id); found != steering.last.end())
        attempt.last = found->second;
      observe(attempt);
    }
  }
  std::vector<backend::PodStatus> all_pods;
  for (const backend::PodBackend* each : pods) {
    for (backend::PodStatus& pod : each->pods()) all_pods.push_back(std::move(pod));
  }
  json waiting = json::array();
  for (const EntryPtr& entry : order) {
    if (!entry->over && !entry->run.waits().empty()) waiting.push_back(waiting_document(*entry));
  }
  work([this, attempts = std::move(attempts), all_pods = std::move(all_pods),
        waiting = std::move(waiting), client] {
    json top = top_document(attempts, all_pods, recent.knowledge(), wall_us());
    top["waiting"] = waiting;
    tell_done(client, {{"top", top}});
  });
}

void Engine::Impl::with_fleet(Steering::Then then) {
  if (steering.fleet) return then("");
  steering.then.push_back(std::move(then));
  if (std::exchange(steering.starting, true)) return;
  work([this] {
    const auto term = options.store->next_term();
    auto open = options.store->open_commands();
    const std::string problem = !term   ? term.error().message
                                : !open ? open.error().message
                                        : std::string();
    post([this, problem, broken = !term, term = term.value_or(0),
          open = std::move(open).value_or(std::vector<store::CommandRow>())] {
      steering.starting = false;
      if (broken) fail_all(problem);  // what could not be written once is not written later
      const std::string why = closing || failed ? "the engine is ending"
                              : problem.empty() ? start_fleet(term, open)
                                                : problem;
      steering.failed = !why.empty();
      if (steering.failed && options.log && !closing) options.log("no sidecars: " + why);
      for (const auto& each : std::exchange(steering.then, {})) each(why);
    });
  });
}

void Engine::Impl::take_over_commands() {
  const auto open = options.store->open_commands();
  if (!open || open->empty()) return;
  const std::int64_t now_us = wall_us();
  bool any = false;
  for (store::CommandRow row : *open) {
    if (now_us - row.deadline_us < kWatchForgottenUs) {
      any = true;
      continue;
    }
    row.outcome = "INDETERMINATE";
    row.message = "no engine was there to hear what became of it";
    row.ended_us = now_us;
    batch.commands.push_back(std::move(row));
  }
  flush();
  if (any) with_fleet([](const std::string&) {});
}

std::string Engine::Impl::start_fleet(std::uint64_t term,
                                      const std::vector<store::CommandRow>& open) {
  FleetOptions fleet;
  fleet.socket = options.state.hub_socket();
  fleet.term = term;
  fleet.post = [this](std::function<void()> call) { post(std::move(call)); };
  fleet.log = options.log;
  fleet.files = pod_files.access();
  auto started = Fleet::start(std::move(fleet), fleet_events(), recent);
  if (!started) return started.error().message;
  steering.fleet = std::move(*started);
  for (const store::CommandRow& row : open) {
    Steering::Asked& asked = steering.open[row.id];
    asked.row = row;
    asked.earlier = true;
    steering.last[{row.run, row.step, row.attempt}] = row;
    hand_over(row, true);
  }
  for (const auto& [name, backend] : backends) backend->observe(steering.fleet->endpoint());
  arm_seconds();
  return "";
}

}  // namespace scanflow::runtime
