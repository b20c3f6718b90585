// What a block holds, as buckets: a raw sample is one of its own.
#pragma once

#include <cstddef>

#include "engine/knowledge/bucket.hpp"
#include "engine/knowledge/codec.hpp"
#include "engine/knowledge/pool.hpp"

namespace scanflow::knowledge {

/// In the order of time.
template <class Use>
void each_entry(const Block& block, Use&& use) {
  if (block.tier == 0) {
    SampleReader reader(BitReader(block.words), block.first_us, block.count);
    for (Sample sample; reader.next(sample);) use(Bucket::of(sample));
    return;
  }
  BitReader in(block.words);
  BucketState state;
  state.time.last_us = block.first_us;
  for (unsigned left = block.count; left > 0; --left) use(read_bucket(in, state));
}

}  // namespace scanflow::knowledge
