// What is asked of a cluster.
#include "engine/backend/kubernetes_driver.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <cstdlib>
#include <utility>

#include "engine/backend/kubernetes_objects.hpp"
#include "engine/kube/fields.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::backend {

using nlohmann::json;
namespace kinds = kube::kinds;

namespace {

/// Seconds that a Pod may take to end of which all that is wanted has come.
constexpr std::int64_t kNothingWanted = 15;

const json& labels_of(const json& object) {
  return kube::part_of(kube::part_of(object, "metadata"), "labels");
}

}  // namespace

KubernetesDriver::KubernetesDriver(KubernetesOptions options, std::string state,
                                   boost::asio::io_context& strand, Events events)
    : options_(std::move(options)),
      state_(std::move(state)),
      strand_(strand),
      events_(std::move(events)),
      timer_(strand) {}

KubernetesDriver::~KubernetesDriver() {
  alive_.reset();
  watcher_.reset();
  stop_.request_stop();
  pool_.join();
}

/// On the strand, unless this is gone by then.
void KubernetesDriver::post(std::function<void()> call) {
  boost::asio::post(strand_, [alive = std::weak_ptr(alive_), call = std::move(call)] {
    if (!alive.expired()) call();
  });
}

void KubernetesDriver::open(std::function<void(Result<std::vector<std::string>>)> then) {
  boost::asio::post(pool_, [this, then = std::move(then)] {
    auto names = open_now();
    post([this, then, names = std::move(names)] {
      if (names) {
        for (const std::string& name : *names) pods_[name].stage = Pod::Stage::made;
        watch();
      }
      then(names);
    });
  });
}

Result<std::vector<std::string>> KubernetesDriver::open_now() {
  if (!client_) {
    auto found = find_cluster(options_.where, options_.means, options_.name_space,
                              options_.advertise, stop_.get_token());
    if (!found) return tl::unexpected(found.error());
    native_ = found->keeps_sidecars;
    options_.name_space = std::move(found->name_space);
    client_ = std::move(found->client);
  }
  auto owner = make_owner(*client_, options_.name_space, state_, stop_.get_token());
  if (!owner) return tl::unexpected(owner.error());
  owner_ = std::move(*owner);
  const auto pods = client_->list(kinds::kPod, options_.name_space, {.labels = label_of(state_)},
                                  stop_.get_token());
  if (!pods) {
    return fail(kube::explained(pods.error(), "list Pods of namespace " + options_.name_space));
  }
  std::vector<std::string> names;
  for (const json& pod : pods->items) {
    if (auto status = kube::read_pod_status(pod); !status.deleting)
      names.push_back(std::move(status.name));
  }
  return names;
}

void KubernetesDriver::watch() {
  if (watcher_) return;
  kube::Watcher::Events events;
  events.listed = [this](const std::vector<json>& items, std::int64_t begun_us) {
    std::vector<kube::PodStatus> all;
    all.reserve(items.size());
    for (const json& item : items) all.push_back(kube::read_pod_status(item));
    post([this, begun_us, all = std::move(all)] { on_listed(all, begun_us); });
  };
  events.changed = [this](const kube::Change& change) {
    const bool gone = change.what == kube::Change::What::deleted;
    post([this, gone, status = kube::read_pod_status(change.object)] {
      on_status(status);
      if (gone) on_gone(status.name, status.uid);
    });
  };
  events.trouble = [this](const kube::Failure& failure) {
    post([this, line = kube::explained(failure, "watch Pods")] { events_.trouble(line); });
  };
  watcher_ = std::make_unique<kube::Watcher>(
      client_,
      kube::Watcher::What{
          kinds::kPod, options_.name_space, {.labels = label_of(state_)}, kube::kNotStatus},
      std::move(events));
}

std::string KubernetesDriver::node(const std::string& pod) const {
  const auto found = pods_.find(pod);
  return found == pods_.end() ? "" : found->second.node;
}

void KubernetesDriver::find_address(const std::string& pod,
                                    std::function<void(Result<std::string>)> then) {
  boost::asio::post(pool_, [this, pod, then = std::move(then)] {
    const auto there = client_->get(kinds::kPod, options_.name_space, pod, stop_.get_token());
    Result<std::string> address = fail("its Pod has no address yet");
    if (!there) {
      const std::string asked = "get " + kube::named(kinds::kPod, options_.name_space, pod);
      address = fail(kube::explained(there.error(), asked));
    } else if (auto ip = kube::text_at(*there, "/status/podIP"_json_pointer); !ip.empty()) {
      address = std::move(ip);
    }
    post([then, address = std::move(address)] { then(address); });
  });
}

void KubernetesDriver::make(PodOrder order, std::function<void(std::optional<NotMade>)> then) {
  const std::string name = order.manifest["metadata"]["name"];
  Pod& pod = pods_[name];
  pod.order = std::move(order);
  pod.then = std::move(then);
  pod.since_us = monotonic_us();
  create(name);
}

