// One primitive at work: what it reads of the API server and asks of it, until its deadline. All calls block.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/kube/client.hpp"
#include "engine/orchestrate/change.hpp"
#include "engine/orchestrate/primitive.hpp"

namespace scanflow::orchestrate {

template <class T>
using Read = tl::expected<T, Outcome>;

class Session {
 public:
  Session(kube::Client& client, const Request& request, const std::stop_token& stop);

  const Request& request() const { return request_; }
  const Target& target() const { return request_.target; }
  const json& arguments() const { return request_.arguments; }
  bool dry_run() const { return request_.dry_run; }
  /// Since 1970-01-01 UTC.
  std::int64_t wall_us() const;
  bool is_late() const;
  /// The target's, as it was read first; empty: it was not.
  const std::string& uid() const { return uid_; }

  kube::Answer<json> get(const Target& target, const std::string& subresource = "");
  kube::Answer<json> post(const Target& target, const std::string& subresource, const json& body);
  kube::Answer<json> patch(const Change& change);
  Read<json> read(const Target& target);
  Read<std::vector<json>> list(const kube::Kind& kind, const std::string& name_space);
  /// The same of a kind that a cluster may not have: then there are none of it.
  Read<std::vector<json>> list_if_known(const kube::Kind& kind, const std::string& name_space);
  /// Does the cluster have its group?
  bool knows(const kube::Kind& kind);

  /// Asks for what was decided; decided anew, a few times, where others have changed it meanwhile.
  Outcome carry_out(const std::function<Planned()>& decide);
  /// The same of a decision by the target alone.
  Outcome change_target(const std::function<Planned(const json& object)>& decide);

  /// Waits a little, ever longer; false: the deadline has come, or it was stopped.
  bool pause(int times);

 private:
  /// Nothing: others were faster.
  std::optional<Outcome> make(const Plan& plan);

  kube::Client& client_;
  const Request& request_;
  const std::stop_token stop_;
  std::string uid_;
  const std::int64_t until_us_;  // of the client's monotonic clock
};

/// {"object", "before", "after", "resource_versions": {"before", "after"}}. Pure.
json evidence_of(const Change& change, const json& after);

}  // namespace scanflow::orchestrate
