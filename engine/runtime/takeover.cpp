// What an engine finds when it begins: runs of an earlier one, whose attempts go on, and whose
// clients come to it one after the other. Until they do, these runs are held: they count for all
// limits, and nothing of them is decided. Requests wait until it is known what there is.
#include <utility>

#include "engine/backend/names.hpp"
#include "engine/runtime/engine_impl.hpp"

namespace scanflow::runtime {
namespace {

/// Nobody tells that a follower has died, and that what it followed counts no more.
constexpr auto kLookAgain = std::chrono::milliseconds(200);

}  // namespace

void Engine::Impl::take_over() {
  if (!options.store) return;
  take_over_commands();
  const auto unfinished = options.store->unfinished();
  if (!unfinished || unfinished->empty()) return;
  if (auto opened = RunLocks::open(options.state.followers()))
    followers.emplace(std::move(*opened));
  std::map<std::string, std::string> parents;
  for (const store::RunRow& run : *unfinished) parents[run.id] = run.parent;
  for (const store::RunRow& run : *unfinished) {
    std::string top = run.id;
    while (!parents[top].empty()) top = parents[top];
    if (followers && followers->has(top)) hold(run.id);
  }
  ++finding_out;  // until on_strays
  backend_for("local")->survey();
}

void Engine::Impl::hold(const std::string& id) {
  if (runs.contains(id) || held.contains(id)) return;
  ++finding_out;
  recover(id, [this, id](const Recovered& recovered) {
    const EntryPtr& entry = recovered.entry;
    const bool over = entry && entry->run.machine().status() > run::RunStatus::running;
    if (entry && !over && !runs.contains(id)) held.emplace(id, entry);
    found_out();
  });
}

void Engine::Impl::on_strays(const std::vector<protocol::AttemptId>& ids) {
  strays = {ids.begin(), ids.end()};
  for (const protocol::AttemptId& id : ids) hold(id.run);
  if (!std::exchange(surveyed, true)) return found_out();
  pump();
}

void Engine::Impl::found_out() {
  if (--finding_out > 0 || closing) return;
  for (const auto& request : std::exchange(deferred, {})) request();
  pump();
  flush();
  look_again();
}

void Engine::Impl::ask(std::function<void()> request) {
  post([this, request = std::move(request)]() mutable {
    if (finding_out > 0 && !closing) return deferred.push_back(std::move(request));
    request();
  });
}

bool Engine::Impl::is_expected(const Entry& entry) const {
  std::string top = entry.run.id();
  const std::optional<Caller>* caller = &entry.run.submission().caller;
  while (*caller) {
    top = (*caller)->run;
    if (runs.contains(top)) return true;  // it will recover it
    const auto found = held.find(top);
    if (found == held.end()) break;
    caller = &found->second->run.submission().caller;
  }
  return followers && followers->has(top);
}

void Engine::Impl::count_held(run::Scheduler& scheduler, Quotas& quotas) const {
  for (const auto& [id, entry] : held) {
    const run::Machine& machine = entry->run.machine();
    const bool expected = is_expected(*entry);
    const bool elsewhere = backend::runs_elsewhere(entry->run.submission().options.backend);
    for (std::uint32_t i = 0; i < machine.size(); ++i) {
      for (const run::InFlight& each : machine.in_flight(i)) {
        if (!expected && !strays.contains({id, machine.planned(i).id, each.attempt})) continue;
        scheduler.add({&machine.spec_of(i), 1}, elsewhere);
        quotas.add(machine.plan().pipeline->name_space, {&machine.spec_of(i), 1});
      }
    }
  }
}

void Engine::Impl::look_again() {
  if (held.empty() || closing) return;
  held_timer.expires_after(kLookAgain);
  held_timer.async_wait([this](boost::system::error_code error) {
    if (error || closing) return;
    start_queued();
    pump();
    flush();
    look_again();
  });
}

}  // namespace scanflow::runtime
