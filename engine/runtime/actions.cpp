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

std::string another(const std::string& id) {
  return fmt::format("{} is the id of another request", id);
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
  if (const auto found = beginning_.find(request.id); found != beginning_.end()) {
    // The same again, of a client that has lost its connection.
    Action& action = *found->second;
    if (action.checked.digest != checked->digest)
      return reject(client, another(request.id), kConflict);
    action.waiting.push_back(client);
    return;
  }
  if (open_ >= kMostOpen)
    return reject(client, fmt::format("{} actions wait already", kMostOpen), kUnavailable, 3);
  ++open_;
  if (!pools_) pools_.emplace();
  const auto action = std::make_shared<Action>();
  action->waiting.push_back(client);
  action->checked = std::move(*checked);
  action->request = std::move(request);
  beginning_[action->request.id] = action;
  boost::asio::post(pools_->begin, [this, action] { begin(action); });
}

Result<std::shared_ptr<kube::Client>> Actions::client() {
  const std::lock_guard lock(mutex_);
  if (client_) return client_;
  auto opened = kube::Client::open_at(options_.where);
  if (!opened) return opened;
  kube::Recorder::Options events;
  events.trouble = options_.log;
  recorder_.emplace(*opened, std::move(events));
  client_ = *opened;
  return client_;
}

Result<void> Actions::record(const store::ActionRow& row) {
  auto recorded = store_.record(row);
  if (!recorded && options_.broken) options_.broken(recorded.error().message);
  return recorded;
}

tl::expected<store::ActionRow, Actions::Problem> Actions::prepare(Action& action) {
  try {
    return prepare_now(action);
  } catch (const std::exception& error) {
    return tl::unexpected(Problem{bug(error.what()), kUnavailable, 3});
  }
}

tl::expected<store::ActionRow, Actions::Problem> Actions::prepare_now(Action& action) {
  const auto unavailable = [](const std::string& why) {
    return tl::unexpected(Problem{why, kUnavailable, 3});
  };
  const auto known = store_.action(action.request.id);
  if (!known) return unavailable(known.error().message);
  if (*known) {
    if ((*known)->digest == action.checked.digest) return **known;
    return tl::unexpected(Problem{another(action.request.id), kConflict, 1});
  }
  const auto cluster = client();
  if (!cluster) return unavailable(cluster.error().message);
  const std::string& own =
      options_.name_space.empty() ? (*cluster)->access().name_space : options_.name_space;
  auto target = orchestrate::find_target(**cluster, action.checked.object,
                                         action.request.name_space, own, stop_.get_token());
  if (!target && target.error().code == 0) return unavailable(target.error().message);
  if (!target) return tl::unexpected(Problem{target.error().message, kNotFound, 2});
  action.checked.request.target = std::move(*target);
  store::ActionRow row = row_of(action.request, action.checked, wall_us());
  if (const auto recorded = record(row); !recorded) return unavailable(recorded.error().message);
  return row;
}

void Actions::begin(const ActionPtr& action) {
  const auto row = prepare(*action);
  std::vector<Client> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting = std::move(action->waiting);
    beginning_.erase(action->request.id);  // from here on the store knows it
    if (row && row->number == 0) {
      auto& line = lines_[object_key(*row)];
      line.emplace_back(
          [this, request = action->checked.request, row = *row] { carry_out(request, row); });
      if (line.size() == 1) boost::asio::post(pools_->act, line.front());
    } else {
      --open_;
    }
  }
  for (const Client& client : waiting) {
    if (row) {
      tell_done(client, {{"action", action_document(*row)}});
    } else {
      reject(client, row.error().message, row.error().reason, row.error().exit);
    }
  }
}

void Actions::act(const orchestrate::Request& request, store::ActionRow& row) {
  const auto cluster = client();
  if (!cluster) return take_outcome(row, orchestrate::failed(cluster.error().message));
  const orchestrate::Outcome outcome =
      orchestrate::act(**cluster, request, stop_.get_token(), &*recorder_);
  take_outcome(row, outcome);
  if (!stop_.stop_requested() || outcome.answered) return;
  row.outcome = kIndeterminate;  // what was asked for may have been done
  row.message = kLeftOver;
}

void Actions::carry_out(const orchestrate::Request& request, store::ActionRow row) {
  if (stop_.stop_requested()) {
    take_outcome(row, orchestrate::refused(kEnding));
  } else {
    row.started_us = wall_us();
    try {
      act(request, row);
    } catch (const std::exception& error) {
      take_outcome(row, orchestrate::failed(bug(error.what())));
    }
  }
  row.ended_us = wall_us();
  (void)record(row);  // where that fails, the engine ends
  next_of(object_key(row));
}

void Actions::next_of(const std::string& object) {
  const std::lock_guard lock(mutex_);
  --open_;
  const auto line = lines_.find(object);
  line->second.pop_front();
  if (line->second.empty()) {
    lines_.erase(line);
  } else {
    boost::asio::post(pools_->act, line->second.front());
  }
}

}  // namespace scanflow::runtime
