// The statuses of workloads, of their Pods. Pure.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/kube/store.hpp"

namespace scanflow::test::kube {

/// What controllers look at, by group and plural.
inline constexpr std::array kControlled = {
    std::pair{"apps", "deployments"}, std::pair{"apps", "replicasets"},
    std::pair{"apps", "statefulsets"}, std::pair{"batch", "jobs"}, std::pair{"", "pods"}};

/// Has it neither ended nor been told to?
bool is_active(const json& pod);
bool is_ready(const json& pod);
bool has_condition(const json& status, const std::string& type);

json deployment_status(const json& deployment, const json& current_set, const json& total,
                       const std::string& now);
json set_status_of(const json& set, const std::vector<Held>& pods, bool refused);

struct JobCount {
  int active = 0, ready = 0, succeeded = 0, failed = 0, terminating = 0;
  bool wants_more = false;
  std::vector<std::string> ended;  // uids of those that ended well, not counted yet
};
JobCount count_of(const json& job, const std::vector<Held>& pods);
/// What its status becomes, one after the other.
std::vector<json> job_statuses(const json& job, const JobCount& count, const std::string& now);

}  // namespace scanflow::test::kube
