// What a cluster says of its Pods.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <set>
#include <utility>

#include "engine/backend/kubernetes_driver.hpp"
#include "engine/backend/kubernetes_objects.hpp"
#include "engine/backend/pod_request.hpp"
#include "engine/kube/pod_logs.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::backend {

namespace {

constexpr std::chrono::seconds kClusterLook{1};
constexpr std::chrono::seconds kWordsPatience{3};
constexpr std::int64_t kAgainUs = 1'000'000, kAgainLongestUs = 30'000'000;

}  // namespace

void KubernetesDriver::on_created(const std::string& name, const Created& created) {
  const auto found = pods_.find(name);
  if (found == pods_.end()) return;
  Pod& pod = found->second;
  pod.uid = created.uid;
  pod.made_us = created.made_us;
  if (!created.failure) {
    pod.stage = Pod::Stage::waiting;
    pod.order.reset();
    pod.since_us = monotonic_us();
    arm();
    // What has happened meanwhile is not told again.
    if (const auto early = std::exchange(pod.early, std::nullopt)) on_status(*early);
    if (const auto still = pods_.find(name);
        still != pods_.end() && still->second.gone == created.uid)
      on_gone(name, created.uid);
    return;
  }
  const std::string why = kube::explained(*created.failure, created.asked);
  const std::int64_t now_us = monotonic_us();
  if (is_over_quota(*created.failure) && now_us - pod.since_us < options_.room_patience_us) {
    if (pod.refused == 0) events_.trouble(why + "; it is tried again");
    pod.again_us =
        now_us + kube::backoff_us(pod.refused++, client_->jitter(), kAgainUs, kAgainLongestUs);
    return arm();
  }
  not_made(name, {cause_of(*created.failure), why});
}

void KubernetesDriver::not_made(const std::string& name, NotMade why) {
  const auto found = pods_.find(name);
  if (found == pods_.end()) return;
  const auto then = std::move(found->second.then);
  const bool there = found->second.stage == Pod::Stage::waiting;
  const std::string uid = found->second.uid;
  pods_.erase(found);
  if (there) begin_removal(name, uid);
  then(std::move(why));
}

/// Who is not in the list is gone; who is in it, and nobody has made or keeps, is removed.
void KubernetesDriver::on_listed(const std::vector<kube::PodStatus>& all, std::int64_t begun_us) {
  std::set<std::string> there;
  for (const kube::PodStatus& status : all) {
    there.insert(status.name);
    on_status(status);
  }
  std::vector<std::string> gone;
  for (const auto& [name, pod] : pods_) {
    const bool was_there = pod.stage != Pod::Stage::creating && pod.made_us < begun_us;
    if (was_there && !there.contains(name)) gone.push_back(name);
  }
  for (const std::string& name : gone) on_gone(name);
  std::erase_if(removing_, [&](const std::string& name) { return !there.contains(name); });
}

void KubernetesDriver::on_status(const kube::PodStatus& status) {
  const auto found = pods_.find(status.name);
  if (found == pods_.end()) {
    // Its removal did not reach the server.
    if (!status.deleting) begin_removal(status.name, status.uid);
    return;
  }
  Pod& pod = found->second;
  if (pod.stage == Pod::Stage::creating) {
    pod.early = status;
    return;
  }
  if (!pod.uid.empty() && !status.uid.empty() && pod.uid != status.uid) return;  // one before it
  pod.uid = status.uid;
  if (std::exchange(pod.node, status.node) != status.node) events_.placed(status.name);
  if (pod.stage == Pod::Stage::waiting) on_waiting(status.name, pod, status);
  if (const auto still = pods_.find(status.name);
      still != pods_.end() && still->second.stage == Pod::Stage::made)
    tell_ends(still->second, status);
}

void KubernetesDriver::on_waiting(const std::string& name, Pod& pod,
                                  const kube::PodStatus& status) {
  using State = kube::ContainerStatus::State;
  const kube::ContainerStatus* app = status.find(kAppContainer);
  const bool begun = app != nullptr && app->state != State::waiting &&
                     app->reason != "StartError" && app->reason != "ContainerCannotRun";
  if (begun) {
    pod.stage = Pod::Stage::made;
    const auto then = std::exchange(pod.then, {});
    return then(std::nullopt);  // it may remove it
  }
  if (!status.trouble) {
    pod.trouble.reset();
    return;
  }
  if (!status.trouble->may_pass)
    return not_made(name, {status.trouble->cause, status.trouble->message});
  if (!pod.trouble || pod.trouble->message != status.trouble->message)
    events_.trouble(fmt::format("Pod {}: {}", name, status.trouble->message));
  if (!pod.trouble) pod.since_us = monotonic_us();
  pod.trouble = status.trouble;
}

