// The entries that were used last, so many at most. Pure.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>

namespace scanflow::kube {

template <class Value>
class Lru {
 public:
  explicit Lru(std::size_t most) : most_(most) {}

  /// Null where there is none. It is used now. Valid until the next put().
  Value* find(const std::string& key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->second;
  }
  /// In the place of what has that key; who was used longest ago goes where there are too many.
  Value& put(const std::string& key, Value value) {
    if (Value* there = find(key)) return *there = std::move(value);
    if (entries_.size() >= most_) {
      places_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(key, std::move(value));
    places_[key] = entries_.begin();
    return entries_.front().second;
  }
  std::size_t size() const { return entries_.size(); }

 private:
  using Entries = std::list<std::pair<std::string, Value>>;
  const std::size_t most_;
  Entries entries_;  // used last first
  std::unordered_map<std::string, typename Entries::iterator> places_;
};

}  // namespace scanflow::kube
