#include "engine/infer/stage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "engine/infer/plugin_model.hpp"
#include "engine/infer/remote_model.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::infer {

Stage::Stage(const ServiceDocument& document, Flow flow, Runner& runner,
             std::function<void(Service&)> begins)
    : document_(document),
      flow_(std::move(flow)),
      runner_(runner),
      begins_(std::move(begins)),
      loaded_(document.nodes.size()) {}

Stage::~Stage() { finish(); }

std::future<Result<void>> Stage::load() {
  auto loaded = std::make_shared<std::promise<Result<void>>>();
  boost::asio::post(loader_, [this, loaded] { loaded->set_value(load_now()); });
  return loaded->get_future();
}

Result<void> Stage::load_now() {
  for (NodeIndex node = 0; node < document_.nodes.size(); ++node) {
    auto versions = load(node, document_.nodes[node].versions);
    if (!versions) return tl::unexpected(versions.error());
    loaded_[node] = std::move(*versions);
  }
  begin();
  return {};
}

/// What is loaded already stays as it is.
Result<std::vector<Version>> Stage::load(NodeIndex node,
                                         const std::vector<VersionDocument>& wanted) {
  const std::vector<Version> before = service_ ? service_->versions(node) : loaded_[node];
  std::vector<Version> versions;
  versions.reserve(wanted.size());
  for (const VersionDocument& version : wanted) {
    const auto same = std::find_if(before.begin(), before.end(), [&](const Version& old) {
      return old.share.version == version.share.version && old.source == version.model;
    });
    if (same != before.end()) {
      versions.push_back({version.share, same->model, version.model});
      continue;
    }
    const NodeDocument& of = document_.nodes[node];
    auto model = of.remote ? connect_remote(of) : load_plugin(of, version, document_.threads);
    if (!model) return tl::unexpected(model.error());
    versions.push_back({version.share, std::move(*model), version.model});
  }
  return versions;
}

void Stage::begin() {
  if (std::any_of(loaded_.begin(), loaded_.end(), [](const auto& node) { return node.empty(); }))
    return;
  service_ =
      std::make_unique<Service>(flow_, std::exchange(loaded_, {}), document_.limits, runner_);
  serving_ = service_.get();
  begins_(*service_);
}

void Stage::set_traffic(json wish, std::function<void(Answered<Switched>)> then) {
  boost::asio::post(loader_, [this, wish = std::move(wish), then = std::move(then)] {
    then(set_traffic_now(wish));
  });
}

Answered<Stage::Switched> Stage::set_traffic_now(const json& wish) {
  if (!wish.is_object() || !wish.contains("node") || !wish["node"].is_string())
    return refuse(400, "the body is not one JSON object with a node");
  const auto& name = wish["node"].get_ref<const std::string&>();
  const auto& nodes = document_.nodes;
  const auto node = std::find_if(nodes.begin(), nodes.end(),
                                 [&](const NodeDocument& one) { return name == one.node.name; });
  if (node == nodes.end()) return refuse(404, fmt::format("there is no node '{:.100}'", name));
  const auto wanted = versions_from_json(wish.value("versions", json()));
  if (!wanted) return refuse(400, wanted.error().message);

  const auto index = static_cast<NodeIndex>(node - nodes.begin());
  const std::int64_t begun = monotonic_us();
  auto versions = load(index, *wanted);
  if (!versions) return refuse(422, versions.error().message);
  const std::int64_t ready = monotonic_us();
  if (service_) {
    service_->set_versions(index, std::move(*versions));
  } else {
    loaded_[index] = std::move(*versions);
    begin();
  }
  return Switched{ready - begun, monotonic_us() - ready};
}

}  // namespace scanflow::infer
