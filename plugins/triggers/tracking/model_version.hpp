// model_version: fires when a model has a new version, or an alias of it moves.
#pragma once

#include <scanflow/trigger.hpp>
#include <string>

namespace scanflow::triggers {

struct ModelVersionConfig {
  std::string model, alias;
  template <class V>
  void fields(V& f) {
    f("model", model).required().min_length(1).doc("its name, or the beginning of names: mnist_*");
    f("alias", alias)
        .doc("fires when this alias means another version; without it when one is registered");
  }
};

class ModelVersionTrigger : public Trigger {
 public:
  using Config = ModelVersionConfig;
  static Description describe();
  explicit ModelVersionTrigger(Config config);
  WakeResult wake(const Wake& wake) override;
  std::vector<nlohmann::json> watches() const override;

 private:
  const Config config_;
};

}  // namespace scanflow::triggers
