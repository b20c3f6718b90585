// digits.generate: synthetic digits, where no real ones are at hand.
#include <fmt/format.h>

#include <scanflow/step.hpp>

#include "plugins/common/byte_source.hpp"
#include "plugins/steps/digits/drawing.hpp"

namespace {

struct GenerateConfig {
  std::int64_t count = 10'000;
  std::int64_t seed = 1;
  template <class V>
  void fields(V& f) {
    f("count", count).min(1).max(1'000'000).doc("how many digits; each class equally often");
    f("seed", seed).min(0).doc("the same count and seed give the same bytes on every machine");
  }
};

class Generate : public scanflow::Step {
 public:
  using Config = GenerateConfig;
  static scanflow::Description describe() {
    return {.id = "digits.generate",
            .version = "1.0.0",
            .summary = "Draws synthetic handwritten digits, 28x28, as IDX files",
            .outputs = {{"count", "integer", "digits drawn"}},
            .artifacts = {{"digits", "directory with images-idx3-ubyte and labels-idx1-ubyte"}}};
  }
  explicit Generate(Config config) : config_(config) {}

  nlohmann::json run(scanflow::Context& context) override {
    const auto count = static_cast<std::size_t>(config_.count);
    const auto drawn = scanflow::digits::generate(count, static_cast<std::uint64_t>(config_.seed),
                                                  [&context](double done) {
                                                    context.progress(done, "drawing");
                                                    return !context.cancelled();
                                                  });
    context.throw_if_cancelled();
    scanflow::data::write_dataset(context.artifact_directory("digits"), drawn);
    return {{"count", config_.count},
            {"summary", scanflow::data::group_digits(count) + " digits drawn"}};
  }

 private:
  GenerateConfig config_;
};

}  // namespace

SCANFLOW_PLUGIN("digits", "1.0.0", Generate)
