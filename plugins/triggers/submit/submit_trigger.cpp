// submit: fires when a run or a service is about to begin, before it does.
#include <scanflow/trigger.hpp>
#include <string>

#include "plugins/common/names.hpp"

namespace scanflow::triggers {
namespace {

using nlohmann::json;

struct SubmitConfig {
  std::string kind = "Pipeline", name_space = "*", name = "*";
  json labels = json::object();
  template <class V>
  void fields(V& f) {
    f("kind", kind).one_of({"Pipeline", "InferenceService"}).doc("of what is about to begin");
    f("namespace", name_space).doc("of what is submitted, or the beginning of namespaces: mnist-*");
    f("name", name).doc("of it, likewise");
    f("labels", labels).doc("that it must have: {team: science}");
  }
};

/// Asked by the server while whoever submits waits.
class SubmitTrigger : public Trigger {
 public:
  using Config = SubmitConfig;
  static Description describe() {
    return {.id = "submit",
            .version = "1.0.0",
            .summary =
                "Fires when a run or a service is about to begin: what admit changes holds for it"};
  }
  explicit SubmitTrigger(Config config) : config_(std::move(config)) {
    if (!config_.labels.is_object()) throw Invalid("labels: write a map: {team: science}");
  }
  std::vector<json> watches() const override {
    return {{{"source", "events"}, {"type", "submit"}}};
  }
  WakeResult wake(const Wake& wake) override {
    if (wake.reason != WakeReason::event) return {};
    const json asked = wake.event.value("payload", json::object());
    if (asked.value("kind", "") != config_.kind ||
        !is_named(config_.name_space, asked.value("namespace", "")) ||
        !is_named(config_.name, asked.value("name", "")))
      return {};
    const json labels = asked.value("labels", json::object());
    for (const auto& [label, value] : config_.labels.items())
      if (labels.value(label, json()) != value) return {};
    return {.fires = {asked}};
  }

 private:
  const Config config_;
};

}  // namespace
}  // namespace scanflow::triggers

SCANFLOW_PLUGIN("submit", "1.0.0", scanflow::triggers::SubmitTrigger)
