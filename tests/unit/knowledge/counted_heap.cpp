#include "tests/unit/knowledge/counted_heap.hpp"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> bytes{0};

void* allocate(std::size_t size) {
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  bytes += ::malloc_usable_size(memory) + sizeof(std::size_t);
  return memory;
}

void release(void* memory) {
  if (memory == nullptr) return;
  bytes -= ::malloc_usable_size(memory) + sizeof(std::size_t);
  std::free(memory);
}

}  // namespace

// What is tested needs no more than malloc's alignment.
void* operator new(std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t) { return allocate(size); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace scanflow::knowledge {

std::size_t heap_bytes() { return bytes; }

}  // namespace scanflow::knowledge
