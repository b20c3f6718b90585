// Who asks: static tokens, tokens of ServiceAccounts, client certificates. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/http/message.hpp"

namespace scanflow::test::kube {

struct User {
  std::string name, uid;
  std::vector<std::string> groups;
  std::map<std::string, std::vector<std::string>> extra;  // claims of a token
  std::vector<std::string> audiences;                     // of it; empty: the API server alone
  bool is(const std::string& group) const;
};

/// "system:serviceaccount:NAMESPACE:NAME", with its groups.
User service_account(const std::string& name_space, const std::string& name);
/// The same by a token that is bound to a Pod, for an audience.
User pod_of_account(const std::string& name_space, const std::string& name, const std::string& pod,
                    const std::string& pod_uid, const std::string& audience);

class Users {
 public:
  /// A token that never ends.
  std::string add(User user);
  std::string add(User user, std::int64_t not_after_s);
  /// Nobody has it from now on.
  void revoke(const std::string& token);
  /// None: not (or no more) known.
  std::optional<User> of_token(const std::string& token, std::int64_t now_s) const;
  /// By what a request brings along; anonymous requests are none's.
  std::optional<User> of(const http::Request& request, std::int64_t now_s) const;

 private:
  struct Known {
    User user;
    std::int64_t not_after_s;
  };
  std::map<std::string, Known> tokens_;
  std::uint64_t made_ = 0;
};

}  // namespace scanflow::test::kube