void KubernetesDriver::tell_ends(Pod& pod, const kube::PodStatus& status) {
  for (const kube::ContainerStatus& container : status.containers) {
    if (container.name != kAppContainer && container.name != kSidecarContainer) continue;
    const bool over = container.state == kube::ContainerStatus::State::terminated;
    auto& told = pod.told.try_emplace(container.name, -1).first->second;
    if (!over || told >= container.restarts) continue;
    told = container.restarts;
    ContainerEnd end{status.name, container.name, container.exit_code, "", container.message};
    if (container.out_of_memory()) end.cause = "oom";
    if (container.name == kAppContainer && !container.out_of_memory()) {
      if (status.trouble) {
        end.cause = status.trouble->cause;
        end.last_words = status.trouble->message;
      } else if (status.deleting) {
        end.cause = "evicted";
        end.last_words = "was deleted by somebody else";
      }
    }
    if (end.exit_code != 0 && end.last_words.empty()) {
      tell_with_last_words(std::move(end));
      continue;
    }
    events_.ended(end);
    if (!pods_.contains(status.name)) return;
  }
  // A node that is gone tells nothing of its containers.
  if (status.trouble && status.trouble->cause == "lost" &&
      pod.told.try_emplace(kAppContainer, -1).first->second < 0) {
    pod.told[kAppContainer] = 0;
    events_.ended({status.name, kAppContainer, 0, "lost", status.trouble->message});
  }
}

/// Of one that never reached the hub they are all that says why. Without the right to read them it is told without.
void KubernetesDriver::tell_with_last_words(ContainerEnd end) {
  boost::asio::post(pool_, [this, end = std::move(end)]() mutable {
    end.last_words = kube::last_words_of(*client_, options_.name_space, end.pod, end.container,
                                         kWordsPatience, stop_.get_token());
    post([this, end = std::move(end)] { events_.ended(end); });
  });
}

/// Not by this engine: what that removes it forgets first.
void KubernetesDriver::on_gone(const std::string& name, const std::string& uid) {
  removing_.erase(name);
  const auto found = pods_.find(name);
  if (found == pods_.end()) return;
  if (found->second.stage == Pod::Stage::creating) {
    found->second.gone = uid;
    return;
  }
  if (!uid.empty() && !found->second.uid.empty() && uid != found->second.uid) return;
  if (found->second.stage == Pod::Stage::waiting) {
    return not_made(
        name,
        {"evicted", fmt::format("the Pod {} was deleted by somebody else before it ran", name)});
  }
  const auto app = found->second.told.find(kAppContainer);
  const bool told = app != found->second.told.end() && app->second >= 0;
  pods_.erase(found);
  if (!told) events_.ended({name, kAppContainer, 0, "evicted", "was deleted by somebody else"});
}

void KubernetesDriver::arm() {
  if (std::exchange(armed_, true)) return;
  timer_.expires_after(kClusterLook);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code error) {
    if (error || alive.expired()) return;
    armed_ = false;
    look_after(monotonic_us());
  });
}

void KubernetesDriver::look_after(std::int64_t now_us) {
  std::vector<std::string> late, again;
  bool waits = false;
  for (auto& [name, pod] : pods_) {
    if (pod.stage == Pod::Stage::made) continue;
    waits = true;
    if (pod.again_us > 0 && now_us >= pod.again_us) again.push_back(name);
    if (!pod.trouble) continue;
    const bool room = pod.trouble->cause == "retryable";
    const std::int64_t patience_us = room ? options_.room_patience_us : options_.image_patience_us;
    if (now_us - pod.since_us >= patience_us) late.push_back(name);
  }
  for (const std::string& name : again) {
    pods_.at(name).again_us = 0;
    create(name);
  }
  for (const std::string& name : late) {
    const kube::Trouble trouble = *pods_.at(name).trouble;
    not_made(name, {trouble.cause, trouble.message});
  }
  if (waits) arm();
}

}  // namespace scanflow::backend
