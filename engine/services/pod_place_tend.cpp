// What the thread of a PodPlace does: Pods are told what is new, their number follows what is asked of them, and a backup
// answers where nothing else does.
#include <fmt/format.h>

#include "engine/kube/failure.hpp"
#include "engine/services/pod_figures.hpp"
#include "engine/services/pod_place.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::services {
namespace {

namespace kinds = kube::kinds;

constexpr std::chrono::milliseconds kTend{250};
constexpr std::int64_t kFiguresUs = 500'000;  // how often they are looked at
constexpr std::int64_t kLookAgainUs = 10'000'000;
constexpr std::int64_t kScaleAgainUs = 1'000'000;  // after one that may have failed

/// What an engine says of a primitive; none: that is not the end of it.
std::optional<Crew::Answer> answer_of(const json& update) {
  const std::string type = update.value("type", "");
  if (type == "rejected" && update.value("reason", "") == "not_found")
    return Crew::Answer{.message = "its sidecar has not reached the hub yet"};
  if (type == "rejected" || type == "closing")
    return Crew::Answer{.message = update.value("message", "the engine ends")};
  if (type != "done") return std::nullopt;
  const json& command = update.at("command");
  Crew::Answer answer;
  answer.done = command.at("outcome") == "DONE";
  answer.refused = command.at("evidence").value("refused", false);
  answer.message = command.value("message", "");
  answer.switched_us = command.at("evidence").value("switched_us", std::int64_t{0});
  return answer;
}

std::vector<std::string> uids_of(const Crew& crew) {
  std::vector<std::string> uids;
  for (const Crew::Member& member : crew.members()) uids.push_back(member.pod.uid);
  return uids;
}

}  // namespace

void PodPlace::tend() {
  std::unique_lock lock(mutex_);
  while (!stop_.stop_requested()) {
    tell_pods(lock);
    scale_all(lock);
    fail_over(lock);
    make_again(lock);
    changed_.wait_for(lock, kTend);
  }
}

void PodPlace::tell_pods(std::unique_lock<std::mutex>& lock) {
  std::vector<std::pair<std::string, Crew::Order>> orders;
  for (auto& [object, crew] : crews_) {
    for (Crew::Order& each : crew.orders(monotonic_us()))
      orders.emplace_back(object, std::move(each));
  }
  lock.unlock();
  for (const auto& [object, each] : orders) order(object, each);
  lock.lock();
}

void PodPlace::order(const std::string& object, const Crew::Order& order) {
  ask(order.uid, order.traffic, [this, object, order](const Crew::Answer& answer) {
    const std::lock_guard lock(mutex_);
    crews_[object].answered(order, answer, monotonic_us());
    changed_.notify_all();
  });
}

void PodPlace::ask(const std::string& uid, const json& traffic,
                   std::function<void(Crew::Answer)> then) {
  runtime::PrimitiveRequest request;
  request.run = uid;
  request.step = kServiceContainer;
  request.primitive = "set_traffic";
  request.arguments = traffic.dump();
  request.by = "services";
  runtime::Client client;
  client.listener = [then](const runtime::Update& update) {
    const auto answer = answer_of(*update);
    if (answer) then(*answer);
    return !answer;
  };
  const std::lock_guard lock(mutex_);
  if (engine_ != nullptr) engine_->primitive(std::move(request), std::move(client));
}

