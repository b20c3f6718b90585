// scanflow webhook: injects the sidecar into what a cluster's API server asks it about.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct WebhookOptions {
  std::string listen = ":8443";
  std::string certificate, key;               // PEM files
  std::string drain;                          // a duration; empty: none
  bool only_enabled = false;                  // Pods that say nothing are left alone
  std::map<std::string, std::string> values;  // of the settings, by their names
  std::string version;                        // of Scanflow
};
int webhook(const Context& context, const WebhookOptions& options);

/// Declares the command; chosen, it goes into `command`.
void add_webhook(CLI::App& app, const Context& context, WebhookOptions& options,
                 std::function<int()>& command);

}  // namespace scanflow::cli
