// `scanflow primitive`: its options, and how they reach primitive_commands.hpp.
#include <CLI/CLI.hpp>

#include "engine/cli/object_primitive.hpp"
#include "engine/cli/primitive_commands.hpp"

namespace scanflow::cli {
namespace {

constexpr const char* kRun = "Its id, the beginning of it, or 'last'";

void add_cluster(CLI::App& send, PrimitiveOptions& options) {
  constexpr const char* kGroup = "Of objects of a cluster";
  send.add_option("-n,--kube-namespace", options.kube_namespace,
                  "Where the object is (else as its name says, $SCANFLOW_KUBE_NAMESPACE, or the "
                  "context's)")
      ->group(kGroup);
  send.add_option("--kube-context", options.kube_context,
                  "Of the kubeconfig (else $SCANFLOW_KUBE_CONTEXT, or its current one)")
      ->group(kGroup);
  send.add_option("--kubeconfig", options.kubeconfig,
                  "Files, separated by ':' (else $KUBECONFIG, ~/.kube/config, or a Pod's own)")
      ->group(kGroup);
  send.add_option("--patch-allow", options.patch_allow,
                  "What 'patch' may change: a YAML file (else $SCANFLOW_PATCH_ALLOW)")
      ->type_name("FILE")
      ->group(kGroup);
  send.add_flag("--dry-run", options.dry_run, "The API server checks it, and nothing is changed")
      ->group(kGroup);
}

void add_send(CLI::App& primitive, const Context& context, PrimitiveOptions& options,
              std::function<int()>& command) {
  CLI::App* send = primitive.add_subcommand(
      "send",
      "Ask it of a step (RUN STEP PRIMITIVE), of the engine itself (engine PRIMITIVE), of a "
      "service "
      "(inferenceservice/NAME[.NAMESPACE] PRIMITIVE), of an object of a cluster "
      "(KIND/NAME[.NAMESPACE] "
      "PRIMITIVE), or of a container of an injected Pod (pod/NAME[.NAMESPACE] CONTAINER "
      "PRIMITIVE), "
      "and wait for the outcome; succeeds only where it is DONE");
  send->add_option("RUN", options.run,
                   std::string(kRun) +
                       "; or engine, a service of a server: inferenceservice/digits, "
                       "or an object: deployment/web, pod/web-0.shop")
      ->required();
  send->add_option("STEP", options.step,
                   "A step that runs; of a called run CALL/STEP (of an object: the primitive)");
  send->add_option("PRIMITIVE", options.primitive, "Which: 'scanflow primitive list' shows them");
  send->add_option("ARGUMENTS", options.words, "NAME=VALUE of each")->type_name("");
  send->add_option("--for", options.duration, "How long at most: 30s (pause, throttle)")
      ->type_name("TIME");
  send->add_option("-a,--arg", options.arguments, "An argument; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  send->add_option("--deadline", options.deadline,
                   "It has an outcome by then, or is EXPIRED (default: the primitive's own)")
      ->type_name("TIME");
  add_cluster(*send, options);
  send->callback([&] { command = [&] { return primitive_send(context, options); }; });
}

}  // namespace

void add_primitive(CLI::App& app, const Context& context, PrimitiveOptions& options,
                   HistoryOptions& history, std::function<int()>& command) {
  CLI::App* primitive = app.add_subcommand(
      "primitive", "Act on a step while it runs, or on an object of a cluster: pause, scale, ...");
  primitive->require_subcommand(1);
  CLI::App* list = primitive->add_subcommand(
      "list", "What can be asked of a step; of one that runs, what it offers");
  list->add_option("RUN", options.run, kRun);
  list->add_option("STEP", options.step, "A step that runs; of a called run CALL/STEP");
  list->callback([&] { command = [&] { return primitive_list(context, options); }; });
  add_send(*primitive, context, options, command);
  CLI::App* past = primitive->add_subcommand(
      "history", "What a server was asked of objects of its cluster (send --server), newest first");
  past->add_option("OBJECT", history.object, "KIND/NAME[.NAMESPACE]; any without it");
  past->add_option("-n,--kube-namespace", history.kube_namespace, "Only there");
  past->add_option("--limit", history.limit, "At most so many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  past->callback([&] { command = [&] { return primitive_history(context, history); }; });
}

}  // namespace scanflow::cli
