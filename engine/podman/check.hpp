// `scanflow podman check`: all findings of this machine, and a Pod that really runs.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/podman/findings.hpp"
#include "engine/podman/podman.hpp"

namespace scanflow::podman {

struct CheckOptions {
  Options podman;
  std::filesystem::path launcher;   // scanflow-exec
  bool quick = false;               // no Pod is played
  std::vector<std::string> images;  // that should be here
};

/// Blocks: 0.1 s quick, else a few seconds. The Pod is played also where a problem was found before
/// it: what counts is whether it runs.
std::vector<Finding> check(const CheckOptions& options, const std::stop_token& stop = {});

}  // namespace scanflow::podman
