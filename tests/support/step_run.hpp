// Runs a step of a built plugin library through the loader, in this process, and keeps what it
// said.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sdk/loader/step_instance.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {

struct Metric {
  std::string name;
  double value = 0;
  std::int64_t step = 0;
  std::map<std::string, std::string> labels;
  bool logged = true;  // false: observed
};

class StepRun final : public loader::HostServices {
 public:
  /// library: "mnist" for build/lib/scanflow/plugins/mnist.so.
  StepRun(const std::string& library, std::string id);

  StepRun& with(nlohmann::json config);
  StepRun& input(const std::string& name, const std::filesystem::path& path);
  StepRun& threads(std::uint32_t count);
  /// Where this attempt finds and leaves checkpoints; without it there is no such place.
  StepRun& checkpoints(const std::filesystem::path& directory);
  /// What the engine answers; without them it knows neither run nor registry.
  StepRun& run_document(const nlohmann::json& document);
  StepRun& registry_answers(const nlohmann::json& reply);
  /// Cancels as soon as the step reports progress.
  StepRun& cancel_at_first_progress();
  /// Called on a thread of its own while the step runs.
  StepRun& beside(std::function<void(loader::StepInstance&)> steer);
  StepRun& run();
  /// Loads it to serve online, and hands it to `use` where that succeeds.
  StepRun& online(const std::function<void(loader::StepInstance&)>& use);

  // What came of it.
  std::int32_t status() const { return outcome_.status; }
  const std::string& error() const { return outcome_.error; }
  nlohmann::json outputs() const { return nlohmann::json::parse(outcome_.outputs); }
  std::filesystem::path artifact(const std::string& name) const;
  std::vector<Metric> metrics() const;  // [any-thread]
  std::vector<Metric> metrics(const std::string& name) const;
  /// The request that the registry got; empty: none.
  const std::string& asked() const { return asked_; }
  const std::vector<std::string>& log() const { return log_; }
  bool logged(const std::string& text) const;  // in some line
  const std::vector<std::string>& progress_lines() const { return progress_; }

 private:
  std::vector<scanflow_input> abi_inputs() const;
  void log(std::int32_t level, std::string_view text) override;
  void metric(std::string_view name, double value, std::int64_t step,
              const std::map<std::string, std::string>& labels, bool logged) override;
  void progress(double fraction, std::string_view message) override;
  Result<std::string> artifact(std::string_view name, bool directory) override;
  Result<std::string> checkpoints() override { return checkpoints_; }
  Result<std::string> run_state() override;
  Result<std::string> register_model(std::string_view request) override;

  std::string id_;
  std::shared_ptr<const loader::Library> library_;
  nlohmann::json config_ = nlohmann::json::object();
  std::map<std::string, std::string> inputs_;
  std::uint32_t threads_ = 1;
  bool cancel_ = false;
  Result<std::string> run_state_ = fail("no run here");
  Result<std::string> registered_ = fail("no registry here");
  TempDir directory_;
  std::function<void(loader::StepInstance&)> beside_;
  loader::StepInstance* instance_ = nullptr;  // while it runs
  loader::StepOutcome outcome_;
  std::string asked_;
  std::string checkpoints_;
  mutable std::mutex mutex_;  // guards metrics_
  std::vector<Metric> metrics_;
  std::vector<std::string> log_;
  std::vector<std::string> progress_;
};

}  // namespace scanflow::test
