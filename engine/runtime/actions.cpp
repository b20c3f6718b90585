#include "engine/runtime/actions.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "engine/runtime/replies.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::runtime {
namespace {

constexpr std::size_t kMostOpen = 10'000;

constexpr const char* kIndeterminate = "INDETERMINATE";
constexpr const char* kLeftOver =
    "the engine ended while it was under way: look at the object, then ask again";
constexpr const char* kEnding = "the engine ended before it was begun: ask the next one";

std::string object_key(const store::ActionRow& row) {
  return fmt::format("{}/{}/{}/{}", row.api_version, row.kind, row.name_space, row.name);
}

void tell_action(const Client& client, const store::ActionRow& row) {
  tell_done(client, {{"action", action_document(row)}});
}

std::string another(const std::string& id) {
  return fmt::format("{} is the id of another request", id);
}

std::string bug(const std::exception& error) {
  return fmt::format("{} (this is a bug in scanflow)", error.what());
}

}  // namespace

Actions::Actions(store::Store& store, ClusterOptions options)
    : store_(store), options_(std::move(options)) {
  const auto closed = store_.close_actions(kIndeterminate, kLeftOver, wall_us());
  if (!closed && options_.broken) options_.broken(closed.error().message);
}

Actions::~Actions() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  stop_.request_stop();
  if (!pools_) return;
  pools_->begin.join();
  pools_->act.join();
}

void Actions::ask(ActionRequest request, const Client& client) {
  auto checked = check_action(request, options_.allowed);
  if (!checked) return reject(client, checked.error().message);
  if (request.id.empty()) request.id = uuid_v7(wall_us() / 1000);
  const std::lock_guard lock(mutex_);
  if (closing_) return reject(client, kEnding, kUnavailable, 3);
  const auto found = open_.find(request.id);
  if (found != open_.end()) {  // the same again, of a client that has lost its connection
    Open& open = *found->second;
    if (open.action.digest != checked->digest)
      return reject(client, another(request.id), kConflict);
    if (request.wait) {
      open.waiting.push_back(client);
    } else if (open.recorded) {
      tell_action(client, open.row);
    } else {
      open.hasty.push_back(client);
    }
    return;
  }
  if (open_.size() >= kMostOpen)
    return reject(client, fmt::format("{} actions wait already", kMostOpen), kUnavailable, 3);
  if (!pools_) pools_.emplace();
  const auto open = std::make_shared<Open>();
  (request.wait ? open->waiting : open->hasty).push_back(client);
  open->action = std::move(*checked);
  open->request = std::move(request);
  open_[open->request.id] = open;
  boost::asio::post(pools_->begin, [this, open] { begin(open); });
}

Result<std::shared_ptr<kube::Client>> Actions::client() {
  const std::lock_guard lock(mutex_);
  if (client_) return client_;
  auto access = kube::find_access(options_.where);
  if (!access) return fail(access.error().message);
  auto opened = kube::Client::open(std::move(*access), options_.means);
  if (!opened) return opened;
  kube::Recorder::Options events;
  events.trouble = options_.log;
  recorder_.emplace(*opened, std::move(events));
  client_ = *opened;
  return client_;
}

tl::expected<void, Actions::Problem> Actions::record(const store::ActionRow& row) {
  const auto recorded = store_.record(row);
  if (recorded) return {};
  if (options_.broken) options_.broken(recorded.error().message);
  return tl::unexpected(Problem{recorded.error().message, kUnavailable, 3});
}

tl::expected<store::ActionRow, Actions::Problem> Actions::prepare(Open& open) {
  try {
    return prepare_now(open);
  } catch (const std::exception& error) {
    return tl::unexpected(Problem{bug(error), kUnavailable, 3});
  }
}

