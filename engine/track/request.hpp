// The fields of a request, as protobuf's JSON has them: 64-bit numbers may be texts, absent is the same as null,
// and fields that nobody knows are passed over. Private to engine/track.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/track/answer.hpp"

namespace scanflow::track {

using nlohmann::json;

/// Thrown within engine/track, where nothing else has been done that would have to be taken back by hand; Tracker::run
/// catches it, rolls back and answers the problem.
struct Refused {
  Problem problem;
};

class Fields {
 public:
  /// `request` outlives it. `where`: of an object within one: "metrics[3]."
  explicit Fields(const json& request, std::string where = {});

  bool has(const char* name) const;
  std::string text(const char* name, std::string otherwise = {}) const;
  /// At most so many characters.
  std::string limited(const char* name, std::size_t most) const;
  /// One that must be there, and not be empty; at most so many characters.
  std::string required(const char* name, std::size_t most) const;
  /// The first of them that is there: clients of different ages say the same thing differently.
  std::string required(const char* name, const char* older, std::size_t most) const;
  std::optional<std::int64_t> number(const char* name) const;
  /// Also "NaN", "Infinity", "-Infinity".
  double real(const char* name) const;
  std::int64_t within(const char* name, std::int64_t least, std::int64_t most,
                      std::int64_t otherwise) const;
  bool flag(const char* name) const;
  std::vector<std::string> texts(const char* name) const;
  std::vector<Fields> objects(const char* name, std::size_t most) const;
  Fields object(const char* name) const;
  /// [{"key", "value"}]
  std::vector<std::pair<std::string, std::string>> pairs(const char* name, std::size_t most,
                                                         std::size_t most_value) const;

  [[noreturn]] void wrong(const char* name, const std::string& why) const;

 private:
  const json& at(const char* name) const;

  const json& request_;
  std::string where_;
};

constexpr std::size_t kMostKey = 250, kMostParameter = 6000, kMostTag = 8000, kMostName = 500,
                      kMostText = 1u << 20;

/// A value of JSON, which has no NaN and no infinities.
json number_of(double value);

}  // namespace scanflow::track
