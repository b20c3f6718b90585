#include "sidecar/app/attempts.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "sdk/base/clock.hpp"
#include "sdk/base/signals.hpp"
#include "sidecar/app/post_mortem_json.hpp"

namespace scanflow::sidecar {
namespace {

using nlohmann::json;

UniqueFd open_process(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

/// By its name, as OpenMetrics has it.
bool is_counter(std::string_view name) {
  constexpr std::array kCounters{"_total", "_bucket", "_sum", "_count"};
  return std::any_of(kCounters.begin(), kCounters.end(),
                     [&](const char* end) { return name.ends_with(end); });
}

tl::unexpected<execute::Hands::Unsent> unsent(int number, int error) {
  if (error == EPERM) {
    return tl::unexpected(execute::Hands::Unsent{
        true,
        "its processes are another user's, and this sidecar may send them no signals: let them run "
        "as the same user (runAsUser)"});
  }
  return tl::unexpected(
      execute::Hands::Unsent{false, fmt::format("cannot send it {}: {}", signal_name(number),
                                                std::generic_category().message(error))});
}

bool has_ended(const UniqueFd& process) {
  pollfd wait{process.get(), POLLIN, 0};
  return process && ::poll(&wait, 1, 0) > 0;
}

}  // namespace

std::vector<std::string> Attempts::add(Launchers::Id launcher, const protocol::Started& started,
                                       const std::vector<std::string>& rules,
                                       const std::vector<std::string>& own) {
  std::vector<std::string> problems;
  // Started anew in its place it is another process, of which nothing is known.
  if (const Attempt* known = find(started.id);
      known != nullptr && known->started.pid != started.pid) {
    remove(started.id);
  }
  const auto [place, fresh] = attempts_.try_emplace(started.id);
  Attempt& attempt = place->second;
  attempt.launcher = launcher;
  attempt.started = started;
  if (!fresh) return problems;
  attempt.process = open_process(started.pid);
  attempt.watched = collector_.add({started.id.step, static_cast<pid_t>(started.pid),
                                    static_cast<double>(started.memory_limit)});
  const auto read = [&](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      if (auto rule = collect::parse_rule(text)) {
        attempt.rules.emplace_back(std::move(*rule));
      } else {
        problems.push_back(rule.error().message);
      }
    }
  };
  read(rules);
  attempt.own_rules = attempt.rules.size();
  read(own);
  return problems;
}

void Attempts::remove(const protocol::AttemptId& id) {
  const auto found = attempts_.find(id);
  if (found == attempts_.end()) return;
  collector_.remove(found->second.watched);
  attempts_.erase(found);
}

Attempts::Attempt* Attempts::find(const protocol::AttemptId& id) {
  const auto found = attempts_.find(id);
  return found == attempts_.end() ? nullptr : &found->second;
}

std::vector<protocol::AttemptId> Attempts::of(Launchers::Id launcher) const {
  std::vector<protocol::AttemptId> ids;
  for (const auto& [id, attempt] : attempts_) {
    if (attempt.launcher == launcher) ids.push_back(id);
  }
  return ids;
}

link::TelemetryRing::Labels Attempts::labels_of(const protocol::AttemptId& id) const {
  return {
      {"run", id.run}, {"step", id.step}, {"attempt", std::to_string(id.attempt)}, {"pod", pod_}};
}

std::vector<Attempts::Fired> Attempts::sample(const execute::Executor& executor, execute::Now now) {
  collector_.sample(now.mono_us);
  std::vector<Fired> fired;
  for (auto& [id, attempt] : attempts_) {
    send(attempt, executor, now.wall_us);
    const collect::Values& values = collector_.values(attempt.watched);
    if (!attempt.oom_kills) attempt.oom_kills = values.get(collect::Metric::memory_oom_kills);
    const collect::History& history = collector_.history(attempt.watched);
    for (std::size_t i = 0; i < attempt.rules.size(); ++i) {
      collect::RuleWatch& rule = attempt.rules[i];
      if (const auto firing = rule.look(history, now.mono_us))
        fired.push_back({id, rule.rule(), *firing, i >= attempt.own_rules});
    }
  }
  return fired;
}

/// Series are named at their first value: what is never there costs nothing.
void Attempts::send(Attempt& attempt, const execute::Executor& executor, std::int64_t wall_us) {
  constexpr std::uint32_t kRefused = ~std::uint32_t{0};
  const auto add = [&](std::uint32_t& series, std::string_view name, const char* kind,
                       double value) {
    if (series == 0) {
      series = telemetry_.series(std::string(name), kind, labels_of(attempt.started.id));
      if (series == 0) series = kRefused;
    }
    if (series != kRefused) telemetry_.add(series, wall_us, value);
  };
  const collect::Values& values = collector_.values(attempt.watched);
  for (const collect::Description& described : collect::descriptions()) {
    const auto value = values.get(described.metric);
    if (!value || described.scope != collect::Scope::workload) continue;
    add(attempt.series[static_cast<std::size_t>(described.metric)], described.name,
        described.kind == collect::Kind::counter ? "counter" : "gauge", *value);
  }
  const execute::Hold* hold = executor.hold(attempt.started.id);
  if (hold == nullptr) return;
  add(attempt.paused_series, "scanflow_paused", "gauge", hold->paused() ? 1 : 0);
  add(attempt.share_series, "scanflow_throttle_share", "gauge", hold->share());
}

void Attempts::metric(const protocol::Metric& metric) {
  auto labels = labels_of(metric.id);
  labels.insert(metric.labels.begin(), metric.labels.end());
  const char* const kind = !metric.logged && is_counter(metric.name) ? "counter" : "gauge";
  if (const std::uint32_t series = telemetry_.series(metric.name, kind, labels); series != 0)
    telemetry_.add(series, metric.time_us, metric.value);
}

json Attempts::post_mortem(const Attempt& attempt, const protocol::Result& result,
                           execute::Now now) const {
  collect::Ending ending;
  ending.time_us = now.mono_us;
  ending.exit_code = result.signal == 0 ? std::optional<int>(result.exit_code) : std::nullopt;
  ending.signal = result.signal;
  ending.asked = result.status == "cancelled" || result.cause == "timeout";
  ending.oom_kills_before = attempt.oom_kills;
  ending.oom_kills_after =
      collector_.values(attempt.watched).get(collect::Metric::memory_oom_kills);
  ending.limit_reached = result.cause == "oom";
  if (attempt.started.memory_limit > 0)
    ending.memory_limit = static_cast<double>(attempt.started.memory_limit);
  const json told = json::parse(result.post_mortem, nullptr, false);
  if (told.is_object()) ending.last_lines = told.value("last_lines", std::vector<std::string>());
  json document =
      to_json(collect::make_post_mortem(collector_.history(attempt.watched), ending), now.mono_us);
  const auto seconds_before = [&](std::int64_t us) {
    return static_cast<double>(now.mono_us - us) / 1e6;
  };
  if (attempt.warned_us) document["warned_seconds_before"] = seconds_before(*attempt.warned_us);
  if (!attempt.checkpoint.is_null()) {
    document["checkpoint"] = attempt.checkpoint;
    document["checkpoint"]["seconds_before"] = seconds_before(attempt.checkpoint_us);
  }
  return document;
}

// --- hands

/// To its process group, and those of it that have left that; only while its leader lives, so that a
/// number which was given anew is not mistaken. To go on harms nobody, and what a leader leaves may be stopped.
Attempts::Sent Attempts::signal(const protocol::AttemptId& id, int number) {
  const Attempt* attempt = find(id);
  if (attempt == nullptr || attempt->started.pid <= 1 ||
      (number != SIGCONT && has_ended(attempt->process))) {
    return tl::unexpected(Unsent{false, "its processes are gone"});
  }
  if (::kill(-attempt->started.pid, number) != 0) return unsent(number, errno);
  for (const pid_t pid : collector_.outside(attempt->watched, attempt->started.pid))
    ::kill(pid, number);
  return {};
}

Attempts::Sent Attempts::signal_leader(const protocol::AttemptId& id, int number) {
  const Attempt* attempt = find(id);
  if (attempt == nullptr || !attempt->process)
    return tl::unexpected(Unsent{false, "its process is gone"});
  if (::syscall(SYS_pidfd_send_signal, attempt->process.get(), number, nullptr, 0) == 0) return {};
  return unsent(number, errno);
}

Result<void> Attempts::ask(const protocol::AttemptId& id, std::uint64_t call,
                           const std::string& name, const std::string& arguments) {
  const Attempt* attempt = find(id);
  if (attempt == nullptr ||
      !tell_(attempt->launcher, protocol::StepCommand{id, call, name, arguments}))
    return fail("whoever started it is gone");
  return {};
}

json Attempts::dump(const protocol::AttemptId& id) {
  const Attempt* attempt = find(id);
  if (attempt == nullptr) return json::object();
  const std::int64_t now_us = monotonic_us();
  collect::Ending ending;
  ending.time_us = now_us;
  if (attempt->started.memory_limit > 0)
    ending.memory_limit = static_cast<double>(attempt->started.memory_limit);
  json document =
      to_json(collect::make_post_mortem(collector_.history(attempt->watched), ending), now_us);
  for (const char* ended : {"cause", "certain", "reason", "summary"}) document.erase(ended);
  document["processes"] = collector_.processes(attempt->watched);
  for (const collect::Description& described : collect::descriptions()) {
    if (const auto value = collector_.values(attempt->watched).get(described.metric))
      document["metrics"][std::string(described.name)] = *value;
  }
  return document;
}

Result<void> Attempts::bring(std::uint64_t call, const std::vector<Wanted>& files) {
  if (!bring_)
    return fail("this sidecar brings no files: it was not told where from (SCANFLOW_BULK)");
  bring_(call, files);
  return {};
}

std::optional<execute::Hands::File> Attempts::look_at(const protocol::AttemptId& id,
                                                      const std::string& path) {
  const Attempt* attempt = find(id);
  if (attempt == nullptr) return std::nullopt;
  // Through its own root: in a Pod it has another one.
  const std::string seen = fmt::format("/proc/{}/root{}", attempt->started.pid, path);
  struct stat status {};
  if (::stat(seen.c_str(), &status) != 0 && ::stat(path.c_str(), &status) != 0) return std::nullopt;
  return File{
      static_cast<std::uint64_t>(status.st_size),
      static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000 + status.st_mtim.tv_nsec / 1000};
}

}  // namespace scanflow::sidecar
