// `scanflow kube check`: what is reachable of a cluster, as whom, and which rights are missing.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "engine/kube/access.hpp"
#include "sdk/base/finding.hpp"

namespace scanflow::kube {

struct CheckOptions {
  Whereabouts where;
  std::string name_space;  // empty: the context's
};
/// Blocks, for as long as a cluster that hangs is waited for: some seconds.
std::vector<Finding> check(const CheckOptions& options, const std::stop_token& stop = {});

}  // namespace scanflow::kube
