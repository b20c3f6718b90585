#include "engine/pipeline/applications.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "engine/pipeline/reference.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::pipeline {
namespace {

constexpr double kSumOfTenths = 1e-9;

std::string source_of(const Secret& secret) {
  if (!secret.env.empty()) return fmt::format("{{env: {}}}", secret.env);
  if (!secret.file.empty()) return fmt::format("{{file: {}}}", secret.file);
  return fmt::format("{{secret: {{name: {}, key: {}}}}}", secret.name, secret.key);
}

bool same_source(const Secret& a, const Secret& b) {
  return a.env == b.env && a.file == b.file && a.name == b.name && a.key == b.key;
}

std::string place_of(const Owner& owner) {
  return fmt::format("the team {} of the Application {}/{}", owner.team->name,
                     owner.application->name_space, owner.application->name);
}

bool may_use(const Team& team, const Reference& wanted) {
  return std::any_of(team.uses.begin(), team.uses.end(), [&](const PipelineRight& use) {
    return use.name_space == wanted.name_space && (use.name.empty() || use.name == wanted.name) &&
           (!use.version || use.version == wanted.version);
  });
}

/// Of a pipeline that was called by its name; nothing: it is a file.
std::optional<std::uint32_t> version_called(const Pipeline& called) {
  if (names_file(called.file)) return std::nullopt;
  const auto reference = parse_reference(called.file);
  return reference ? reference->version : std::nullopt;
}

class Judge {
 public:
  explicit Judge(const Applications& applications) : applications_(applications) {}

  void check_caller(const Asked& asked) {
    if (asked.caller.empty()) return;
    if (asked.caller != asked.pipeline.name_space) check_open(asked.caller);
    const auto version = asked.version > 0 ? std::optional(asked.version) : std::nullopt;
    const Reference wanted{asked.pipeline.name_space, asked.pipeline.name, version};
    const std::string why = no_right(asked.caller, wanted);
    if (!why.empty()) found_.push_back(fmt::format("error: {}", why));
  }

  void check(const Pipeline& pipeline) {
    if (!seen_.insert(&pipeline).second) return;
    check_open(pipeline.name_space);
    const Owner* const owner = applications_.owner_of(pipeline.name_space);
    for (const Step& step : pipeline.steps) {
      if (owner != nullptr) check_step(pipeline, step, *owner);
      const auto called = pipeline.calls.find(step.call);
      if (step.uses == "pipeline" && called != pipeline.calls.end()) check(*called->second);
    }
  }

  std::vector<std::string> take() { return std::move(found_); }

 private:
  /// Of each namespace once.
  void check_open(const std::string& name_space) {
    if (!opened_.insert(name_space).second) return;
    const std::string why = applications_.closed(name_space);
    if (!why.empty()) found_.push_back("error: " + why);
  }

  /// Why whoever acts for `caller` may not run it, or "".
  std::string no_right(const std::string& caller, const Reference& wanted) const {
    const Owner* const owner = applications_.owner_of(caller);
    if (owner == nullptr || caller == wanted.name_space || may_use(*owner->team, wanted)) return {};
    const std::string named = to_text(Reference{wanted.name_space, wanted.name, std::nullopt});
    return fmt::format("{} may not use the pipeline {}; to let it, add to 'uses' of {}: \"{}\"",
                       to_text(*owner), to_text(wanted), place_of(*owner), named);
  }

  void report(const Pipeline& pipeline, const Step& step, const Location& at,
              const std::string& what) {
    found_.push_back(fmt::format("{}:{}:{}: error: step '{}' {}", pipeline.file, at.line, at.column,
                                 step.name, what));
  }

  void check_step(const Pipeline& pipeline, const Step& step, const Owner& owner) {
    const auto called = pipeline.calls.find(step.call);
    if (step.uses == "pipeline" && called != pipeline.calls.end()) {
      const Pipeline& other = *called->second;
      const std::string why =
          no_right(pipeline.name_space, {other.name_space, other.name, version_called(other)});
      if (!why.empty())
        report(pipeline, step, step.at, fmt::format("calls {}: {}", step.call, why));
    }
    check_secrets(pipeline, step, owner);
    check_quota(pipeline, step, owner);
  }

  void check_secrets(const Pipeline& pipeline, const Step& step, const Owner& owner) {
    if (!owner.team->secrets) return;
    for (const auto& [variable, secret] : step.secrets) {
      const bool listed = std::any_of(
          owner.team->secrets->begin(), owner.team->secrets->end(),
          [&, &named = secret](const Secret& each) { return same_source(each, named); });
      if (listed) continue;
      const auto place = step.field_at.find("/secrets/" + variable);
      report(pipeline, step, place != step.field_at.end() ? place->second : step.at,
             fmt::format("names the secret {}, which {} has not; to let it, add to 'secrets' of "
                         "{}: {}",
                         variable, to_text(owner), place_of(owner), source_of(secret)));
    }
  }

