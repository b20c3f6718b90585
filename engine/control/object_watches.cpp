#include "engine/control/object_watches.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "engine/kube/fields.hpp"
#include "engine/kube/json_path.hpp"
#include "engine/kube/watcher.hpp"
#include "engine/orchestrate/target.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::control {
namespace {

constexpr std::int64_t kFirstTryUs = 1'000'000, kLongestTryUs = 60'000'000;
constexpr std::size_t kMostValue = 1024;  // bytes

/// A kind, or KIND/NAME.
Result<orchestrate::Written> read_object(const std::string& text) {
  if (text.find('/') != std::string::npos) return orchestrate::read_target(text);
  auto written = orchestrate::read_target(text + "/all");
  if (!written) return fail(fmt::format("'{}' is no kind of objects, and no KIND/NAME", text));
  written->name.clear();
  return written;
}

json value_of(const std::optional<kube::JsonPath>& path, const json& object) {
  if (!path) return nullptr;
  json value = path->find(object);
  const std::string text = value.is_string()
                               ? value.get<std::string>()
                               : value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > kMostValue) return std::string(cut_utf8(text, kMostValue));
  return value;
}

const char* change_of(kube::Change::What what) {
  switch (what) {
    case kube::Change::What::added:
      return "added";
    case kube::Change::What::modified:
      return "modified";
    case kube::Change::What::deleted:
      return "deleted";
  }
  return "";
}

}  // namespace

/// A thread of its own, until it knows what to watch; from then on the watcher's.
class ObjectWatches::Watch {
 public:
  Watch(ObjectWatches& owner, json what, Tell tell)
      : owner_(owner),
        what_(std::move(what)),
        tell_(std::move(tell)),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}
  ~Watch() {
    thread_.request_stop();
    thread_.join();
  }

  const json& what() const { return what_; }
  void stop() { thread_.request_stop(); }
  /// Gives whom it has told until now.
  Tell silence() {
    const std::lock_guard lock(telling_);
    return std::exchange(tell_, nullptr);
  }
  std::string problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
  }

 private:
  void run(const std::stop_token& stop) {
    std::int64_t wait_us = kFirstTryUs;
    while (!stop.stop_requested()) {
      try {
        const auto begun = begin(stop);
        if (begun || stop.stop_requested()) return;
        say(begun.error().message);
      } catch (const std::exception& error) {  // it, or the API server, says what nobody expects
        say(error.what());
      }
      (void)kube::wait_for(wait_us, stop);
      wait_us = std::min(wait_us * 2, kLongestTryUs);
    }
  }

  Result<void> begin(const std::stop_token& stop) {
    const std::string path = what_.at("path"), in = what_.at("namespace");
    if (!path.empty()) {
      auto parsed = kube::JsonPath::parse(path);
      if (!parsed) return tl::unexpected(parsed.error());
      path_ = std::move(*parsed);
    }
    const auto written = read_object(what_.at("object"));
    if (!written) return tl::unexpected(written.error());
    const auto client = owner_.client();
    if (!client) return tl::unexpected(client.error());
    const std::string& usual = owner_.cluster_.name_space.empty() ? (*client)->access().name_space
                                                                  : owner_.cluster_.name_space;
    const bool all = in == "*";
    const auto target =
        orchestrate::find_target(**client, *written, all ? std::string() : in, usual, stop);
    if (!target) return fail(target.error().message);
    kind_ = target->kind;
    kube::Selection selection{.labels = what_.at("labels")};
    if (!target->name.empty()) selection.fields = "metadata.name=" + target->name;
    watch(*client, {kind_, all ? std::string() : target->name_space, std::move(selection)});
    return {};
  }

  void watch(std::shared_ptr<kube::Client> client, kube::Watcher::What what) {
    kube::Watcher::Events events;
    events.listed = [this](const std::vector<json>& items, std::int64_t) { listed(items); };
    events.changed = [this](const kube::Change& change) {
      tell(change_of(change.what), change.object);
    };
    events.trouble = [this, plural = what.kind.plural](const kube::Failure& failure) {
      say(kube::explained(failure, "watch " + plural));
    };
    events.well = [this] { say(""); };
    watcher_.emplace(std::move(client), std::move(what), std::move(events));
  }

  void listed(const std::vector<json>& items) {
    if (items.size() > kMostObjects)
      return say(
          fmt::format("there are {} of {}, and {} can be watched: narrow it by labels, or by "
                      "a namespace",
                      items.size(), what_.at("object").get<std::string>(), kMostObjects));
    say("");
    json uids = json::array();
    for (const json& each : items) {
      tell("there", each);
      uids.push_back(kube::text_of(kube::part_of(each, "metadata"), "uid"));
    }
    tell({{"change", "listed"}, {"uids", std::move(uids)}});
  }

  void tell(const char* change, const json& object) {
    const json& metadata = kube::part_of(object, "metadata");
    tell({{"change", change},
          {"object",
           {{"kind", kind_.kind},
            {"namespace", kube::text_of(metadata, "namespace")},
            {"name", kube::text_of(metadata, "name")},
            {"uid", kube::text_of(metadata, "uid")}}},
          {"value", value_of(path_, object)}});
  }

  void tell(json told) {
    const std::lock_guard lock(telling_);
    if (tell_) tell_(std::move(told));
  }

  void say(std::string problem) {
    const std::lock_guard lock(mutex_);
    problem_ = std::move(problem);
  }

  ObjectWatches& owner_;
  const json what_;
  std::mutex telling_;
  Tell tell_;                 // by it
  mutable std::mutex mutex_;  // of the next
  std::string problem_;
  kube::Kind kind_;
  std::optional<kube::JsonPath> path_;
  std::optional<kube::Watcher> watcher_;  // of the thread's making; gone before what it uses
  std::jthread thread_;
};

ObjectWatches::ObjectWatches(runtime::Cluster cluster) : cluster_(std::move(cluster)) {}

ObjectWatches::~ObjectWatches() {
  {
    const std::lock_guard lock(mutex_);
    for (auto& [number, watch] : watches_) end(std::move(watch));
    watches_.clear();
  }
  ending_.join();
}

Result<std::shared_ptr<kube::Client>> ObjectWatches::client() {
  const std::lock_guard lock(mutex_);
  if (client_) return client_;
  auto opened = kube::Client::open_at(cluster_.where);
  if (!opened) return opened;
  client_ = *opened;
  return client_;
}

std::uint64_t ObjectWatches::watch(const json& what, Tell tell) {
  auto begun = std::make_shared<Watch>(*this, what, std::move(tell));
  const std::lock_guard lock(mutex_);
  watches_[++last_] = std::move(begun);
  return last_;
}

void ObjectWatches::again(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = watches_.find(number);
  if (found == watches_.end()) return;
  const auto before = found->second;
  Tell tell = before->silence();
  found->second = std::make_shared<Watch>(*this, before->what(), std::move(tell));
  end(before);
}

void ObjectWatches::unwatch(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  auto found = watches_.extract(number);
  if (found.empty()) return;
  (void)found.mapped()->silence();
  end(std::move(found.mapped()));
}

/// Its threads may still be asking the API server.
void ObjectWatches::end(std::shared_ptr<Watch> watch) {
  watch->stop();
  boost::asio::post(ending_, [watch = std::move(watch)]() mutable { watch.reset(); });
}

std::string ObjectWatches::problem(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  const auto found = watches_.find(number);
  return found == watches_.end() ? "" : found->second->problem();
}

}  // namespace scanflow::control
