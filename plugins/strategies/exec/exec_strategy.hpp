// exec: any program decides.
#pragma once

#include <scanflow/strategy.hpp>
#include <string>
#include <vector>

#include "plugins/strategies/exec/program.hpp"

namespace scanflow::strategies {

struct ExecConfig {
  std::vector<std::string> command;
  std::string timeout = "900ms";
  nlohmann::json env = nlohmann::json::object();
  template <class V>
  void fields(V& f) {
    f("command", command)
        .required()
        .min_items(1)
        .doc("the program and its arguments: [python3, /etc/scanflow/decide.py]");
    f("timeout", timeout)
        .doc("it is killed after this; below the deadline of the rule (guard: {deadline: 1s})");
    f("env", env).doc("variables over those of the agent: {NAME: text}");
  }
};

/// It lists no primitives: what may be asked for is its rule's `allow` to say.
class ExecStrategy : public Strategy {
 public:
  using Config = ExecConfig;
  static Description describe();
  explicit ExecStrategy(const Config& config);
  /// Throws Error where the program fails, is late, or answers no decision: the rule is tried again then.
  Decision decide(const Evidence& evidence) override;

 private:
  std::string answer_to(std::string question) const;

  ProgramCall call_;
  std::string shown_;  // the command, for people
};

}  // namespace scanflow::strategies
