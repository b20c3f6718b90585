// The samples of all series: raw ones, and the buckets that older ones become, in the blocks of one
// pool.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "engine/knowledge/bucket.hpp"
#include "engine/knowledge/codec.hpp"
#include "engine/knowledge/pool.hpp"
#include "engine/knowledge/shares.hpp"
#include "engine/knowledge/types.hpp"

namespace scanflow::knowledge {

/// A series' blocks of one tier. The newest may have room; the others wait in the tier's queue.
struct Chain {
  BlockIndex oldest = kNoBlock;
  BlockIndex newest = kNoBlock;
};

struct Track {
  std::uint32_t generation = 0;
  Kind kind = Kind::gauge;
  bool used = false;
  std::uint32_t blocks = 0;
  std::int64_t touched_us = 0;  // when something was last added, or the series itself was
  SampleState open;             // of the newest raw block
  std::array<Chain, kTiers> chains;

  bool empty() const { return chains[0].newest == kNoBlock; }
  /// Where it is not empty.
  Sample newest() const { return {open.time.last_us, std::bit_cast<double>(open.bits)}; }
};

/// Not for several threads at once.
///
/// Full blocks age: raw ones are folded into short buckets, those into long ones, and these are
/// dropped, when they have been kept for long enough; or before, when blocks run out, the one first
/// that has been kept longest by the measure of its tier. A block that has room does not age, so
/// that of a slow series more is raw than Options says. No series holds more than a 64th of all
/// blocks, so that a flood in one leaves the others alone; it gives up its own.
class History {
 public:
  /// `tracks`: for a table of all series that there may be; `blocks`: for the blocks.
  History(const Options& options, const Shares& shares, std::pmr::memory_resource* tracks,
          std::pmr::memory_resource* blocks);

  /// Whether blocks suffice for one more series, whatever the others do.
  bool has_room() const;
  /// The slot is either one used before or the next new one.
  void start(std::uint32_t slot, Kind kind, std::int64_t now_us);
  void end(std::uint32_t slot);

  /// Null where the series has ended. Valid until then.
  Track* find(SeriesId id) {
    if (id.slot >= tracks_.size()) return nullptr;
    Track& track = tracks_[id.slot];
    return track.used && track.generation == id.generation ? &track : nullptr;
  }
  const Track& at(std::uint32_t slot) const { return tracks_[slot]; }
  std::size_t slots() const { return tracks_.size(); }

  Outcome append(SeriesId id, const Sample& sample, std::int64_t now_us);

  /// Lets what was kept for long enough age, at most so many blocks; false: there is no more.
  bool age(std::int64_t now_us, std::size_t most);

  /// Behind `out`, newest first: the blocks that may have something after `from_us`, and the one
  /// before them.
  void copy(const Track& track, std::int64_t from_us, std::vector<Block>& out) const;

  const BlockPool& pool() const { return pool_; }
  std::uint64_t folded() const { return folded_; }    // blocks
  std::uint64_t dropped() const { return dropped_; }  // blocks
  std::uint64_t set_back() const { return set_back_; }

 private:
  friend class Fold;

  void clear(Track& track);
  Outcome check(Track& track, const Sample& sample, std::int64_t now_us);
  BlockIndex open_block(std::uint32_t slot, std::size_t tier);
  void make_room(Track& track, std::int64_t now_us);
  double overdue(BlockIndex index, std::int64_t now_us) const;
  std::size_t most_overdue(const std::array<BlockIndex, kTiers>& oldest, std::int64_t now_us) const;
  void give_up(BlockIndex index, bool fold);
  void drop_coarsest();

  Options options_;
  BlockPool pool_;
  std::array<BlockQueue, kTiers> full_;
  std::pmr::vector<Track> tracks_;
  std::size_t series_ = 0;
  std::size_t most_blocks_;  // of one series
  std::uint64_t folded_ = 0, dropped_ = 0, set_back_ = 0;
};

}  // namespace scanflow::knowledge
