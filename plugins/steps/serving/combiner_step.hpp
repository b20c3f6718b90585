// combiner.mean: one answer of several nodes'.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <scanflow/step.hpp>
#include <string>
#include <utility>

namespace scanflow::serving {

struct CombinerConfig {
  nlohmann::json weights = nlohmann::json::object();

  template <class V>
  void fields(V& f) {
    f("weights", weights)
        .doc(
            "how much each node counts, by its name: {cnn1: 1, cnn2: 3}; 1 where it is not named; "
            "0: not at all");
  }
};

class MeanCombiner : public Step, public Inference {
 public:
  using Config = CombinerConfig;
  static Description describe();
  explicit MeanCombiner(Config config) : config_(std::move(config)) {}
  nlohmann::json run(Context& /*context*/) override { throw_serves_online_only(); }
  Signature load(const Loading& loading) override;
  void infer(const Tensors& inputs, TensorOutputs& outputs) override;

 private:
  double weight_of(std::string_view node) const;

  CombinerConfig config_;
  std::map<std::string, double, std::less<>> weights_;
};

}  // namespace scanflow::serving
