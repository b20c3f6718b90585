// data.stream: what a service will be asked over time: calm, then drifting.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <scanflow/step.hpp>
#include <string>
#include <vector>

namespace scanflow::corruption {

struct StreamConfig {
  nlohmann::json pieces = nlohmann::json::array();
  std::int64_t seed = 1;
  template <class V>
  void fields(V& f) {
    f("pieces", pieces)
        .required()
        .doc(
            "one after the other: [{count: 1500}, {count: 3000, ways: [brightness], severity: 1, "
            "share: 1}]; without ways as they are");
    f("seed", seed).min(0).doc("same digits, pieces and seed: same bytes");
  }
};

class Stream : public Step {
 public:
  using Config = StreamConfig;
  static Description describe();
  explicit Stream(Config config);
  nlohmann::json run(Context& context) override;

 private:
  struct Piece {
    std::size_t count = 0;
    std::vector<std::string> ways;
    double severity = 1, share = 1;
  };
  static Piece piece_of(const nlohmann::json& document);

  const Config config_;
  std::vector<Piece> pieces_;
};

}  // namespace scanflow::corruption
