#include "tests/support/kube/api.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sdk/base/text.hpp"
#include "tests/support/kube/rights.hpp"

namespace scanflow::test::kube {
namespace {

constexpr std::size_t kMaxNesting = 200;

Answer dispatch(Cluster& cluster, const Call& call) {
  const std::string& verb = call.route.verb;
  if (review_of(call.resource().group, call.resource().version, call.resource().plural) != nullptr)
    return review(cluster, call);
  const std::string& sub = call.route.subresource;
  if (!sub.empty() && sub != "status" && sub != "resize") return subresource(cluster, call);
  if (verb == "get") return read(cluster, call);
  if (verb == "list") return list(cluster, call);
  if (verb == "watch") return watch(cluster, call);
  if (verb == "create" && call.route.name.empty()) return create(cluster, call);
  if (verb == "update") return update(cluster, call);
  if (verb == "patch") return patch(cluster, call);
  if (verb == "delete") return remove(cluster, call);
  if (verb == "deletecollection") return remove_collection(cluster, call);
  throw method_not_allowed();
}

std::string path_of(const http::Request& request) {
  std::string path;
  for (const std::string& segment : request.path) path += "/" + segment;
  return path;
}

}  // namespace

std::string Call::manager() const {
  const std::string given = parameter("fieldManager");
  return given.empty() ? "unknown" : given;
}

std::string Call::content_type() const {
  return request.content_type.substr(0, request.content_type.find(';'));
}

json Call::body() const {
  const std::string kind = route.resource == nullptr ? "" : route.resource->kind;
  if (nesting_of(request.body) > kMaxNesting)
    throw bad_request("json: the object is nested too deeply");
  try {
    return json::parse(request.body);
  } catch (const json::exception&) {
    throw bad_request(
        fmt::format("the object provided is unrecognized (must be of type {}): couldn't get "
                    "version/kind; json parse error: unexpected end of JSON input ({})",
                    kind, request.body.substr(0, 1024)));
  }
}

Answer answer_of(const Held& held, int status) {
  Answer answer;
  answer.status = status;
  answer.text = held->text();
  return answer;
}

Held existing(Cluster& cluster, const Call& call) {
  const Held held = cluster.store.find(call.resource(), call.key());
  if (!held) throw not_found(call.resource(), call.route.name);
  return held;
}

Answer answer(Cluster& cluster, const Call& call) {
  try {
    check_rights(cluster, call.user, call.route, path_of(call.request));
    if (call.route.resource == nullptr) return discover(cluster, call.request);
    return dispatch(cluster, call);
  } catch (const Refusal& refusal) {
    return refusal.answer();
  } catch (const json::exception& problem) {
    return bad_request(fmt::format("json: cannot unmarshal: {}", problem.what())).answer();
  }
}

}  // namespace scanflow::test::kube