/// As processes are (serve::Scaling), of what sidecars tell each second.
void PodPlace::scale_all(std::unique_lock<std::mutex>& lock) {
  struct Wish {
    serve::ServiceName name;
    std::size_t replicas;
    std::string text;
  };
  std::vector<Wish> wishes;
  const knowledge::Knowledge* const recent = engine_ == nullptr ? nullptr : engine_->recent();
  const std::int64_t now_us = monotonic_us();
  for (auto& [name, served] : served_) {
    if (!served.nodes || now_us - served.looked_us < kFiguresUs) continue;
    const std::int64_t passed_us =
        served.looked_us == 0 ? 0 : std::min<std::int64_t>(now_us - served.looked_us, 2'000'000);
    served.looked_us = now_us;
    const auto busy = recent == nullptr
                          ? std::nullopt
                          : in_flight_of(*recent, uids_of(crews_[object_name(name)]), wall_us());
    // Who tells nothing is not idle: then all stays as it is, within the rule.
    served.busy_us += static_cast<std::uint64_t>(busy.value_or(0) * static_cast<double>(passed_us));
    if (busy) (void)served.scaling.decide(now_us, served.busy_us);
    const std::size_t wanted = served.scaling.wanted();
    if (wanted == served.applied || now_us - served.scaled_us < kScaleAgainUs) continue;
    served.scaled_us = now_us;
    wishes.push_back({name, wanted, served.scaling.text(served.applied)});
  }
  lock.unlock();
  for (const Wish& wish : wishes) {
    const auto scaled = client_->patch(
        kinds::kDeployment, settings_.name_space, object_name(wish.name), kube::Patch::merge,
        {{"spec", {{"replicas", wish.replicas}}}}, {.unread = true}, stop_.get_token());
    options_.log(
        fmt::format("service {}: {}", serve::text_of(wish.name),
                    scaled ? wish.text : kube::explained(scaled.error(), "scale its Deployment")));
    lock.lock();
    const auto served = served_.find(wish.name);
    if (scaled && served != served_.end()) served->second.applied = wish.replicas;
    lock.unlock();
  }
  lock.lock();
}

/// The cluster's Service hands requests to other Pods.
void PodPlace::fail_over(std::unique_lock<std::mutex>& lock) {
  std::vector<std::pair<serve::ServiceName, bool>> changes;
  for (auto& [name, served] : served_) {
    const bool own = crews_[object_name(name)].ready() > 0;
    const bool ready = served.backup_answers || crews_[backup_name(name)].ready() > 0;
    const bool answers = !own && served.backup && ready;
    if (answers != served.backup_answers) changes.emplace_back(name, answers);
  }
  lock.unlock();
  for (const auto& [name, answers] : changes) {
    const std::string to = answers ? backup_name(name) : object_name(name);
    const auto changed = apply(kinds::kService, service_of(name, to, settings_));
    options_.log(fmt::format("service {}: {}", serve::text_of(name),
                             !changed  ? changed.error().message
                             : answers ? "none of its Pods is ready: its backup answers"
                                       : "its own Pods answer again"));
    lock.lock();
    const auto served = served_.find(name);
    if (served != served_.end() && changed) {
      served->second.backup_answers = answers;
      if (answers) ++served->second.failovers;
    }
    lock.unlock();
  }
  lock.lock();
}

/// What somebody has deleted.
void PodPlace::make_again(std::unique_lock<std::mutex>& lock) {
  if (!watcher_ || monotonic_us() - made_again_us_ < kLookAgainUs) return;
  made_again_us_ = monotonic_us();
  struct Made {
    serve::ServiceName name;
    std::string to;
    std::map<std::string, json> deployments;
  };
  std::vector<Made> all;
  for (const auto& [name, served] : served_) {
    all.push_back(
        {name, served.backup_answers ? backup_name(name) : object_name(name), served.deployments});
    const auto own = all.back().deployments.find(object_name(name));
    if (own != all.back().deployments.end())
      own->second["spec"]["replicas"] = served.scaling.wanted();
  }
  lock.unlock();
  const auto is_gone = [&](const kube::Kind& kind, const std::string& object) {
    const auto there = client_->get(kind, settings_.name_space, object, stop_.get_token());
    if (there || !there.error().is("NotFound")) return false;
    options_.log(fmt::format("services: {} was deleted, and is made again",
                             kube::named(kind, settings_.name_space, object)));
    return true;
  };
  for (const Made& made : all) {
    if (is_gone(kinds::kService, object_name(made.name)))
      (void)apply(kinds::kService, service_of(made.name, made.to, settings_));
    for (const auto& [object, deployment] : made.deployments)
      if (is_gone(kinds::kDeployment, object)) (void)apply(kinds::kDeployment, deployment);
    lock.lock();
    const bool removed = !served_.contains(made.name);
    lock.unlock();
    if (!removed) continue;  // else meanwhile: what was made again goes, too
    for (const auto& [object, deployment] : made.deployments) drop(kinds::kDeployment, object);
    drop(kinds::kService, object_name(made.name));
  }
  lock.lock();
}

}  // namespace scanflow::services
