// What the engine asks, and what the hub tells.
#include "engine/backend/pod_backend.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <variant>

#include "engine/backend/in_process_step.hpp"
#include "sdk/base/clock.hpp"
#include "sidecar/protocol/gang.hpp"
#include "sidecar/protocol/saving.hpp"

namespace scanflow::backend {

PodBackend::PodBackend(PodOptions options, boost::asio::io_context& strand, PodHub& hub, Sink sink)
    : options_(std::move(options)),
      strand_(strand),
      hub_(hub),
      sink_(std::move(sink)),
      records_(options_.directory),
      timer_(strand) {}

/// Pods that run go on, and the next engine finds them; those that wait for a step are not worth it.
PodBackend::~PodBackend() {
  alive_.reset();
  for (const auto& [name, pod] : pods_) {
    if (pod.record.attempt || !driver_) continue;
    driver_->remove(name);
    records_.remove(name);
  }
}

void PodBackend::open() {
  if (state_ != State::closed) return;
  state_ = State::opening;
  listen();
}

/// Pods of an earlier engine look for the hub where it was: as long as it cannot be there they are waited
/// with, and nothing of them is lost.
void PodBackend::listen() {
  const bool waits = !records_.read().empty();
  hub_.listen(waits, [this, waits, alive = std::weak_ptr(alive_)](Result<HubAddress> address) {
    if (alive.expired()) return;
    if (!address && waits) {
      if (std::exchange(problem_, address.error().message) != problem_) trouble(problem_);
      return arm();
    }
    if (!address) return on_open(tl::unexpected(address.error()));
    problem_.clear();
    address_ = *address;
    // At once: one that is refused tries again only after ten seconds.
    for (const auto& [name, record] : records_.read()) hub_.admit(name);
    driver_->open([this, alive](const Result<std::vector<std::string>>& living) {
      if (!alive.expired()) on_open(living);
    });
  });
}

void PodBackend::on_open(const Result<std::vector<std::string>>& living) {
  if (!living) {
    state_ = State::closed;
    return give_up(living.error().message);
  }
  state_ = State::open;
  const std::int64_t now_us = monotonic_us();
  for (auto& [name, record] : records_.read()) {
    if (std::find(living->begin(), living->end(), name) == living->end()) {
      if (record.attempt) lost_.insert(*record.attempt);
      hub_.dismiss(name);
      records_.remove(name);
      continue;
    }
    Pod& pod = pods_[name];
    pod.record = std::move(record);
    pod.begun = pod.started = true;
    pod.waits_us = now_us;
  }
  for (const std::string& name : *living) {
    if (!pods_.contains(name)) driver_->remove(name);  // whoever made it did not come to note it
  }
  std::vector<Id> all;
  for (const auto& [id, attempt] : attempts_) all.push_back(id);
  for (const Id& id : all) place(id);
  // Attempts that this engine was not asked to go on with: perhaps it never will be.
  std::vector<Report> kept;
  for (const auto& [name, pod] : pods_) {
    if (pod.record.attempt && !attempts_.contains(*pod.record.attempt))
      kept.emplace_back(Kept{*pod.record.attempt});
  }
  if (!kept.empty()) sink_(std::move(kept));
  arm();
}

void PodBackend::give_up(const std::string& why) {
  std::vector<Id> all;
  for (const auto& [id, attempt] : attempts_)
    if (!attempt.told) all.push_back(id);
  for (const Id& id : all) fail(id, "config", why);
}

void PodBackend::launch(std::vector<RequestPtr> requests) {
  if (std::vector<Report> reports = run_noops(requests); !reports.empty())
    sink_(std::move(reports));
  if (requests.empty()) return;
  const bool ready = state_ == State::open;
  for (RequestPtr& request : requests) {
    const Id id = request->id;
    attempts_[id].request = std::move(request);
    if (ready) place(id);
  }
  open();  // then all that wait are placed
}

void PodBackend::stop(const Id& id, const std::string& reason) {
  const auto found = attempts_.find(id);
  if (found == attempts_.end() || found->second.told || !found->second.stop.empty()) return;
  found->second.stop = reason.empty() ? "cancelled" : reason;
  if (state_ == State::open) stop_placed(id);  // else once it is known which Pod has it
}

void PodBackend::stop_placed(const Id& id) {
  const Attempt& attempt = attempts_.at(id);
  Pod* pod = find(attempt.pod);
  if (pod != nullptr && pod->begun) {
    constexpr std::int64_t kPatienceUs = 10'000'000;
    pod->kill_us = monotonic_us() + attempt.request->grace_us + kPatienceUs +
                   (may_save(*pod) ? protocol::kSavingUs : 0);
    return order(*pod);  // or as soon as its sidecar is there
  }
  const std::string name = attempt.pod;
  cancelled(id, name.empty()
                    ? "stopped before a Pod was made for it"
                    : fmt::format("stopped before it started: its Pod {} was not ready", name));
  remove(name);
}

/// What its attempt leaves for later ones.
bool PodBackend::may_save(const Pod& pod) const {
  const auto found = pod.record.attempt ? attempts_.find(*pod.record.attempt) : attempts_.end();
  return pod.attached && pod.started && found != attempts_.end() &&
         !found->second.request->checkpoints.empty();
}

/// The engine has committed its result.
void PodBackend::acknowledge(const Id& id) {
  if (const auto found = deliveries_.find(id); found != deliveries_.end()) {
    hub_.delivered(found->second.from, found->second.number);
    deliveries_.erase(found);
  }
  const auto found = attempts_.find(id);
  if (found == attempts_.end()) return;
  const std::string name = found->second.pod;
  attempts_.erase(found);
  if (name.empty()) return;
  hub_.revoke(name, id);
  release(name);
}

void PodBackend::forget(const std::vector<Id>& ids) {
  for (const Id& id : ids) {
    acknowledge(id);
    const auto of = std::find_if(pods_.begin(), pods_.end(), [&](const auto& each) {
      return each.second.record.attempt == id && !attempts_.contains(id);
    });
    if (of != pods_.end()) remove(std::string(of->first));  // its key ends with it
  }
}

void PodBackend::reply(const protocol::HostReply& reply) {
  const auto found = attempts_.find(reply.id);
  if (found != attempts_.end()) hub_.tell({found->second.pod, found->second.pod}, reply);
}

// --- what the hub tells

bool PodBackend::owns(const hub::SidecarKey& sidecar, const Id& id) const {
  const auto found = pods_.find(sidecar.user);
  return found != pods_.end() && sidecar.pod_uid == sidecar.user &&
         found->second.record.attempt == id;
}

std::string PodBackend::pod_of(const Id& id) const {
  const auto found = attempts_.find(id);
  return found == attempts_.end() ? "" : found->second.pod;
}

std::vector<PodStatus> PodBackend::pods() const {
  const std::int64_t now_us = wall_us();
  std::vector<PodStatus> all;
  for (const auto& [name, pod] : pods_) {
    const PodRecord& record = pod.record;
    all.push_back({name, driver_->node(name), record.attempt, record.uses, record.reuse.uses,
                   now_us - record.made_us, record.reuse.age_us,
                   record.attempt ? 0 : monotonic_us() - pod.waits_us, record.reuse.idle_us});
  }
  return all;
}

void PodBackend::attached(const hub::SidecarKey& sidecar) {
  Pod* pod = find(sidecar.user);
  if (pod == nullptr || sidecar.pod_uid != sidecar.user) return;
  pod->attached = true;
  pod->waits_us = monotonic_us();
  order(*pod);
}

void PodBackend::suspected(const hub::SidecarKey& sidecar) {
  if (sidecar.pod_uid == sidecar.user) give_up_kept(sidecar.user);
}

void PodBackend::detached(const hub::SidecarKey& sidecar) {
  Pod* pod = find(sidecar.user);
  if (pod == nullptr || sidecar.pod_uid != sidecar.user || give_up_kept(sidecar.user)) return;
  pod->attached = false;
  pod->waits_us = monotonic_us();
  if (pod->record.attempt && attempts_.contains(*pod->record.attempt) && pod->ends_us == 0)
    trouble(fmt::format("nothing is heard of the sidecar of Pod {} for now", sidecar.user));
}

/// Said anew in each session: the sidecar does once what it is told twice.
void PodBackend::order(Pod& pod) {
  if (!pod.attached || !pod.record.attempt) return;
  const auto found = attempts_.find(*pod.record.attempt);
  if (found == attempts_.end() || found->second.told) return;
  const Attempt& attempt = found->second;
  if (attempt.request->replicas > 1 && attempt.stop.empty() && attempt.address.empty())
    return gather(protocol::rank_of(found->first).gang, attempt.request->replicas);
  tell_launch(pod);
}

void PodBackend::tell_launch(Pod& pod) {
  pod.begun = true;
  const hub::SidecarKey to{pod.record.pod, pod.record.pod};
  Attempt& attempt = attempts_.at(*pod.record.attempt);
  attempt.begun = true;
  protocol::Request request = pod_request(*attempt.request);
  if (!attempt.address.empty()) {
    request.env.insert(
        {{"MASTER_ADDR", attempt.address}, {"MASTER_PORT", std::to_string(kRendezvousPort)}});
  }
  hub_.tell(to, protocol::Launch{std::move(request)});
  if (!attempt.stop.empty()) hub_.tell(to, protocol::Cancel{*pod.record.attempt, attempt.stop});
}

/// Has each rank a Pod whose sidecar is there, but those that have ended?
bool PodBackend::is_gathered(const Id& gang, std::uint32_t replicas) {
  for (std::uint32_t rank = 0; rank < replicas; ++rank) {
    const auto found = attempts_.find(protocol::member_of(gang, rank));
    if (found == attempts_.end()) return false;
    const Attempt& attempt = found->second;
    const Pod* pod = find(attempt.pod);
    if (attempt.told ? !attempt.begun : pod == nullptr || !pod->attached) return false;
  }
  return true;
}

/// No rank begins before all can, and it is known where they meet.
void PodBackend::gather(const Id& gang, std::uint32_t replicas) {
  if (!is_gathered(gang, replicas)) return;
  const std::string first = attempts_.at(gang).pod;
  driver_->find_address(first, [this, gang, replicas, first,
                                alive = std::weak_ptr(alive_)](const Result<std::string>& address) {
    if (!alive.expired()) on_gathered(gang, replicas, first, address);
  });
}

/// What has changed meanwhile asks again.
void PodBackend::on_gathered(const Id& gang, std::uint32_t replicas, const std::string& first,
                             const Result<std::string>& address) {
  if (!is_gathered(gang, replicas) || attempts_.at(gang).pod != first) return;
  const Pod* pod = find(first);
  if (!address && pod != nullptr && pod->begun)  // by an earlier engine, perhaps long ago
    return trouble("a gang may not find its rank 0: " + address.error().message);
  if (!address)
    return fail(gang, "retryable", "its ranks cannot find each other: " + address.error().message);
  for (std::uint32_t rank = 0; rank < replicas; ++rank) {
    Attempt& attempt = attempts_.at(protocol::member_of(gang, rank));
    attempt.address = *address;
    if (!attempt.told) tell_launch(*find(attempt.pod));
  }
}

void PodBackend::said(const hub::SidecarKey& sidecar, const protocol::Body& body) {
  if (const auto* progress = std::get_if<protocol::Progress>(&body)) {
    if (owns(sidecar, progress->id)) sink_({*progress});
  } else if (const auto* call = std::get_if<protocol::HostCall>(&body)) {
    if (owns(sidecar, call->id)) sink_({*call});
  } else if (const auto* started = std::get_if<protocol::Started>(&body)) {
    if (!owns(sidecar, started->id)) return;
    pods_.at(sidecar.user).started = true;
    protocol::Started here = *started;
    here.log = {log_segment(started->id), 0, 0};
    sink_({here});
  }
}

void PodBackend::delivered(const hub::SidecarKey& from, std::uint64_t number,
                           protocol::Result result) {
  const Id id = result.id;
  const auto found = attempts_.find(id);
  const bool known = found != attempts_.end();
  if (!owns(from, id) || (known && found->second.told)) {
    hub_.delivered(from, number);  // told twice, or not its to tell
    return;
  }
  if (result.cause == protocol::kWorkerGone) return worker_gone({from, number, std::move(result)});
  if (result.log.length > 0) result.log.segment = log_segment(id);
  if (result.status == "cancelled" && known && found->second.stop.empty()) {
    result.status = "failed";
    result.cause = "evicted";
    result.message =
        "its Pod was told to end, and not by this engine: drained, or removed by somebody";
  }
  deliveries_[id] = {from, number, result};
  if (known) return tell_result(id, std::move(result));
  sink_({Kept{id}});  // of an earlier engine: it is asked for, or forgotten
}

void PodBackend::tell_result(const Id& id, protocol::Result result) {
  result.id = id;
  if (result.ended_us == 0) result.started_us = result.ended_us = wall_us();
  attempts_.at(id).told = true;
  sink_({protocol::Ended{std::move(result)}});
}

void PodBackend::fail(const Id& id, const std::string& cause, const std::string& message) {
  protocol::Result result;
  result.status = "failed";
  result.cause = cause;
  result.message = message;
  tell_result(id, std::move(result));
}

void PodBackend::cancelled(const Id& id, const std::string& message) {
  protocol::Result result;
  result.status = "cancelled";
  result.cause = attempts_.at(id).stop;
  result.message = message;
  tell_result(id, std::move(result));
}

void PodBackend::trouble(const std::string& line) const {
  if (options_.log) options_.log(line);
}

PodBackend::Pod* PodBackend::find(const std::string& pod) {
  const auto found = pods_.find(pod);
  return found == pods_.end() ? nullptr : &found->second;
}

}  // namespace scanflow::backend
