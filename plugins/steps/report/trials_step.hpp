// report.trials: the report of a closed loop's trials.
#pragma once

#include <scanflow/step.hpp>
#include <string>

namespace scanflow::report {

struct TrialsConfig {
  std::string path;
  template <class V>
  void fields(V& f) {
    f("path", path).required().min_length(1).doc("directory with a directory for each trial");
  }
};

class TrialsReport : public Step {
 public:
  using Config = TrialsConfig;
  static Description describe();
  explicit TrialsReport(Config config) : config_(std::move(config)) {}
  nlohmann::json run(Context& context) override;

 private:
  const Config config_;
};

}  // namespace scanflow::report
