// How the services of a PodPlace fare.
#include <fmt/format.h>

#include <algorithm>

#include "engine/services/pod_figures.hpp"
#include "engine/services/pod_place.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::services {
namespace {

constexpr int kLogLines = 200;

}  // namespace

json PodPlace::describe(const serve::ServiceName& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = served_.find(name);
  if (found == served_.end()) return json::object();
  const Served& served = found->second;
  const auto ready_of = [&](const std::string& object) {
    const auto crew = crews_.find(object);
    return crew == crews_.end() ? 0 : crew->second.ready();
  };
  json row = {{"url", fmt::format("http://{}.{}.svc/v2/models/{}", object_name(name),
                                  settings_.name_space, name.name)},
              {"replicas", served.scaling.wanted()},
              {"ready", ready_of(object_name(name))}};
  std::vector<std::string> pods;
  for (const Crew::Member& member : members_of(name)) {
    pods.push_back(member.pod.uid);
    if (!member.problem.empty() && row["ready"] == 0)
      row["problem"] = fmt::format("Pod {}: {}", member.pod.name, member.problem);
  }
  for (const Objects::Name& object :
       {Objects::Name{Objects::Kind::service, object_name(name)},
        Objects::Name{Objects::Kind::deployment, object_name(name)},
        Objects::Name{Objects::Kind::deployment, backup_name(name)}}) {
    if (const auto outcome = objects_.outcome(object); outcome && !outcome->empty())
      row["problem"] = *outcome;
  }
  if (served.backup) {
    row["backup"] = {{"ready", ready_of(backup_name(name))},
                     {"answers", served.backup_answers},
                     {"failovers", served.failovers}};
  }
  const knowledge::Knowledge* const recent = sidecars_.recent();
  if (recent == nullptr) return row;
  const PodFigures figures = figures_of(*recent, serve::text_of(name), pods, wall_us());
  row["requests"] = figures.requests;
  row["errors"] = figures.errors;
  row["in_flight"] = static_cast<std::uint64_t>(figures.in_flight);
  row["p50_us"] = figures.p50_us;
  row["p99_us"] = figures.p99_us;
  return row;
}

/// Under the mutex: its own, then those of its backup.
std::vector<Crew::Member> PodPlace::members_of(const serve::ServiceName& name) const {
  std::vector<Crew::Member> all;
  for (const std::string& object : {object_name(name), backup_name(name)}) {
    const auto crew = crews_.find(object);
    if (crew == crews_.end()) continue;
    const std::vector<Crew::Member> members = crew->second.members();
    all.insert(all.end(), members.begin(), members.end());
  }
  return all;
}

json PodPlace::processes(const serve::ServiceName& name) const {
  const std::lock_guard lock(mutex_);
  json rows = json::array();
  for (const Crew::Member& member : members_of(name)) {
    rows.push_back({{"id", member.pod.name},
                    {"state", member.pod.ready ? "ready" : "starting"},
                    {"node", member.pod.node},
                    {"problem", member.problem}});
  }
  return rows;
}

std::string PodPlace::logs(const serve::ServiceName& name) const {
  std::vector<Crew::Member> members;
  std::shared_ptr<kube::Client> client;
  {
    const std::lock_guard lock(mutex_);
    members = members_of(name);
    client = client_;
  }
  std::string text;
  for (const Crew::Member& member : members) {
    const std::string& pod = member.pod.name;
    const auto stream = client->open_stream(
        {.path = kube::path_of(kube::kinds::kPod, settings_.name_space, pod, "log"),
         .query = {{"container", kServiceContainer}, {"tailLines", std::to_string(kLogLines)}}},
        stop_.get_token());
    std::string all;
    while (stream) {
      auto piece = (*stream)->next(stop_.get_token(), std::chrono::seconds(10));
      if (!piece || piece->empty()) break;
      all += *piece;
    }
    for (std::size_t begin = 0; begin < all.size();) {
      const std::size_t end = std::min(all.find('\n', begin), all.size());
      text += fmt::format("{}  {}\n", pod, all.substr(begin, end - begin));
      begin = end + 1;
    }
    if (!stream) text += fmt::format("{}  ({})\n", pod, stream.error().message);
  }
  return text;
}

}  // namespace scanflow::services
