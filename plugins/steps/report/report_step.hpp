// report.html: the report of a run.
#pragma once

#include <scanflow/step.hpp>
#include <string>
#include <utility>

namespace scanflow::report {

struct ReportConfig {
  std::string title;
  template <class V>
  void fields(V& f) {
    f("title", title).doc("heading of the page; the pipeline's name where it is empty");
  }
};

class Report : public Step {
 public:
  using Config = ReportConfig;
  static Description describe();
  explicit Report(Config config) : config_(std::move(config)) {}
  nlohmann::json run(Context& context) override;

 private:
  Config config_;
};

}  // namespace scanflow::report
