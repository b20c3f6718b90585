// The first example of a step plugin: greets, and says how long the greeting was.
#include <scanflow/step.hpp>

namespace {

struct HelloConfig {
  std::string name = "world";
  std::int64_t times = 1;
  template <class V>
  void fields(V& f) {
    f("name", name).min_length(1).doc("whom to greet");
    f("times", times).min(1).max(100).doc("how often");
  }
};

class Hello : public scanflow::Step {
 public:
  using Config = HelloConfig;
  static scanflow::Description describe() {
    return {.id = "hello",
            .version = "1.0.0",
            .summary = "Greets",
            .outputs = {{"greeting", "string", "the greeting"}}};
  }
  explicit Hello(Config config) : config_(std::move(config)) {}

  nlohmann::json run(scanflow::Context& context) override {
    const auto greeting = "hello, " + config_.name;
    for (std::int64_t i = 0; i < config_.times; ++i) context.info(greeting);
    return {{"greeting", greeting}, {"summary", greeting}};
  }

 private:
  HelloConfig config_;
};

}  // namespace

SCANFLOW_PLUGIN("hello", "1.0.0", Hello)
