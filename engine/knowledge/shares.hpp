// What the memory of Options::budget_bytes is for. Pure.
#pragma once

#include <algorithm>
#include <cstddef>

#include "engine/knowledge/counted_memory.hpp"
#include "engine/knowledge/pool.hpp"
#include "engine/knowledge/types.hpp"

namespace scanflow::knowledge {

struct Shares {
  std::size_t catalog_bytes = 0;  // names, labels, and what is known of each series: a quarter
  std::size_t series = 0;         // for how many there are tables
  std::size_t blocks = 0;         // of samples: the rest
};

inline constexpr std::size_t kLeastBudget = std::size_t{1} << 20;

/// Of a series with some 100 bytes of labels: tables 132, identity and nodes some 200.
inline constexpr std::size_t kSeriesBytes = 340;

/// For names that one warned of, and for the objects themselves.
inline constexpr std::size_t kAside = std::size_t{48} << 10;

inline Shares divide(const Options& options) {
  const std::size_t budget = std::max(options.budget_bytes, kLeastBudget) - kAside;
  Shares shares;
  shares.catalog_bytes = budget / 4;
  shares.series = std::min(options.max_series, shares.catalog_bytes / kSeriesBytes);
  // A slab, and its place in the pool's list.
  const std::size_t slab =
      CountedMemory::taken_by(BlockPool::kSlab * sizeof(Block)) + 2 * sizeof(void*);
  shares.blocks = (budget - shares.catalog_bytes) / slab * BlockPool::kSlab;
  return shares;
}

}  // namespace scanflow::knowledge
