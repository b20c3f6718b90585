// data.corrupt: digits as a worse camera would see them.
#pragma once

#include <cstdint>
#include <scanflow/step.hpp>
#include <string>
#include <utility>
#include <vector>

namespace scanflow::corruption {

struct CorruptConfig {
  std::vector<std::string> ways = {"brightness"};
  double severity = 1;
  double share = 1;
  std::int64_t seed = 1;

  template <class V>
  void fields(V& f) {
    f("ways", ways)
        .min_items(1)
        .max_items(16)
        .one_of({"shot_noise", "impulse_noise", "glass_blur", "motion_blur", "shear", "scale",
                 "rotate", "brightness", "translate", "stripe", "fog", "spatter", "dotted_line",
                 "zigzag", "canny_edges", "identity"})
        .doc("of MNIST-C; each digit gets one, each way equally often");
    f("severity", severity)
        .min(0)
        .max(1)
        .doc("0: nothing happens; 1: about as strong as MNIST-C goes (its fifth level)");
    f("share", share)
        .min(0)
        .max(1)
        .doc("of the digits that are corrupted; which ones, seed chooses");
    f("seed", seed).min(0).doc("same digits, configuration and seed: same bytes");
  }
};

class Corrupt : public Step {
 public:
  using Config = CorruptConfig;
  static Description describe();
  explicit Corrupt(Config config) : config_(std::move(config)) {}
  nlohmann::json run(Context& context) override;

 private:
  CorruptConfig config_;
};

}  // namespace scanflow::corruption
