#include "engine/services/pod_place.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/backend/kubernetes_objects.hpp"
#include "engine/kube/fields.hpp"
#include "engine/kube/pod_status.hpp"
#include "engine/serve/plan.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::services {
namespace {

namespace kinds = kube::kinds;

constexpr std::chrono::minutes kSwitchWithin{2};  // loading a model may take long
constexpr std::chrono::seconds kApplyWithin{60};

SeenPod read_pod(const json& object) {
  const kube::PodStatus status = kube::read_pod_status(object);
  SeenPod pod;
  pod.uid = status.uid;
  pod.name = status.name;
  pod.node = status.node;
  pod.document = kube::text_at(object, "/metadata/labels/scanflow.dev~1document"_json_pointer);
  if (const auto* container = status.find(kServiceContainer)) {
    pod.running = !status.deleting && container->state == kube::ContainerStatus::State::running;
    pod.restarts = container->restarts;
  }
  pod.ready = status.ready && !status.deleting;
  if (status.trouble) pod.trouble = status.trouble->message;
  return pod;
}

std::string object_of(const json& object) {
  return kube::text_at(object, "/metadata/labels/scanflow.dev~1service"_json_pointer);
}

}  // namespace

PodPlace::PodPlace(Options options, runtime::Engine& engine)
    : options_(std::move(options)),
      sidecars_(engine),
      thread_([this] { tend(); }),
      keeper_([this] { keep_objects(); }) {}

PodPlace::~PodPlace() {
  stop_.request_stop();
  changed_.notify_all();
  thread_.join();
  keeper_.join();
  watcher_.reset();
}

void PodPlace::forget_engine() {
  const std::lock_guard lock(mutex_);
  sidecars_.forget_engine();
  stop_.request_stop();  // what waits for an API server, too
  changed_.notify_all();
}

// --- the cluster

const kube::Kind& PodPlace::kube_kind(Objects::Kind kind) {
  switch (kind) {
    case Objects::Kind::secret:
      return kinds::kSecret;
    case Objects::Kind::service:
      return kinds::kService;
    case Objects::Kind::deployment:
      break;
  }
  return kinds::kDeployment;
}

/// Its namespace is enrolled, so that the sidecars of its Pods are let in.
Result<void> PodPlace::open() {
  if (watcher_) return {};
  auto cluster = backend::find_cluster(options_.cluster.where, kube::Client::usual(),
                                       options_.cluster.name_space, options_.cluster.advertise,
                                       stop_.get_token());
  if (!cluster) return tl::unexpected(cluster.error());
  PodSettings settings;
  settings.name_space = cluster->name_space;
  settings.state = options_.state;
  settings.image = options_.image;

  const auto enrolled = sidecars_.enrol(settings.name_space);
  if (!enrolled) return tl::unexpected(enrolled.error());
  settings.sidecar = inject::defaults(options_.version);
  settings.sidecar.image = options_.sidecar_image;
  settings.sidecar.hub = fmt::format("tcp://{}:{}", options_.cluster.advertise, enrolled->hub.port);
  settings.sidecar.bulk =
      fmt::format("tcp://{}:{}", options_.cluster.advertise, enrolled->hub.bulk_port);
  settings.sidecar.hub_secret = "scanflow-services-" + options_.state;
  settings.sidecar.shape = cluster->keeps_sidecars ? inject::Shape::native : inject::Shape::plain;
  auto owner =
      backend::make_owner(*cluster->client, settings.name_space, options_.state, stop_.get_token());
  if (!owner) return tl::unexpected(owner.error());
  {
    const std::lock_guard lock(mutex_);
    client_ = std::move(cluster->client);
    owner_ = std::move(*owner);
    settings_ = std::move(settings);
    objects_.want({Objects::Kind::secret, settings_.sidecar.hub_secret},
                  backend::secret_of(settings_.sidecar.hub_secret, options_.state,
                                     {{"hub-key", enrolled->hub.public_key},
                                      {"key", enrolled->keys.public_key},
                                      {"secret-key", enrolled->keys.secret_key}}));
  }
  watch();
  return {};
}

void PodPlace::watch() {
  kube::Watcher::Events events;
  events.listed = [this](const std::vector<json>& items, std::int64_t) {
    std::map<std::string, std::vector<SeenPod>> all;
    for (const json& item : items) all[object_of(item)].push_back(read_pod(item));
    const std::lock_guard lock(mutex_);
    for (auto& [object, crew] : crews_) crew.listed(all[object]);
    for (const auto& [object, pods] : all) crews_[object].listed(pods);
    changed_.notify_all();
  };
  events.changed = [this](const kube::Change& change) {
    const SeenPod pod = read_pod(change.object);
    const std::lock_guard lock(mutex_);
    Crew& crew = crews_[object_of(change.object)];
    if (change.what == kube::Change::What::deleted) {
      crew.gone(pod.uid);
    } else {
      crew.seen(pod);
    }
    changed_.notify_all();
  };
  events.trouble = [this](const kube::Failure& failure) {
    options_.log("services: " + kube::explained(failure, "watch Pods"));
  };
  auto watcher = std::make_unique<kube::Watcher>(
      client_,
      kube::Watcher::What{
          kinds::kPod, settings_.name_space, {.labels = selector_of(settings_)}, kube::kNotStatus},
      std::move(events));
  const std::lock_guard lock(mutex_);
  watcher_ = std::move(watcher);
}

