// Samples on their way to the hub: a bounded ring that drops the oldest, and the account of all that
// were ever produced. Pure: no clock, no socket, no thread.
//
// The account always balances: produced == sent + dropped + waiting().
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/protocol/messages.hpp"

namespace scanflow::link {

class TelemetryRing {
 public:
  using Labels = std::map<std::string, std::string>;

  /// capacity: samples that may wait. series: how many there may be; those beyond it are refused, so
  /// that labels without a bound cost nobody anything.
  TelemetryRing(std::size_t capacity, std::size_t series) : capacity_(capacity), most_(series) {}

  /// The number of a series, the same for the same name and labels; 0: there are too many already.
  /// kind: "gauge" or "counter".
  std::uint32_t series(const std::string& name, const std::string& kind, const Labels& labels);
  /// One sample of a series. time_us: wall clock.
  void add(std::uint32_t series, std::int64_t time_us, double value);

  /// Samples for one message, the oldest first; nothing where none waits. Series that were not named
  /// since name_all() go with it.
  bool take(std::size_t most, protocol::Telemetry& batch);
  /// A new session knows no series.
  void name_all() { named_.assign(series_.size(), false); }

  const protocol::Account& account() const { return account_; }
  std::size_t waiting() const { return samples_.size(); }
  /// Calls of series() that were refused.
  std::uint64_t refused() const { return refused_; }

 private:
  struct Sample {
    std::uint32_t series;
    std::int64_t time_us;
    double value;
  };

  const std::size_t capacity_, most_;
  std::map<std::pair<std::string, Labels>, std::uint32_t> numbers_;
  std::vector<protocol::Series> series_;  // by number - 1
  std::vector<bool> named_;               // the same: in this session
  std::deque<Sample> samples_;
  protocol::Account account_;
  std::uint64_t refused_ = 0;
};

}  // namespace scanflow::link
