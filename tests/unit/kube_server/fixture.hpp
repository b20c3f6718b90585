// A server with one who may do all.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/unit/kube_server/client.hpp"
#include "tests/unit/kube_server/manifests.hpp"

namespace scanflow::test::kube {

class KubeTest : public testing::Test {
 protected:
  static ServerOptions without_bookmarks() {
    ServerOptions options;
    options.bookmarks = std::chrono::milliseconds(0);
    return options;
  }
  /// "ADDED name", "BOOKMARK", "ERROR Expired", or "end".
  static std::string next_of(Exchange& watch) {
    const auto line = watch.line();
    if (!line) return "end";
    const json event = json::parse(*line), &object = event["object"];
    const std::string name = object["metadata"].value("name", object.value("reason", ""));
    return event["type"].get<std::string>() + (name.empty() ? "" : " " + name);
  }
  std::string version() { return server_.ask("GET", kMaps).body["metadata"]["resourceVersion"]; }
  static std::vector<std::string> names_of(const json& list) {
    std::vector<std::string> names;
    for (const json& item : list["items"]) names.push_back(item["metadata"]["name"]);
    return names;
  }
  void make_maps(const std::vector<std::string>& names) {
    for (const std::string& name : names) server_.create(map_of(name, {}));
  }

  const std::string kMaps = "/api/v1/namespaces/default/configmaps";
  const std::string kPods = "/api/v1/namespaces/default/pods";
  const std::string kMerge = "application/merge-patch+json";
  KubeServer server_{without_bookmarks()};
  Client client_{server_, server_.admin_token()};
};

}  // namespace scanflow::test::kube
