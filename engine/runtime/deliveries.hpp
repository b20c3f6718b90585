// What sidecars have delivered and is not committed yet. The hub is told of all up to a number; results are
// committed later than what came after them. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "engine/hub/peer.hpp"

namespace scanflow::runtime {

class Deliveries {
 public:
  void taken(const hub::SidecarKey& from, std::uint64_t number) {
    Of& of = of_[from];
    if (number <= of.told) of = {};  // another spool
    of.open.insert(number);
    of.highest = number;
  }
  /// One is committed, or not wanted: up to where all are now. Nothing: an older one is open.
  std::optional<std::uint64_t> committed(const hub::SidecarKey& from, std::uint64_t number) {
    const auto found = of_.find(from);
    if (found == of_.end() || found->second.open.erase(number) == 0) return std::nullopt;
    Of& of = found->second;
    const std::uint64_t all = of.open.empty() ? of.highest : *of.open.begin() - 1;
    if (all <= of.told) return std::nullopt;
    of.told = all;
    return all;
  }
  /// It is gone for good.
  void forget(const hub::SidecarKey& from) { of_.erase(from); }

 private:
  struct Of {
    std::set<std::uint64_t> open;
    std::uint64_t highest = 0, told = 0;
  };
  std::map<hub::SidecarKey, Of> of_;
};

}  // namespace scanflow::runtime
