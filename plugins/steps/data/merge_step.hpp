// data.merge: several datasets as one.
#pragma once

#include <cstdint>
#include <scanflow/step.hpp>

namespace scanflow::picking {

struct MergeConfig {
  std::int64_t repeat = 1;

  template <class V>
  void fields(V& f) {
    f("repeat", repeat)
        .min(1)
        .max(1'000)
        .doc("how often the items of `more` are taken: few new ones weigh more so in a training");
  }
};

class Merge : public Step {
 public:
  using Config = MergeConfig;
  static Description describe();
  explicit Merge(Config config) : config_(config) {}
  nlohmann::json run(Context& context) override;

 private:
  MergeConfig config_;
};

}  // namespace scanflow::picking
