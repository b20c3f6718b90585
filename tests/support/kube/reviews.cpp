// Questions about users and rights: nothing of them is stored.
#include <algorithm>

#include "tests/support/kube/api.hpp"
#include "tests/support/kube/rights.hpp"

namespace scanflow::test::kube {
namespace {

json info_of(const User& user) {
  json info = {{"username", user.name}, {"groups", user.groups}};
  if (!user.uid.empty()) info["uid"] = user.uid;
  if (!user.extra.empty()) info["extra"] = user.extra;
  return info;
}

Access access_in(const json& spec) {
  const json of = spec.value("resourceAttributes", json::object());
  const json path = spec.value("nonResourceAttributes", json::object());
  return {path.value("verb", of.value("verb", "")),
          of.value("group", ""),
          of.value("resource", ""),
          of.value("subresource", ""),
          of.value("name", ""),
          of.value("namespace", ""),
          path.value("path", "")};
}

json allowed(const Cluster& cluster, const User& user, const json& spec) {
  const bool may_do = may(cluster, user, access_in(spec));
  json status = {{"allowed", may_do}};
  if (may_do) status["reason"] = "RBAC: allowed";
  return status;
}

json authenticated(const Cluster& cluster, const json& spec) {
  const auto user = cluster.users.of_token(spec.value("token", ""), cluster.now_s());
  if (!user) return {{"user", json::object()}, {"error", "invalid bearer token"}};
  std::vector<std::string> mine = user->audiences;
  if (mine.empty()) mine = {"https://kubernetes.default.svc.cluster.local"};
  const auto wanted = spec.value("audiences", mine);
  std::erase_if(mine, [&](const std::string& each) {
    return std::find(wanted.begin(), wanted.end(), each) == wanted.end();
  });
  if (mine.empty())
    return {{"user", json::object()},
            {"error", "invalid bearer token: token audiences do not match"}};
  return {{"authenticated", true}, {"user", info_of(*user)}, {"audiences", mine}};
}

}  // namespace

Answer review(Cluster& cluster, const Call& call) {
  if (call.route.verb != "create") throw method_not_allowed();
  const std::string& kind = call.resource().kind;
  json object = call.body();
  object["kind"] = kind;
  object["apiVersion"] = call.resource().api_version();
  object["metadata"].update(json{{"creationTimestamp", nullptr}});
  const json spec = object.value("spec", json::object());
  if (kind == "TokenReview") object["status"] = authenticated(cluster, spec);
  if (kind == "SelfSubjectReview") {
    object["metadata"]["creationTimestamp"] = cluster.now();
    object["status"]["userInfo"] = info_of(call.user);
  }
  if (kind == "SelfSubjectAccessReview") object["status"] = allowed(cluster, call.user, spec);
  if (kind == "SubjectAccessReview")
    object["status"] = allowed(
        cluster, {spec.value("user", ""), "", spec.value("groups", std::vector<std::string>())},
        spec);
  if (kind == "SelfSubjectRulesReview")
    object["status"] = rules_of(cluster, call.user, spec.value("namespace", ""));
  Answer answer;
  answer.status = 201;
  answer.body = std::move(object);
  return answer;
}

}  // namespace scanflow::test::kube
