#include "engine/services/pod_instance.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include "engine/backend/pod_request.hpp"

namespace scanflow::services {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kAgain{100};
constexpr std::chrono::seconds kSidecarWithin{60};  // of the Pod's start
constexpr unsigned kLogLines = 1000, kLastLines = 10;

/// Init containers do their work and go.
bool is_needed(const infer::ServiceDocument& document, const std::string& container) {
  return container == kServiceContainer || container == backend::kSidecarContainer ||
         std::any_of(document.nodes.begin(), document.nodes.end(), [&](const auto& node) {
           return !node.container.is_null() && node.container.at("name") == container;
         });
}

}  // namespace

PodInstance::PodInstance(PodmanPods& pods, serve::ServiceName service, std::string pod,
                         serve::InstanceOrder order)
    : pods_(pods),
      service_(std::move(service)),
      pod_(std::move(pod)),
      order_(std::move(order)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { live(); }) {}

PodInstance::~PodInstance() {
  kill();
  thread_.join();
}

void PodInstance::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

serve::Instance::News PodInstance::look() {
  std::uint64_t ignored = 0;
  [[maybe_unused]] const auto got = ::read(wake_.get(), &ignored, sizeof ignored);
  const std::lock_guard lock(mutex_);
  return news_;
}

void PodInstance::end() {
  const std::lock_guard lock(mutex_);
  ends_ = true;
  changed_.notify_all();
}

void PodInstance::kill() {
  const std::lock_guard lock(mutex_);
  killed_.request_stop();
  changed_.notify_all();
}

void PodInstance::ended(const std::string& container, int exit_code) {
  if (!is_needed(order_.document, container)) return;
  const std::lock_guard lock(mutex_);
  if (!end_) end_ = fmt::format("lost its container {} (exit {})", container, exit_code);
  changed_.notify_all();
}

// --- its thread

void PodInstance::live() {
  const Result<void> ready = become_ready();
  std::unique_lock lock(mutex_);
  if (ready) {
    news_.ready = true;
    wake();
  }
  bool told = false;
  while (ready && !end_ && !killed_.stop_requested()) {
    if (ends_ && !told) {
      told = true;
      lock.unlock();
      (void)pods_.podman_->signal(fmt::format("{}-{}", pod_, kServiceContainer), "TERM");
      lock.lock();
      continue;
    }
    changed_.wait(lock);
  }
  lock.unlock();
  std::string how = how_it_ended(ready);
  save_log();
  const std::string words = last_words();
  pods_.remove(pod_);
  lock.lock();
  news_.over = std::move(how);
  news_.words = words;
  wake();
}

/// It may be killed because it does not answer, before podman has told that it is gone.
std::string PodInstance::how_it_ended(const Result<void>& ready) {
  if (const auto seen = pods_.podman_->inspect(pod_)) {
    for (const podman::Container& each : seen->containers)
      if (each.over()) ended(each.name, each.exit_code);
  }
  const std::lock_guard lock(mutex_);
  return end_                       ? *end_
         : killed_.stop_requested() ? "was killed"
                                    : "cannot serve: " + ready.error().message;
}

/// Does anything still depend on what it does?
bool PodInstance::goes_on() {
  const std::lock_guard lock(mutex_);
  return !end_ && !ends_ && !killed_.stop_requested();
}

void PodInstance::pause() {
  std::unique_lock lock(mutex_);
  if (!end_ && !ends_ && !killed_.stop_requested()) changed_.wait_for(lock, kAgain);
}

Result<void> PodInstance::become_ready() {
  if (auto made = pods_.make(pod_, order_.document, killed_.get_token()); !made) return made;
  if (auto told = tell_versions(); !told) return told;
  while (goes_on()) {
    auto asked = order_.ask("/v2/health/ready");
    if (!asked.valid()) return fail("it is not wanted any more");
    try {
      if (asked.get()) return {};
    } catch (const std::future_error&) {
      return fail("the service ends");
    }
    pause();
  }
  return fail("it was not ready");
}

/// Those that its document had when it was begun.
Result<void> PodInstance::tell_versions() {
  const Clock::time_point begun = Clock::now();
  for (const infer::NodeDocument& node : order_.document.nodes) {
    const auto traffic = traffic_of(node);
    if (!traffic) return tl::unexpected(traffic.error());
    for (bool done = traffic->is_null(); !done && goes_on();) {
      const auto answer = tell(*traffic);
      if (!answer) return tl::unexpected(answer.error());
      if (answer->refused) return fail(answer->message);
      done = answer->done;
      if (done) break;
      if (Clock::now() - begun > kSidecarWithin) return fail(answer->message);
      pause();
    }
  }
  return {};
}

Result<Crew::Answer> PodInstance::tell(const json& traffic) {
  const auto promise = std::make_shared<std::promise<Crew::Answer>>();
  auto answer = promise->get_future();
  pods_.sidecars_.set_traffic(pod_, traffic,
                              [promise](const Crew::Answer& told) { promise->set_value(told); });
  while (goes_on()) {
    if (answer.wait_for(kAgain) == std::future_status::ready) {
      try {
        return answer.get();
      } catch (const std::future_error&) {
        return fail("the engine ends");
      }
    }
  }
  return fail("it was not told its versions");
}

// --- of others

std::optional<std::future<Result<json>>> PodInstance::set_versions(
    const std::string& node, const std::vector<infer::VersionDocument>& versions) {
  const auto promise = std::make_shared<std::promise<Result<json>>>();
  auto future = promise->get_future();
  infer::NodeDocument document;
  document.node.name = node;
  document.versions = versions;
  const auto traffic = traffic_of(document);
  if (!traffic) {
    promise->set_value(tl::unexpected(traffic.error()));
  } else {
    pods_.sidecars_.set_traffic(pod_, *traffic, [promise](const Crew::Answer& answer) {
      promise->set_value(answer.done ? Result<json>(json{{"switched_us", answer.switched_us}})
                                     : fail(answer.message));
    });
  }
  return future;
}

void PodInstance::save_log() const {
  const auto text = pods_.podman_->logs(fmt::format("{}-{}", pod_, kServiceContainer), kLogLines);
  if (text) std::ofstream(order_.log, std::ios::trunc | std::ios::binary) << *text;
}

std::string PodInstance::last_words() const {
  auto text = pods_.podman_->logs(fmt::format("{}-{}", pod_, kServiceContainer), kLastLines);
  if (!text) return {};
  if (text->starts_with("ready unix:")) text->erase(0, text->find('\n'));
  const std::size_t begin = text->find_first_not_of('\n');
  const std::size_t end = text->find_last_not_of('\n');
  return begin == std::string::npos ? "" : text->substr(begin, end - begin + 1);
}

}  // namespace scanflow::services
