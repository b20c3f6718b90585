// All memory that the test program has from operator new, counted.
#pragma once

#include <cstddef>

namespace scanflow::knowledge {

/// Bytes, with malloc's own of each piece.
std::size_t heap_bytes();

}  // namespace scanflow::knowledge