tl::expected<store::ActionRow, Actions::Problem> Actions::prepare_now(Open& open) {
  const auto known = store_.action(open.request.id);
  if (!known) return tl::unexpected(Problem{known.error().message, kUnavailable, 3});
  if (*known) {
    if ((*known)->digest == open.action.digest) return **known;
    return tl::unexpected(Problem{another(open.request.id), kConflict, 1});
  }
  const auto cluster = client();
  if (!cluster) return tl::unexpected(Problem{cluster.error().message, kUnavailable, 3});
  const std::string& own =
      options_.name_space.empty() ? (*cluster)->access().name_space : options_.name_space;
  auto target = orchestrate::find_target(**cluster, open.action.object, open.request.name_space,
                                         own, stop_.get_token());
  if (!target) {
    const bool answered = target.error().code != 0;
    return tl::unexpected(
        Problem{target.error().message, answered ? kNotFound : kUnavailable, answered ? 2 : 3});
  }
  open.action.request.target = std::move(*target);
  store::ActionRow row = row_of(open.request, open.action, wall_us());
  if (auto recorded = record(row); !recorded) return tl::unexpected(recorded.error());
  return row;
}

void Actions::begin(const OpenPtr& open) {
  const auto row = prepare(*open);
  if (!row) return end(open, row.error());
  std::vector<Client> hasty;
  {
    const std::lock_guard lock(mutex_);
    open->row = *row;
    open->recorded = true;
    hasty = std::exchange(open->hasty, {});
    if (row->outcome.empty()) {
      auto& line = lines_[object_key(*row)];
      line.push_back(open);
      if (line.size() == 1) boost::asio::post(pools_->act, [this, open] { carry_out(open); });
    }
  }
  for (const Client& client : hasty) tell_action(client, *row);
  if (!row->outcome.empty()) end(open, std::nullopt);
}

void Actions::act(const Open& open, store::ActionRow& row) {
  const auto cluster = client();
  if (!cluster) return take_outcome(row, orchestrate::failed(cluster.error().message));
  const orchestrate::Outcome outcome =
      orchestrate::act(**cluster, open.action.request, stop_.get_token(), &*recorder_);
  take_outcome(row, outcome);
  if (!stop_.stop_requested() || outcome.answered) return;
  row.outcome = kIndeterminate;  // what was asked for may have been done
  row.message = kLeftOver;
}

void Actions::carry_out(const OpenPtr& open) {
  store::ActionRow row = open->row;  // nobody else writes it now
  if (stop_.stop_requested()) {
    row.outcome = orchestrate::name_of(orchestrate::Outcome::State::refused);
    row.message = kEnding;
  } else {
    row.started_us = wall_us();
    try {
      act(*open, row);
    } catch (const std::exception& error) {
      take_outcome(row, orchestrate::failed(bug(error)));
    }
  }
  row.ended_us = wall_us();
  const auto recorded = record(row);
  {
    const std::lock_guard lock(mutex_);
    open->row = row;
  }
  end(open, recorded ? std::nullopt : std::optional(recorded.error()));
  next_of(object_key(row));
}

void Actions::next_of(const std::string& object) {
  const std::lock_guard lock(mutex_);
  const auto line = lines_.find(object);
  line->second.pop_front();
  if (line->second.empty()) {
    lines_.erase(line);
  } else {
    boost::asio::post(pools_->act, [this, next = line->second.front()] { carry_out(next); });
  }
}

/// From here on nobody joins it: whoever asks again finds it in the store.
void Actions::end(const OpenPtr& open, const std::optional<Problem>& problem) {
  std::vector<Client> told;
  store::ActionRow row;
  {
    const std::lock_guard lock(mutex_);
    told = std::exchange(open->waiting, {});
    for (Client& client : open->hasty) told.push_back(std::move(client));
    row = open->row;
    open_.erase(open->request.id);
  }
  for (const Client& client : told) {
    if (problem) {
      reject(client, problem->message, problem->reason, problem->exit);
    } else {
      tell_action(client, row);
    }
  }
}

}  // namespace scanflow::runtime
