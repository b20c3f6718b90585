#include "engine/serve/router.hpp"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "engine/infer/endpoints.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::serve {
namespace {

using infer::refusal;

constexpr std::chrono::milliseconds kSuspected{100};

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

/// Of one connection, or of this server's business with the client.
bool stays_here(std::string_view name) {
  static constexpr std::array<std::string_view, 12> kOwn = {
      "connection", "keep-alive", "transfer-encoding", "content-length", "expect", "upgrade",
      "te",         "trailer",    "proxy-connection",  "authorization",  "cookie", "origin"};
  return std::any_of(kOwn.begin(), kOwn.end(),
                     [&](std::string_view own) { return same_name(own, name); });
}

}  // namespace

void Router::add(const std::string& id, const std::string& address, bool backup) {
  Replica& replica = replicas_.emplace_back();
  replica.id = id;
  replica.backup = backup;
  replica.upstream = std::make_unique<http::Upstream>(server_, address, limits_.answer_bytes);
  note_who_answers();
  serve_waiting();
}

Router::Replica* Router::find(const std::string& id) {
  const auto found = std::find_if(replicas_.begin(), replicas_.end(),
                                  [&](const Replica& replica) { return replica.id == id; });
  return found == replicas_.end() ? nullptr : &*found;
}

void Router::doubt(const std::string& id, bool doubted) {
  Replica* const replica = find(id);
  if (replica == nullptr || replica->doubted == doubted) return;
  replica->doubted = doubted;
  note_who_answers();
}

void Router::retire(const std::string& id, std::function<void()> then) {
  Replica* const replica = find(id);
  if (replica == nullptr) return then();
  replica->when_free = std::move(then);
  note_who_answers();
  if (replica->requests == 0) replica->when_free();
}

void Router::remove(const std::string& id) {
  // What was on its way is told that its connection is closed, and looks for another replica.
  replicas_.remove_if([&](const Replica& replica) { return replica.id == id; });
  note_who_answers();
}

std::size_t Router::how_many(bool backup, bool also_doubted) const {
  return static_cast<std::size_t>(
      std::count_if(replicas_.begin(), replicas_.end(), [&](const Replica& replica) {
        return replica.backup == backup && !replica.when_free && (also_doubted || !replica.doubted);
      }));
}
std::size_t Router::ready() const { return how_many(false, true); }
std::size_t Router::backups_ready() const { return how_many(true, true); }

void Router::note_who_answers() {
  const bool backup = how_many(false, false) == 0 && how_many(true, false) > 0;
  if (std::exchange(backup_answers_, backup) == backup) return;
  if (on_switch_) on_switch_(backup);
}

void Router::forward(http::Request request, const http::Reply& reply) {
  if (open_ >= limits_.requests) {
    return reply(refusal(429, fmt::format("{} requests are on their way, as many as the service "
                                          "takes; try again later",
                                          open_)));
  }
  set_open(open_ + 1);
  const auto ask = std::make_shared<Ask>();
  const auto said = request.header(infer::kTimeoutHeader);
  const auto timeout = infer::timeout_in(said);
  ask->keeps_deadline =
      said.empty() || timeout;  // one that is malformed is for the replica to refuse
  ask->deadline = std::chrono::steady_clock::now() +
                  std::min(timeout.value_or(limits_.timeout), limits_.timeout);
  ask->onward.method = std::move(request.method);
  ask->onward.target = std::move(request.target);
  for (auto& [name, value] : request.headers) {
    const bool ours = ask->keeps_deadline && same_name(name, infer::kTimeoutHeader);
    if (!ours && !stays_here(name))
      ask->onward.headers.emplace_back(std::move(name), std::move(value));
  }
  if (ask->keeps_deadline) ask->onward.headers.emplace_back(infer::kTimeoutHeader, "");
  ask->onward.body = std::make_shared<const std::string>(std::move(request.body));
  ask->reply = reply;
  dispatch(ask);
}

