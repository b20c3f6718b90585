// Steps by identity: a table of numbers with open addressing, as a run may have 100,000 steps and
// looks one up for each report of a backend. The identities stay where they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "engine/run/event.hpp"

namespace scanflow::runtime {

class StepIndex {
 public:
  /// `identity_of`: of the steps [0, size), all different. Those before size() are known already.
  template <class IdentityOf>
  void grow(std::uint32_t size, const IdentityOf& identity_of) {
    if (places_.size() < std::size_t{size} * 2) {
      places_.assign(capacity_for(size), {});
      size_ = 0;
    }
    for (; size_ < size; ++size_) {
      const std::uint32_t hash = hash_of(identity_of(size_));
      std::size_t at = hash & mask();
      while (places_[at].step != run::kNoStep) at = (at + 1) & mask();
      places_[at] = {hash, size_};
    }
  }

  /// The step of this identity, or run::kNoStep.
  template <class IdentityOf>
  std::uint32_t find(std::string_view identity, const IdentityOf& identity_of) const {
    if (places_.empty()) return run::kNoStep;
    const std::uint32_t hash = hash_of(identity);
    for (std::size_t at = hash & mask(); places_[at].step != run::kNoStep; at = (at + 1) & mask()) {
      if (places_[at].hash == hash && identity_of(places_[at].step) == identity)
        return places_[at].step;
    }
    return run::kNoStep;
  }

  std::uint32_t size() const { return size_; }

 private:
  struct Place {
    std::uint32_t hash = 0;
    std::uint32_t step = run::kNoStep;
  };

  /// A power of two, at least twice as many as there are steps, with room for some more.
  static std::size_t capacity_for(std::uint32_t size) {
    std::size_t capacity = 8;
    while (capacity < std::size_t{size} * 2) capacity *= 2;
    return capacity;
  }
  static std::uint32_t hash_of(std::string_view identity) {
    return static_cast<std::uint32_t>(std::hash<std::string_view>()(identity));
  }
  std::size_t mask() const { return places_.size() - 1; }

  std::vector<Place> places_;
  std::uint32_t size_ = 0;
};

}  // namespace scanflow::runtime
