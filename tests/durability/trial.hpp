// One or two runs of a scenario on one state directory, whose engines are killed; then what must
// hold of them.
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/durability/record.hpp"
#include "tests/durability/scenarios.hpp"
#include "tests/support/program.hpp"

namespace scanflow::test {

inline constexpr int kKilled = 128 + 9;

class Trial {
 public:
  /// `runs`: how many at once.
  explicit Trial(const Scenario& scenario, std::size_t runs = 1);

  /// Starts `scanflow run`, or `runs resume` where the run is recorded already. `fault`: as
  /// tests/support/faults.cpp takes it, or "".
  std::unique_ptr<Program> start(std::size_t run, const std::string& fault = "") const;
  /// Starts it, and waits for its end.
  Output live(std::size_t run, const std::string& fault = "");
  /// Starts it, and kills it after this time.
  Output live_for(std::size_t run, std::chrono::microseconds time);
  /// Cancels the run where it is recorded, and waits for the end of that.
  Output cancel(std::size_t run, const std::string& fault);
  /// Whether the fault of the last life that was given one has happened. Forgets it.
  bool fault_happened() const;
  /// To be called after a kill: what was committed then must not start again.
  void remember();

  // Each adds a failure to the test that runs where it does not hold.
  /// Resumes the run, and compares its end with that of an undisturbed one.
  void finish(std::size_t run);
  /// Retries the run, which has failed: the same.
  void retry(std::size_t run);
  /// To be called when all have ended.
  void check_what_is_left();

  const Scanflow& scanflow() const { return scanflow_; }
  std::string id(std::size_t run) const;  // or "", where it is not recorded

 private:
  std::string name(std::size_t run) const;
  void compare(const Output& output) const;
  Program::Environment environment(const std::string& fault) const;

  const Scenario& scenario_;
  Scanflow scanflow_;
  std::filesystem::path evidence_;
  std::vector<Moment> moments_;
  bool cancelled_ = false;
};

}  // namespace scanflow::test
