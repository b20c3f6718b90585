#include "plugins/steps/resource/cluster.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/kube/discovery.hpp"
#include "engine/kube/fields.hpp"

namespace scanflow::resource {

using nlohmann::json;

namespace {

constexpr std::int64_t kFirstLookUs = 200'000;
constexpr std::int64_t kLongestLookUs = 2'000'000;

/// Ever longer, between two looks.
std::int64_t next_look(std::int64_t look_us) { return std::min(look_us * 3 / 2, kLongestLookUs); }

}  // namespace

Result<Cluster> Cluster::open(const Request& request, Said said, const std::stop_token& stop) {
  Cluster cluster(request, std::move(said), stop);
  auto client = kube::Client::open_at({.kubeconfig = {}, .context = request.context});
  if (!client) return tl::unexpected(client.error());
  cluster.client_ = std::move(*client);
  auto kind = kube::discover(*cluster.client_, request.api_version(), request.kind(), stop);
  if (!kind) return fail(kind.error().message);
  cluster.kind_ = std::move(*kind);
  std::string& name_space = cluster.request_.name_space;
  if (!cluster.kind_.namespaced) {
    name_space.clear();
  } else if (name_space.empty()) {
    name_space = cluster.client_->access().name_space;
  }
  return cluster;
}

std::string Cluster::named() const {
  return kube::named(kind_, request_.name_space, request_.name);
}

Result<json> Cluster::run() {
  if (request_.action == Action::remove) return remove();
  auto object = send();
  return object ? wait(std::move(*object)) : object;
}

Result<json> Cluster::send() {
  const bool apply = request_.action == Action::apply;
  const char* const verb = apply ? "apply" : request_.action == Action::get ? "get" : "create";
  kube::Answer<json> object;
  // What changes something is waited out also by a step that is stopped: else nobody knew what there is to be removed.
  if (apply) {
    object = client_->patch(kind_, request_.name_space, request_.name, kube::Patch::apply,
                            request_.object, {.force = request_.force});
  } else if (request_.action == Action::get) {
    object = client_->get(kind_, request_.name_space, request_.name, stop_);
  } else {
    object = client_->create(kind_, request_.name_space, request_.object);
  }
  if (!object) {
    std::string why = kube::explained(object.error(), fmt::format("{} {}", verb, named()));
    if (apply && object.error().is("Conflict"))
      why += "; leave those fields out, or take them over by with.force: true";
    return fail(why);
  }
  request_.name = kube::text_at(*object, "/metadata/name"_json_pointer);
  if (request_.action != Action::get) {
    uid_ = kube::text_at(*object, "/metadata/uid"_json_pointer);
    said_.info(fmt::format("{} {} (resourceVersion {})", apply ? "applied" : "created", named(),
                           kube::text_at(*object, "/metadata/resourceVersion"_json_pointer)));
  }
  return object.value();
}

Result<json> Cluster::wait(json object) {
  std::string waits_for;
  for (std::int64_t look_us = kFirstLookUs;; look_us = next_look(look_us)) {
    const Verdict verdict = judge(request_, object);
    if (verdict.state == Verdict::State::holds) return object;
    if (verdict.state == Verdict::State::failed)
      return fail(fmt::format("{}: {}", named(), verdict.text));
    if (waits_for != verdict.text) {
      waits_for = verdict.text;
      look_us = kFirstLookUs;
      said_.progress(fmt::format("{}: {}", named(), waits_for));
    }
    if (!kube::wait_for(look_us, stop_)) return fail("stopped");
    auto now = client_->get(kind_, request_.name_space, request_.name, stop_);
    if (!now) {
      const bool gone = now.error().code == 404;
      return fail(gone ? fmt::format("{} is gone: somebody has deleted it while it was waited for "
                                     "({})",
                                     named(), waits_for)
                       : kube::explained(now.error(), "get " + named()));
    }
    object = std::move(*now);
  }
}

Result<json> Cluster::remove() {
  auto before = client_->get(kind_, request_.name_space, request_.name, stop_);
  if (!before && before.error().code == 404) {
    said_.info(named() + " is not there: nothing to delete");
    return request_.object;
  }
  if (!before) return fail(kube::explained(before.error(), "get " + named()));
  const std::string uid = kube::text_at(*before, "/metadata/uid"_json_pointer);
  const auto removed = client_->remove(kind_, request_.name_space, request_.name,
                                       {.uid = uid, .propagation = "Foreground"}, stop_);
  if (!removed) return fail(kube::explained(removed.error(), "delete " + named()));
  said_.progress(named() + " is being deleted");
  for (std::int64_t look_us = kFirstLookUs;; look_us = next_look(look_us)) {
    auto now = client_->get(kind_, request_.name_space, request_.name, stop_);
    if (!now && now.error().code == 404) return std::move(*before);
    if (!now) return fail(kube::explained(now.error(), "get " + named()));
    if (kube::text_at(*now, "/metadata/uid"_json_pointer) != uid) return std::move(*before);
    if (!kube::wait_for(look_us, stop_)) return fail("stopped");
  }
}

void Cluster::leave() {
  if (!request_.remove || uid_.empty()) return;
  const auto removed = client_->remove(kind_, request_.name_space, request_.name, {.uid = uid_});
  said_.info(removed ? "deleted " + named()
                     : kube::explained(removed.error(), "delete " + named()));
}

std::string problem_of(const Wanted& wanted) {
  const auto request = request_of(wanted);
  return request ? "" : request.error().message;
}

Outcome carry_out(const Wanted& wanted, const Said& said, const std::stop_token& stop) {
  const auto request = request_of(wanted);
  if (!request) return {.problem = request.error().message, .object = {}, .outputs = {}};
  auto cluster = Cluster::open(*request, said, stop);
  if (!cluster) return {.problem = cluster.error().message, .object = {}, .outputs = {}};
  const auto object = cluster->run();
  cluster->leave();
  if (!object)
    return {.problem = object.error().message, .object = cluster->named(), .outputs = {}};
  json values = json::object();
  for (const auto& [name, path] : request->outputs) values[name] = path.find(*object);
  const json& metadata = kube::part_of(*object, "metadata");
  return {.problem = {},
          .object = cluster->named(),
          .outputs = {{"name", kube::text_of(metadata, "name")},
                      {"namespace", kube::text_of(metadata, "namespace")},
                      {"uid", kube::text_of(metadata, "uid")},
                      {"values", std::move(values)}}};
}

}  // namespace scanflow::resource
