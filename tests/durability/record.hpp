// What is left of runs when all processes are gone: the database, and the lines that steps wrote.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "engine/store/store.hpp"

namespace scanflow::test {

/// One start of a step, as it said itself.
struct Start {
  std::string run, step, attempt;
  auto operator<=>(const Start&) const = default;
};
std::vector<Start> read_evidence(const std::filesystem::path& file);

/// What was committed when an engine had been killed, and how many steps had started by then.
struct Moment {
  std::set<std::pair<std::string, std::string>> succeeded;  // (run, step)
  std::size_t starts = 0;
};

/// The database in a state directory, as a reader has it.
class Record {
 public:
  /// Nothing is in it where there is no database yet.
  explicit Record(const std::filesystem::path& state);

  std::vector<store::RunRow> runs() const;
  std::vector<store::EventRow> events(const std::string& run) const;
  std::vector<store::StepRow> steps(const std::string& run) const;
  std::set<std::pair<std::string, std::string>> succeeded() const;
  /// What PRAGMA integrity_check says.
  std::string integrity() const;

  // Each adds a failure to the test that runs where it does not hold.
  /// No step started after its success was committed; no attempt twice; none that is not recorded.
  void check_starts(const std::vector<Start>& starts, const std::vector<Moment>& moments) const;
  /// Runs and steps are what their events say.
  void check_projections() const;
  /// The artifacts that steps and the cache refer to are there, as their digests say.
  void check_artifacts() const;

 private:
  std::filesystem::path state_;
  std::unique_ptr<store::Store> store_;
};

}  // namespace scanflow::test
