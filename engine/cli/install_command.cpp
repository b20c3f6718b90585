#include "engine/cli/install_command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <ctime>

#include "engine/cli/inject_settings.hpp"
#include "engine/cli/text.hpp"
#include "engine/http/issue.hpp"
#include "engine/inject/policy.hpp"
#include "engine/inject/rewrite.hpp"
#include "engine/inject/yaml.hpp"
#include "engine/pipeline/image_name.hpp"
#include "engine/webhook/manifests.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::cli {
namespace {

using nlohmann::json;

constexpr std::int64_t kDay_s = 86'400;
/// Nobody renews it but who installs again.
constexpr std::int64_t kValid_s = 3650 * kDay_s;

Result<void> set_certificate(const InstallOptions& options, webhook::Installation& to) {
  if (!options.tls_secret.empty()) {
    auto ca = read_file(options.ca);
    if (!ca) return tl::unexpected(ca.error());
    if (ca->find("-----BEGIN CERTIFICATE-----") == std::string::npos)
      return fail(fmt::format("--ca {} holds no certificate: a PEM file is wanted", options.ca));
    to.tls_secret = options.tls_secret;
    to.ca = std::move(*ca);
    return {};
  }
  const std::int64_t now_s = std::time(nullptr);
  // A day earlier: clocks differ.
  auto issued = http::issue_certificate(
      {webhook::dns_names(to.name_space), now_s - kDay_s, now_s + kValid_s});
  if (!issued) return tl::unexpected(issued.error());
  to.ca = std::move(issued->ca);
  to.certificate = std::move(issued->certificate);
  to.key = std::move(issued->key);
  return {};
}

std::string image(const InstallOptions& options, const std::string& kind) {
  if (kind == "engine" && !options.image.empty()) return options.image;
  return fmt::format("{}scanflow-{}:{}", options.registry, kind, options.version);
}

/// Of the injection.
std::map<std::string, std::string> settings(const InstallOptions& options) {
  std::map<std::string, std::string> all = options.values;
  if (!options.registry.empty()) all.try_emplace("image", image(options, "sidecar"));
  all.try_emplace(
      "hub", fmt::format("tcp://scanflow-hub.{}:{}", options.name_space, options.engine.hub_port));
  return all;
}

Result<json> webhook_manifests(const InstallOptions& options) {
  webhook::Installation to;
  to.name_space = options.name_space;
  to.makes_namespace = options.create_namespace && !options.render;  // the engine's has it
  to.image = image(options, "engine");
  if (options.only_enabled) to.flags.emplace_back("--only-enabled");
  for (const auto& [name, value] : settings(options))
    to.flags.push_back(fmt::format("--{}={}", name, value));
  if (auto set = set_certificate(options, to); !set) return tl::unexpected(set.error());
  return webhook::manifests(to);
}

Result<json> injection(const InstallOptions& options) {
  if (options.injection.empty()) return json::array();
  auto read = settings_of(settings(options), options.version);
  if (!read) return tl::unexpected(read.error());
  read->only_enabled = options.only_enabled;
  return options.injection == "policy" ? inject::admission_policy(*read)
                                       : webhook_manifests(options);
}

json engine(const InstallOptions& options) {
  deploy::Installation to = options.engine;
  to.name_space = options.name_space;
  // One of the cluster's own is there, and no label of ours may keep its Pods out.
  to.makes_namespace = to.name_space != "default" && !to.name_space.starts_with("kube-");
  to.engine_image = image(options, "engine");
  to.sidecar_image = image(options, "sidecar");
  to.worker_image = image(options, "worker");
  to.command_image = image(options, "python");
  return deploy::manifests(to);
}

/// What would be passed over, or what only the cluster would refuse.
std::string wrong(const InstallOptions& options) {
  const deploy::Installation usual, &to = options.engine;
  const bool of_engine = to.storage != usual.storage || !to.storage_class.empty() ||
                         !to.pull_secret.empty() || to.replicas != usual.replicas ||
                         to.cluster_wide || to.egress;
  if (of_engine && !options.render) {
    return "--storage, --storage-class, --pull-secret, --replicas, --cluster-wide and --egress are "
           "the engine's: --render prints it";
  }
  const bool of_injection =
      !options.values.empty() || options.only_enabled || !options.tls_secret.empty();
  if (of_injection && options.injection.empty())
    return "what is said of sidecars goes with --injection webhook or policy";
  if (!options.registry.empty() && (!options.registry.ends_with('/') ||
                                    !pipeline::check_image_name(options.registry + "scanflow"))) {
    return fmt::format(
        "--registry '{}' is what stands before an image's name: registry.local/ is one, or "
        "registry.local/team/",
        printable(options.registry));
  }
  if (const auto name = pipeline::check_image_name(image(options, "engine")); !name)
    return "--engine-image: " + name.error().message;
  // Its HTTP is in the same Pod.
  if (to.hub_port == deploy::kHttpPort || to.hub_port + 1 == deploy::kHttpPort)
    return fmt::format("--hub-port {}: {} is the engine's own, of HTTP", to.hub_port,
                       deploy::kHttpPort);
  if (const auto bytes = parse_bytes(to.storage); !bytes || *bytes == 0)
    return fmt::format("--storage '{}' is no amount: 10Gi is one", to.storage);
  return {};
}

Result<json> manifests_of(const InstallOptions& options) {
  if (const std::string why = wrong(options); !why.empty()) return fail(why);
  if (!options.render && options.injection.empty()) {
    return fail(
        "what is to be installed? --render: the engine; --injection webhook or policy: how Pods "
        "get sidecars; or both");
  }
  json all = options.render ? engine(options) : json::array();
  auto more = injection(options);
  if (!more) return more;
  for (json& each : *more) all.push_back(std::move(each));
  return all;
}

std::string wrong_namespace(const std::string& name) {
  const bool right =
      !name.empty() && name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  return right ? ""
               : fmt::format("'{}' is no name of a namespace: a-z, 0-9 and '-', at most 63",
                             printable(name));
}

std::string wrong_name(const std::string& name) {
  const bool right =
      !name.empty() && name.size() <= 253 && name.front() != '-' && name.back() != '-' &&
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string::npos;
  return right ? "" : fmt::format("'{}' is no name of an object: a-z, 0-9, '-' and '.'", name);
}

void add_engine(CLI::App& command, InstallOptions& options) {
  deploy::Installation& to = options.engine;
  command.add_flag("--render", options.render,
                   "The engine: namespace, rights, volume, StatefulSet, who may reach its hub");
  command
      .add_option("--registry", options.registry,
                  "Before the names of all images, with its '/' (default: none)")
      ->type_name("PREFIX/");
  command.add_option("--pull-secret", to.pull_secret, "A Secret by which images are pulled")
      ->check(wrong_name);
  command.add_option("--storage", to.storage, "Of the engine's volume")->capture_default_str();
  command.add_option("--storage-class", to.storage_class, "(default: the cluster's)")
      ->check(wrong_name);
  command.add_option("--replicas", to.replicas, "One is the engine, the others wait")
      ->check(CLI::Range(1, 9))
      ->capture_default_str();
  command.add_option("--hub-port", to.hub_port, "And the next one")
      ->check(CLI::Range(1, 65534))
      ->capture_default_str();
  command.add_flag("--cluster-wide", to.cluster_wide, "It may act in all namespaces");
  command.add_flag("--egress", to.egress, "Steps reach DNS and the hub, and nothing else");
}

}  // namespace

