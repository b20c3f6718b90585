#include "engine/cli/kube_command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "engine/cli/findings_view.hpp"
#include "engine/cli/kube_sidecars.hpp"
#include "engine/kube/check.hpp"

namespace scanflow::cli {

namespace {

void add_where(CLI::App& command, KubeOptions& options, const char* name_space) {
  command.add_option("--kubeconfig", options.kubeconfig,
                     "Files, separated by ':' (else $KUBECONFIG, ~/.kube/config, or a Pod's own)");
  command.add_option("--kube-context", options.context, "Of the kubeconfig (else its current one)")
      ->envname("SCANFLOW_KUBE_CONTEXT");
  command.add_option("-n,--kube-namespace", options.name_space, name_space)
      ->envname("SCANFLOW_KUBE_NAMESPACE");
}

}  // namespace

int kube_check(const Context& context, const KubeOptions& options) {
  return show_findings(
      context, kube::check({{options.kubeconfig, options.context}, options.name_space}),
      "no step can run in this cluster: the points marked 'problem' say what to do");
}

void add_cluster_options(CLI::App& command) {
  const auto add = [&](const char* name, const char* variable, const char* help) {
    command.add_option_function<std::string>(
        name, [variable](const std::string& value) { ::setenv(variable, value.c_str(), 1); },
        fmt::format("{} (else ${})", help, variable));
  };
  add("--hub-advertise", "SCANFLOW_HUB_ADVERTISE",
      "A name or address of this machine that Pods of a cluster can connect to");
  add("--kube-context", "SCANFLOW_KUBE_CONTEXT", "Of the kubeconfig, for --backend kubernetes");
  add("--kube-namespace", "SCANFLOW_KUBE_NAMESPACE", "Where Pods of --backend kubernetes are");
}

void add_kube(CLI::App& app, const Context& context, KubeOptions& options,
              std::function<int()>& command) {
  CLI::App* kube = app.add_subcommand("kube", "Pods of a Kubernetes cluster");
  kube->require_subcommand(1);
  CLI::App* check = kube->add_subcommand(
      "check",
      "Whether steps can run there: what is reachable, as whom, and which rights are missing");
  add_where(*check, options, "Where steps run (else the context's)");
  check->callback([&] { command = [&] { return kube_check(context, options); }; });
  CLI::App* sidecars = kube->add_subcommand("sidecars",
                                            "Which Pods have a sidecar, and which should and have "
                                            "none: they slipped by while the webhook "
                                            "was away");
  add_where(*sidecars, options, "Only there (else where Pods get one, by the namespace's label)");
  sidecars->add_flag("--only-enabled", options.only_enabled,
                     "As of the webhook: who says nothing is to have none");
  sidecars->callback([&] { command = [&] { return kube_sidecars(context, options); }; });
}

}  // namespace scanflow::cli
