#include "tests/support/kube/watch.hpp"

#include <fmt/format.h>

#include <utility>

#include "tests/support/kube/status.hpp"

namespace scanflow::test::kube {
namespace {

/// What is sent at once, at most, where more than one event is queued.
constexpr std::size_t kPiece_bytes = 256u << 10;

/// What a bookmark of a kind has beside its metadata, as Go writes a struct's empty members.
json empty_of(const Resource& resource) {
  json object = {{"kind", resource.kind}, {"apiVersion", resource.api_version()}};
  const std::string& kind = resource.kind;
  if (kind == "Pod") {
    object["spec"] = {{"containers", nullptr}};
    object["status"] = json::object();
  } else if (kind == "Job") {
    object["spec"]["template"] = {{"metadata", json::object()},
                                  {"spec", {{"containers", nullptr}}}};
    object["status"] = json::object();
  }
  return object;
}

/// The object as it was, with the version at which it ceased to be seen.
std::string last_seen(const Event& event) {
  if (!event.now) return event.before->text();
  json last = event.before->object();
  last["metadata"]["resourceVersion"] = std::to_string(event.version);
  return last.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

WatchStream::WatchStream(Store& store, std::recursive_mutex& lock, WatchRequest request)
    : store_(store), lock_(lock), request_(std::move(request)) {
  begin();
  if (!ended_) store_.add_listener(*request_.resource, this);
}

WatchStream::~WatchStream() {
  const std::lock_guard lock(lock_);
  store_.remove_listener(*request_.resource, this);
}

void WatchStream::begin() {
  const bool from_now = request_.version.empty() || request_.version == "0";
  if (from_now || request_.initial_events) {
    for (const auto& [key, held] : store_.objects(*request_.resource)) {
      if (request_.selector.matches(*held)) say("ADDED", held->text());
    }
    if (request_.initial_events && request_.bookmarks) say_bookmark(true);
    return;
  }
  try {
    for (const Told& event : store_.since(*request_.resource, std::stoull(request_.version)))
      on_event(event);
  } catch (const Refusal& gone) {
    say("ERROR", gone.answer().body.dump());
    ended_ = true;
  }
}

void WatchStream::next(std::function<void(std::string)> then) {
  const std::lock_guard lock(lock_);
  then_ = std::move(then);
  hand_over();
}

void WatchStream::on_event(const Told& event) {
  if (ended_) return;
  const Selector& selector = request_.selector;
  const bool was = event->before && selector.matches(*event->before);
  const bool is = event->now && selector.matches(*event->now);
  if (is) say(was ? "MODIFIED" : "ADDED", event->now->text());
  if (was && !is) say("DELETED", last_seen(*event));
}

void WatchStream::bookmark() {
  if (request_.bookmarks && !ended_) say_bookmark(false);
}

void WatchStream::say_bookmark(bool initial_events_end) {
  json object = empty_of(*request_.resource);
  object["metadata"]["resourceVersion"] = std::to_string(store_.version());
  if (initial_events_end)
    object["metadata"]["annotations"] = {{"k8s.io/initial-events-end", "true"}};
  say("BOOKMARK", object.dump());
}

void WatchStream::end(bool torn) {
  if (ended_) return;
  if (torn) queued_.push_back(R"({"type":"MODIFIED","obj)");
  ended_ = true;
  hand_over();
}

void WatchStream::expire() {
  if (ended_) return;
  queued_.clear();
  say("ERROR", status_of(410, "Expired",
                         fmt::format("too old resource version: {} ({})", request_.version,
                                     store_.version()))
                   .dump());
  end();
}

void WatchStream::say(const char* type, const std::string& object) {
  queued_.push_back(fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, object));
  hand_over();
}

void WatchStream::hand_over() {
  if (!then_ || (queued_.empty() && !ended_)) return;
  std::string piece;
  while (!queued_.empty() && piece.size() < kPiece_bytes) {
    piece += queued_.front();
    queued_.pop_front();
  }
  std::exchange(then_, nullptr)(std::move(piece));
}

}  // namespace scanflow::test::kube
