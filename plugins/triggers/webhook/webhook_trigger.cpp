// webhook: fires when somebody calls the server, and signs that.
#include <scanflow/trigger.hpp>
#include <string>

namespace scanflow::triggers {
namespace {

using nlohmann::json;

struct WebhookConfig {
  std::string path, secret_env, secret_file;
  json where = json::object();
  template <class V>
  void fields(V& f) {
    f("path", path)
        .required()
        .min_length(1)
        .doc("TEAM/NAME: it is called at /api/v1/hooks/TEAM/NAME");
    f("secret_env", secret_env).doc("the server's variable with the secret that callers sign with");
    f("secret_file", secret_file).doc("or a file with it");
    f("where", where).doc("what the body must hold: {action: published}");
  }
};

/// The signature is the server's to check, before the event is told: a plugin sees no secret.
class WebhookTrigger : public Trigger {
 public:
  using Config = WebhookConfig;
  static Description describe() {
    return {.id = "webhook",
            .version = "1.0.0",
            .summary = "Fires when somebody calls the server, signed with a secret"};
  }
  explicit WebhookTrigger(Config config) : config_(std::move(config)) {
    const auto slash = config_.path.find('/');
    if (slash == 0 || slash == std::string::npos || slash + 1 == config_.path.size() ||
        config_.path.find('/', slash + 1) != std::string::npos)
      throw Invalid("path: two names: TEAM/NAME");
    if (config_.secret_env.empty() == config_.secret_file.empty())
      throw Invalid("secret_env, secret_file: write one of them: what is not signed is refused");
    if (!config_.where.is_object()) throw Invalid("where: write a map: {action: published}");
  }

  std::vector<json> watches() const override {
    return {{{"source", "events"}, {"type", "webhook." + config_.path}}};
  }

  WakeResult wake(const Wake& wake) override {
    if (wake.reason != WakeReason::event) return {};
    const json body = wake.event.value("payload", json::object()).value("body", json());
    for (const auto& [name, value] : config_.where.items())
      if (!body.is_object() || body.value(name, json()) != value) return {};
    return {.fires = {{{"path", config_.path},
                       {"time_us", wake.event.value("time_us", wake.now_us)},
                       {"body", body}}}};
  }

 private:
  const Config config_;
};

}  // namespace
}  // namespace scanflow::triggers

SCANFLOW_PLUGIN("webhook", "1.0.0", scanflow::triggers::WebhookTrigger)
