#include "plugins/triggers/kubernetes/kubernetes_trigger.hpp"

#include <iterator>
#include <utility>

#include "plugins/common/config_value.hpp"
#include "plugins/common/durations.hpp"

namespace scanflow::triggers {
namespace {

using nlohmann::json;
using When = ObjectLaw::When;

std::vector<std::string> texts_of(const json& is) {
  std::vector<std::string> texts;
  for (const json& each : is.is_array() ? is : json::array({is})) {
    if (each.is_structured() || each.is_null())
      throw Invalid("is: " + each.dump() + " is no text, number, true or false");
    texts.push_back(each.is_string() ? each.get<std::string>() : each.dump());
  }
  return texts;
}

When when_of(const KubernetesConfig& config) {
  const bool has_path = !config.path.empty();
  if (config.when.empty()) return has_path ? When::changes : When::appears;
  if (config.when == "appears") return When::appears;
  if (config.when == "disappears") return When::disappears;
  if (config.when != "changes")
    throw Invalid("when: '" + config.when + "' is none of appears, disappears, changes");
  if (!has_path) throw Invalid("when: changes: of what? Write a path: {.spec.replicas}");
  return When::changes;
}

}  // namespace

Description KubernetesTrigger::describe() {
  return {.id = "kubernetes",
          .version = "1.0.0",
          .summary = "Fires when objects of a Kubernetes cluster are as it waits for"};
}

KubernetesTrigger::KubernetesTrigger(Config config) : config_(std::move(config)) {
  law_.is = texts_of(config_.is);
  law_.above = config_.above;
  law_.below = config_.below;
  law_.for_us = config_value("for", [this] { return duration_us(config_.hold); });
  const int limits = (law_.is.empty() ? 0 : 1) + (law_.above ? 1 : 0) + (law_.below ? 1 : 0);
  if (limits > 1) throw Invalid("is, above, below: write one of them");
  if (limits == 0) {
    law_.when = when_of(config_);
    if (law_.for_us > 0) throw Invalid("for: only what is, or is above or below, lasts");
    return;
  }
  law_.when = When::holds;
  if (config_.path.empty())
    throw Invalid("path: write one, of the value that is looked at: {.status.phase}");
  if (!config_.when.empty()) throw Invalid("when: write it without is, above and below");
}

std::vector<json> KubernetesTrigger::watches() const {
  return {{{"source", "objects"},
           {"object", config_.object},
           {"namespace", config_.name_space},
           {"labels", config_.labels},
           {"path", config_.path}}};
}

WakeResult KubernetesTrigger::wake(const Wake& wake) {
  ObjectEdges edges = ObjectEdges::read(wake.state);
  WakeResult result;
  if (wake.reason == WakeReason::start) edges.begin_anew(wake.now_us);
  if (wake.reason == WakeReason::sample) result.fires = edges.take(law_, wake.event, wake.now_us);
  for (json& each : edges.due(law_, wake.now_us)) result.fires.push_back(std::move(each));
  if (std::string state = edges.text(); state != wake.state) result.state = std::move(state);
  result.next_wake_us = edges.next_us(law_);
  return result;
}

}  // namespace scanflow::triggers