void KubernetesDriver::create(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    creating_[name] = false;
  }
  boost::asio::post(pool_, [this, name, order = *pods_.at(name).order]() mutable {
    Created created = create_now(name, std::move(order));
    bool unwanted = false;
    {
      const std::lock_guard lock(mutex_);
      unwanted = creating_.extract(name).mapped();
    }
    if (unwanted) return remove_now(name, created.uid);
    post([this, name, created = std::move(created)] { on_created(name, created); });
  });
}

KubernetesDriver::Created KubernetesDriver::not_created(kube::Failure failure, std::string asked) {
  return {.failure = std::move(failure), .asked = std::move(asked)};
}

/// The Pod, then its Secret, whose owner it is: the kubelet waits for it.
KubernetesDriver::Created KubernetesDriver::create_now(const std::string& name, PodOrder order) {
  const std::string& where = options_.name_space;
  const std::string hash = order.manifest["metadata"]["labels"].value("scanflow.dev/template", "");
  own(order.manifest, kinds::kConfigMap, owner_.name, owner_.uid);
  auto pod = client_->create(kinds::kPod, where, order.manifest, stop_.get_token(),
                             {.leave_out = kube::kNotStatus});
  Created created;
  if (pod) {
    created.uid = kube::text_at(*pod, "/metadata/uid"_json_pointer);
  } else if (pod.error().is("AlreadyExists")) {
    created = adopt(name, hash);
  } else {
    created = not_created(pod.error(), "create " + kube::named(kinds::kPod, where, name));
  }
  created.made_us = client_->means().monotonic_us();
  if (created.failure || order.secret.empty()) return created;
  json secret = secret_of(name, state_, order.secret);
  own(secret, kinds::kPod, name, created.uid);
  const auto made = client_->patch(kinds::kSecret, where, name, kube::Patch::apply, secret,
                                   {.force = true, .unread = true}, stop_.get_token());
  if (made) return created;
  remove_now(name, created.uid);
  return not_created(made.error(), "create " + kube::named(kinds::kSecret, where, name));
}

/// There is one of that name: ours, if an answer was lost.
KubernetesDriver::Created KubernetesDriver::adopt(const std::string& name,
                                                  const std::string& hash) {
  const std::string asked = "create " + kube::named(kinds::kPod, options_.name_space, name);
  const auto there = client_->get(kinds::kPod, options_.name_space, name, stop_.get_token());
  if (!there) return not_created(there.error(), asked);
  const kube::PodStatus status = kube::read_pod_status(*there);
  const json& labels = labels_of(*there);
  if (!status.deleting && kube::text_of(labels, "scanflow.dev/template") == hash &&
      kube::text_of(labels, "scanflow.dev/state") == state_)
    return {.uid = status.uid};
  kube::Failure failure;
  failure.code = 409;
  failure.reason = "AlreadyExists";
  failure.message = status.deleting ? "one of this name is on its way out"
                                    : "one of this name is there, which this engine has not made";
  return not_created(failure, asked);
}

/// Also while the engine ends: nobody else would. A short step may be over before the server has said that its Pod
/// is created; then it is removed where it was created.
void KubernetesDriver::remove(const std::string& name) {
  const auto found = pods_.find(name);
  const std::string uid = found == pods_.end() ? "" : found->second.uid;
  if (found != pods_.end()) pods_.erase(found);
  {
    const std::lock_guard lock(mutex_);
    if (const auto now = creating_.find(name); now != creating_.end()) {
      now->second = true;
      return;
    }
  }
  begin_removal(name, uid);
}

void KubernetesDriver::begin_removal(const std::string& name, const std::string& uid) {
  if (!removing_.insert(name).second) return;
  boost::asio::post(pool_, [this, name, uid] { remove_now(name, uid); });
}

/// `uid` empty: not known; then none but ours.
void KubernetesDriver::remove_now(const std::string& name, std::string uid) {
  const std::string& where = options_.name_space;
  kube::Answer<void> removed;
  if (uid.empty()) {
    const auto there = client_->get(kinds::kPod, where, name);
    const bool gone = !there && there.error().is("NotFound");
    if (!there && !gone) removed = tl::unexpected(there.error());
    if (there && kube::text_of(labels_of(*there), "scanflow.dev/state") == state_)
      uid = kube::text_at(*there, "/metadata/uid"_json_pointer);
  }
  if (!uid.empty())
    removed = client_->remove(kinds::kPod, where, name, {.uid = uid, .grace_s = kNothingWanted});
  if (removed) return;
  const std::string asked = "delete " + kube::named(kinds::kPod, where, name);
  post([this, name, why = kube::explained(removed.error(), asked)] {
    removing_.erase(name);  // when it is seen again, it is tried again
    events_.trouble(why);
  });
}

}  // namespace scanflow::backend
