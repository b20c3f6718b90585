#include "engine/kube/watcher.hpp"

#include <algorithm>
#include <utility>

#include "engine/kube/fields.hpp"
#include "engine/kube/lines.hpp"

namespace scanflow::kube {
namespace {

constexpr std::int64_t kFirstUs = 800'000, kLongestUs = 30'000'000;
constexpr std::int64_t kShortUs = 1'000'000, kFirstShortUs = 50'000, kLongestShortUs = 5'000'000;
/// A watch is ended by the server after so many seconds, so that its load is spread anew.
constexpr const char* kWatchSeconds = "300";
constexpr std::size_t kMostLine = std::size_t{8} << 20;  // an object has at most 1.5 MiB in etcd

}  // namespace

Watcher::Watcher(std::shared_ptr<Client> client, What what, Events events,
                 std::chrono::milliseconds silence)
    : client_(std::move(client)),
      what_(std::move(what)),
      events_(std::move(events)),
      silence_(silence),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Watcher::run(const std::stop_token& stop) {
  Next next = Next::list;
  int short_ones = 0;  // watches in a row
  while (next != Next::stop && !stop.stop_requested()) {
    if (next == Next::list && !list(stop)) continue;  // it has waited
    const std::int64_t begun_us = client_->means().monotonic_us();
    next = watch(stop);
    // Who ends each watch at once is not asked as fast as it can answer.
    short_ones = client_->means().monotonic_us() - begun_us < kShortUs ? short_ones + 1 : 0;
    if (short_ones < 2) continue;
    if (!wait_for(backoff_us(short_ones - 2, client_->jitter(), kFirstShortUs, kLongestShortUs),
                  stop))
      return;
  }
}

bool Watcher::list(const std::stop_token& stop) {
  const std::int64_t begun_us = client_->means().monotonic_us();
  auto all = client_->list(what_.kind, what_.name_space, what_.selection, stop);
  if (!all) {
    pause(all.error(), stop);
    return false;
  }
  version_ = all->version;
  be_well();
  events_.listed(std::move(all->items), begun_us);
  return true;
}

Watcher::Next Watcher::watch(const std::stop_token& stop) {
  auto stream = client_->open_stream({.path = path_of(what_.kind, what_.name_space),
                                      .query = {{"watch", "true"},
                                                {"allowWatchBookmarks", "true"},
                                                {"resourceVersion", version_},
                                                {"timeoutSeconds", kWatchSeconds},
                                                {"labelSelector", what_.selection.labels},
                                                {"fieldSelector", what_.selection.fields}}},
                                     stop);
  if (!stream) {
    const bool expired = stream.error().expired();
    if (!expired && !pause(stream.error(), stop)) return Next::stop;
    return expired ? Next::list : Next::again;
  }
  Lines lines;
  for (;;) {
    auto piece = (*stream)->next(stop, silence_);
    if (!piece) return pause(piece.error(), stop) ? Next::again : Next::stop;
    if (piece->empty()) return stop.stop_requested() ? Next::stop : Next::again;
    Next next = Next::again;
    lines.add(*piece, [&](std::string_view line) {
      if (next == Next::again) next = take(line);
    });
    if (next != Next::again) return next;
    if (lines.pending() > kMostLine) return Next::list;
  }
}

Watcher::Next Watcher::take(std::string_view line) {
  json event = parse_lean(line, what_.leave_out);
  const std::string type = text_of(event, "type");
  if (type.empty() || part_of(event, "object").empty()) return Next::list;  // not what a watch says
  json& object = event["object"];
  // An ERROR is a Status: mostly 410, that this version is too old.
  if (type == "ERROR") return Next::list;
  if (const std::string version = text_at(object, "/metadata/resourceVersion"_json_pointer);
      !version.empty())
    version_ = version;
  be_well();
  if (type == "BOOKMARK") return Next::again;
  const Change::What what = type == "ADDED"     ? Change::What::added
                            : type == "DELETED" ? Change::What::deleted
                                                : Change::What::modified;
  events_.changed({what, std::move(object)});
  return Next::again;
}

void Watcher::be_well() {
  if (std::exchange(failures_, 0) > 1 && events_.well) events_.well();
}

/// Before the next try. False: it is stopped.
bool Watcher::pause(const Failure& failure, const std::stop_token& stop) {
  if (stop.stop_requested()) return false;
  if (failures_ == 1 && events_.trouble)
    events_.trouble(failure);  // the first may be a passing one
  const std::int64_t own_us = backoff_us(failures_, client_->jitter(), kFirstUs, kLongestUs);
  ++failures_;
  const std::int64_t asked_us = failure.retry_after ? failure.retry_after->count() * 1000 : 0;
  return wait_for(std::max(own_us, asked_us), stop);
}

}  // namespace scanflow::kube
