#include "engine/infer/control.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "engine/infer/endpoints.hpp"
#include "engine/infer/plugin_model.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::infer {

bool Control::handle(const http::Request& request, const http::Reply& reply) {
  if (request.path.size() != 1) return false;
  const std::string& what = request.path[0];
  if (what == "status" && request.method == "GET") {
    reply(http::respond(200, status_json(service_.status())));
  } else if (what == "metrics" && request.method == "GET") {
    http::Response response;
    response.content_type = "text/plain; version=0.0.4";
    response.body = metrics_text(document_.name, service_.status());
    reply(std::move(response));
  } else if (what == "traffic" && request.method == "PUT") {
    boost::asio::post(loader_, [this, body = request.body, reply] { reply(set_traffic(body)); });
  } else {
    return false;
  }
  return true;
}

http::Response Control::set_traffic(const std::string& body) {
  const json wish = json::parse(body, nullptr, false);
  if (!wish.is_object() || !wish.contains("node") || !wish["node"].is_string())
    return refusal(400, "the body is not one JSON object with a node");
  const auto& name = wish["node"].get_ref<const std::string&>();
  const auto& nodes = document_.nodes;
  const auto node = std::find_if(nodes.begin(), nodes.end(),
                                 [&](const NodeDocument& one) { return name == one.node.name; });
  if (node == nodes.end()) return refusal(404, fmt::format("there is no node '{:.100}'", name));
  const auto wanted = versions_from_json(wish.value("versions", json()));
  if (!wanted) return refusal(400, wanted.error().message);

  const auto index = static_cast<NodeIndex>(node - nodes.begin());
  const std::int64_t begun = monotonic_us();
  const std::vector<Version> loaded = service_.versions(index);
  std::vector<Version> versions;
  versions.reserve(wanted->size());
  for (const VersionDocument& version : *wanted) {
    const auto same = std::find_if(loaded.begin(), loaded.end(), [&](const Version& old) {
      return old.share.version == version.share.version && old.source == version.model;
    });
    if (same != loaded.end()) {
      versions.push_back({version.share, same->model, version.model});
      continue;
    }
    auto model = load_plugin(*node, version, document_.threads);
    if (!model) return refusal(422, model.error().message);
    versions.push_back({version.share, std::move(*model), version.model});
  }
  const std::int64_t ready = monotonic_us();
  service_.set_versions(index, std::move(versions));
  return http::respond(200,
                       {{"loaded_us", ready - begun}, {"switched_us", monotonic_us() - ready}});
}

}  // namespace scanflow::infer
