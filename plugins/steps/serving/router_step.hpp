// router.weighted: which of the next nodes a request goes on to.
#pragma once

#include <cstdint>
#include <optional>
#include <scanflow/step.hpp>
#include <utility>
#include <vector>

#include "plugins/steps/serving/round_robin.hpp"

namespace scanflow::serving {

struct RouterConfig {
  std::vector<std::int64_t> weights;
  std::int64_t seed = 1;

  template <class V>
  void fields(V& f) {
    f("weights", weights)
        .required()
        .min(0)
        .max(1'000'000)
        .min_items(1)
        .max_items(64)
        .doc(
            "of the nodes that need this one, in their order: [9, 1] sends every tenth request to "
            "the second; 0: none");
    f("seed", seed).min(0).doc("where in its turns it begins");
  }
};

class WeightedRouter : public Step, public Inference {
 public:
  using Config = RouterConfig;
  static Description describe();
  explicit WeightedRouter(Config config) : config_(std::move(config)) {}
  nlohmann::json run(Context& /*context*/) override { throw_serves_online_only(); }
  Signature load(const Loading& loading) override;
  void infer(const Tensors& inputs, TensorOutputs& outputs) override;

 private:
  RouterConfig config_;
  std::optional<RoundRobin> turns_;
};

}  // namespace scanflow::serving
