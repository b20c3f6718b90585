#include "tests/support/kube/users.hpp"

#include <algorithm>
#include <limits>

namespace scanflow::test::kube {

bool User::is(const std::string& group) const {
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

User service_account(const std::string& name_space, const std::string& name) {
  return {"system:serviceaccount:" + name_space + ":" + name,
          "",
          {"system:serviceaccounts", "system:serviceaccounts:" + name_space},
          {},
          {}};
}

User pod_of_account(const std::string& name_space, const std::string& name, const std::string& pod,
                    const std::string& pod_uid, const std::string& audience) {
  User user = service_account(name_space, name);
  user.extra["authentication.kubernetes.io/pod-name"] = {pod};
  user.extra["authentication.kubernetes.io/pod-uid"] = {pod_uid};
  user.audiences = {audience};
  return user;
}

std::string Users::add(User user) {
  return add(std::move(user), std::numeric_limits<std::int64_t>::max());
}

std::string Users::add(User user, std::int64_t not_after_s) {
  user.groups.push_back("system:authenticated");
  const std::string token = "token-" + std::to_string(++made_) + "-of-" + user.name;
  tokens_[token] = {std::move(user), not_after_s};
  return token;
}

void Users::revoke(const std::string& token) { tokens_.erase(token); }

std::optional<User> Users::of_token(const std::string& token, std::int64_t now_s) const {
  const auto known = tokens_.find(token);
  if (known == tokens_.end() || known->second.not_after_s <= now_s) return std::nullopt;
  return known->second.user;
}

std::optional<User> Users::of(const http::Request& request, std::int64_t now_s) const {
  constexpr std::string_view kBearer = "Bearer ";
  if (request.authorization.starts_with(kBearer))
    return of_token(request.authorization.substr(kBearer.size()), now_s);
  if (!request.client) return std::nullopt;
  User user{request.client->common_name, "", request.client->organizations, {}, {}};
  user.groups.push_back("system:authenticated");
  return user;
}

}  // namespace scanflow::test::kube
