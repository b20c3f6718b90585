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
constexpr std::chrono::seconds kSidecarWithin{60};
constexpr std::chrono::seconds kLookAt{
    2};  // whether its containers are there, while it is not ready
constexpr std::chrono::seconds kLong{60};  // for one that is not ready: somebody should know
constexpr unsigned kMostLogLines = 1000, kLastLines = 10;

/// Init containers do their work and go.
std::vector<std::string> needed(const infer::ServiceDocument& document) {
  std::vector<std::string> containers = {kServiceContainer, backend::kSidecarContainer};
  for (const infer::NodeDocument& node : document.nodes)
    if (!node.container.is_null()) containers.push_back(node.container.at("name"));
  return containers;
}

}  // namespace

PodInstance::PodInstance(PodmanPods& pods, serve::ServiceName service, std::string pod,
                         serve::InstanceOrder order)
    : pods_(pods),
      service_(std::move(service)),
      pod_(std::move(pod)),
      order_(std::move(order)),
      containers_(needed(order_.document)),
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
  if (!news_.ready) killed_.request_stop();  // it has nothing to answer
  changed_.notify_all();
}

void PodInstance::kill() {
  const std::lock_guard lock(mutex_);
  killed_.request_stop();
  changed_.notify_all();
}

void PodInstance::ended(const std::string& container, const std::string& id, int exit_code) {
  if (std::find(containers_.begin(), containers_.end(), container) == containers_.end()) return;
  const std::lock_guard lock(mutex_);
  if (end_ || std::find(ids_.begin(), ids_.end(), id) == ids_.end()) return;
  end_ = {container, fmt::format("lost its container {} (exit {})", container, exit_code)};
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
      (void)pods_.quick_->signal(fmt::format("{}-{}", pod_, kServiceContainer), "TERM",
                                 killed_.get_token());
      lock.lock();
    } else if (!wishes_.empty()) {
      Wish wish = std::move(wishes_.front());
      wishes_.pop_front();
      lock.unlock();
      grant(std::move(wish));
      lock.lock();
    } else {
      changed_.wait(lock);
    }
  }
  lock.unlock();
  look_at_containers();  // it may be killed because it does not answer, before podman has told that it is gone
  lock.lock();
  const std::string container = end_ ? end_->container : kServiceContainer;
  std::string how = end_                       ? end_->how
                    : killed_.stop_requested() ? "was killed"
                                               : "cannot serve: " + ready.error().message;
  lock.unlock();
  std::string words = words_of(container);
  save_log();
  pods_.remove(pod_);
  lock.lock();
  news_.over = std::move(how);
  news_.words = std::move(words);
  wishes_.clear();
  wake();
}

/// Is what it does wanted still?
bool PodInstance::goes_on() {
  const std::lock_guard lock(mutex_);
  return !end_ && !ends_ && !killed_.stop_requested();
}

/// Looks at its containers now and then, too.
void PodInstance::pause() {
  if (Clock::now() >= look_at_) {
    look_at_containers();
    look_at_ = Clock::now() + kLookAt;
  }
  std::unique_lock lock(mutex_);
  if (!end_ && !ends_ && !killed_.stop_requested()) changed_.wait_for(lock, kAgain);
}

/// Its end may have been told before its containers were known, or not at all.
void PodInstance::look_at_containers() {
  const auto seen = pods_.quick_->inspect(pod_);
  if (!seen) return;
  for (const std::string& name : containers_) {  // the first one's end may have been the others'
    for (const podman::Container& each : seen->containers) {
      if (each.name != name || !each.over()) continue;
      ended(name, each.id, each.exit_code);
      const std::lock_guard lock(mutex_);
      if (each.oom_killed && end_ && end_->container == name)
        end_->how = fmt::format("lost its container {}, which ran out of memory", name);
    }
  }
}

