#include "engine/cli/install_command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <ctime>

#include "engine/cli/inject_settings.hpp"
#include "engine/http/issue.hpp"
#include "engine/inject/policy.hpp"
#include "engine/inject/rewrite.hpp"
#include "engine/inject/yaml.hpp"
#include "engine/webhook/manifests.hpp"
#include "sdk/base/files.hpp"

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

Result<json> webhook_manifests(const InstallOptions& options) {
  webhook::Installation to;
  to.name_space = options.name_space;
  to.image = options.image.empty() ? "scanflow-engine:" + options.version : options.image;
  if (options.only_enabled) to.flags.emplace_back("--only-enabled");
  for (const auto& [name, value] : options.values)
    to.flags.push_back(fmt::format("--{}={}", name, value));
  if (auto set = set_certificate(options, to); !set) return tl::unexpected(set.error());
  return webhook::manifests(to);
}

Result<json> manifests_of(const InstallOptions& options) {
  auto settings = settings_of(options.values, options.version);
  if (!settings) return tl::unexpected(settings.error());
  settings->only_enabled = options.only_enabled;
  return options.injection == "policy" ? inject::admission_policy(*settings)
                                       : webhook_manifests(options);
}

std::string wrong_namespace(const std::string& name) {
  const bool right =
      !name.empty() && name.size() <= 63 && name.front() != '-' && name.back() != '-' &&
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  return right ? "" : fmt::format("'{}' is no name of a namespace: a-z, 0-9 and '-'", name);
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
      ->check(CLI::IsMember({"webhook", "policy"}))
      ->required();
  sub->add_flag("--only-enabled", options.only_enabled,
                "Leave Pods alone that do not say scanflow.dev/inject: enabled");
  CLI::Option* secret = sub->add_option(
      "--tls-secret", options.tls_secret,
      "A Secret of --namespace with tls.crt and tls.key, of cert-manager for example (default: one "
      "is made, for 10 years)");
  CLI::Option* ca = sub->add_option("--ca", options.ca, "PEM: what signed it")->type_name("FILE");
  secret->needs(ca);
  ca->needs(secret);
  sub->add_option("--namespace", options.name_space, "Where the webhook runs")
      ->check(wrong_namespace)
      ->capture_default_str();
  sub->add_option("--engine-image", options.image, "Its image (default: scanflow-engine:VERSION)");
  add_settings(*sub, options.values);
  sub->footer(
      "A namespace's new Pods get a sidecar once it has the label scanflow.dev/injection=enabled; "
      "an annotation scanflow.dev/inject: disabled leaves one out. A policy reads no other "
      "annotation: Pods with settings of their own need the webhook, or scanflow inject.");
  sub->callback([&] { command = [&] { return install(context, options); }; });
}

}  // namespace scanflow::cli
