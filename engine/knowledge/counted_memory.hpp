// Memory whose bytes are counted, with what malloc adds.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory_resource>

namespace scanflow::knowledge {

/// From the heap. Not for several threads at once.
class CountedMemory : public std::pmr::memory_resource {
 public:
  /// What glibc's malloc uses up for so many: a word more, in steps of two words, at least four.
  static std::size_t taken_by(std::size_t bytes) {
    return std::max<std::size_t>((bytes + 8 + 15) / 16 * 16, 32);
  }

  std::size_t bytes() const { return bytes_; }
  std::size_t peak() const { return peak_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    void* const memory = std::pmr::new_delete_resource()->allocate(bytes, alignment);
    bytes_ += taken_by(bytes);
    peak_ = std::max(peak_, bytes_);
    return memory;
  }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
    std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
    bytes_ -= taken_by(bytes);
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  std::size_t bytes_ = 0;
  std::size_t peak_ = 0;
};

}  // namespace scanflow::knowledge
