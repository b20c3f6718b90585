#include "engine/backend/podman_driver.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "engine/backend/pod_request.hpp"
#include "engine/podman/findings.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::backend {
namespace {

constexpr const char* kLabel = "scanflow.dev/state";
constexpr unsigned kLastLines = 5;

/// Trying again changes nothing where the machine or the step must change.
std::string podman_cause(podman::Refusal refusal) {
  switch (refusal) {
    case podman::Refusal::deadline:
    case podman::Refusal::service:
    case podman::Refusal::registry:
    case podman::Refusal::exists:
    case podman::Refusal::other:
      return "retryable";
    case podman::Refusal::stopped:
      return "lost";
    default:
      return "config";
  }
}

}  // namespace

PodmanDriver::PodmanDriver(std::filesystem::path directory, std::string state,
                           boost::asio::io_context& strand, Events events)
    : directory_(std::move(directory)),
      state_(std::move(state)),
      strand_(strand),
      events_(std::move(events)) {}

PodmanDriver::~PodmanDriver() {
  alive_.reset();
  watch_.reset();
  stop_.request_stop();
  pool_.join();
}

/// On the strand, unless this is gone by then.
void PodmanDriver::post(std::function<void()> call) {
  boost::asio::post(strand_, [alive = std::weak_ptr(alive_), call = std::move(call)] {
    if (!alive.expired()) call();
  });
}

void PodmanDriver::open(std::function<void(Result<std::vector<std::string>>)> then) {
  boost::asio::post(pool_, [this, then = std::move(then)] {
    const auto answer = [&](Result<std::vector<std::string>> names) {
      post([then, names = std::move(names)] { then(names); });
    };
    if (!podman_) {
      auto opened = podman::Podman::open({.directory = directory_}, stop_.get_token());
      if (!opened) return answer(fail(opened.error().message));
      podman_.emplace(std::move(*opened));
      if (std::string line = podman::no_limits(podman_->settings()); !line.empty())
        post([this, line = line + " (scanflow podman check)"] { events_.trouble(line); });
    }
    const std::int64_t now_us = wall_us();
    const auto pods = podman_->list(fmt::format("{}={}", kLabel, state_), stop_.get_token());
    if (!pods) return answer(fail(pods.error().message));
    std::vector<std::string> names;
    for (const podman::Pod& pod : *pods) names.push_back(pod.name);
    if (!watch_) {
      watch_ = std::make_unique<podman::Watch>(
          *podman_, fmt::format("{}={}", kLabel, state_), now_us,
          [this](const podman::Event& event) { on_event(event); },
          [this](const std::string& why) { post([this, why] { events_.trouble(why); }); });
    }
    // Containers that ended while nobody looked.
    for (const podman::Pod& pod : *pods) {
      for (const podman::Container& container : pod.containers) {
        if (!container.over()) continue;
        podman::Event event;
        event.what = podman::Event::What::died;
        event.container = container.full_name;
        event.labels = {{kPodLabel, pod.name}};
        tell_end(event);
      }
    }
    answer(std::move(names));
  });
}

void PodmanDriver::make(PodOrder order, std::function<void(std::optional<NotMade>)> then) {
  const std::string pod = order.manifest["metadata"]["name"];
  {
    const std::lock_guard lock(mutex_);
    making_[pod] = false;
  }
  boost::asio::post(pool_,
                    [this, pod, manifest = std::move(order.manifest), then = std::move(then)] {
                      std::optional<NotMade> why;
                      const auto played = podman_->play(manifest, stop_.get_token());
                      if (!played)
                        why = NotMade{podman_cause(played.error().kind), played.error().message};
                      if (played && !played->unlimited.empty())
                        post([this, line = played->unlimited] { events_.trouble(line); });
                      bool unwanted = false;
                      {
                        const std::lock_guard lock(mutex_);
                        unwanted = making_.extract(pod).mapped();
                      }
                      if (unwanted) return remove_now(pod);
                      post([then, why] { then(why); });
                    });
}

/// Also while the engine ends: nobody else would. A short step is over before podman has said that its Pod
/// is made; then it is removed where it was made.
void PodmanDriver::remove(const std::string& pod) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = making_.find(pod); found != making_.end()) {
      found->second = true;
      return;
    }
  }
  boost::asio::post(pool_, [this, pod] { remove_now(pod); });
}

void PodmanDriver::remove_now(const std::string& pod) {
  const auto removed = podman_->remove(pod);
  if (removed) return;
  post([this, why = removed.error().message] { events_.trouble(why); });
}

void PodmanDriver::revive(const std::string& pod, const std::string& container) {
  boost::asio::post(pool_, [this, pod, container] {
    const auto started = podman_->start(fmt::format("{}-{}", pod, container), stop_.get_token());
    if (started) return;
    post([this, why = started.error().message] { events_.trouble(why); });
  });
}

void PodmanDriver::find_address(const std::string& pod,
                                std::function<void(Result<std::string>)> then) {
  boost::asio::post(pool_, [this, pod, then = std::move(then)] {
    auto found = podman_->address(fmt::format("{}-{}", pod, kAppContainer), stop_.get_token());
    Result<std::string> address =
        found ? Result<std::string>(std::move(*found)) : fail(found.error().message);
    post([then, address = std::move(address)] { then(address); });
  });
}

/// On the watch's thread.
void PodmanDriver::on_event(const podman::Event& event) {
  if (event.what != podman::Event::What::died) return;
  boost::asio::post(pool_, [this, event] { tell_end(event); });
}

/// With what podman knows of it: the event says little.
void PodmanDriver::tell_end(const podman::Event& event) {
  ContainerEnd end;
  const auto pod_name = event.labels.find(kPodLabel);
  if (pod_name == event.labels.end() || event.container.size() <= pod_name->second.size()) return;
  end.pod = pod_name->second;
  end.container = event.container.substr(end.pod.size() + 1);
  if (end.container != kAppContainer && end.container != kSidecarContainer) return;
  end.exit_code = event.exit_code;
  if (const auto pod = podman_->inspect(end.pod, stop_.get_token())) {
    for (const podman::Container& container : pod->containers) {
      if (container.full_name != event.container) continue;
      if (container.alive()) return;  // it was started again
      end.exit_code = container.exit_code;
      if (container.oom_killed) end.cause = "oom";
    }
    if (auto words = podman_->logs(event.container, kLastLines, stop_.get_token()))
      end.last_words = std::move(*words);
  }
  while (end.last_words.ends_with('\n')) end.last_words.pop_back();
  post([this, end] { events_.ended(end); });
}

}  // namespace scanflow::backend