  void check_quota(const Pipeline& pipeline, const Step& step, const Owner& owner) {
    const std::vector<std::string> over = over_quota(owner.team->quota, step);
    if (over.empty()) return;
    const std::string ranks =
        step.replicas > 1 ? fmt::format(" ({} replicas)", step.replicas) : std::string();
    report(pipeline, step, step.at,
           fmt::format("can never start: it asks for {}{}, more than the whole quota of {}; lower "
                       "what it asks for, or raise 'quota' of {}",
                       fmt::join(over, " and "), ranks, pipeline.name_space, place_of(owner)));
  }

  const Applications& applications_;
  std::set<const Pipeline*> seen_;
  std::set<std::string> opened_;
  std::vector<std::string> found_;
};

}  // namespace

std::string to_text(const Owner& owner) {
  return fmt::format("the team {} of the application {}", owner.team->name,
                     owner.application->name);
}

Applications Applications::unknown(std::string why) {
  Applications none;
  none.unknown_ = std::move(why);
  return none;
}

Applications::Applications(std::vector<std::shared_ptr<const ApplicationSpec>> all,
                           std::vector<UnreadApplication> unread)
    : all_(std::move(all)), unread_(std::move(unread)) {
  for (const auto& application : all_) {
    for (const Team& team : application->teams)
      owners_.try_emplace(team.name_space, Owner{application.get(), &team});
  }
}

const Owner* Applications::owner_of(const std::string& name_space) const {
  const auto found = owners_.find(name_space);
  return found == owners_.end() ? nullptr : &found->second;
}

std::string Applications::closed(const std::string& name_space) const {
  if (!unknown_.empty())
    return "the registered applications cannot be read, so that it is not known what may begin: " +
           unknown_;
  for (const UnreadApplication& each : unread_) {
    const bool claimed = each.claims.empty() ? name_space.starts_with(each.name + "-")
                                             : std::find(each.claims.begin(), each.claims.end(),
                                                         name_space) != each.claims.end();
    if (claimed)
      return fmt::format(
          "the namespace {} is of the Application {}/{}, which cannot be read any more; apply it "
          "anew, or delete it:\n{}",
          name_space, each.name_space, each.name, each.why);
  }
  return {};
}

std::vector<std::string> over_quota(const Quota& quota, const Step& step, std::uint32_t attempts) {
  std::vector<std::string> over;
  if (step.uses == "pipeline") return over;
  const double cpus = cpus_of(step) * attempts;
  const std::uint64_t memory = memory_of(step) * attempts;
  const std::uint32_t gpus = gpus_of(step) * attempts;
  if (quota.cpus && cpus > *quota.cpus + kSumOfTenths)
    over.push_back(fmt::format("{} CPUs of {}", cpus, *quota.cpus));
  if (quota.memory && memory > *quota.memory)
    over.push_back(
        fmt::format("{} of memory of {}", format_bytes(memory), format_bytes(*quota.memory)));
  if (quota.gpus && gpus > *quota.gpus)
    over.push_back(fmt::format("{} GPUs of {}", gpus, *quota.gpus));
  return over;
}

std::string claimed_twice(const std::vector<std::shared_ptr<const ApplicationSpec>>& all) {
  std::map<std::string, Owner> owners;
  std::string text;
  for (const auto& application : all) {
    for (const Team& team : application->teams) {
      const Owner here{application.get(), &team};
      const auto [first, added] = owners.try_emplace(team.name_space, here);
      if (added) continue;
      text += fmt::format(
          "{}: error: the namespace {} is of {}, and of {} ({}); rename one of the teams, or of "
          "the "
          "applications\n",
          application->file, team.name_space, place_of(here), place_of(first->second),
          first->second.application->file);
    }
  }
  return text;
}

std::vector<std::string> refusals(const Applications& applications, const Asked& asked) {
  if (applications.empty()) return {};
  Judge judge(applications);
  judge.check_caller(asked);
  judge.check(asked.pipeline);
  return judge.take();
}

std::string render_refusals(const std::vector<std::string>& refusals, std::string_view then) {
  if (refusals.empty()) return {};
  return fmt::format("{}\n{} error{}; {}", fmt::join(refusals, "\n"), refusals.size(),
                     refusals.size() == 1 ? "" : "s", then);
}

double cpus_of(const Step& step) { return step.resources.cpu_request * step.replicas; }

std::uint64_t memory_of(const Step& step) { return step.resources.memory_request * step.replicas; }

std::uint32_t gpus_of(const Step& step) {
  std::uint32_t gpus = 0;
  for (const auto& [name, count] : step.resources.devices) {
    if (name.ends_with("/gpu")) gpus += count;
  }
  return gpus * step.replicas;
}

}  // namespace scanflow::pipeline
