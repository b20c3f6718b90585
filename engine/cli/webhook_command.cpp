#include "engine/cli/webhook_command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <thread>

#include "engine/cli/end_signal.hpp"
#include "engine/cli/inject_settings.hpp"
#include "engine/cli/text.hpp"
#include "engine/http/server.hpp"
#include "engine/webhook/webhook.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::cli {

int webhook(const Context& context, const WebhookOptions& options) {
  auto settings = settings_of(options.values, options.version);
  if (!settings) return complain(context, kUsage, settings.error().message);
  settings->only_enabled = options.only_enabled;
  if (const std::string why = http::wrong_address(options.listen, true); !why.empty())
    return complain(context, kUsage, "--listen: " + why);
  const http::CertificateFiles files{options.certificate, options.key};
  if (auto loaded = http::load_certificate(files, std::time(nullptr)); !loaded)
    return complain(context, kUsage, loaded.error().message);
  if (auto caught = catch_end_signals(); !caught)
    return complain(context, kEngine, caught.error().message);
  std::int64_t drain_us = 0;
  if (!options.drain.empty()) {
    const auto time = parse_duration(options.drain);
    if (!time) return complain(context, kUsage, "--drain: " + time.error().message);
    drain_us = *time;
  }
  // What is told of others' objects is theirs: no line of it may look like one of ours.
  auto started =
      webhook::Webhook::start({options.listen, files, std::move(*settings),
                               [](const std::string& line) { log_line(printable(line)); }});
  if (!started) return complain(context, kEngine, started.error().message);
  log_line(fmt::format("POST https://{}/inject injects the sidecar", (*started)->address()));
  wait_for_end_signal();
  (*started)->take_leave();
  std::this_thread::sleep_for(std::chrono::microseconds(drain_us));  // a second signal ends it
  log_line("stopping");
  return kSucceeded;
}

void add_webhook(CLI::App& app, const Context& context, WebhookOptions& options,
                 std::function<int()>& command) {
  CLI::App* sub = app.add_subcommand(
      "webhook", "Inject the sidecar into the Pods that a cluster's API server asks about");
  sub->add_option("--listen", options.listen,
                  "Where; :PORT is all addresses, port 0 one that is free")
      ->type_name("ADDRESS:PORT")
      ->capture_default_str();
  sub->add_option("--tls-cert", options.certificate,
                  "PEM: the certificate, then those between it and its CA; read again when it "
                  "changes")
      ->type_name("FILE")
      ->required();
  sub->add_option("--tls-key", options.key, "PEM: its private key, without a password")
      ->type_name("FILE")
      ->required();
  sub->add_option("--drain", options.drain,
                  "When told to end, answer for so long while /ready says no: until API servers "
                  "know (default: 0s)")
      ->type_name("TIME");
  sub->add_flag("--only-enabled", options.only_enabled,
                "Leave Pods alone that do not say scanflow.dev/inject: enabled");
  add_settings(*sub, options.values);
  sub->footer(
      "It keeps no state: run several of it. 'scanflow install --injection webhook' prints what a "
      "cluster needs for it. It also serves /live, /ready and /metrics (for Prometheus).");
  sub->callback([&] { command = [&] { return webhook(context, options); }; });
}

}  // namespace scanflow::cli
