// Trials of a closed loop (pipelines/mnist/loop), as they were left in a directory: what was asked and answered over time,
// what agents decided meanwhile, and what is measured in the end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace scanflow::report {

/// Something that happened while the client asked.
struct TrialEvent {
  enum class Kind { drift, detected, retraining, promoted, refused };
  Kind kind = Kind::drift;
  std::int64_t time_us = 0;  // since 1970
  double request = 0;        // the number of the request that was sent then
};

struct Trial {
  std::string name, scenario;
  std::int64_t seed = 0;
  std::vector<bool> right, right_of_nothing;  // by request: the loop, and the first model for ever
  std::vector<bool> corrupted;                // what was asked
  std::vector<TrialEvent> events;             // by time
  std::int64_t failed = 0;                    // requests
  double p99_ms = 0;
  // What the retrainings took.
  std::int64_t labels = 0;
  double cost = 0, train_seconds = 0;
  /// Who -> accuracy on digits that nobody had looked at: {clean, drifted}; who: loop, nothing, ...
  std::map<std::string, std::pair<double, double>> finals;
};

/// Reads DIRECTORY/*/: answers.json, nothing-idx1-ubyte, decisions.json, figures.json; by scenario and seed. Throws
/// std::runtime_error naming the file and what is wrong.
std::vector<Trial> read_trials(const std::filesystem::path& directory);

/// Accuracy over requests [from, to).
double accuracy(const std::vector<bool>& right, std::size_t from, std::size_t to);

/// What a trial shows.
struct TrialFigures {
  std::optional<double> clean;        // accuracy on the last 500 requests before the first drift
  std::optional<double> fallen;       // from when it drifts until the first promotion after it
  std::optional<double> regained;     // on the last 500 requests
  std::optional<double> untended;     // of the first model, on the same
  std::optional<double> detected_s;   // from the first drift until it was noticed
  std::optional<double> recovered_s;  // until a better model was promoted
  std::size_t retrainings = 0, promotions = 0, refusals = 0;
  std::size_t false_retrainings = 0;  // before anything had drifted
  std::size_t clean_requests = 0;     // until then
};
TrialFigures figures_of(const Trial& trial);

/// The mean, and half of its interval of 95 % (Student's t); 0 where there is one value.
struct Mean {
  double mean = 0, half = 0;
  std::size_t count = 0;
};
std::optional<Mean> mean_of(const std::vector<double>& values);

}  // namespace scanflow::report
