// One property as a libFuzzer program. SCANFLOW_PROPERTY: which.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  scanflow::fuzz::SCANFLOW_PROPERTY({reinterpret_cast<const char*>(data), size});
  return 0;
}