// --- what is served

Result<void> PodPlace::put(const serve::ServiceName& name, const pipeline::ServiceSpec& spec,
                           const infer::ServiceDocument& document) {
  return deploy(name, spec, document, false);
}

Result<void> PodPlace::set_backup(const serve::ServiceName& name, const pipeline::ServiceSpec& spec,
                                  const std::optional<infer::ServiceDocument>& backup) {
  if (backup) return deploy(name, spec, *backup, true);
  const std::lock_guard lock(mutex_);
  const auto served = served_.find(name);
  if (served == served_.end() || !served->second.backup) return {};
  served->second.backup.reset();
  crews_[backup_name(name)].want("", {});
  objects_.want({Objects::Kind::deployment, backup_name(name)}, nullptr);
  lend(name, served->second);
  changed_.notify_all();
  return {};
}

Result<void> PodPlace::deploy(const serve::ServiceName& name, const pipeline::ServiceSpec& spec,
                              const infer::ServiceDocument& document, bool backup) {
  if (auto opened = open(); !opened) return opened;
  std::map<std::string, json> traffic;
  Part part;
  for (const infer::NodeDocument& node : document.nodes) {
    auto told = traffic_of(node);
    if (!told) return tl::unexpected(told.error());
    if (!told->is_null()) traffic[node.node.name] = std::move(*told);
    part.nodes[node.node.name] = node;
  }
  const std::string object = backup ? backup_name(name) : object_name(name);
  const auto there = is_ours_to_make(object);
  if (!there) return tl::unexpected(there.error());
  auto deployment = deployment_of(object, 1, document, settings_);
  if (!deployment) return tl::unexpected(deployment.error());
  part.deployment = std::move(*deployment);
  const std::string digest = kube::text_at(
      part.deployment, "/spec/template/metadata/labels/scanflow.dev~1document"_json_pointer);
  const serve::ScalingRule rule = serve::rules_of(spec).scaling;
  {
    const std::lock_guard lock(mutex_);
    Served& served = served_.try_emplace(name, rule).first->second;
    served.scaling.set_rule(rule);
    if (!backup && !served.own && *there > 0) served.scaling.begin_with(*there, monotonic_us());
    crews_[object].want(digest, std::move(traffic));
    (backup ? served.backup : served.own) = std::move(part);
    // One that an earlier server has made.
    if (!served.backup) objects_.want({Objects::Kind::deployment, backup_name(name)}, nullptr);
    lend(name, served);
    want(name, served);
  }
  return settle({{Objects::Kind::secret, settings_.sidecar.hub_secret},
                 {Objects::Kind::service, object_name(name)},
                 {Objects::Kind::deployment, object}});
}

/// Under the mutex.
void PodPlace::want(const serve::ServiceName& name, Served& served) {
  const std::string own = object_name(name), backup = backup_name(name);
  objects_.want({Objects::Kind::service, own},
                service_of(name, served.backup_wanted ? backup : own, settings_));
  if (served.backup) objects_.want({Objects::Kind::deployment, backup}, served.backup->deployment);
  if (served.own) {
    served.own->deployment["spec"]["replicas"] = served.scaling.wanted();
    objects_.want({Objects::Kind::deployment, own}, served.own->deployment);
  }
  changed_.notify_all();
}

/// Until the cluster has these, or has refused them.
Result<void> PodPlace::settle(const std::vector<Objects::Name>& names) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kApplyWithin, [&] {
    return stop_.stop_requested() || std::all_of(names.begin(), names.end(), [&](const auto& name) {
             return objects_.outcome(name).has_value();
           });
  });
  for (const Objects::Name& name : names) {
    const auto outcome = objects_.outcome(name);
    if (!outcome) return fail("the cluster has not answered in time");
    if (!outcome->empty()) return fail(*outcome);
  }
  return {};
}

/// Another state directory's, or a person's, of the same name is left alone.
Result<std::size_t> PodPlace::is_ours_to_make(const std::string& object) {
  const auto there =
      client_->get(kinds::kDeployment, settings_.name_space, object, stop_.get_token());
  if (!there && there.error().is("NotFound")) return 0;
  const std::string named = kube::named(kinds::kDeployment, settings_.name_space, object);
  if (!there) return fail(kube::explained(there.error(), "get " + named));
  if (kube::text_at(*there, "/metadata/labels/scanflow.dev~1state"_json_pointer) == options_.state)
    return static_cast<std::size_t>(
        std::max<std::int64_t>(0, kube::number_of(kube::part_of(*there, "spec"), "replicas")));
  return fail(
      fmt::format("{} is there already, and is not this engine's: delete it, or serve from "
                  "where it was made",
                  named));
}

