// kubernetes: fires when objects of the engine's cluster are as it waits for.
#pragma once

#include <optional>
#include <scanflow/trigger.hpp>
#include <string>
#include <vector>

#include "plugins/triggers/kubernetes/object_edges.hpp"

namespace scanflow::triggers {

struct KubernetesConfig {
  std::string object, name_space, labels, path, when, hold = "0s";
  nlohmann::json is = nlohmann::json::array();
  std::optional<double> above, below;
  template <class V>
  void fields(V& f) {
    f("object", object)
        .required()
        .min_length(1)
        .doc("a kind, or one of it: pods, deployment/web, inferenceservices.serving.kserve.io");
    f("namespace", name_space).doc("without it that of the engine; '*': all");
    f("labels", labels).doc("a selector: app=web,tier!=cache");
    f("path", path).doc("of a value, as kubectl writes it: {.status.phase}");
    f("is", is).doc("fires when the value becomes one of these: [Failed, Unknown]");
    f("above", above).doc("or goes above this");
    f("below", below).doc("or below this");
    f("for", hold).doc("and has been so for so long");
    f("when", when)
        .doc("without is, above and below: appears, disappears, or, with a path, changes");
  }
};

class KubernetesTrigger : public Trigger {
 public:
  using Config = KubernetesConfig;
  static Description describe();
  explicit KubernetesTrigger(Config config);
  WakeResult wake(const Wake& wake) override;
  std::vector<nlohmann::json> watches() const override;

 private:
  const Config config_;
  ObjectLaw law_;
};

}  // namespace scanflow::triggers
