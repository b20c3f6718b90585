#include "engine/services/objects.hpp"

#include <algorithm>
#include <utility>

namespace scanflow::services {
namespace {

constexpr std::int64_t kAgainFirstUs = 1'000'000, kAgainLastUs = 30'000'000;

}  // namespace

void Objects::want(const Name& name, json object) {
  const auto [place, fresh] = objects_.try_emplace(name);
  if (!fresh && place->second.object == object) return;
  place->second = {std::move(object)};
}

std::vector<Objects::Task> Objects::due(std::int64_t now_us) const {
  std::vector<Task> tasks;
  for (const auto& [name, wanted] : objects_)
    if (!wanted.is_so && now_us >= wanted.again_us) tasks.push_back({name, wanted.object});
  return tasks;
}

void Objects::done(const Task& task, std::string problem, std::int64_t now_us) {
  const auto found = objects_.find(task.name);
  if (found == objects_.end() || found->second.object != task.object) return;  // no more wanted so
  Object& wanted = found->second;
  if (problem.empty() && task.object.is_null()) {
    objects_.erase(found);
    return;
  }
  wanted.is_so = problem.empty();
  wanted.wait_us =
      problem.empty() ? 0 : std::clamp(wanted.wait_us * 2, kAgainFirstUs, kAgainLastUs);
  wanted.again_us = now_us + wanted.wait_us;
  wanted.problem = std::move(problem);
}

void Objects::lost(const Name& name) {
  if (const auto found = objects_.find(name); found != objects_.end()) found->second.is_so = false;
}

void Objects::lost_all() {
  for (auto& [name, wanted] : objects_) wanted.is_so = false;
}

std::optional<std::string> Objects::outcome(const Name& name) const {
  const auto found = objects_.find(name);
  if (found == objects_.end()) return "";
  if (!found->second.is_so && found->second.problem.empty()) return std::nullopt;
  return found->second.problem;
}

std::vector<Objects::Name> Objects::wanted() const {
  std::vector<Name> names;
  for (const auto& [name, wanted] : objects_)
    if (!wanted.object.is_null()) names.push_back(name);
  return names;
}

}  // namespace scanflow::services
