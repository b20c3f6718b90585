// The Pods themselves: chosen, made, kept and removed.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "engine/backend/pod_backend.hpp"
#include "engine/inject/inject.hpp"
#include "sdk/base/clock.hpp"
#include "sidecar/protocol/saving.hpp"

namespace scanflow::backend {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// From its start until its sidecar has found the hub; and of one that is away, until it is back.
constexpr std::int64_t kSilentUs = 60'000'000;
/// Then it is said that something is wrong.
constexpr std::int64_t kLateUs = 10'000'000;
constexpr const char* kUnreachable =
    "can Pods connect to that address (--hub-advertise)? A firewall or a NetworkPolicy may be in "
    "the way";
/// After a container has ended: the sidecar may know more of it, and saves what its attempt has left.
constexpr std::int64_t kPodLastWordsUs = 2'000'000;
constexpr std::chrono::milliseconds kLook{500};
constexpr const char* kWorkerSocket = "/scanflow/worker.sock";

json variable(const char* name, const std::string& value) {
  return {{"name", name}, {"value", value}};
}

/// The kubelet reads them for the sidecar, which hands them to the step, and keeps them out of its log.
void add_secrets(const json& secrets, json& env) {
  std::string names;
  for (const auto& [name, source] : secrets.items()) {
    names += (names.empty() ? "" : ":") + name;
    env.push_back(
        {{"name", "SCANFLOW_STEP_SECRET_" + name}, {"valueFrom", {{"secretKeyRef", source}}}});
  }
  if (!names.empty()) env.push_back(variable("SCANFLOW_STEP_SECRETS", names));
}

}  // namespace

void PodBackend::place(const Id& id) {
  Attempt& attempt = attempts_.at(id);
  if (attempt.told) return;
  if (lost_.erase(id) > 0)
    return fail(id, "lost",
                "its Pod is gone: it was removed while no engine was there, or the machine was "
                "restarted");
  for (auto& [name, pod] : pods_) {  // an earlier engine has given it to this one
    if (pod.record.attempt != id) continue;
    attempt.pod = name;
    attempt.begun = true;
    tell_place(pod);
    grant(attempt);
    if (const auto kept = deliveries_.find(id); kept != deliveries_.end())
      return tell_result(id, kept->second.result);
    return attempt.stop.empty() ? order(pod) : stop_placed(id);
  }
  if (!attempt.stop.empty()) return stop_placed(id);
  if (attempt.request->replicas > 1 && !driver_->traits().meet)
    return fail(
        id, "config",
        "its replicas could not find each other: Pods of a user without root have a network "
        "each (slirp4netns); run the engine as root, or the step on --backend local");
  const PodTemplate made = pod_template(*attempt.request, options_.images);
  const bool kept = made.reuse.uses > 1 && !attempt.fresh;
  if (Pod* pod = kept ? warm(made.hash) : nullptr; pod != nullptr) return assign(*pod, attempt);
  make(id, made);
}

PodBackend::Pod* PodBackend::warm(const std::string& hash) {
  const std::int64_t now_us = wall_us();
  for (auto& [name, pod] : pods_) {
    const PodRecord& record = pod.record;
    const bool fresh = record.reuse.age_us == 0 || now_us - record.made_us < record.reuse.age_us;
    if (!record.attempt && pod.attached && pod.ends_us == 0 && record.hash == hash && fresh)
      return &pod;
  }
  return nullptr;
}

void PodBackend::assign(Pod& pod, Attempt& attempt) {
  const Id& id = attempt.request->id;
  pod.record.attempt = id;
  pod.started = false;
  ++pod.record.uses;
  attempt.pod = pod.record.pod;
  if (auto written = records_.write(pod.record); !written)
    return fail(id, "retryable", written.error().message);
  tell_place(pod);
  grant(attempt);
  order(pod);
}

void PodBackend::grant(const Attempt& attempt) {
  const protocol::Request& request = *attempt.request;
  hub_.grant(attempt.pod, pod_request(request),
             {fs::path(request.log_dir) / log_segment(request.id), request.checkpoints});
}

void PodBackend::tell_place(Pod& pod) {
  const PodRecord& record = pod.record;
  pod.node = driver_->node(record.pod);
  sink_({Placed{*record.attempt, record.pod, pod.node, record.uses}});
}

