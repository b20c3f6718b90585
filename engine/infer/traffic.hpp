// Which version of a node's model gets the next rows. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace scanflow::infer {

/// What is wished of one version.
struct Share {
  std::string version;
  double weight = 0;    // relative to the others; 0: gets no requests but those that name it
  bool shadow = false;  // gets copies of the others' requests; what it answers is compared only
};

/// Spreads rows over versions by weight, smoothly: after n rows each has its share to within one
/// call. The version that lags most behind its share is next (deficit round robin).
class Traffic {
 public:
  explicit Traffic(const std::vector<Share>& shares);
  /// Index of the next call's version, of so many rows; nothing has a weight: -1.
  std::ptrdiff_t next(std::int64_t rows);

 private:
  std::vector<double> weights_;  // sum 1, or all 0
  std::vector<double> behind_;   // rows that it should have had more
};

}  // namespace scanflow::infer
