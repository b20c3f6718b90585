#include "engine/knowledge/history.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "engine/knowledge/entries.hpp"
#include "engine/knowledge/fold.hpp"

namespace scanflow::knowledge {
namespace {

/// Blocks that only folding may take: what a raw block becomes needs five at most.
constexpr std::size_t kSpare = 8;

constexpr std::size_t kShares = 64, kLeastShare = 16;

}  // namespace

History::History(const Options& options, const Shares& shares, std::pmr::memory_resource* tracks,
                 std::pmr::memory_resource* blocks)
    : options_(options),
      pool_(shares.blocks, blocks),
      tracks_(tracks),
      most_blocks_(std::max(pool_.capacity() / kShares, kLeastShare)) {
  tracks_.reserve(shares.series);
}

bool History::has_room() const { return (series_ + 1) * kTiers + kSpare <= pool_.capacity(); }

void History::start(std::uint32_t slot, Kind kind, std::int64_t now_us) {
  if (slot == tracks_.size()) tracks_.emplace_back();
  Track& track = tracks_[slot];
  const std::uint32_t generation = track.generation + 1;
  track = {};
  track.generation = generation;
  track.kind = kind;
  track.used = true;
  track.touched_us = now_us;
  ++series_;
}

void History::end(std::uint32_t slot) {
  Track& track = tracks_[slot];
  clear(track);
  track.used = false;
  --series_;
}

void History::clear(Track& track) {
  for (std::size_t tier = 0; tier < kTiers; ++tier) {
    const Chain chain = track.chains[tier];
    for (BlockIndex index = chain.oldest; index != kNoBlock;) {
      const BlockIndex newer = pool_[index].newer;
      if (index != chain.newest) full_[tier].remove(pool_, index);
      pool_.release(index);
      index = newer;
    }
    track.chains[tier] = {};
  }
  track.blocks = 0;
}

Outcome History::check(Track& track, const Sample& sample, std::int64_t now_us) {
  if (sample.time_us > now_us + options_.future_us) return Outcome::future;
  if (sample.time_us < std::max<std::int64_t>(now_us - options_.keep_long_us, 0)) {
    return Outcome::late;
  }
  if (track.kind == Kind::counter && !(std::isfinite(sample.value) && sample.value >= 0)) {
    return Outcome::invalid;
  }
  if (track.empty() || sample.time_us > track.open.time.last_us) return Outcome::accepted;
  if (track.open.time.last_us <= now_us + options_.future_us) return Outcome::late;
  // The clock was set back by more than is waited for: what lies ahead would shut out all that comes.
  clear(track);
  ++set_back_;
  return Outcome::accepted;
}

Outcome History::append(SeriesId id, const Sample& sample, std::int64_t now_us) {
  Track* const track = find(id);
  if (track == nullptr) return Outcome::unknown;
  const Outcome outcome = check(*track, sample, now_us);
  if (outcome != Outcome::accepted) return outcome;
  track->touched_us = now_us;
  for (;;) {  // at most twice: in an empty block any sample fits
    if (!track->empty()) {
      Block& block = pool_[track->chains[0].newest];
      BitWriter out(block.words, block.bits);
      if (write_sample(out, track->open, sample)) {
        block.bits = static_cast<std::uint16_t>(out.bits());
        ++block.count;
        block.last_us = sample.time_us;
        return Outcome::accepted;
      }
    }
    make_room(*track, now_us);
    pool_[open_block(id.slot, 0)].first_us = sample.time_us;
    track->open = {};
    track->open.time.last_us = sample.time_us;
  }
}

BlockIndex History::open_block(std::uint32_t slot, std::size_t tier) {
  if (pool_.free() == 0) drop_coarsest();
  const BlockIndex index = pool_.take();
  Block& block = pool_[index];
  block.slot = slot;
  block.tier = tier & 3;
  Track& track = tracks_[slot];
  Chain& chain = track.chains[tier];
  block.older = chain.newest;
  if (chain.newest == kNoBlock) {
    chain.oldest = index;
  } else {
    pool_[chain.newest].newer = index;
    full_[tier].push(pool_, chain.newest);
  }
  chain.newest = index;
  ++track.blocks;
  return index;
}

double History::overdue(BlockIndex index, std::int64_t now_us) const {
  const Block& block = pool_[index];
  const std::array<std::int64_t, kTiers> keep = {options_.keep_raw_us, options_.keep_short_us,
                                                 options_.keep_long_us};
  return static_cast<double>(now_us - block.last_us) / static_cast<double>(keep[block.tier]);
}

/// kTiers where there is none.
std::size_t History::most_overdue(const std::array<BlockIndex, kTiers>& oldest,
                                  std::int64_t now_us) const {
  std::size_t found = kTiers;
  double most = -std::numeric_limits<double>::infinity();
  for (std::size_t tier = 0; tier < kTiers; ++tier) {
    if (oldest[tier] == kNoBlock) continue;
    const double by = overdue(oldest[tier], now_us);
    if (by > most) found = tier;
    most = std::max(most, by);
  }
  return found;
}

void History::make_room(Track& track, std::int64_t now_us) {
  while (track.blocks >= most_blocks_) {
    std::array<BlockIndex, kTiers> oldest{};
    std::transform(track.chains.begin(), track.chains.end(), oldest.begin(),
                   [](const Chain& c) { return c.oldest == c.newest ? kNoBlock : c.oldest; });
    give_up(oldest.at(most_overdue(oldest, now_us)), true);
  }
  while (pool_.free() < kSpare) {
    const std::array oldest = {full_[0].oldest(), full_[1].oldest(), full_[2].oldest()};
    give_up(oldest.at(most_overdue(oldest, now_us)), true);
  }
}

bool History::age(std::int64_t now_us, std::size_t most) {
  for (std::size_t done = 0; done < most; ++done) {
    const std::array oldest = {full_[0].oldest(), full_[1].oldest(), full_[2].oldest()};
    const std::size_t tier = most_overdue(oldest, now_us);
    if (tier == kTiers || overdue(oldest[tier], now_us) <= 1) return false;
    give_up(oldest[tier], true);
  }
  return true;
}

/// The block is full, and the oldest of its series' tier.
void History::give_up(BlockIndex index, bool fold) {
  const Block block = pool_[index];
  Track& track = tracks_[block.slot];
  full_[block.tier].remove(pool_, index);
  track.chains[block.tier].oldest = block.newer;
  pool_[block.newer].older = kNoBlock;
  --track.blocks;
  pool_.release(index);
  if (!fold || block.tier + 1u == kTiers) {
    ++dropped_;
    return;
  }
  Fold into(*this, block.slot, block.tier + 1u);
  each_entry(block, [&](const Bucket& bucket) { into.add(bucket); });
  into.finish();
  ++folded_;
}

/// A full block of those that tell least. There is one: has_room() leaves some beside the open ones.
void History::drop_coarsest() {
  for (std::size_t tier = kTiers; tier-- > 0;) {
    if (full_[tier].oldest() == kNoBlock) continue;
    give_up(full_[tier].oldest(), false);
    return;
  }
  throw std::logic_error("knowledge: all blocks are open ones");
}

void History::copy(const Track& track, std::int64_t from_us, std::vector<Block>& out) const {
  for (const Chain& chain : track.chains) {
    for (BlockIndex index = chain.newest; index != kNoBlock; index = pool_[index].older) {
      out.push_back(pool_[index]);
      if (pool_[index].last_us <= from_us) return;
    }
  }
}

}  // namespace scanflow::knowledge
