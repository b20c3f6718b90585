// Pipelines whose steps are Pods, and what must become of them wherever these are.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/program.hpp"

namespace scanflow::test {

class Scenarios {
 protected:
  using json = nlohmann::json;
  virtual ~Scenarios() = default;

  virtual std::string backend() const = 0;
  /// Of whoever runs them.
  virtual Program::Environment environment() const = 0;
  /// The same, where plugins run too.
  virtual Program::Environment with_worker() const = 0;
  /// Why a limit of a Pod is none here; empty: it is one.
  virtual std::string unlimited() const { return {}; }
  /// Do Pods reach each other there?
  virtual bool meets() const { return true; }
  virtual bool any_pod() const = 0;

  /// A pipeline of these steps, in YAML.
  std::string pipeline(const std::string& steps) const;
  std::unique_ptr<Program> start(const std::string& steps,
                                 std::vector<std::string> more = {}) const;
  Output run(const std::string& steps) const { return start(steps)->wait(kPatience); }
  std::string last_run() const;
  json step(const std::string& name) const;
  bool runs(const std::string& name) const;
  bool logged(const std::string& text) const;

  void pass_between_pods();
  void eat_too_much();
  void kill_the_engine();
  void meet();
  void go_on();
  void train_mnist();
  /// There is a Secret of this name, with this key and value.
  void use_secret(const std::string& name, const std::string& key, const std::string& value);

  static constexpr std::chrono::minutes kPatience{2};
  Scanflow scanflow_;
};

}  // namespace scanflow::test
