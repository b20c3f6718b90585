#include "engine/services/podman_pods.hpp"

#include <fmt/format.h>

#include "engine/backend/pod_request.hpp"
#include "engine/services/pod_instance.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::services {
namespace {

constexpr std::chrono::seconds kQuick{10};
constexpr int kTries = 3;

std::filesystem::path directory_of(const infer::ServiceDocument& document) {
  const std::string& socket = document.listen;
  return std::filesystem::path(socket.substr(socket.find(':') + 1)).parent_path();
}

}  // namespace

PodmanPods::PodmanPods(Options options, runtime::Engine& engine)
    : options_(std::move(options)), sidecars_(engine) {}

PodmanPods::~PodmanPods() { watch_.reset(); }

void PodmanPods::forget_engine() {
  sidecars_.forget_engine();
  ends_.request_stop();
}

Result<void> PodmanPods::open() {
  const std::lock_guard one(opening_);
  if (watch_) return {};
  if (!podman_) {
    auto opened = podman::Podman::open({.directory = options_.directory}, ends_.get_token());
    if (!opened) return fail(opened.error().message);
    quick_.emplace(opened->within(kQuick));
    podman_.emplace(std::move(*opened));
  }
  watch_ = std::make_unique<podman::Watch>(
      *podman_, fmt::format("{}={}", kPodmanLabel, options_.state), wall_us(),
      [this](const podman::Event& event) { on_event(event); },
      [this](const std::string& why) { options_.log("services: " + why); });
  return {};
}

Result<void> PodmanPods::clear() {
  if (auto opened = open(); !opened) return opened;
  const auto all =
      podman_->list(fmt::format("{}={}", kPodmanLabel, options_.state), ends_.get_token());
  if (!all) return fail(all.error().message);
  for (const podman::Pod& pod : *all) {
    {
      const std::lock_guard lock(mutex_);
      if (there_.contains(pod.name)) continue;
    }
    options_.log(
        fmt::format("services: the Pod {} is of a server that is gone, and goes", pod.name));
    if (const auto removed = podman_->remove(pod.name, ends_.get_token()); !removed)
      return fail(removed.error().message);
  }
  return {};
}

std::shared_ptr<serve::Instance> PodmanPods::begin(const serve::ServiceName& name,
                                                   serve::InstanceOrder order) {
  std::string pod = pod_name(name, options_.state, order.id);
  std::error_code error;
  std::filesystem::remove(order.log, error);  // of a server before this one
  // Its user makes sockets there; nobody else comes to where it lies.
  std::filesystem::permissions(directory_of(order.document), std::filesystem::perms::all, error);
  if (error) options_.log("services: " + error.message());
  const std::lock_guard lock(mutex_);
  auto made = std::make_shared<PodInstance>(*this, name, pod, std::move(order));
  there_[pod] = made;
  return made;
}

PodSettings PodmanPods::settings() const {
  PodSettings settings;
  settings.name_space = kNamespace;
  settings.state = options_.state;
  settings.image = options_.image;
  settings.sidecar = inject::defaults(options_.version);
  settings.sidecar.shape = inject::Shape::plain;
  settings.sidecar.image = options_.sidecar_image;
  settings.sidecar.image_pull_policy = "IfNotPresent";
  settings.sidecar.token = false;
  settings.sidecar.keys.emplace();
  return settings;
}

Result<void> PodmanPods::check(const infer::ServiceDocument& document) const {
  infer::ServiceDocument placed = document;
  placed.listen = "unix:/there/http";
  placed.admin = "unix:/there/admin";
  PodSettings settings = this->settings();
  settings.sidecar.hub = "tcp://there:1";
  const auto manifest = pod_of("a-pod", placed, settings);
  if (!manifest) return tl::unexpected(manifest.error());
  return {};
}

Result<std::vector<std::string>> PodmanPods::make(const std::string& pod,
                                                  const infer::ServiceDocument& document,
                                                  const std::stop_token& stop) {
  const auto admitted = sidecars_.admit(kNamespace, pod);
  if (!admitted) return tl::unexpected(admitted.error());
  PodSettings settings = this->settings();
  const auto at = [](std::uint16_t port) {
    return fmt::format("tcp://{}:{}", podman::Podman::kHost, port);
  };
  settings.sidecar.hub = at(admitted->hub.port);
  settings.sidecar.bulk = at(admitted->hub.bulk_port);
  settings.sidecar.keys = {admitted->hub.public_key, admitted->keys.public_key,
                           admitted->keys.secret_key};
  const auto manifest = pod_of(pod, document, settings);
  if (!manifest) return tl::unexpected(manifest.error());
  // One that was left by a server that was killed.
  if (const auto gone = podman_->remove(pod, stop); !gone) return fail(gone.error().message);
  auto played = podman_->play(*manifest, stop);
  if (!played) return fail(played.error().message);
  if (!played->unlimited.empty()) options_.log("services: " + played->unlimited);
  return std::move(played->container_ids);
}

void PodmanPods::remove(const std::string& pod) {
  sidecars_.dismiss(kNamespace, pod);
  podman::Answer<void> removed;
  for (int tries = 0; tries < kTries; ++tries) {
    removed = quick_->remove(pod);
    if (removed) break;
  }
  if (!removed) options_.log("services: " + removed.error().message);
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
    instance->ended(event.container.substr(prefix), event.container_id, event.exit_code);
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
