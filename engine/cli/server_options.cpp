// `scanflow server`: its options.
#include <CLI/CLI.hpp>

#include "engine/cli/commands.hpp"
#include "engine/cli/kube_command.hpp"

namespace scanflow::cli {

void add_server(CLI::App& app, const Context& context, ServerCommand& options,
                std::function<int()>& command) {
  CLI::App* server = app.add_subcommand(
      "server", "Run the engine for good: unfinished runs go on, others come by HTTP or 'run'");
  server->add_option("--listen", options.listen, "A loopback address; port 0: one that is free")
      ->type_name("ADDRESS:PORT")
      ->capture_default_str();
  server
      ->add_option("--services", options.services,
                   "Where clients of inference services ask, once one is registered")
      ->type_name("ADDRESS:PORT")
      ->capture_default_str();
  server
      ->add_option("--services-on", options.services_on,
                   "Where inference services run: as processes here, as Pods of podman here, or as "
                   "Deployments of a cluster")
      ->check(CLI::IsMember({"local", "podman", "kubernetes"}))
      ->capture_default_str();
  add_cluster_options(*server);
  server
      ->add_option(
          "-j,--jobs", options.jobs,
          "Attempts at once on this machine (default: its CPUs); in a cluster 100, or more")
      ->check(CLI::Range(1, 4096));
  server
      ->add_option("--durable", options.durable,
                   "What a finished step survives: the engine's death, or power loss too")
      ->check(CLI::IsMember({"process", "power"}));
  server
      ->add_option("--drain", options.drain,
                   "When stopped, wait for the runs that go on, or for so long; without it they "
                   "wait for the next server")
      ->type_name("[TIME]")
      ->expected(0, 1)
      ->default_str("all");
  server
      ->add_option("--lease", options.lease,
                   "In a cluster: wait until this process holds that Lease; without it it ends")
      ->type_name("NAMESPACE/NAME");
  server
      ->add_option("--patch-allow", options.patch_allow,
                   "What 'patch' may change of the cluster's objects: a YAML file (else "
                   "$SCANFLOW_PATCH_ALLOW)")
      ->type_name("FILE");
  server->add_flag("--ready", options.ready,
                   "Only ask the one at --listen whether it is ready (for probes)");
  server->footer(
      "SIGTERM or SIGINT stops it, a second one at once. It knows no users: whoever can reach the "
      "address may run programs as you.");
  server->callback([&] { command = [&] { return serve(context, options); }; });
}

}  // namespace scanflow::cli
