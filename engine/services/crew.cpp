#include "engine/services/crew.hpp"

#include <algorithm>

namespace scanflow::services {
namespace {

/// Its sidecar may not have found the hub yet.
constexpr std::int64_t kAgainUs = 500'000;
/// A model that it could not load: to try costs, and is recorded each time.
constexpr std::int64_t kFirstRetryUs = 2'000'000, kLongestRetryUs = 300'000'000;

}  // namespace

void Crew::want(std::string document, std::map<std::string, json> traffic) {
  document_ = std::move(document);
  traffic_ = std::move(traffic);
}

/// It may be able to have this.
void Crew::want_of(const std::string& node, json traffic) {
  traffic_[node] = std::move(traffic);
  for (auto& [uid, pod] : pods_) {
    Told& told = pod.told[node];
    told.again_us = told.wait_us = 0;
    told.problem.clear();
    told.refused = false;
  }
}

void Crew::seen(const SeenPod& pod) {
  Pod& known = pods_[pod.uid];
  // Another process: it was told nothing.
  if (known.seen.restarts != pod.restarts || (known.seen.running && !pod.running))
    known.told.clear();
  known.seen = pod;
}

void Crew::listed(const std::vector<SeenPod>& pods) {
  std::set<std::string> there;
  for (const SeenPod& pod : pods) {
    there.insert(pod.uid);
    seen(pod);
  }
  std::erase_if(pods_, [&](const auto& each) { return !there.contains(each.first); });
}

std::vector<Crew::Order> Crew::orders(std::int64_t now_us) {
  std::vector<Order> orders;
  for (auto& [uid, pod] : pods_) {
    const bool busy = std::any_of(pod.told.begin(), pod.told.end(),
                                  [](const auto& each) { return each.second.asked != 0; });
    if (!concerned(pod) || busy) continue;
    for (const auto& [node, traffic] : traffic_) {
      Told& told = pod.told[node];
      if (told.traffic == traffic || told.asked != 0 || now_us < told.again_us) continue;
      told.asked = ++last_;
      orders.push_back({uid, node, traffic, last_});
      break;
    }
  }
  return orders;
}

void Crew::answered(const Order& order, const Answer& answer, std::int64_t now_us) {
  const auto pod = pods_.find(order.uid);
  if (pod == pods_.end()) return;
  const auto told = pod->second.told.find(order.node);
  if (told == pod->second.told.end() || told->second.asked != order.number) return;
  told->second.asked = 0;
  told->second.problem = answer.done ? "" : answer.message;
  told->second.refused = !answer.done && answer.refused;
  std::int64_t& wait_us = told->second.wait_us;
  wait_us = !told->second.refused ? 0
            : wait_us == 0        ? kFirstRetryUs
                                  : std::min(wait_us * 2, kLongestRetryUs);
  told->second.again_us = answer.done ? 0 : now_us + std::max(wait_us, kAgainUs);
  if (!answer.done) return;
  told->second.traffic = order.traffic;
  told->second.switched_us = answer.switched_us;
}

void Crew::forget(const std::string& uid, const std::string& node) {
  const auto pod = pods_.find(uid);
  if (pod != pods_.end()) pod->second.told.erase(node);
}

bool Crew::has_problem(const Pod& pod) {
  return std::any_of(pod.told.begin(), pod.told.end(),
                     [](const auto& each) { return !each.second.problem.empty(); });
}

std::string Crew::first() const {
  for (const auto& [uid, pod] : pods_)
    if (concerned(pod) && pod.seen.ready && !has_problem(pod)) return uid;
  return {};
}

bool Crew::settled(const std::string& node) const {
  const auto wanted = traffic_.find(node);
  return wanted == traffic_.end() || std::all_of(pods_.begin(), pods_.end(), [&](const auto& each) {
           const auto told = each.second.told.find(node);
           return !concerned(each.second) || !each.second.seen.ready ||
                  (told != each.second.told.end() && told->second.traffic == wanted->second);
         });
}

std::vector<SeenPod> Crew::refusers(const std::string& node) const {
  std::vector<SeenPod> refusers;
  for (const auto& [uid, pod] : pods_) {
    const auto told = pod.told.find(node);
    if (concerned(pod) && told != pod.told.end() && told->second.refused)
      refusers.push_back(pod.seen);
  }
  return refusers;
}

std::int64_t Crew::slowest_us(const std::string& node) const {
  std::int64_t slowest = 0;
  for (const auto& [uid, pod] : pods_) {
    const auto told = pod.told.find(node);
    if (told != pod.told.end()) slowest = std::max(slowest, told->second.switched_us);
  }
  return slowest;
}

std::vector<Crew::Member> Crew::members() const {
  std::vector<Member> members;
  for (const auto& [uid, pod] : pods_) {
    Member member{pod.seen, pod.seen.trouble};
    for (const auto& [node, told] : pod.told)
      if (member.problem.empty()) member.problem = told.problem;
    members.push_back(std::move(member));
  }
  return members;
}

std::size_t Crew::ready() const {
  return static_cast<std::size_t>(std::count_if(
      pods_.begin(), pods_.end(), [](const auto& each) { return each.second.seen.ready; }));
}

}  // namespace scanflow::services
