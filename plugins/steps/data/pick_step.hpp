// data.pick: the items of a stream that are worth a label.
#pragma once

#include <cstdint>
#include <optional>
#include <scanflow/step.hpp>
#include <string>
#include <utility>

namespace scanflow::picking {

struct PickConfig {
  std::string by = "threshold";
  std::int64_t limit = 50;
  std::optional<double> threshold;
  std::int64_t seed = 1;
  std::int64_t from = 0, until = 0;

  template <class V>
  void fields(V& f) {
    f("by", by)
        .one_of({"threshold", "score", "random"})
        .doc("any above a threshold; the highest scores; or any at all, to compare with");
    f("limit", limit).min(0).max(10'000'000).doc("items at most; 0: no limit");
    f("threshold", threshold).doc("by: threshold; left out: that of the scores");
    f("seed", seed).min(0).doc("by: threshold or random");
    f("from", from).min(0).doc("only items from this position on,");
    f("until", until).min(0).doc("and before this one; 0: to the end");
  }
};

class Pick : public Step {
 public:
  using Config = PickConfig;
  static Description describe();
  explicit Pick(Config config) : config_(std::move(config)) {}
  nlohmann::json run(Context& context) override;

 private:
  std::vector<std::size_t> choose(const Context& context, std::size_t count) const;

  PickConfig config_;
};

}  // namespace scanflow::picking
