#include "engine/knowledge/pool.hpp"

#include <stdexcept>

namespace scanflow::knowledge {

BlockPool::BlockPool(std::size_t capacity, std::pmr::memory_resource* memory)
    : memory_(memory), capacity_(capacity / kSlab * kSlab), slabs_(memory) {
  slabs_.reserve(capacity_ / kSlab);
}

BlockPool::~BlockPool() {
  for (Block* slab : slabs_) memory_->deallocate(slab, kSlab * sizeof(Block), alignof(Block));
}

BlockIndex BlockPool::take() {
  if (free() == 0) throw std::logic_error("knowledge: no block is free");
  ++used_;
  if (free_ == kNoBlock) {
    if (ever_ == slabs_.size() * kSlab) {
      slabs_.push_back(
          static_cast<Block*>(memory_->allocate(kSlab * sizeof(Block), alignof(Block))));
    }
    const auto index = static_cast<BlockIndex>(ever_++);
    new (&(*this)[index]) Block;
    return index;
  }
  const BlockIndex index = free_;
  free_ = (*this)[index].after;
  (*this)[index] = Block{};
  return index;
}

void BlockPool::release(BlockIndex index) {
  (*this)[index].after = free_;
  free_ = index;
  --used_;
}

void BlockQueue::push(BlockPool& pool, BlockIndex index) {
  Block& block = pool[index];
  block.before = newest_;
  block.after = kNoBlock;
  (newest_ == kNoBlock ? oldest_ : pool[newest_].after) = index;
  newest_ = index;
}

void BlockQueue::remove(BlockPool& pool, BlockIndex index) {
  const Block& block = pool[index];
  (block.before == kNoBlock ? oldest_ : pool[block.before].after) = block.after;
  (block.after == kNoBlock ? newest_ : pool[block.after].before) = block.before;
}

}  // namespace scanflow::knowledge
