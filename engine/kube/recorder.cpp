#include "engine/kube/recorder.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "engine/kube/patience.hpp"

namespace scanflow::kube {

Reporter usual_reporter() {
  std::array<char, 256> host{};
  const bool known = ::gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0';
  Reporter reporter;
  reporter.instance = fmt::format("scanflow-{}", known ? host.data() : "unknown");
  return reporter;
}

Moment EventWriter::now() const {
  return {client_.means().monotonic_us(), client_.means().wall_us()};
}

Answer<std::string> EventWriter::write(const Event& event, const Moment& when,
                                       std::chrono::milliseconds patience,
                                       const std::stop_token& stop) {
  const auto wanted = series_.take(event, when);
  if (!wanted) return std::string();
  const Patience limited(patience, stop);
  std::string written = wanted->name_space + "/" + wanted->name;
  if (wanted->again) {
    const auto patched =
        client_.patch(kinds::kEvent, wanted->name_space, wanted->name, Patch::merge,
                      {{"series", wanted->object["series"]}}, {.unread = true}, limited.token());
    if (patched) return written;
    // An hour is all that a server keeps them for, and the first may not have been written.
    if (!patched.error().is("NotFound")) return tl::unexpected(patched.error());
  }
  const auto made =
      client_.create(kinds::kEvent, wanted->name_space, wanted->object, limited.token());
  if (made || made.error().is("AlreadyExists")) return written;
  return tl::unexpected(made.error());
}

Recorder::Recorder(std::shared_ptr<Client> client, Options options)
    : client_(std::move(client)),
      options_(std::move(options)),
      writer_(*client_, options_.reporter),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Recorder::~Recorder() {
  {
    std::unique_lock lock(mutex_);
    ending_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, options_.flush, [this] { return ended_; });
  }
  thread_.request_stop();
}

void Recorder::record(Event event) noexcept {
  try {
    const Moment when = writer_.now();
    const std::scoped_lock lock(mutex_);
    if (waiting_.size() >= options_.most_waiting) {
      waiting_.pop_front();
      ++counts_.dropped;
    }
    waiting_.push_back({std::move(event), when});
    changed_.notify_all();
  } catch (const std::exception&) {  // there is no memory for it
    const std::scoped_lock lock(mutex_);
    ++counts_.dropped;
  }
}

Recorder::Counts Recorder::counts() const {
  const std::scoped_lock lock(mutex_);
  return counts_;
}

void Recorder::run(const std::stop_token& stop) {
  while (const auto waiting = next(stop)) write(*waiting, stop);
  const std::scoped_lock lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

/// Nothing: it ends, and nobody waits.
std::optional<Recorder::Waiting> Recorder::next(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, stop, [this] { return ending_ || !waiting_.empty(); });
  if (waiting_.empty() || stop.stop_requested()) {
    counts_.dropped += waiting_.size();
    return std::nullopt;
  }
  Waiting first = std::move(waiting_.front());
  waiting_.pop_front();
  return first;
}

void Recorder::write(const Waiting& waiting, const std::stop_token& stop) {
  const auto written = writer_.write(waiting.event, waiting.when, options_.patience, stop);
  {
    const std::scoped_lock lock(mutex_);
    if (!written) {
      ++counts_.failed;
    } else if (written->empty()) {
      ++counts_.dropped;
    } else {
      ++counts_.written;
    }
  }
  if (written || stop.stop_requested() || !options_.trouble) return;
  if (!said_.insert(written.error().code).second) return;
  const Regarded& of = waiting.event.regarding;
  options_.trouble(explained(written.error(), fmt::format("write an Event on {}",
                                                          named(of.kind, of.name_space, of.name))));
}

}  // namespace scanflow::kube