/// Before Pods are told of them.
void PodPlace::lend(const serve::ServiceName& name, const Served& served) {
  std::vector<infer::NodeDocument> nodes;
  for (const std::optional<Part>* part : {&served.own, &served.backup}) {
    if (!*part) continue;
    for (const auto& [node, document] : (*part)->nodes) nodes.push_back(document);
  }
  sidecars_.lend(settings_.name_space, name, nodes);
}

Result<void> PodPlace::set_rules(const serve::ServiceName& name,
                                 const pipeline::ServiceSpec& spec) {
  const std::lock_guard lock(mutex_);
  const auto served = served_.find(name);
  if (served == served_.end()) return {};
  served->second.scaling.set_rule(serve::rules_of(spec).scaling);
  want(name, served->second);
  return {};
}

/// One Pod that takes requests is the first: where it cannot, nothing has changed.
Result<std::optional<std::int64_t>> PodPlace::set_versions(const serve::ServiceName& name,
                                                           const infer::NodeDocument& node) {
  auto traffic = traffic_of(node);
  if (!traffic) return tl::unexpected(traffic.error());
  const std::string& node_name = node.node.name;
  std::unique_lock lock(mutex_);
  Served& served = served_.at(name);
  infer::NodeDocument before = std::exchange(served.own->nodes[node_name], node);
  lend(name, served);
  Crew& crew = crews_[object_name(name)];
  const std::string first = crew.first();
  if (!first.empty()) {
    const auto answer = std::make_shared<std::optional<Crew::Answer>>();
    lock.unlock();
    sidecars_.set_traffic(first, *traffic, [this, answer](const Crew::Answer& told) {
      const std::lock_guard held(mutex_);
      *answer = told;
      changed_.notify_all();
    });
    lock.lock();
    changed_.wait_for(lock, kSwitchWithin, [&] { return *answer || stop_.stop_requested(); });
    if (!*answer || !(*answer)->done) {
      crew.forget(first, node_name);  // it may do it still: then it is told the old ones again
      served.own->nodes[node_name] = std::move(before);
      lend(name, served);
      return fail(*answer ? (*answer)->message : "its Pods have not answered in time");
    }
  }
  crew.want_of(node_name, *traffic);
  changed_.notify_all();
  if (first.empty()) return std::nullopt;
  const auto replaceable = [&] { return crew.refusers(node_name); };
  changed_.wait_for(lock, kSwitchWithin, [&] {
    return crew.settled(node_name) || !replaceable().empty() || stop_.stop_requested();
  });
  const std::int64_t slowest_us = crew.slowest_us(node_name);
  if (!crew.settled(node_name) && replaceable().empty()) {
    options_.log(fmt::format(
        "service {}: not all of its Pods have switched {} yet; they are told until they have",
        serve::text_of(name), node_name));
  }
  // One at a time, while others answer: the next switch, or their container's end, sees to the rest.
  std::vector<SeenPod> refusers = replaceable();
  refusers.resize(std::min<std::size_t>(refusers.size(), crew.ready() > 1 ? 1 : 0));
  lock.unlock();
  for (const SeenPod& pod : refusers) {
    options_.log(
        fmt::format("service {}: Pod {} cannot have the new versions of {}, and is replaced",
                    serve::text_of(name), pod.name, node_name));
    const auto gone = client_->remove(kinds::kPod, settings_.name_space, pod.name, {.uid = pod.uid},
                                      stop_.get_token());
    if (!gone) options_.log("services: " + kube::explained(gone.error(), "delete Pod " + pod.name));
  }
  return slowest_us;
}

/// Also what an earlier server has made of it.
void PodPlace::remove(const serve::ServiceName& name) {
  const std::lock_guard lock(mutex_);
  served_.erase(name);
  if (!watcher_) return;  // what is there is found when the cluster is (keep)
  for (const std::string& object : {object_name(name), backup_name(name)}) {
    crews_[object].want("", {});
    objects_.want({Objects::Kind::deployment, object}, nullptr);
  }
  objects_.want({Objects::Kind::service, object_name(name)}, nullptr);
  sidecars_.lend(settings_.name_space, name, {});
  changed_.notify_all();
}

Result<void> PodPlace::keep(const std::set<serve::ServiceName>& names) {
  if (auto opened = open(); !opened) return opened;
  std::set<std::string> kept;
  for (const serve::ServiceName& name : names) kept.insert({object_name(name), backup_name(name)});
  for (const Objects::Kind kind : {Objects::Kind::deployment, Objects::Kind::service}) {
    const auto all = client_->list(kube_kind(kind), settings_.name_space,
                                   {.labels = selector_of(settings_)}, stop_.get_token());
    if (!all) return fail(kube::explained(all.error(), "list what services have left"));
    const std::lock_guard lock(mutex_);
    for (const json& object : all->items) {
      const std::string found = kube::text_at(object, "/metadata/name"_json_pointer);
      if (kept.contains(found)) continue;
      options_.log(fmt::format("services: {} is of a service that is not there any more, and goes",
                               kube::named(kube_kind(kind), settings_.name_space, found)));
      objects_.want({kind, found}, nullptr);
    }
    changed_.notify_all();
  }
  return {};
}

}  // namespace scanflow::services
