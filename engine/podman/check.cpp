#include "engine/podman/check.hpp"

#include "engine/podman/trial.hpp"

namespace scanflow::podman {

std::vector<Finding> check(const CheckOptions& options, const std::stop_token& stop) {
  const auto podman = Podman::open(options.podman, stop);
  if (!podman) return {finding(podman.error())};
  std::vector<Finding> all = findings(podman->facts(), podman->settings(), options.images);
  if (options.quick) return all;
  const auto tried = try_pod(*podman, options.launcher, options.podman.directory / "check", stop);
  if (tried) {
    all.push_back({"a Pod", Finding::State::ok, *tried, ""});
  } else {
    all.push_back({"a Pod", Finding::State::problem, tried.error().message, ""});
  }
  return all;
}

}  // namespace scanflow::podman
