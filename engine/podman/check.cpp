#include "engine/podman/check.hpp"

#include <algorithm>

#include "engine/podman/trial.hpp"

namespace scanflow::podman {

bool Report::ready() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& each) { return each.state == Finding::State::problem; });
}

Report check(const CheckOptions& options, const std::stop_token& stop) {
  Report report;
  const auto podman = Podman::open(options.podman, stop);
  if (!podman) {
    report.findings.push_back(finding(podman.error()));
    return report;
  }
  report.findings = findings(podman->facts(), podman->settings(), options.images);
  if (options.quick) return report;
  const auto tried = try_pod(*podman, options.launcher, options.podman.directory / "check", stop);
  if (tried) {
    report.findings.push_back({"a Pod", Finding::State::ok, *tried, ""});
  } else {
    report.findings.push_back({"a Pod", Finding::State::problem, tried.error().message, ""});
  }
  return report;
}

}  // namespace scanflow::podman
