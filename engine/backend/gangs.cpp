#include "engine/backend/gangs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <variant>

#include "engine/backend/free_port.hpp"

namespace scanflow::backend {
namespace {

/// Numbers that ranks give to what they say stay apart below it.
constexpr unsigned kRankShift = 40;

std::uint64_t of_rank(std::uint64_t number, std::uint32_t rank) {
  return number | std::uint64_t{rank} << kRankShift;
}

/// One of this machine's that nobody listens on now; below those that connections are given by themselves, and the same
/// for the next engine, whose ranks may meet those of this one.
std::uint16_t port_for(const protocol::AttemptId& id) {
  constexpr std::uint16_t kFirst = 20'000, kPorts = 12'000;
  const std::size_t hash =
      std::hash<std::string>()(fmt::format("{} {} {}", id.run, id.step, id.attempt));
  for (std::size_t i = 0; i < kPorts; ++i) {
    const auto port = static_cast<std::uint16_t>(kFirst + (hash + i) % kPorts);
    if (is_free_port(port)) return port;
  }
  return kRendezvousPort;
}

/// As torchrun names them. What the step itself says stays.
void add_rank(protocol::Request& request, std::uint32_t rank, bool here) {
  const std::string number = std::to_string(rank), all = std::to_string(request.replicas);
  request.env.insert({{"SCANFLOW_RANK", number},
                      {"SCANFLOW_REPLICAS", all},
                      {"RANK", number},
                      {"WORLD_SIZE", all},
                      {"LOCAL_RANK", here ? number : "0"},
                      {"LOCAL_WORLD_SIZE", here ? all : "1"}});
}

bool has_failed(const Member& member) { return member.result.status == "failed"; }
bool has_ended(const Member& member) { return !member.result.status.empty(); }

/// Ranks that lose each other fail soon after the one that began.
const Member* first_failed(const std::vector<Member>& members) {
  const Member* first = nullptr;
  for (const Member& member : members) {
    if (has_failed(member) && (first == nullptr || member.result.ended_us < first->result.ended_us))
      first = &member;
  }
  return first;
}

/// Those of rank 0 by their names, the others' with the rank behind it: "model@1".
void add_artifacts(const Member& member, protocol::Result& result) {
  for (protocol::ArtifactFile file : member.result.artifacts) {
    if (member.rank > 0) file.name += fmt::format("@{}", member.rank);
    result.artifacts.push_back(std::move(file));
  }
}

}  // namespace

protocol::Result result_of(const std::vector<Member>& members, const std::string& stop) {
  const Member* why = stop.empty() ? first_failed(members) : nullptr;
  protocol::Result result = why != nullptr ? why->result : members.front().result;
  result.id = members.front().result.id;
  result.artifacts.clear();
  result.cpu_us = 0;
  for (const Member& member : members) {
    add_artifacts(member, result);
    result.cpu_us += member.result.cpu_us;
    result.max_rss = std::max(result.max_rss, member.result.max_rss);
    result.started_us = std::min(result.started_us, member.result.started_us);
    result.ended_us = std::max(result.ended_us, member.result.ended_us);
  }
  if (why != nullptr) {
    result.message = fmt::format("rank {} of {}: {}", why->rank, members.size(), result.message);
    return result;
  }
  const auto open = std::find_if(members.begin(), members.end(), [](const Member& member) {
    return member.result.status != "succeeded";
  });
  if (open == members.end()) return result;  // what was to stop it came too late
  result.status = "cancelled";
  result.cause = stop.empty() ? "cancelled" : stop;
  result.message = open->result.message;
  return result;
}

// --- what the backend is told

class Gangs::Over final : public Backend {
 public:
  Over(std::unique_ptr<Backend> inner, Gangs& gangs) : inner_(std::move(inner)), gangs_(gangs) {}

  void get_ready() override { inner_->get_ready(); }
  void survey() override { inner_->survey(); }
  void observe(const std::string& hub) override { inner_->observe(hub); }

  void launch(std::vector<RequestPtr> requests) override {
    std::vector<RequestPtr> ranks;
    for (RequestPtr& request : requests) {
      if (request->replicas == 1) {
        ranks.push_back(std::move(request));
        continue;
      }
      for (RequestPtr& rank : gangs_.launch(*inner_, request)) ranks.push_back(std::move(rank));
    }
    inner_->launch(std::move(ranks));
  }

  void stop(const Id& id, const std::string& reason) override {
    const auto found = gangs_.gangs_.find(id);
    if (found == gangs_.gangs_.end()) return inner_->stop(id, reason);
    Gang& gang = found->second;
    const std::string why = reason.empty() ? "cancelled" : reason;
    if (gang.stop.empty() && first_failed(gang.members) == nullptr) gang.stop = why;
    gangs_.stop_others(id, gang, why);
  }

  void acknowledge(const Id& id) override {
    for (const Id& member : gangs_.members_of(id)) inner_->acknowledge(member);
    gangs_.forget(id);
  }

  void forget(const std::vector<Id>& ids) override {
    std::vector<Id> all;
    for (const Id& id : ids) {
      for (Id& member : gangs_.members_of(id)) all.push_back(std::move(member));
    }
    inner_->forget(all);
    for (const Id& id : ids) gangs_.forget(id);
  }

  void reply(const protocol::HostReply& reply) override {
    protocol::HostReply to = reply;
    to.id = protocol::member_of(reply.id, static_cast<std::uint32_t>(reply.call >> kRankShift));
    to.call = reply.call & ((std::uint64_t{1} << kRankShift) - 1);
    inner_->reply(to);
  }

