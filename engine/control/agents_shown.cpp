// What people are shown of agents, and who runs them.
#include <fmt/format.h>

#include <utility>

#include "engine/control/agents.hpp"
#include "engine/control/rule_watches.hpp"

namespace scanflow::control {

std::shared_ptr<RunningAgent> Agents::runner_of(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = agents_.find(name);
  return found == agents_.end() ? nullptr : found->second.runner;
}

/// Of the objects that its rules watch. Under the mutex.
std::string Agents::watch_problem(const std::string& name) const {
  const auto found = object_watches_.find(name);
  if (found == object_watches_.end()) return {};
  for (const std::uint64_t each : found->second)
    if (std::string problem = objects_.problem(each); !problem.empty()) return problem;
  return {};
}

json Agents::describe(const std::string& name, const Kept& kept) const {
  const std::size_t slash = name.find('/');
  json row = {{"namespace", name.substr(0, slash)},
              {"name", name.substr(slash + 1)},
              {"version", kept.version},
              {"template", kept.template_},
              {"rules", kept.runner ? kept.runner->rules() : json::array()}};
  const bool is_paused = paused_.contains(name);
  const bool is_process = kept.sessions != nullptr;
  row["runs"] = to_text(is_process ? pipeline::AgentRuns::process : pipeline::AgentRuns::server);
  row["run_by"] = is_process ? kept.sessions->run_by() : json();
  std::string problem = kept.problem.empty() ? watch_problem(name) : kept.problem;
  if (is_process && problem.empty()) problem = kept.sessions->problem();
  const bool waits = is_process && row.at("run_by").is_null();
  row["status"] = !problem.empty() ? "failed" : is_paused ? "paused" : waits ? "waiting" : "active";
  row["problem"] = std::move(problem);
  if (is_paused) row["paused_by"] = paused_.at(name);
  return row;
}

json Agents::list() const {
  const std::lock_guard lock(mutex_);
  json rows = json::array();
  for (const auto& [name, kept] : agents_) rows.push_back(describe(name, kept));
  return rows;
}

std::optional<json> Agents::show(const std::string& name_space, const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = agents_.find(name_space + "/" + name);
  if (found == agents_.end()) return std::nullopt;
  return describe(found->first, found->second);
}

/// Its rules are woken elsewhere: by whoever begins a session. One that has the lease stays through versions.
void Agents::begin_process(const std::string& name, Kept& kept, AgentRunner::Options options) {
  AgentSessions::Options how;
  how.agent = std::move(options);
  how.version = kept.version;
  how.unwatch = [this, name] {
    const std::lock_guard lock(mutex_);
    unwatch(name);
  };
  how.watches =
      [asked = std::make_shared<RuleWatches>(how.agent.catalog, options_.worker, options_.log)](
          const pipeline::AgentRule& rule) { return asked->of(rule); };
  if (kept.sessions) {
    kept.sessions->take(std::move(how));
  } else {
    kept.sessions = std::make_shared<AgentSessions>(std::move(how), ledger_, *actor_, writing_);
    options_.log(fmt::format("agent {}@{} waits for its process", name, kept.version));
  }
  kept.runner = kept.sessions;
}

Allowed<std::shared_ptr<AgentSessions>> Agents::sessions(const std::string& name_space,
                                                         const std::string& name) const {
  const std::string whole = name_space + "/" + name;
  {
    const std::lock_guard lock(mutex_);
    const auto found = agents_.find(whole);
    if (!ending_ && found != agents_.end() && found->second.sessions) return found->second.sessions;
  }
  const auto document = store_->document("Agent", name_space, name);
  const auto refuse = [](Refusal::Why why, std::string message) {
    return tl::unexpected(Refusal{why, std::move(message)});
  };
  if (!document) return refuse(Refusal::Why::broken, document.error().message);
  if (!*document)
    return refuse(Refusal::Why::unknown, fmt::format("there is no agent '{}'", whole));
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return refuse(Refusal::Why::not_yet, "the server is ending; ask the next one");
    const auto found = agents_.find(whole);
    const bool is_newest = found != agents_.end() && found->second.version == (*document)->version;
    if (is_newest && found->second.runner)
      return refuse(Refusal::Why::in_server,
                    fmt::format("agent {} runs in the server: write 'runs: process' into its "
                                "document, and apply it",
                                whole));
    if (is_newest && !found->second.problem.empty())
      return refuse(Refusal::Why::not_yet,
                    fmt::format("agent {}: {}", whole, found->second.problem));
  }
  return refuse(Refusal::Why::not_yet,
                fmt::format("agent {} was applied just now, and is about to be read", whole));
}

}  // namespace scanflow::control
