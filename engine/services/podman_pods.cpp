#include "engine/services/podman_pods.hpp"

#include <fmt/format.h>

#include "engine/backend/pod_request.hpp"
#include "engine/services/pod_instance.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::services {

PodmanPods::PodmanPods(Options options, runtime::Engine& engine)
    : options_(std::move(options)), sidecars_(engine) {}

PodmanPods::~PodmanPods() { watch_.reset(); }

Result<void> PodmanPods::open() {
  const std::lock_guard one(opening_);
  if (watch_) return {};
  if (!podman_) {
    auto opened = podman::Podman::open({.directory = options_.directory});
    if (!opened) return fail(opened.error().message);
    podman_.emplace(std::move(*opened));
  }
  watch_ = std::make_unique<podman::Watch>(
      *podman_, fmt::format("{}={}", kMachineLabel, options_.state), wall_us(),
      [this](const podman::Event& event) { on_event(event); },
      [this](const std::string& why) { options_.log("services: " + why); });
  return {};
}

Result<void> PodmanPods::clear() {
  if (auto opened = open(); !opened) return opened;
  const auto all = podman_->list(fmt::format("{}={}", kMachineLabel, options_.state));
  if (!all) return fail(all.error().message);
  for (const podman::Pod& pod : *all) {
    {
      const std::lock_guard lock(mutex_);
      if (there_.contains(pod.name)) continue;
    }
    options_.log(
        fmt::format("services: the Pod {} is of an engine that is gone, and goes", pod.name));
    if (const auto removed = podman_->remove(pod.name); !removed)
      return fail(removed.error().message);
  }
  return {};
}

std::shared_ptr<serve::Instance> PodmanPods::begin(const serve::ServiceName& name,
                                                   serve::InstanceOrder order) {
  std::string pod = pod_name(name, options_.state, order.id);
  const std::lock_guard lock(mutex_);
  auto made = std::make_shared<PodInstance>(*this, name, pod, std::move(order));
  there_[pod] = made;
  return made;
}

Result<void> PodmanPods::make(const std::string& pod, const infer::ServiceDocument& document,
                              const std::stop_token& stop) {
  const auto admitted = sidecars_.admit(kNamespace, pod);
  if (!admitted) return tl::unexpected(admitted.error());
  PodSettings settings;
  settings.name_space = kNamespace;
  settings.state = options_.state;
  settings.image = options_.image;
  settings.sidecar = inject::defaults(options_.version);
  settings.sidecar.shape = inject::Shape::plain;
  settings.sidecar.image = options_.sidecar_image;
  settings.sidecar.image_pull_policy = "IfNotPresent";
  settings.sidecar.token = false;
  const auto at = [](std::uint16_t port) {
    return fmt::format("tcp://{}:{}", podman::Podman::kHost, port);
  };
  settings.sidecar.hub = at(admitted->hub.port);
  settings.sidecar.bulk = at(admitted->hub.bulk_port);
  settings.sidecar.keys = {admitted->hub.public_key, admitted->keys.public_key,
                           admitted->keys.secret_key};
  const auto manifest = pod_of(pod, document, settings);
  if (!manifest) return tl::unexpected(manifest.error());
  // One that was left by an engine that was killed.
  if (const auto gone = podman_->remove(pod, stop); !gone) return fail(gone.error().message);
  const auto played = podman_->play(*manifest, stop);
  if (!played) return fail(played.error().message);
  if (!played->unlimited.empty()) options_.log("services: " + played->unlimited);
  return {};
}

void PodmanPods::remove(const std::string& pod) {
  sidecars_.dismiss(kNamespace, pod);
  if (const auto removed = podman_->remove(pod); !removed)
    options_.log("services: " + removed.error().message);
  const std::lock_guard lock(mutex_);
  there_.erase(pod);
}

/// On the watch's thread.
void PodmanPods::on_event(const podman::Event& event) {
  const auto pod = event.labels.find(backend::kPodLabel);
  if (event.what != podman::Event::What::died || pod == event.labels.end()) return;
  std::shared_ptr<PodInstance> instance;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = there_.find(pod->second); found != there_.end())
      instance = found->second.lock();
  }
  const std::size_t prefix = pod->second.size() + 1;
  if (instance && event.container.size() > prefix)
    instance->ended(event.container.substr(prefix), event.exit_code);
}

void PodmanPods::save_logs(const serve::ServiceName& name) const {
  std::vector<std::shared_ptr<PodInstance>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [pod, each] : there_) {
      auto instance = each.lock();
      if (instance && instance->service() == name) all.push_back(std::move(instance));
    }
  }
  for (const auto& instance : all) instance->save_log();
}

}  // namespace scanflow::services
