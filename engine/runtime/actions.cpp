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

/// So many objects are acted on at once: each waits for its API server, or for what it has asked for.
constexpr std::size_t kThreads = 8;
/// How long it is known what was asked.
constexpr std::int64_t kKeptUs = std::int64_t{90} * 24 * 3600 * 1'000'000;

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

}  // namespace

Actions::Actions(store::Store& store, ClusterOptions options)
    : store_(store), options_(std::move(options)) {
  const std::int64_t now_us = wall_us();
  // A store that cannot be written says so to whoever asks for something.
  (void)store_.close_actions(kIndeterminate, kLeftOver, now_us, now_us - kKeptUs);
}

Actions::~Actions() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  stop_.request_stop();
  if (pool_) pool_->join();
}

template <class Call>
void Actions::work(Call call) {
  if (!pool_) pool_.emplace(kThreads);
  boost::asio::post(*pool_, std::move(call));
}

void Actions::ask(ActionRequest request, const Client& client) {
  auto checked = check_action(request, options_.allowed);
  if (!checked) return reject(client, checked.error().message);
  if (request.id.empty()) request.id = uuid_v7(wall_us() / 1000);
  const std::lock_guard lock(mutex_);
  if (closing_) return reject(client, kEnding, kUnavailable, 3);
  auto& open = open_[request.id];
  if (open == nullptr) {
    open = std::make_shared<Open>();
    open->request = std::move(request);
    open->action = std::move(*checked);
    open->waiting.push_back(client);
    return work([this, open] { begin(open); });
  }
  // The same again, of a client that has lost its connection.
  if (open->action.request.primitive != checked->request.primitive ||
      open->action.request.arguments != checked->request.arguments) {
    return reject(client, fmt::format("{} is the id of another request", request.id), kConflict);
  }
  if (!request.wait && open->recorded) return tell_action(client, open->row);
  open->waiting.push_back(client);
}

Result<std::shared_ptr<kube::Client>> Actions::client() {
  const std::lock_guard lock(mutex_);
  if (client_) return client_;
  auto access = kube::find_access(options_.where);
  if (!access) return fail(access.error().message);
  auto opened = kube::Client::open(std::move(*access), options_.means);
  if (!opened) return opened;
  client_ = *opened;
  kube::Recorder::Options events;
  events.trouble = options_.log;
  recorder_.emplace(client_, std::move(events));
  return client_;
}

std::optional<Actions::Problem> Actions::prepare(Open& open, bool& over) {
  const auto known = store_.action(open.request.id);
  if (!known) return Problem{known.error().message, kUnavailable, 3};
  if (*known) {
    if (!is_same(**known, open.action)) {
      return Problem{fmt::format("{} is the id of another request", open.request.id), kConflict, 1};
    }
    open.row = **known;
    over = true;
    return std::nullopt;
  }
  const auto cluster = client();
  if (!cluster) return Problem{cluster.error().message, kUnavailable, 3};
  const std::string& own =
      options_.name_space.empty() ? (*cluster)->access().name_space : options_.name_space;
  auto target = orchestrate::find_target(**cluster, open.action.object, open.request.name_space,
                                         own, stop_.get_token());
  if (!target) return Problem{target.error().message, kNotFound, 2};
  open.action.request.target = std::move(*target);
  store::ActionRow row = row_of(open.request, open.action.request, wall_us());
  const auto recorded = store_.record(row);
  if (!recorded) return Problem{recorded.error().message, kUnavailable, 3};
  const std::lock_guard lock(mutex_);
  open.row = std::move(row);
  return std::nullopt;
}

void Actions::begin(const OpenPtr& open) {
  bool over = false;
  const auto problem = prepare(*open, over);
  if (problem || over) return end(open, problem);
  std::vector<Client> told;
  {
    const std::lock_guard lock(mutex_);
    open->recorded = true;
    if (!open->request.wait) told = std::exchange(open->waiting, {});
    auto& line = lines_[object_key(open->row)];
    line.push_back(open);
    if (line.size() == 1) work([this, open] { carry_out(open); });
  }
  for (const Client& client : told) tell_action(client, open->row);
}

void Actions::carry_out(const OpenPtr& open) {
  store::ActionRow row = open->row;
  if (stop_.stop_requested()) {
    row.outcome = orchestrate::name_of(orchestrate::Outcome::State::refused);
    row.message = kEnding;
  } else {
    row.started_us = wall_us();
    try {
      const auto cluster = client();
      take_outcome(row, cluster ? orchestrate::act(**cluster, open->action.request,
                                                   stop_.get_token(), &*recorder_)
                                : orchestrate::failed(cluster.error().message));
    } catch (const std::exception& error) {
      take_outcome(row,
                   orchestrate::failed(std::string(error.what()) + " (this is a bug in scanflow)"));
    }
  }
  row.ended_us = wall_us();
  const auto recorded = store_.record(row);
  {
    const std::lock_guard lock(mutex_);
    open->row = row;
  }
  end(open,
      recorded ? std::nullopt : std::optional(Problem{recorded.error().message, kUnavailable, 3}));
  next_of(object_key(row));
}

void Actions::next_of(const std::string& object) {
  const std::lock_guard lock(mutex_);
  const auto line = lines_.find(object);
  line->second.pop_front();
  if (line->second.empty()) {
    lines_.erase(line);
  } else {
    work([this, next = line->second.front()] { carry_out(next); });
  }
}

void Actions::end(const OpenPtr& open, const std::optional<Problem>& problem) {
  std::vector<Client> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting = std::exchange(open->waiting, {});
    open_.erase(open->request.id);
  }
  for (const Client& client : waiting) {
    if (problem) {
      reject(client, problem->message, problem->reason, problem->exit);
    } else {
      tell_action(client, open->row);
    }
  }
}

}  // namespace scanflow::runtime
