// What the threads of a PodPlace do: Pods are told what is new, their number follows what is asked of them, and a backup
// answers where nothing else does.
#include <fmt/format.h>

#include "engine/backend/kubernetes_objects.hpp"
#include "engine/kube/failure.hpp"
#include "engine/kube/fields.hpp"
#include "engine/services/pod_figures.hpp"
#include "engine/services/pod_place.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::services {
namespace {

namespace kinds = kube::kinds;

constexpr std::chrono::milliseconds kTend{250};
constexpr std::int64_t kFiguresUs = 500'000;  // how often they are looked at
constexpr std::int64_t kLookAgainUs = 10'000'000;

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
    scale_all();
    fail_over();
    changed_.wait_for(lock, kTend);
  }
}

/// On a thread of its own: an API server that does not answer keeps no Pod from being told.
void PodPlace::keep_objects() {
  std::unique_lock lock(mutex_);
  while (!stop_.stop_requested()) {
    look_again(lock);
    carry_out(lock);
    changed_.wait_for(lock, kTend);
  }
}

void PodPlace::tell_pods(std::unique_lock<std::mutex>& lock) {
  std::erase_if(crews_, [](const auto& each) { return each.second.over(); });
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
  sidecars_.set_traffic(order.uid, order.traffic,
                        [this, object, order](const Crew::Answer& answer) {
                          const std::lock_guard lock(mutex_);
                          crews_[object].answered(order, answer, monotonic_us());
                          changed_.notify_all();
                        });
}

/// As processes are (serve::Scaling), of what sidecars tell each second.
void PodPlace::scale_all() {
  const knowledge::Knowledge* const recent = sidecars_.recent();
  const std::int64_t now_us = monotonic_us();
  for (auto& [name, served] : served_) {
    if (!served.own || now_us - served.looked_us < kFiguresUs) continue;
    const std::int64_t passed_us =
        served.looked_us == 0 ? 0 : std::min<std::int64_t>(now_us - served.looked_us, 2'000'000);
    served.looked_us = now_us;
    const auto busy = recent == nullptr
                          ? std::nullopt
                          : in_flight_of(*recent, uids_of(crews_[object_name(name)]), wall_us());
    if (!busy) continue;  // who tells nothing is not idle: all stays as it is
    served.busy_us += static_cast<std::uint64_t>(*busy * static_cast<double>(passed_us));
    const std::size_t before = served.scaling.wanted();
    if (served.scaling.decide(now_us, served.busy_us) == before) continue;
    options_.log(fmt::format("service {}: {}", serve::text_of(name), served.scaling.text(before)));
    want(name, served);
  }
}

/// The cluster's Service hands requests to other Pods.
void PodPlace::fail_over() {
  for (auto& [name, served] : served_) {
    const bool own = crews_[object_name(name)].ready() > 0;
    const bool ready = served.backup_wanted || crews_[backup_name(name)].ready() > 0;
    const bool answers = !own && served.backup && ready;
    if (std::exchange(served.backup_wanted, answers) != answers) want(name, served);
    const bool is_so = objects_.outcome({Objects::Kind::service, object_name(name)}) == "";
    if (!is_so || std::exchange(served.backup_answers, answers) == answers) continue;
    if (answers) ++served.failovers;
    options_.log(fmt::format(
        "service {}: {}", serve::text_of(name),
        answers ? "none of its Pods is ready: its backup answers" : "its own Pods answer again"));
  }
}

/// What somebody has deleted is made again.
void PodPlace::look_again(std::unique_lock<std::mutex>& lock) {
  if (!watcher_ || monotonic_us() - looked_again_us_ < kLookAgainUs) return;
  looked_again_us_ = monotonic_us();
  look_for_owner(lock);
  for (const Objects::Name& name : objects_.wanted()) {
    lock.unlock();
    const kube::Kind& kind = kube_kind(name.kind);
    const auto there = client_->get(kind, settings_.name_space, name.name, stop_.get_token());
    lock.lock();
    if (there || !there.error().is("NotFound") || objects_.outcome(name) != "") continue;
    options_.log(fmt::format("services: {} was deleted, and is made again",
                             kube::named(kind, settings_.name_space, name.name)));
    objects_.lost(name);
  }
}

/// What belongs to nothing, the cluster deletes.
void PodPlace::look_for_owner(std::unique_lock<std::mutex>& lock) {
  const backend::ClusterOwner before = owner_;
  lock.unlock();
  const auto there =
      client_->get(kinds::kConfigMap, settings_.name_space, before.name, stop_.get_token());
  if (there || !there.error().is("NotFound")) return lock.lock();
  auto owner =
      backend::make_owner(*client_, settings_.name_space, options_.state, stop_.get_token());
  lock.lock();
  if (!owner) return options_.log("services: " + owner.error().message);
  options_.log(
      fmt::format("services: the ConfigMap {} was deleted, and is made again", owner->name));
  owner_ = std::move(*owner);
  objects_.lost_all();
}

void PodPlace::carry_out(std::unique_lock<std::mutex>& lock) {
  for (const Objects::Task& task : objects_.due(monotonic_us())) {
    const backend::ClusterOwner owner = owner_;
    lock.unlock();
    const auto done = carry_out(task, owner);
    lock.lock();
    if (!done && !stop_.stop_requested()) options_.log("services: " + done.error().message);
    objects_.done(task, done ? "" : done.error().message, monotonic_us());
    changed_.notify_all();
  }
}

/// Goes with the engine's ConfigMap.
Result<void> PodPlace::carry_out(const Objects::Task& task, const backend::ClusterOwner& owner) {
  const kube::Kind& kind = kube_kind(task.name.kind);
  const std::string& name = task.name.name;
  const auto named = [&] { return kube::named(kind, settings_.name_space, name); };
  if (task.object.is_null()) {
    const auto there = client_->get(kind, settings_.name_space, name, stop_.get_token());
    if (!there && there.error().is("NotFound")) return {};
    if (!there) return fail(kube::explained(there.error(), "get " + named()));
    if (kube::text_at(*there, "/metadata/labels/scanflow.dev~1state"_json_pointer) !=
        options_.state)
      return {};  // another's, of the same name
    const auto gone = client_->remove(kind, settings_.name_space, name,
                                      {.uid = kube::text_at(*there, "/metadata/uid"_json_pointer)},
                                      stop_.get_token());
    if (gone) return {};
    return fail(kube::explained(gone.error(), "delete " + named()));
  }
  json object = task.object;
  backend::own(object, kinds::kConfigMap, owner.name, owner.uid);
  const auto applied = client_->patch(kind, settings_.name_space, name, kube::Patch::apply, object,
                                      {.force = true, .unread = true}, stop_.get_token());
  if (applied) return {};
  return fail(kube::explained(applied.error(), "apply " + named()));
}

}  // namespace scanflow::services