Result<void> PodInstance::become_ready() {
  const auto made = pods_.make(pod_, order_.document, killed_.get_token());
  if (!made) return tl::unexpected(made.error());
  {
    const std::lock_guard lock(mutex_);
    ids_ = *made;
  }
  if (auto told = tell_versions(); !told) return told;
  const Clock::time_point begun = Clock::now();
  bool is_long = false;
  while (goes_on()) {
    auto asked = order_.ask("/v2/health/ready");
    if (!asked.valid()) return fail("it is not wanted any more");
    Result<json> answer;
    try {
      answer = asked.get();
    } catch (const std::future_error&) {
      return fail("the service ends");
    }
    if (answer) return {};
    if (Clock::now() - begun > kLong && !std::exchange(is_long, true)) {
      pods_.options_.log(fmt::format("service {}: Pod {} is not ready for more than a minute: {}",
                                     serve::text_of(service_), pod_, answer.error().message));
    }
    pause();
  }
  return fail("it was not ready");
}

/// Those that its document had when it was begun.
Result<void> PodInstance::tell_versions() {
  for (const infer::NodeDocument& node : order_.document.nodes) {
    const auto traffic = traffic_of(node);
    if (!traffic) return tl::unexpected(traffic.error());
    if (traffic->is_null()) continue;
    const auto answer = tell(*traffic);
    if (!answer) return tl::unexpected(answer.error());
    if (!answer->done) return fail(answer->message);
  }
  return {};
}

/// Again and again: its sidecar may have to find the hub. What it has done already costs nothing.
Result<Crew::Answer> PodInstance::tell(const json& traffic) {
  const Clock::time_point begun = Clock::now();
  while (true) {
    auto answer = tell_once(traffic);
    if (!answer || answer->done || answer->refused) return answer;
    if (Clock::now() - begun > kSidecarWithin) return answer;
    pause();
  }
}

Result<Crew::Answer> PodInstance::tell_once(const json& traffic) {
  const auto promise = std::make_shared<std::promise<Crew::Answer>>();
  auto answer = promise->get_future();
  pods_.sidecars_.set_traffic(pod_, traffic,
                              [promise](const Crew::Answer& told) { promise->set_value(told); });
  while (goes_on()) {
    if (answer.wait_for(kAgain) != std::future_status::ready) continue;
    try {
      return answer.get();
    } catch (const std::future_error&) {
      return fail("the engine ends");
    }
  }
  return fail("it is about to end");
}

void PodInstance::grant(Wish wish) {
  const auto answer = tell(wish.traffic);
  if (answer && answer->done)
    return wish.answer.set_value(json{{"switched_us", answer->switched_us}});
  if (!answer || !answer->refused) kill();  // another has what is wanted
  wish.answer.set_value(fail(answer ? answer->message : answer.error().message));
}

// --- of others

std::optional<std::future<Result<json>>> PodInstance::set_versions(
    const std::string& node, const std::vector<infer::VersionDocument>& versions) {
  Wish wish;
  auto future = wish.answer.get_future();
  infer::NodeDocument document;
  document.node.name = node;
  document.versions = versions;
  auto traffic = traffic_of(document);
  if (!traffic) {
    wish.answer.set_value(tl::unexpected(traffic.error()));
    return future;
  }
  wish.traffic = std::move(*traffic);
  const std::lock_guard lock(mutex_);
  if (!news_.over) wishes_.push_back(std::move(wish));
  changed_.notify_all();
  return future;
}

std::string PodInstance::log_of(const std::string& container, unsigned lines) const {
  const auto text = pods_.quick_->logs(fmt::format("{}-{}", pod_, container), lines);
  return text ? *text : "";
}

void PodInstance::save_log() {
  std::string all = log_of(kServiceContainer, kMostLogLines);
  for (const std::string& container : containers_) {
    if (container == kServiceContainer || container == backend::kSidecarContainer) continue;
    const std::string text = log_of(container, kMostLogLines);
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      all += fmt::format("{}: {}\n", container, text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  const std::lock_guard lock(log_mutex_);
  if (!all.empty()) std::ofstream(order_.log, std::ios::trunc | std::ios::binary) << all;
}

/// The last lines that it has said: why it may have ended.
std::string PodInstance::words_of(const std::string& container) const {
  std::string text = log_of(container, kLastLines);
  if (text.starts_with("ready unix:")) text.erase(0, text.find('\n'));
  const std::size_t begin = text.find_first_not_of('\n');
  const std::size_t end = text.find_last_not_of('\n');
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

}  // namespace scanflow::services