 private:
  const std::unique_ptr<Backend> inner_;
  Gangs& gangs_;
};

std::unique_ptr<Backend> Gangs::over(std::unique_ptr<Backend> inner) {
  return std::make_unique<Over>(std::move(inner), *this);
}

std::vector<RequestPtr> Gangs::launch(Backend& backend, const RequestPtr& request) {
  const bool here = request->pod.empty();
  Gang& gang = gangs_[request->id];
  gang.backend = &backend;
  gang.members.resize(request->replicas);
  const std::string port = here ? std::to_string(port_for(request->id)) : "";
  std::vector<RequestPtr> ranks;
  for (std::uint32_t rank = 0; rank < request->replicas; ++rank) {
    gang.members[rank].rank = rank;
    auto one = std::make_shared<protocol::Request>(*request);
    one->id = protocol::member_of(request->id, rank);
    add_rank(*one, rank, here);
    if (here) one->env.insert({{"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", port}});
    ranks.push_back(std::move(one));
  }
  return ranks;
}

std::vector<protocol::AttemptId> Gangs::members_of(const Id& gang) const {
  std::vector<Id> members{gang};
  if (const auto found = gangs_.find(gang); found != gangs_.end()) {
    for (std::uint32_t rank = 1; rank < found->second.members.size(); ++rank)
      members.push_back(protocol::member_of(gang, rank));
  } else if (const auto kept = kept_.find(gang); kept != kept_.end()) {
    for (const std::uint32_t rank : kept->second)
      members.push_back(protocol::member_of(gang, rank));
  }
  return members;
}

void Gangs::forget(const Id& gang) {
  gangs_.erase(gang);
  kept_.erase(gang);
}

void Gangs::stop_others(const Id& id, Gang& gang, const std::string& reason) {
  for (std::uint32_t rank = 0; rank < gang.members.size(); ++rank) {
    if (!has_ended(gang.members[rank])) gang.backend->stop(protocol::member_of(id, rank), reason);
  }
}

// --- what backends tell

std::vector<Report> Gangs::fold(std::vector<Report> reports) {
  std::vector<Report> told;
  told.reserve(reports.size());
  for (Report& report : reports) {
    if (auto* ended = std::get_if<protocol::Ended>(&report)) {
      take(std::move(*ended), told);
    } else if (auto* strays = std::get_if<Strays>(&report)) {
      std::set<Id> ids;
      for (const Id& each : strays->ids) {
        const protocol::Rank of = protocol::rank_of(each);
        if (of.rank > 0) kept_[of.gang].insert(of.rank);
        ids.insert(of.gang);
      }
      told.emplace_back(Strays{{ids.begin(), ids.end()}});
    } else if (auto* kept = std::get_if<Kept>(&report)) {
      const protocol::Rank of = protocol::rank_of(kept->id);
      if (of.rank > 0) kept_[of.gang].insert(of.rank);
      told.emplace_back(Kept{of.gang});
    } else if (auto* progress = std::get_if<protocol::Progress>(&report)) {
      if (protocol::rank_of(progress->id).rank == 0) told.push_back(std::move(report));
    } else if (auto* placed = std::get_if<Placed>(&report)) {
      const protocol::Rank of = protocol::rank_of(placed->id);
      if (const auto found = gangs_.find(of.gang);
          found != gangs_.end() && of.rank < found->second.members.size()) {
        found->second.members[of.rank].pod = placed->pod;
        found->second.members[of.rank].node = placed->node;
      }
      if (of.rank == 0) told.push_back(std::move(report));
    } else if (auto* metric = std::get_if<protocol::Metric>(&report)) {
      const protocol::Rank of = protocol::rank_of(metric->id);
      if (of.rank > 0 || gangs_.contains(of.gang)) {
        metric->labels.emplace("rank", std::to_string(of.rank));
        metric->number = of_rank(metric->number, of.rank);
        metric->id = of.gang;
      }
      told.push_back(std::move(report));
    } else if (auto* call = std::get_if<protocol::HostCall>(&report)) {
      const protocol::Rank of = protocol::rank_of(call->id);
      call->call = of_rank(call->call, of.rank);
      call->id = of.gang;
      told.push_back(std::move(report));
    } else {
      told.push_back(std::move(report));
    }
  }
  return told;
}

void Gangs::take(protocol::Ended ended, std::vector<Report>& told) {
  const protocol::Rank of = protocol::rank_of(ended.result.id);
  const auto found = gangs_.find(of.gang);
  if (found == gangs_.end()) {
    if (of.rank > 0) kept_[of.gang].insert(of.rank);
    ended.result.id = of.gang;
    told.emplace_back(std::move(ended));
    return;
  }
  Gang& gang = found->second;
  if (of.rank >= gang.members.size() || has_ended(gang.members[of.rank])) return;  // told twice
  const bool stopped = !gang.stop.empty() || first_failed(gang.members) != nullptr;
  Member& member = gang.members[of.rank];
  member.result = std::move(ended.result);
  if (has_failed(member) && !stopped) stop_others(of.gang, gang, "cancelled");
  if (std::all_of(gang.members.begin(), gang.members.end(), has_ended))
    told.emplace_back(GangEnded{result_of(gang.members, gang.stop), gang.members});
}

}  // namespace scanflow::backend
