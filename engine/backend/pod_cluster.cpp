#include "engine/backend/pod_cluster.hpp"

#include <fmt/format.h>

#include "engine/backend/kubernetes_objects.hpp"
#include "engine/kube/fields.hpp"

namespace scanflow::backend {

Result<PodCluster> find_cluster(const kube::Whereabouts& where, const kube::Client::Means& means,
                                const std::string& name_space, const std::string& advertise,
                                const std::stop_token& stop) {
  if (auto wrong = wrong_advertise(advertise); !wrong.empty()) return fail(wrong);
  auto client = kube::Client::open_at(where, means);
  if (!client) return tl::unexpected(client.error());
  const kube::Access& access = (*client)->access();
  const auto version = (*client)->call({.path = "/version"}, stop);
  if (!version) {
    return fail(fmt::format("{} ({})",
                            kube::explained(version.error(), "ask for the cluster's version"),
                            access.origin));
  }
  const std::string chosen = name_space.empty() ? access.name_space : name_space;
  return PodCluster{std::move(*client), chosen, keeps_sidecars(*version)};
}

Result<ClusterOwner> make_owner(kube::Client& client, const std::string& name_space,
                                const std::string& state, const std::stop_token& stop) {
  const kube::Kind& kind = kube::kinds::kConfigMap;
  const std::string name = "scanflow-" + state;
  auto made = client.create(kind, name_space, owner_of(name, state), stop);
  if (!made && made.error().is("AlreadyExists")) made = client.get(kind, name_space, name, stop);
  if (!made)
    return fail(kube::explained(made.error(), "create " + kube::named(kind, name_space, name)));
  return ClusterOwner{name, kube::text_at(*made, "/metadata/uid"_json_pointer)};
}

}  // namespace scanflow::backend
