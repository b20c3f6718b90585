#include "engine/kube/identity.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/http/base64.hpp"
#include "engine/http/trust.hpp"
#include "engine/kube/fields.hpp"
#include "engine/worker/run_program.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/text.hpp"
#include "sdk/base/utc.hpp"

namespace scanflow::kube {

using nlohmann::json;

namespace {

constexpr std::int64_t kReadAgainUs = 60'000'000;
/// Before its end, so that no request comes too late with it.
constexpr std::int64_t kAheadUs = 10'000'000;
/// A person may have to log in, in a browser.
constexpr std::chrono::minutes kPluginTime{2};

std::string last_line(std::string_view text) {
  text = stripped(text);
  return std::string(cut_utf8(text.substr(text.rfind('\n') + 1), 300));
}

worker::Invocation command_of(const ExecPlugin& plugin, const Access& access,
                              const std::string& ca) {
  worker::Invocation command;
  command.argv = {plugin.command};
  command.argv.insert(command.argv.end(), plugin.args.begin(), plugin.args.end());
  for (const auto& [name, value] : plugin.env) command.environment.push_back(name + "=" + value);
  json info = {{"apiVersion", plugin.api_version},
               {"kind", "ExecCredential"},
               {"spec", {{"interactive", false}}}};
  if (plugin.cluster_info) {
    json cluster = {{"server", access.server}};
    if (!ca.empty()) cluster["certificate-authority-data"] = http::base64(ca);
    if (!access.server_name.empty()) cluster["tls-server-name"] = access.server_name;
    info["spec"]["cluster"] = std::move(cluster);
  }
  command.environment.push_back("KUBERNETES_EXEC_INFO=" + info.dump());
  command.deadline = kPluginTime;
  return command;
}

}  // namespace

Result<ExecCredential> read_exec_credential(const ExecPlugin& plugin, const std::string& output) {
  const json document = json::parse(output, nullptr, false);
  if (!document.is_object() || text_of(document, "kind") != "ExecCredential") {
    return fail(fmt::format("the exec plugin {} printed no ExecCredential (it must be one of {})",
                            plugin.command, plugin.api_version));
  }
  if (text_of(document, "apiVersion") != plugin.api_version) {
    return fail(fmt::format(
        "the exec plugin {} speaks {}, and the kubeconfig wants {}: one of them is too old",
        plugin.command, text_of(document, "apiVersion"), plugin.api_version));
  }
  const json& status = part_of(document, "status");
  ExecCredential credential{text_of(status, "token"), text_of(status, "clientCertificateData"),
                            text_of(status, "clientKeyData"), 0};
  if (credential.token.empty() && credential.certificate.empty()) {
    return fail(
        fmt::format("the exec plugin {} gave neither a token nor a certificate", plugin.command));
  }
  credential.expires_us = time_of_utc(text_of(status, "expirationTimestamp")).value_or(0);
  return credential;
}

Identity::Identity(Access access, std::function<std::int64_t()> now_us)
    : access_(std::move(access)), now_us_(std::move(now_us)) {}

Result<std::string> Identity::read(const Material& material) const {
  if (material.file.empty()) return material.text;
  auto text = read_file(material.file);
  if (!text) return fail(fmt::format("{} ({})", text.error().message, access_.origin));
  return text;
}

Result<void> Identity::run_plugin(const std::stop_token& stop) {
  const std::int64_t now_us = now_us_();
  if (!access_.exec ||
      (has_exec_ && (exec_.expires_us == 0 || now_us + kAheadUs < exec_.expires_us)))
    return {};
  const ExecPlugin& plugin = *access_.exec;
  const auto ca = read(access_.ca);
  if (!ca) return tl::unexpected(ca.error());
  const auto ended = worker::run_program(command_of(plugin, access_, *ca), stop);
  if (!ended) {
    const bool absent = ended.error().why == worker::NotRun::Why::absent;
    return fail(
        fmt::format("{}: the exec plugin {}{}", access_.origin, ended.error().message,
                    absent && !plugin.install_hint.empty() ? ": " + plugin.install_hint : ""));
  }
  if (ended->status != 0) {
    return fail(fmt::format("{}: the exec plugin {} failed with exit code {}: {}", access_.origin,
                            plugin.command, ended->status, last_line(ended->err)));
  }
  auto credential = read_exec_credential(plugin, ended->out);
  if (!credential) return tl::unexpected(credential.error());
  exec_ = std::move(*credential);
  has_exec_ = true;
  return {};
}

Result<std::string> Identity::token() {
  if (!exec_.token.empty()) return exec_.token;
  const std::int64_t now_us = now_us_();
  if (token_.empty() || now_us - token_read_us_ >= kReadAgainUs) {
    const auto text = read(access_.token);
    if (!text) return tl::unexpected(text.error());
    token_ = stripped(*text);
    token_read_us_ = now_us;
  }
  return token_;
}

Result<std::shared_ptr<ssl_ctx_st>> Identity::context(const std::stop_token& stop) {
  const std::scoped_lock lock(mutex_);
  if (auto run = run_plugin(stop); !run) return tl::unexpected(run.error());
  http::Trust trust;
  const auto take = [&](const Material& material, std::string& to) -> Result<void> {
    auto text = read(material);
    if (!text) return tl::unexpected(text.error());
    to = std::move(*text);
    return {};
  };
  if (auto done = take(access_.ca, trust.ca); !done) return tl::unexpected(done.error());
  if (!exec_.certificate.empty()) {
    trust.certificate = exec_.certificate;
    trust.key = exec_.key;
  } else {
    if (auto done = take(access_.certificate, trust.certificate); !done)
      return tl::unexpected(done.error());
    if (auto done = take(access_.key, trust.key); !done) return tl::unexpected(done.error());
  }
  const std::string made_of = fmt::format("{}\n{}\n{}", trust.ca, trust.certificate, trust.key);
  if (context_ && made_of == made_of_) return context_;
  auto made = http::client_context(trust, now_us_() / 1'000'000);
  if (!made) return fail(fmt::format("{}: {}", access_.origin, made.error().message));
  made_of_ = made_of;
  return context_ = std::move(*made);
}

Result<std::string> Identity::authorization(const std::stop_token& stop) {
  const std::scoped_lock lock(mutex_);
  if (auto run = run_plugin(stop); !run) return tl::unexpected(run.error());
  auto bearer = token();
  if (!bearer) return bearer;
  if (!bearer->empty()) return "Bearer " + *bearer;
  return access_.basic ? "Basic " + http::base64(*access_.basic) : "";
}

bool Identity::renew() {
  const std::scoped_lock lock(mutex_);
  token_.clear();
  has_exec_ = false;
  exec_ = {};
  return access_.exec.has_value() || !access_.token.file.empty();
}

}  // namespace scanflow::kube
