// What a webhook counts, as Prometheus reads it. Belongs to the HTTP thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "engine/webhook/review.hpp"

namespace scanflow::webhook {

class Metrics {
 public:
  /// `took_us`: to answer it.
  void count(const Verdict& verdict, std::int64_t took_us);
  /// The text format, version 0.0.4. `not_after_s`: the end of the certificate, Unix time.
  std::string text(std::int64_t not_after_s) const;

 private:
  std::map<std::string, std::uint64_t> reviews_;  // by outcome
  std::map<int, std::uint64_t> refused_;          // by status
  std::uint64_t answered_ = 0;
  std::int64_t took_us_ = 0;
};

}  // namespace scanflow::webhook