/// Of a kept Pod that may be broken: one that waits for a step gets none, and a step that has not begun in it
/// gets a Pod of its own. False: it is not kept, or its step has begun, or others of its gang know it.
bool PodBackend::give_up_kept(const std::string& name) {
  const Pod* pod = find(name);
  if (pod == nullptr || pod->making) return false;
  const std::optional<Id> id = pod->record.attempt;
  if (!id) {
    remove(name);
    return true;
  }
  const auto found = attempts_.find(*id);
  const bool joined = found != attempts_.end() && pod->begun && found->second.request->replicas > 1;
  if (pod->started || joined || pod->record.uses < 2 || found == attempts_.end() ||
      found->second.told || deliveries_.contains(*id))
    return false;
  if (!found->second.stop.empty()) {
    cancelled(*id, fmt::format("its Pod {} did not answer, and was removed", name));
    remove(name);
    return true;
  }
  trouble(fmt::format("the kept Pod {} does not answer: {} gets one of its own", name, id->step));
  found->second.pod.clear();
  found->second.fresh = true;
  found->second.address.clear();
  remove(name);
  place(*id);
  return true;
}

void PodBackend::make(const Id& id, const PodTemplate& made) {
  Attempt& attempt = attempts_.at(id);
  const std::string name = pod_name(id, options_.state);
  Pod& pod = pods_[name];
  pod.record = {name, made.hash, made.reuse, 0, wall_us(), std::nullopt};
  pod.making = true;
  pod.waits_us = monotonic_us();
  hub_.admit(name);
  assign(pod, attempt);
  if (attempt.told) return remove(name);
  auto ordered = order_of(name, attempt, made);
  if (!ordered) {
    fail(id, "config", ordered.error().message);
    return remove(name);
  }
  driver_->make(std::move(*ordered),
                [this, name, id, alive = std::weak_ptr(alive_)](std::optional<NotMade> why) {
                  if (alive.expired()) return;
                  Pod* there = find(name);
                  if (there == nullptr) return;  // removed meanwhile
                  there->making = false;
                  there->waits_us = monotonic_us();
                  if (!why) return;
                  const auto found = attempts_.find(id);
                  if (found != attempts_.end() && !found->second.told)
                    fail(id, why->cause, why->message);
                  remove(name);
                });
  arm();
}

/// With the sidecar that every Pod gets, and what makes this one the engine's.
Result<PodOrder> PodBackend::order_of(const std::string& pod, const Attempt& attempt,
                                      const PodTemplate& made) {
  const Id& id = attempt.request->id;
  json manifest = made.manifest;
  manifest["metadata"] = {
      {"name", pod},
      {"labels",
       {{"app.kubernetes.io/managed-by", "scanflow"},
        {"scanflow.dev/state", options_.state},
        {kPodLabel, pod},
        {"scanflow.dev/template", made.hash}}},
      {"annotations", {{"scanflow.dev/run", id.run}, {"scanflow.dev/step", id.step}}}};
  json& app = manifest["spec"]["containers"][0];
  // With any command the launcher is brought along; what serves the sidecar's orders needs none before it.
  const json command = std::exchange(app["command"], json::array({"true"}));
  const KeyPair keys = hub_.keys_of(pod);
  inject::Settings settings = inject::defaults(options_.version);
  const PodTraits traits = driver_->traits();
  settings.shape = traits.native_sidecars ? inject::Shape::native : inject::Shape::plain;
  settings.image = options_.images.sidecar;
  settings.image_pull_policy = "IfNotPresent";
  settings.grace = fmt::format("{}us", protocol::kSidecarGraceUs);
  settings.hub = fmt::format("tcp://{}:{}", driver_->host(), address_.port);
  PodOrder order;
  if (traits.secrets) {
    settings.hub_secret = pod;
    order.secret = {{"hub-key", address_.public_key},
                    {"key", keys.public_key},
                    {"secret-key", keys.secret_key}};
  } else {
    settings.keys = {address_.public_key, keys.public_key, keys.secret_key};
  }
  settings.token = false;
  settings.identity = inject::Identity{.pod_uid = pod, .pod_name = pod};
  const auto patch = inject::inject(manifest, "default", settings);
  if (!patch) return tl::unexpected(patch.error());
  for (const json& context : {manifest["spec"].value("securityContext", json::object()),
                              app.value("securityContext", json::object())}) {
    if (context.is_object() && context.value("runAsUser", json(1)) == 0)
      return scanflow::fail(
          "a step's Pod does not run as root: its sidecar would not be let near it; give "
          "pod_template.securityContext.runAsUser another number");
  }
  for (const inject::Report& report : patch->reports) {
    if (report.outcome == inject::Outcome::skipped)
      return scanflow::fail("its Pod cannot have a sidecar: " + report.reason);
  }
  manifest = manifest.patch(patch->operations);
  const std::string bulk = fmt::format("tcp://{}:{}", driver_->host(), address_.bulk_port);
  for (const char* list : {"initContainers", "containers"}) {
    if (!manifest["spec"].contains(list)) continue;
    for (json& container : manifest["spec"][list]) {
      const bool is_app = container["name"] == kAppContainer;
      if (!is_app && container["name"] != kSidecarContainer) continue;
      if (is_app) container["command"] = command;
      container["env"].push_back(variable("SCANFLOW_WORKER_SOCKET", kWorkerSocket));
      if (is_app) continue;
      container["env"].push_back(variable("SCANFLOW_BULK", bulk));
      add_secrets(made.secrets, container["env"]);
    }
  }
  order.manifest = std::move(manifest);
  return order;
}

