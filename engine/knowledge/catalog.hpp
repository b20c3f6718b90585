// Which series there are: names and labels -> slots, and how many there may be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory_resource>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/knowledge/counted_memory.hpp"
#include "engine/knowledge/shares.hpp"
#include "engine/knowledge/types.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::knowledge {

struct CatalogName {
  explicit CatalogName(std::pmr::memory_resource* memory) : slots(memory) {}

  Kind kind = Kind::gauge;
  bool warned = false;
  std::uint64_t refused = 0;              // attempts to add, since the name has been here
  std::pmr::vector<std::uint32_t> slots;  // in the order in which they were added
};

/// Not for several threads at once. Its tables are made for as many series as there may be, so that
/// none of them is ever copied into a larger one.
class Catalog {
 public:
  using Names = std::pmr::map<std::pmr::string, CatalogName, std::less<>>;

  /// `shares`: `memory` may have other users, all of which count.
  Catalog(const Options& options, const Shares& shares, CountedMemory* memory);
  ~Catalog();
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  /// kNone: there is none.
  std::uint32_t find(std::string_view identity) const;
  /// The slot: one that was removed, or the next new one. `blocks_left`: whether there is memory for
  /// its samples. An error says which limit is reached and what to do; where nobody was told about
  /// the name before, `warning` does too, for the log.
  Result<std::uint32_t> add(std::string_view identity, Kind kind, bool blocks_left,
                            std::string& warning);
  void remove(std::uint32_t slot);

  std::string_view identity(std::uint32_t slot) const { return identities_[slot]; }
  const Names& names() const { return names_; }
  const CatalogName* name(std::string_view name) const;

  std::size_t size() const { return by_identity_.size(); }
  /// Series refused for a limit, with repetitions.
  std::uint64_t refused() const { return refused_; }

  static constexpr std::uint32_t kNone = 0xffffffff;

 private:
  std::string over_limit(std::string_view name, const CatalogName* known, std::size_t bytes,
                         bool blocks_left) const;
  tl::unexpected<Error> refuse(std::string_view name, CatalogName* known, const std::string& why,
                               std::string& warning);

  Options options_;
  Shares shares_;
  CountedMemory* memory_;
  std::pmr::unordered_map<std::string_view, std::uint32_t> by_identity_;
  std::pmr::vector<std::string_view> identities_;  // owned; null data: the slot is free
  std::pmr::vector<std::uint32_t> free_;
  Names names_;
  std::pmr::set<std::pmr::string, std::less<>>
      warned_;  // names that have no series; at most kMostWarned
  std::uint64_t refused_ = 0;
};

}  // namespace scanflow::knowledge
