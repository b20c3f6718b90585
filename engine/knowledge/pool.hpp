// Blocks of compressed samples, all of one size, from memory that never exceeds a bound.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <memory_resource>
#include <vector>

#include "engine/knowledge/types.hpp"

namespace scanflow::knowledge {

using BlockIndex = std::uint32_t;
inline constexpr BlockIndex kNoBlock = std::numeric_limits<BlockIndex>::max();

/// Some 20 noisy samples, or 150 steady ones and more. Larger blocks would waste more on the many
/// series that have few samples, smaller ones more on heads.
struct Block {
  static constexpr std::size_t kWords = 27;

  std::int64_t first_us = 0;    // what the first time is told from; at or before it
  std::int64_t last_us = 0;     // of the newest sample
  std::uint32_t slot = 0;       // the series
  BlockIndex older = kNoBlock;  // of the same series and tier
  BlockIndex newer = kNoBlock;
  BlockIndex before = kNoBlock;  // in the queue of full blocks of its tier
  BlockIndex after = kNoBlock;
  std::uint16_t tier : 2 = 0;
  std::uint16_t count : 14 = 0;  // samples or buckets
  std::uint16_t bits = 0;        // of `words`
  std::array<std::uint64_t, kWords> words{};
};
static_assert(sizeof(Block) == 256);

/// Not for several threads at once.
class BlockPool {
 public:
  static constexpr std::size_t kSlab = 256;  // blocks; memory is taken by so many, and kept

  /// `capacity`: blocks; what is left of it over whole slabs is not used.
  BlockPool(std::size_t capacity, std::pmr::memory_resource* memory);
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  /// An empty block; there must be a free one.
  BlockIndex take();
  void release(BlockIndex index);

  Block& operator[](BlockIndex index) { return slabs_[index / kSlab][index % kSlab]; }
  const Block& operator[](BlockIndex index) const { return slabs_[index / kSlab][index % kSlab]; }

  std::size_t capacity() const { return capacity_; }
  std::size_t used() const { return used_; }
  std::size_t free() const { return capacity_ - used_; }

 private:
  std::pmr::memory_resource* memory_;
  std::size_t capacity_;
  std::size_t used_ = 0;
  BlockIndex free_ = kNoBlock;      // linked by `after`
  std::size_t ever_ = 0;            // blocks of the slabs that were taken once
  std::pmr::vector<Block*> slabs_;  // kSlab each
};

/// Full blocks of one tier in the order in which they filled; a series' older ones come before its
/// newer ones.
class BlockQueue {
 public:
  void push(BlockPool& pool, BlockIndex index);
  void remove(BlockPool& pool, BlockIndex index);
  BlockIndex oldest() const { return oldest_; }

 private:
  BlockIndex oldest_ = kNoBlock;
  BlockIndex newest_ = kNoBlock;
};

}  // namespace scanflow::knowledge
