#include "engine/cli/hub_command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/text.hpp"
#include "engine/inject/yaml.hpp"
#include "engine/pipeline/text.hpp"
#include "engine/runtime/namespaces.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

/// The hub's, of the state directory that is meant.
struct Known {
  runtime::StateDirectory state;
  std::set<std::string> namespaces;
};

Result<Known> known_to(const Context& context) {
  if (!context.server.empty())
    return fail(
        "--server: keys are handed out where they are kept, in the state directory of that server; "
        "in "
        "a cluster: kubectl exec scanflow-0 -- scanflow hub ...");
  auto state = context.state_directory();
  if (!state) return tl::unexpected(state.error());
  if (auto made = runtime::create(*state); !made) return tl::unexpected(made.error());
  auto namespaces = runtime::read_namespaces(state->hub_namespaces());
  if (!namespaces) return tl::unexpected(namespaces.error());
  return Known{std::move(*state), std::move(*namespaces)};
}

json secret_for(const HubOptions& options, const runtime::HubIdentity& hub) {
  const auto keys = runtime::keys_of_pod(hub, runtime::user_of_namespace(options.name_space));
  return {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"metadata",
           {{"name", options.secret},
            {"namespace", options.name_space},
            {"labels", {{"app.kubernetes.io/part-of", "scanflow"}}}}},
          {"type", "Opaque"},
          {"stringData",
           {{"hub-key", hub.keys.public_key},
            {"key", keys.public_key},
            {"secret-key", keys.secret_key}}}};
}

int enrol(const Context& context, const HubOptions& options) {
  auto known = known_to(context);
  if (!known) return complain(context, kEngine, known.error().message);
  const auto hub = runtime::read_hub_identity(known->state.hub_identity());
  if (!hub) return complain(context, kEngine, hub.error().message);
  const bool first = known->namespaces.empty();
  known->namespaces.insert(options.name_space);
  const auto written = runtime::write_namespaces(known->state.hub_namespaces(), known->namespaces);
  if (!written) return complain(context, kEngine, written.error().message);
  const json secret = secret_for(options, *hub);
  if (context.json) {
    fmt::print("{}\n", secret.dump());
  } else {
    fmt::print("{}", inject::write_yaml(inject::from_json(secret)));
  }
  if (first)
    fmt::print(stderr,
               "a server that runs already listens for them when it is started again, unless "
               "SCANFLOW_HUB_PORT is set\n");
  return kSucceeded;
}

int expel(const Context& context, const HubOptions& options) {
  auto known = known_to(context);
  if (!known) return complain(context, kEngine, known.error().message);
  if (known->namespaces.erase(options.name_space) == 0)
    return complain(context, kUsage,
                    fmt::format("namespace {} is not enrolled: 'scanflow hub list' shows those "
                                "that are",
                                options.name_space));
  const auto written = runtime::write_namespaces(known->state.hub_namespaces(), known->namespaces);
  if (!written) return complain(context, kEngine, written.error().message);
  if (context.json) fmt::print("{}\n", json{{"expelled", options.name_space}}.dump());
  return kSucceeded;
}

int list(const Context& context) {
  const auto known = known_to(context);
  if (!known) return complain(context, kEngine, known.error().message);
  if (context.json) {
    fmt::print("{}\n", json(known->namespaces).dump());
    return kSucceeded;
  }
  for (const std::string& each : known->namespaces) fmt::print("{}\n", each);
  return kSucceeded;
}

void add_namespace(CLI::App& command, HubOptions& options) {
  command.add_option("NAMESPACE", options.name_space, "A namespace of the cluster")
      ->required()
      ->check([](const std::string& text) {
        return pipeline::is_label(text) ? "" : "is no name of a namespace (a-z, 0-9, -)";
      });
}

}  // namespace

void add_hub(CLI::App& app, const Context& context, HubOptions& options,
             std::function<int()>& command) {
  CLI::App* hub = app.add_subcommand("hub", "Whose injected Pods may speak with the engine");
  hub->require_subcommand(1);
  CLI::App* one = hub->add_subcommand(
      "enrol", "Lets the Pods of a namespace in; prints the Secret that their sidecars need there");
  add_namespace(*one, options);
  one->add_option("--secret", options.secret, "What it is called")
      ->capture_default_str()
      ->check([](const std::string& text) {
        return pipeline::is_label(text) ? "" : "is no name of a Secret (a-z, 0-9, -)";
      });
  one->callback([&] { command = [&] { return enrol(context, options); }; });
  CLI::App* all = hub->add_subcommand("list", "Namespaces that are enrolled");
  all->callback([&] { command = [&] { return list(context); }; });
  CLI::App* gone = hub->add_subcommand(
      "expel", "Lets none of a namespace in any more; who is in stays until it connects anew");
  add_namespace(*gone, options);
  gone->callback([&] { command = [&] { return expel(context, options); }; });
}

}  // namespace scanflow::cli
