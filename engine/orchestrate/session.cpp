#include "engine/orchestrate/session.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/kube/fields.hpp"

namespace scanflow::orchestrate {
namespace {

constexpr int kMostDecisions = 6;
constexpr std::int64_t kFirstPauseUs = 100'000, kLongestPauseUs = 2'000'000;
constexpr const char* kFieldManager = "scanflow";

std::string path_of(const Target& target, const std::string& subresource) {
  return kube::path_of(target.kind, target.name_space, target.name, subresource);
}

json version_of(const json& object) {
  return object.value("/metadata/resourceVersion"_json_pointer, json());
}

std::string name_of(const Change& change) {
  return fmt::format("{}{}{}", named(change.target), change.subresource.empty() ? "" : "/",
                     change.subresource);
}

std::string what_is_asked(const Change& change) {
  return fmt::format("{} {}", change.before.is_null() ? "apply" : "change", name_of(change));
}

}  // namespace

json evidence_of(const Change& change, const json& after) {
  const bool secret = change.target.kind.kind == "Secret";
  const auto shown = [&](const json& object) {
    if (object.is_null()) return json();
    return secret ? json("not shown: it is a Secret")
                  : touched(object, change.body, change.how == kube::Patch::strategic);
  };
  return {{"object", name_of(change)},
          {"before", shown(change.before)},
          {"after", shown(after)},
          {"resource_versions",
           {{"before", change.before.is_null() ? json() : version_of(change.before)},
            {"after", version_of(after)}}}};
}

Session::Session(kube::Client& client, const Request& request, const std::stop_token& stop)
    : client_(client),
      request_(request),
      stop_(stop),
      until_us_(client.means().monotonic_us() + request.deadline_us) {}

std::int64_t Session::wall_us() const { return client_.means().wall_us(); }

bool Session::is_late() const {
  return stop_.stop_requested() || client_.means().monotonic_us() >= until_us_;
}

kube::Answer<json> Session::get(const Target& target, const std::string& subresource) {
  auto object = client_.call({.path = path_of(target, subresource)}, stop_);
  // A Scale has its workload's.
  if (object && uid_.empty() && path_of(target, "") == path_of(this->target(), ""))
    uid_ = kube::text_at(*object, "/metadata/uid"_json_pointer);
  return object;
}

kube::Answer<json> Session::post(const Target& target, const std::string& subresource,
                                 const json& body) {
  return client_.call(
      {.method = "POST",
       .path = path_of(target, subresource),
       .query = {{"fieldManager", kFieldManager}, {"dryRun", dry_run() ? "All" : ""}},
       .body = body},
      stop_);
}

kube::Answer<json> Session::patch(const Change& change) {
  const kube::PatchOptions options{
      .subresource = change.subresource, .dry_run = dry_run(), .force = change.force};
  return client_.patch(change.target.kind, change.target.name_space, change.target.name, change.how,
                       change.body, options, stop_);
}

Read<json> Session::read(const Target& target) {
  auto object = get(target);
  if (object) return std::move(*object);
  Outcome outcome = outcome_of(object.error(), "read " + named(target));
  if (object.error().code == 404 && target.kind.namespaced)
    outcome.message += fmt::format(" (looked for in namespace {}: --kube-namespace names another)",
                                   target.name_space);
  return tl::unexpected(std::move(outcome));
}

Read<std::vector<json>> Session::list(const kube::Kind& kind, const std::string& name_space) {
  auto all = client_.list(kind, name_space, {}, stop_);
  if (all) return std::move(all->items);
  return tl::unexpected(
      outcome_of(all.error(), fmt::format("list {} of {}", kind.plural, name_space)));
}

Read<std::vector<json>> Session::list_if_known(const kube::Kind& kind,
                                               const std::string& name_space) {
  auto all = client_.list(kind, name_space, {}, stop_);
  if (all) return std::move(all->items);
  // Who has no right to a kind is told so also where there is none of it.
  constexpr int kNotFound = 404, kForbidden = 403;
  const int code = all.error().code;
  if (code == kNotFound || (code == kForbidden && !knows(kind))) return std::vector<json>();
  return tl::unexpected(
      outcome_of(all.error(), fmt::format("list {} of {}", kind.plural, name_space)));
}

bool Session::knows(const kube::Kind& kind) {
  const auto resources =
      client_.call({.path = fmt::format("/apis/{}/{}", kind.group, kind.version)}, stop_);
  return resources || resources.error().code != 404;
}

std::optional<Outcome> Session::make(const Plan& plan) {
  Outcome outcome;
  outcome.message = plan.message;
  outcome.evidence = plan.evidence;
  json made = json::array();
  for (const Change& change : plan.changes) {
    const auto after = patch(change);
    if (after) {
      made.push_back(evidence_of(change, *after));
      continue;
    }
    if (is_stale(after.error()) && made.empty()) return std::nullopt;
    Outcome why = outcome_of(after.error(), what_is_asked(change));
    if (const std::string managers = managers_of(after.error()); !managers.empty()) {
      why.state = Outcome::State::refused;
      why.message = fmt::format(
          "{}: fields that it would set are managed by {}, which would set them back: change them "
          "there, or take them over (force=true)",
          named(change.target), managers);
    }
    if (!made.empty()) {
      why.state = Outcome::State::failed;
      why.message += fmt::format("; what came before it is done: {}",
                                 made.back()["object"].get<std::string>());
    }
    why.evidence.update(plan.evidence);
    why.evidence["changes"] = std::move(made);
    return why;
  }
  outcome.evidence["changes"] = std::move(made);
  return outcome;
}

Outcome Session::carry_out(const std::function<Planned()>& decide) {
  for (int decided = 1;; ++decided) {
    const Planned plan = decide();
    if (!plan) return plan.error();
    if (auto outcome = make(*plan)) {
      if (dry_run() && outcome->state == Outcome::State::done)
        outcome->message = "dry run, nothing is changed: " + outcome->message;
      return *outcome;
    }
    if (decided >= kMostDecisions || !pause(decided - 1))
      return failed(fmt::format("{} is changed by others all the time ({} tries): ask again later",
                                named(target()), decided));
  }
}

Outcome Session::change_target(const std::function<Planned(const json& object)>& decide) {
  return carry_out([&]() -> Planned {
    const auto object = read(target());
    if (!object) return tl::unexpected(object.error());
    return decide(*object);
  });
}

bool Session::pause(int times) {
  const std::int64_t left_us = until_us_ - client_.means().monotonic_us();
  if (left_us <= 0) return false;
  const std::int64_t wait_us =
      kube::backoff_us(times, client_.jitter(), kFirstPauseUs, kLongestPauseUs);
  return kube::wait_for(std::min(wait_us, left_us), stop_);
}

}  // namespace scanflow::orchestrate
