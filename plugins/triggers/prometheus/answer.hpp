// What a Prometheus server answers to an instant query (its HTTP API, /api/v1/query). Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scanflow::triggers {

struct QueryValue {
  nlohmann::json labels = nlohmann::json::object();
  std::int64_t time_us = 0;  // of its evaluation, by the server's clock
  double value = 0;          // finite: +Inf and -Inf are the largest numbers there are
};

struct QueryAnswer {
  std::vector<QueryValue> values;
  std::int64_t nans = 0;              // series that had no number
  std::vector<std::string> warnings;  // the server's, of what is missing
};

/// A vector or a scalar. Throws std::runtime_error, what and why and the fix: an HTTP status, an error of the server's, no JSON, another
/// type, more than 10,000 series, or NaN of all of them.
QueryAnswer read_answer(long http_status, const std::string& body);

}  // namespace scanflow::triggers
