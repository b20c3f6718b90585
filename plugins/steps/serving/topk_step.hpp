// topk.postprocess: scores of all classes to the few best ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <scanflow/step.hpp>
#include <string>
#include <utility>
#include <vector>

namespace scanflow::serving {

struct TopKConfig {
  std::int64_t k = 5;
  std::string tensor = "probabilities";
  bool softmax = false;
  std::vector<std::string> labels;
  std::filesystem::path labels_file;

  template <class V>
  void fields(V& f) {
    f("k", k).min(1).max(10'000).doc("classes for each row, the best first");
    f("tensor", tensor)
        .min_length(1)
        .doc("the one to read, FP32 [rows, classes]; others are dropped");
    f("softmax", softmax).doc("the scores are logits: make them probabilities");
    f("labels", labels).max_items(100'000).doc("names of the classes, in order; empty: none");
    f("labels_file", labels_file).doc("or a file with a name a line");
  }
};

class TopKPostprocess : public Step, public Inference {
 public:
  using Config = TopKConfig;
  static Description describe();
  explicit TopKPostprocess(Config config) : config_(std::move(config)) {}
  nlohmann::json run(Context& /*context*/) override { throw_serves_online_only(); }
  Signature load(const Loading& loading) override;
  void infer(const Tensors& inputs, TensorOutputs& outputs) override;

 private:
  void put_labels(const Shape& shape, const std::vector<std::int64_t>& classes,
                  TensorOutputs& outputs) const;

  TopKConfig config_;
};

}  // namespace scanflow::serving