/// Its attempt is over and committed.
void PodBackend::release(const std::string& name) {
  Pod* pod = find(name);
  if (pod == nullptr) return;
  const PodRecord& record = pod->record;
  const bool old = record.reuse.age_us > 0 && wall_us() - record.made_us >= record.reuse.age_us;
  const bool worn = record.uses >= record.reuse.uses || old;
  if (worn || !pod->attached || pod->ends_us > 0 || warm_pods() >= options_.most_warm)
    return remove(name);
  pod->record.attempt.reset();
  pod->gone.reset();
  pod->begun = false;
  pod->kill_us = 0;
  pod->waits_us = monotonic_us();
  if (!records_.write(record)) remove(name);
}

std::size_t PodBackend::warm_pods() const {
  return static_cast<std::size_t>(std::count_if(pods_.begin(), pods_.end(), [](const auto& each) {
    return !each.second.record.attempt && !each.second.making;
  }));
}

void PodBackend::remove(const std::string& name) {
  Pod* pod = find(name);
  if (pod == nullptr) return;
  if (pod->record.attempt) hub_.revoke(name, *pod->record.attempt);
  hub_.dismiss(name);
  pods_.erase(name);
  records_.remove(name);
  driver_->remove(name);
}

void PodBackend::placed(const std::string& name) {
  Pod* pod = find(name);
  if (pod != nullptr && pod->record.attempt && driver_->node(name) != pod->node) tell_place(*pod);
}

void PodBackend::container_ended(const ContainerEnd& end) {
  if (end.container != kSidecarContainer && end.container != kAppContainer) return;
  Pod* pod = find(end.pod);
  if (pod == nullptr || give_up_kept(end.pod)) return;
  if (end.container == kSidecarContainer) return sidecar_ended(*pod, end);
  pod->end = end;
  pod->ends_us = monotonic_us() + (pod->gone ? 0 : kPodLastWordsUs);
}

/// The sidecar has seen its worker go, and has saved what there was: why, its container's end tells.
void PodBackend::worker_gone(Delivery gone) {
  Pod& pod = pods_.at(gone.from.user);
  const bool known = pod.ends_us > 0;
  if (!known)
    pod.end = {gone.from.user, kAppContainer, 0, "lost",
               "its worker is gone, and nobody knows why"};
  pod.ends_us = monotonic_us() + (known ? 0 : kSilentUs);
  pod.gone = std::move(gone);
}

/// It finds what it had on the Pod's volume. One that does not stay is no use: nothing is heard of it then.
void PodBackend::sidecar_ended(Pod& pod, const ContainerEnd& end) {
  if (pod.ends_us > 0) return;  // it has nothing more to do, and its Pod is about to go
  constexpr int kMostRevived = 5;
  const bool again = ++pod.revived <= kMostRevived;
  trouble(fmt::format("the sidecar of Pod {} has ended with exit code {}{}{}{}", end.pod,
                      end.exit_code, again ? ", and is started again" : "",
                      end.last_words.empty() ? "" : ": ", end.last_words));
  if (again) driver_->revive(end.pod, end.container);
}

