#include "engine/kube/discovery.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/kube/fields.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::kube {

GroupVersion group_version_of(const std::string& api_version) {
  const std::size_t slash = api_version.find('/');
  if (slash == std::string::npos) return {"", api_version};
  return {api_version.substr(0, slash), api_version.substr(slash + 1)};
}

Answer<Kind> discover(Client& client, const std::string& api_version, const std::string& kind,
                      const std::stop_token& stop) {
  const auto [group, version] = group_version_of(api_version);
  const std::string path = group.empty() ? "/api/" + version : "/apis/" + api_version;
  const auto found = client.call({.path = path}, stop);
  if (!found) {
    Failure failure = found.error();
    failure.message =
        failure.code == 404
            ? fmt::format(
                  "the cluster has no API {}: is it written right (apps/v1), and what brings it "
                  "installed (kubectl api-versions lists them)?",
                  api_version)
            : explained(found.error(), "ask what " + api_version + " has");
    return tl::unexpected(std::move(failure));
  }
  std::vector<std::string> kinds;
  for (const json& each : found->value("resources", json::array())) {
    const std::string plural = text_of(each, "name");
    if (plural.find('/') != std::string::npos) continue;  // a part of another
    if (text_of(each, "kind") == kind || plural == kind || text_of(each, "singularName") == kind)
      return Kind{group, version, plural, text_of(each, "kind"),
                  each.value("namespaced", json()) != json(false)};
    kinds.push_back(text_of(each, "kind"));
  }
  const std::string near = nearest(kind, kinds);
  return tl::unexpected(
      no_such(fmt::format("{} has no kind {}; {}", api_version, kind,
                          near.empty() ? fmt::format("there are {}", fmt::join(kinds, ", "))
                                       : fmt::format("did you mean {}?", near))));
}

}  // namespace scanflow::kube