int install(const Context& context, const InstallOptions& options) {
  const auto manifests = manifests_of(options);
  if (!manifests) return complain(context, kUsage, manifests.error().message);
  if (context.json) {
    const json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", *manifests}};
    fmt::print("{}\n", list.dump());
    return kSucceeded;
  }
  std::vector<std::string> texts;
  for (const json& each : *manifests) texts.push_back(inject::write_yaml(inject::from_json(each)));
  fmt::print("{}", inject::joined(texts));
  if (options.injection.empty()) return kSucceeded;
  fmt::print(stderr,
             "then, for each namespace whose new Pods are to have a sidecar:\n"
             "  kubectl label namespace NAME {}=enabled\n",
             inject::kNamespaceLabel);
  return kSucceeded;
}

void add_install(CLI::App& app, const Context& context, InstallOptions& options,
                 std::function<int()>& command) {
  CLI::App* sub = app.add_subcommand(
      "install", "Print what a cluster needs: scanflow install ... | kubectl apply -f -");
  sub->add_option("--injection", options.injection,
                  "How new Pods get their sidecar: by a webhook of ours (any Kubernetes), or by an "
                  "admission policy that API servers carry out (1.36 and later, no server, no "
                  "certificate)")
      ->check(CLI::IsMember({"webhook", "policy"}));
  add_engine(*sub, options);
  sub->add_flag("--only-enabled", options.only_enabled,
                "Leave Pods alone that do not say scanflow.dev/inject: enabled");
  CLI::Option* secret = sub->add_option(
      "--tls-secret", options.tls_secret,
      "A Secret of --namespace with tls.crt and tls.key, of cert-manager for example (default: one "
      "is made, for 10 years)");
  CLI::Option* ca = sub->add_option("--ca", options.ca, "PEM: what signed it")->type_name("FILE");
  secret->needs(ca);
  ca->needs(secret);
  sub->add_option("--namespace", options.name_space, "Where the engine and the webhook run")
      ->check(wrong_namespace)
      ->capture_default_str();
  sub->add_flag(
      "--create-namespace", options.create_namespace,
      "With a webhook alone: print the namespace too (who deletes that deletes all in it)");
  sub->add_option("--engine-image", options.image, "Its image (default: scanflow-engine:VERSION)");
  add_settings(*sub, options.values);
  sub->footer(
      "A namespace's new Pods get a sidecar once it has the label scanflow.dev/injection=enabled; "
      "an annotation scanflow.dev/inject: disabled leaves one out. A policy reads no other "
      "annotation: Pods with settings of their own need the webhook, or scanflow inject.");
  sub->callback([&] { command = [&] { return install(context, options); }; });
}

}  // namespace scanflow::cli