/// Its app has ended, and the sidecar has told nothing of it.
void PodBackend::fail_by_end(const std::string& name) {
  const Pod& pod = pods_.at(name);
  const auto found = attempts_.find(*pod.record.attempt);
  if (found != attempts_.end() && !found->second.told) {
    const ContainerEnd& end = pod.end;
    const bool own = end.cause.empty() || end.cause == "oom";
    constexpr int kSignals = 128;
    protocol::Result result;
    result.status = "failed";
    result.cause = !end.cause.empty() ? end.cause : end.exit_code > kSignals ? "crash" : "exit";
    result.exit_code = end.exit_code > kSignals ? 0 : end.exit_code;
    result.signal = end.exit_code > kSignals ? end.exit_code - kSignals : 0;
    result.message =
        own ? fmt::format("the Pod's container ended {}{}{}",
                          end.cause == "oom" ? "because it ran out of memory"
                                             : fmt::format("with exit code {}", end.exit_code),
                          end.last_words.empty() ? "" : "; last it said: ", end.last_words)
            : fmt::format("the Pod {}: {}", name, end.last_words);
    if (pod.gone) {
      result.log = {log_segment(found->first), 0, pod.gone->result.log.length};
      result.post_mortem = pod.gone->result.post_mortem;
      result.id = found->first;
      deliveries_[found->first] = {pod.gone->from, pod.gone->number, result};
    }
    tell_result(found->first, std::move(result));
  }
  // Its sidecar goes once it has heard that what it said is committed: with acknowledge().
  if (!pod.gone || found == attempts_.end()) remove(name);
}

void PodBackend::arm() {
  if (std::exchange(armed_, true)) return;
  timer_.expires_after(kLook);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code error) {
    if (error || alive.expired()) return;
    armed_ = false;
    look_after(monotonic_us());
    if (!pods_.empty() || !problem_.empty()) arm();
  });
}

void PodBackend::look_after(std::int64_t now_us) {
  std::vector<std::string> idle, over, silent;
  for (auto& [name, pod] : pods_) {
    if (pod.making) continue;
    if (!pod.attached && !pod.begun && pod.record.attempt && now_us - pod.waits_us >= kLateUs &&
        !std::exchange(pod.warned, true)) {
      trouble(
          fmt::format("Pod {} runs, and its sidecar has not reached the hub at tcp://{}:{} yet: {}",
                      name, driver_->host(), address_.port, kUnreachable));
    }
    if (pod.ends_us > 0 && now_us >= pod.ends_us && pod.record.attempt) {
      if (pod.gone || !may_save(pod) || now_us >= pod.ends_us + protocol::kSavingUs)
        over.push_back(name);
    } else if (!pod.record.attempt) {
      if (now_us - pod.waits_us >= pod.record.reuse.idle_us) idle.push_back(name);
    } else if ((!pod.attached && now_us - pod.waits_us >= kSilentUs) ||
               (pod.kill_us > 0 && now_us >= pod.kill_us)) {
      silent.push_back(name);
    }
  }
  for (const std::string& name : idle) remove(name);
  for (const std::string& name : over) fail_by_end(name);
  for (const std::string& name : silent) end_silent(name);
  if (!problem_.empty()) listen();
}

/// Nothing is heard of its sidecar, or its attempt does not end.
void PodBackend::end_silent(const std::string& name) {
  const Pod& pod = pods_.at(name);
  const auto found = attempts_.find(*pod.record.attempt);
  if (found == attempts_.end() || found->second.told) return remove(name);
  if (!found->second.stop.empty()) {
    cancelled(found->first, "it did not end in time, and its Pod was removed");
  } else {
    fail(found->first, "lost",
         fmt::format(
             "nothing was heard of the sidecar of Pod {} for {} s, which looks for the hub at "
             "tcp://{}:{}: {}",
             name, kSilentUs / 1'000'000, driver_->host(), address_.port, kUnreachable));
  }
  remove(name);
}

}  // namespace scanflow::backend