/// Of those that answer their supervisor; of its backups, if there is none; else of the others: the
/// fewest requests; of several the one that was not chosen for longest (it is the first).
Router::Replica* Router::choose(const std::string& not_to) {
  const auto rank = [](const Replica& replica) {
    return std::make_tuple(replica.doubted, replica.backup, replica.requests);
  };
  auto best = replicas_.end();
  for (auto replica = replicas_.begin(); replica != replicas_.end(); ++replica) {
    if (replica->when_free || replica->suspect || replica->id == not_to) continue;
    if (best == replicas_.end() || rank(*replica) < rank(*best)) best = replica;
  }
  if (best == replicas_.end()) return nullptr;
  replicas_.splice(replicas_.end(), replicas_, best);
  return &replicas_.back();
}

void Router::dispatch(const Asked& ask) {
  if (Replica* const replica = choose(ask->not_to)) return send(*replica, ask);
  wait(ask);
}

void Router::send(Replica& replica, const Asked& ask) {
  ++replica.requests;
  if (replica.backup) ++backup_requests_;
  // What nobody waits for any more is not to be computed.
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      ask->deadline - std::chrono::steady_clock::now());
  if (ask->keeps_deadline) {
    ask->onward.headers.back().second = std::to_string(std::max<std::int64_t>(1, left.count()));
  }
  replica.upstream->send(ask->onward, ask->deadline,
                         [self = shared_from_this(), id = replica.id, ask](auto answer) {
                           self->on_answer(id, ask, std::move(answer));
                         });
}

void Router::on_answer(const std::string& id, const Asked& ask,
                       tl::expected<http::Response, http::NotReached> given) {
  Replica* const replica = find(id);
  if (replica != nullptr) {
    if (given) replica->suspect = false;
    if (--replica->requests == 0 && replica->when_free) replica->when_free();
  }
  if (given) return answer(ask, std::move(*given));
  const http::NotReached& why = given.error();
  if (why.why == http::NotReached::Why::late)
    return answer(ask, refusal(504, "the deadline of the request is over"));
  if (why.why == http::NotReached::Why::unusable)
    return answer(ask, refusal(502, "the replica's answer cannot be taken: " + why.message));
  if (replica != nullptr) suspect(*replica);
  // A connection that nobody took has not brought the request anywhere.
  if (why.why == http::NotReached::Why::closed) {
    if (ask->tries == limits_.retries) {
      return answer(ask, refusal(502, fmt::format("the replica that had the request ended before "
                                                  "it answered ({}), {} times",
                                                  why.message, ask->tries + 1)));
    }
    ++ask->tries;
    ++retried_;
  }
  ask->not_to = id;
  dispatch(ask);
}

/// For a moment: its supervisor finds out.
void Router::suspect(Replica& replica) {
  if (std::exchange(replica.suspect, true)) return;
  server_.post_at(std::chrono::steady_clock::now() + kSuspected,
                  [self = shared_from_this(), id = replica.id] {
                    Replica* const same = self->find(id);
                    if (same == nullptr) return;
                    same->suspect = false;
                    self->serve_waiting();
                  });
}

void Router::wait(const Asked& ask) {
  waiting_.push_back(ask);
  server_.post_at(ask->deadline, [self = shared_from_this(), weak = std::weak_ptr(ask)] {
    const auto late = weak.lock();
    if (!late || std::erase(self->waiting_, late) == 0) return;
    self->answer(late, refusal(503, "no replica of the service was ready in time"));
  });
}

void Router::serve_waiting() {
  for (const Asked& ask : std::exchange(waiting_, {})) {
    ask->not_to.clear();  // it has waited long enough to try the same again
    dispatch(ask);
  }
}

void Router::answer(const Asked& ask, http::Response response) {
  set_open(open_ - 1);
  ask->reply(std::move(response));
}

std::uint64_t Router::busy_us(std::int64_t now_us) const {
  return busy_us_ +
         open_ * static_cast<std::uint64_t>(std::max<std::int64_t>(0, now_us - changed_us_));
}

void Router::set_open(std::size_t count) {
  const std::int64_t now = monotonic_us();
  busy_us_ = busy_us(now);
  changed_us_ = now;
  open_ = count;
}

}  // namespace scanflow::serve
