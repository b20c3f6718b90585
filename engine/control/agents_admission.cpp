// Rules on `submit`: what agents change of runs and services before they begin, or deny.
#include <fmt/format.h>

#include <algorithm>

#include "engine/control/agents.hpp"
#include "engine/pipeline/admission.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::control {
namespace {

constexpr std::chrono::seconds kAdmitWithin{5};
constexpr std::int64_t kWaitForAgentUs = 30'000'000;

/// By which the store keeps how a service was admitted.
std::string admitted_as(const store::Document& service) {
  return "admitted service " + service.name_space + "/" + service.name;
}

}  // namespace

Result<void> Agents::admit(runtime::Submission& submission) {
  auto admitted =
      admit(submission.file, submission.source, submission.name_space, submission.params);
  if (!admitted) return fail("the run is not admitted: " + admitted.error().message);
  submission.source = std::move(*admitted);
  return {};
}

Result<std::string> Agents::admit_service(const store::Document& service) {
  return with_ledger([&]() -> Result<std::string> {
    store::Store& store = *engine_->store();  // there for as long as the ledger is used
    const std::string key = admitted_as(service);
    const auto kept = store.kept(key);
    if (!kept) return tl::unexpected(kept.error());
    const json before = json::parse(kept->value_or(""), nullptr, false);
    // One that was deleted and is there again has the numbers of its versions again.
    const json which = {service.version, service.created_us};
    if (before.is_object() && before.value("which", json()) == which)
      return before.value("source", service.source);
    std::string unanswered;
    auto admitted =
        admit(service.file, service.source, service.name_space, json::object(), &unanswered);
    if (!admitted) return fail("it is not admitted: " + admitted.error().message);
    if (!has_waited(key + which.dump(), unanswered.empty()))
      return fail(
          fmt::format("agent {} does not say whether it may be served; it is waited for 30 s "
                      "at most",
                      unanswered));
    json now = {{"which", which}};
    if (*admitted != service.source) now["source"] = *admitted;
    if (auto written = store.keep(key, now.dump()); !written)
      return tl::unexpected(written.error());
    return admitted;
  });
}

/// For an agent that does not answer: its process may come yet. `answered`: none is waited for.
bool Agents::has_waited(const std::string& what, bool answered) {
  const std::int64_t now_us = monotonic_us();
  const std::lock_guard lock(mutex_);
  const auto since = waited_.emplace(what, now_us).first;
  if (!answered && now_us - since->second < kWaitForAgentUs) return false;
  waited_.erase(since);
  return true;
}

Result<std::string> Agents::admit(const std::string& file, std::string source,
                                  const std::string& name_space, const json& params,
                                  std::string* unanswered) {
  look();  // who was applied before this is asked
  std::map<std::string, std::shared_ptr<RunningAgent>> asked;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, kept] : agents_) {
      if (!kept.runner || !kept.spec) continue;
      const auto& rules = kept.spec->rules;
      if (std::any_of(rules.begin(), rules.end(),
                      [](const pipeline::AgentRule& rule) { return rule.on.uses == "submit"; }))
        asked[name] = kept.runner;
    }
  }
  for (const auto& [name, runner] : asked) {
    try {
      // The next one sees what this one has changed.
      const auto request = pipeline::admission_request(file, source, name_space, params);
      if (!request) break;  // what is wrong with it is said when it is read
      const auto actions = runner->admit(*request, kAdmitWithin);
      if (!actions) {
        options_.log(actions.error().message);
        if (unanswered != nullptr) *unanswered = name;
        continue;
      }
      if (auto denied = take_admission(name, file, *actions, source); !denied)
        return tl::unexpected(denied.error());
    } catch (const std::exception& error) {  // values that nobody expects: it may pass
      options_.log(fmt::format("agent {}: {}: {}", name, file, error.what()));
    }
  }
  return source;
}

/// What an agent has asked for: of `source`. An error: it denies it.
Result<void> Agents::take_admission(const std::string& name, const std::string& file,
                                    const std::vector<DecidedAction>& actions,
                                    std::string& source) const {
  for (const DecidedAction& each : actions) {
    if (each.primitive != "admit") continue;
    if (const std::string why = each.args.value("deny", ""); !why.empty())
      return fail(fmt::format("agent {}: {}", name, why));
    auto changed = pipeline::admitted(file, source, each.args);
    if (changed)
      source = std::move(*changed);
    else
      options_.log(fmt::format("agent {}: {}: {}", name, file, changed.error().message));
  }
  return {};
}

}  // namespace scanflow::control
