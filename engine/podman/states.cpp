#include "engine/podman/states.hpp"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "sdk/base/utc.hpp"

namespace scanflow::podman {
namespace {

using nlohmann::json;

Result<json> parse(std::string_view text, const char* of) {
  json document = json::parse(text, nullptr, false);
  if (document.is_discarded()) {
    return fail(fmt::format("podman {} did not print JSON, but: {}", of, text.substr(0, 200)));
  }
  return document;
}

/// A member of an object; null where it is not there, or this is no object.
const json& member(const json& object, const char* name) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(name);
  return found == object.end() ? nothing : *found;
}

std::string text_of(const json& object, const char* name) {
  const json& value = member(object, name);
  return value.is_string() ? value.get<std::string>() : "";
}

int number_of(const json& object, const char* name) {
  const json& value = member(object, name);
  return value.is_number_integer() ? value.get<int>() : 0;
}

Labels labels_of(const json& object, const char* name) {
  Labels labels;
  const json& value = member(object, name);
  if (!value.is_object()) return labels;
  for (const auto& [key, each] : value.items()) {
    if (each.is_string()) labels.emplace(key, each.get<std::string>());
  }
  return labels;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// Podman's own container keeps the Pod's namespaces.
bool infra(const Pod& pod, const std::string& id, const std::string& name,
           const std::string& infra_id) {
  return infra_id.empty() ? name == pod.id.substr(0, 12) + "-infra" : id == infra_id;
}

void add_container(Pod& pod, const std::string& id, const std::string& name,
                   const std::string& status, const std::string& infra_id) {
  if (infra(pod, id, name, infra_id)) return;
  Container container;
  container.id = id;
  container.full_name = name;
  container.name = name.starts_with(pod.name + "-") ? name.substr(pod.name.size() + 1) : name;
  container.status = lower(status);
  pod.containers.push_back(std::move(container));
}

}  // namespace

std::int64_t read_time(std::string_view text) {
  tm parts{};
  int read = 0;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &read) != 6 ||
      parts.tm_year < 1970) {
    return 0;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  std::int64_t us = static_cast<std::int64_t>(::timegm(&parts)) * 1'000'000;
  std::string_view rest = text.substr(static_cast<std::size_t>(read));
  if (rest.starts_with('.')) {
    std::int64_t unit = 100'000;
    for (rest.remove_prefix(1); !rest.empty() && std::isdigit(static_cast<unsigned char>(rest[0]));
         rest.remove_prefix(1), unit /= 10) {
      us += (rest[0] - '0') * unit;
    }
  }
  int hours = 0, minutes = 0;
  const std::string zone(rest);
  if ((zone.starts_with('+') || zone.starts_with('-')) &&
      std::sscanf(zone.c_str() + 1, "%2d:%2d", &hours, &minutes) == 2) {
    const std::int64_t away = (hours * 60 + minutes) * std::int64_t{60'000'000};
    us += zone.front() == '+' ? -away : away;
  }
  return us;
}

std::string write_time(std::int64_t time_us) {
  std::string text = utc_text(time_us);
  text.pop_back();  // Z
  return fmt::format("{}.{:06}Z", text, time_us % 1'000'000);
}

Result<Played> read_played(std::string_view printed) {
  Played played;
  std::string_view section;
  std::string_view rest = printed;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const bool id = line.size() == 64 && std::all_of(line.begin(), line.end(), [](unsigned char c) {
                      return std::isxdigit(c) != 0;
                    });
    if (!id) {
      if (!line.empty()) section = line;
    } else if (section == "Pod:") {
      played.pod_id = line;
    } else if (section == "Container:" || section == "Containers:") {
      played.container_ids.emplace_back(line);
    }
  }
  if (played.pod_id.empty()) {
    return fail(
        fmt::format("podman kube play did not print a Pod's id, but: {}", printed.substr(0, 200)));
  }
  return played;
}

Result<Pod> read_pod(std::string_view text) {
  const Result<json> document = parse(text, "pod inspect");
  if (!document) return tl::unexpected(document.error());
  // Of one Pod, podman 4 prints an object, and podman 5 a list.
  const json& value = document->is_array() && !document->empty() ? document->front() : *document;
  Pod pod;
  pod.id = text_of(value, "Id");
  pod.name = text_of(value, "Name");
  pod.status = text_of(value, "State");
  pod.labels = labels_of(value, "Labels");
  pod.at_rest = true;
  if (pod.id.empty()) return fail("podman pod inspect printed a document without an Id");
  for (const json& each : member(value, "Containers")) {
    const std::string state = lower(text_of(each, "State"));  // "stopped" is not cleaned up yet
    pod.at_rest &= state == "exited" || state == "created" || state == "configured";
    add_container(pod, text_of(each, "Id"), text_of(each, "Name"), text_of(each, "State"),
                  text_of(value, "InfraContainerID"));
  }
  return pod;
}

Result<void> read_containers(std::string_view text, Pod& pod) {
  const Result<json> document = parse(text, "inspect");
  if (!document) return tl::unexpected(document.error());
  if (!document->is_array()) return fail("podman inspect did not print a list");
  for (const json& each : *document) {
    const std::string id = text_of(each, "Id");
    const auto found = std::find_if(pod.containers.begin(), pod.containers.end(),
                                    [&](const Container& one) { return one.id == id; });
    if (found == pod.containers.end()) continue;
    const json& state = member(each, "State");
    found->status = lower(text_of(state, "Status"));
    found->exit_code = number_of(state, "ExitCode");
    const json& oom = member(state, "OOMKilled");
    found->oom_killed = oom.is_boolean() && oom.get<bool>();
    found->error = text_of(state, "Error");
    found->started_us = read_time(text_of(state, "StartedAt"));
    found->finished_us = read_time(text_of(state, "FinishedAt"));
    // By other clocks: of a container that ends at once, podman's end lies before its start.
    if (found->finished_us != 0)
      found->finished_us = std::max(found->finished_us, found->started_us);
  }
  return {};
}

Result<std::vector<Pod>> read_pods(std::string_view text) {
  std::vector<Pod> pods;
  const Result<json> document = parse(text, "pod ps");
  if (!document) return tl::unexpected(document.error());
  for (const json& each : *document) {
    Pod pod{text_of(each, "Id"),
            text_of(each, "Name"),
            text_of(each, "Status"),
            labels_of(each, "Labels"),
            {}};
    for (const json& one : member(each, "Containers")) {
      add_container(pod, text_of(one, "Id"), text_of(one, "Names"), text_of(one, "Status"),
                    text_of(each, "InfraId"));
    }
    pods.push_back(std::move(pod));
  }
  return pods;
}

std::optional<Event> read_event(std::string_view line) {
  const json value = json::parse(line, nullptr, false);
  if (value.is_discarded() || text_of(value, "Type") != "container") return std::nullopt;
  Event event;
  const std::string status = text_of(value, "Status");
  event.what = status == "start"    ? Event::What::started
               : status == "died"   ? Event::What::died
               : status == "remove" ? Event::What::removed
                                    : Event::What::other;
  event.container_id = text_of(value, "ID");
  event.container = text_of(value, "Name");
  event.exit_code = number_of(value, "ContainerExitCode");  // left out where it is 0
  event.time_us = read_time(text_of(value, "Time"));
  event.labels = labels_of(value, "Attributes");
  return event;
}

}  // namespace scanflow::podman
