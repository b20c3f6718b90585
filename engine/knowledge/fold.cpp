#include "engine/knowledge/fold.hpp"

namespace scanflow::knowledge {

Fold::Fold(History& history, std::uint32_t slot, std::size_t tier)
    : history_(history),
      slot_(slot),
      tier_(tier),
      width_us_(tier == 1 ? history.options_.short_us : history.options_.long_us) {
  reopen();
}

void Fold::reopen() {
  const BlockIndex index = history_.tracks_[slot_].chains[tier_].newest;
  if (index == kNoBlock) return;
  Block& block = history_.pool_[index];
  BitReader in(block.words);
  state_.time.last_us = block.first_us;
  for (unsigned left = block.count; left > 1; --left) read_bucket(in, state_);
  const std::size_t kept = in.at();
  BucketState state = state_;
  last_ = read_bucket(in, state);
  BitWriter out(block.words, block.bits);
  out.truncate(kept);
  block.bits = static_cast<std::uint16_t>(kept);
  block.last_us = state_.time.last_us;
  --block.count;
}

void Fold::add(const Bucket& bucket) {
  if (!last_) {
    last_ = bucket;
  } else if (last_->time_us / width_us_ != bucket.time_us / width_us_) {
    write();
    last_ = bucket;
  } else {
    const bool counts = history_.tracks_[slot_].kind == Kind::counter;
    const double between = counts ? growth(last_->last, bucket.first) : 0;
    last_->absorb(bucket, between + bucket.increase);
  }
}

void Fold::finish() {
  if (last_) write();
}

void Fold::write() {
  for (;; history_.open_block(slot_, tier_)) {  // in an empty block any bucket fits
    const BlockIndex newest = history_.tracks_[slot_].chains[tier_].newest;
    if (newest == kNoBlock) continue;
    Block& block = history_.pool_[newest];
    if (block.count == 0) {
      block.first_us = last_->time_us;
      state_ = {};
      state_.time.last_us = block.first_us;
    }
    BitWriter out(block.words, block.bits);
    if (!write_bucket(out, state_, *last_)) continue;
    block.bits = static_cast<std::uint16_t>(out.bits());
    ++block.count;
    block.last_us = last_->time_us;
    return;
  }
}

}  // namespace scanflow::knowledge
