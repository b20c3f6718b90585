#include "engine/cli/podman_command.hpp"

#include <CLI/CLI.hpp>

#include "engine/cli/findings_view.hpp"
#include "engine/podman/check.hpp"
#include "engine/runtime/pod_images.hpp"

namespace scanflow::cli {
namespace {

constexpr const char* kNotReady = "no Pod can run here: the points marked 'problem' say what to do";

}  // namespace

int podman_check(const Context& context, const PodmanOptions& options) {
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  podman::CheckOptions check;
  check.podman.directory = state->root / "podman";
  check.launcher = context.worker.parent_path() / "scanflow-exec";
  check.quick = options.quick;
  const backend::Images images = runtime::pod_images(true);
  check.images = {images.sidecar, images.worker, images.command};
  return show_findings(context, podman::check(check), kNotReady);
}

void add_podman(CLI::App& app, const Context& context, PodmanOptions& options,
                std::function<int()>& command) {
  CLI::App* podman = app.add_subcommand("podman", "Pods on this machine, without a cluster");
  podman->require_subcommand(1);
  CLI::App* check = podman->add_subcommand(
      "check", "Whether Pods can run here: what is missing, and what to do; plays a tiny one");
  check->add_flag("--quick", options.quick, "Only look: play no Pod");
  check->callback([&] { command = [&] { return podman_check(context, options); }; });
}

}  // namespace scanflow::cli
