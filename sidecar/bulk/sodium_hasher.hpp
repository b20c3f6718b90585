// The sidecar's hasher: libzmq has loaded libsodium already, for CURVE.
#pragma once

#include "sidecar/bulk/hasher.hpp"

namespace scanflow::bulk {

std::unique_ptr<Hasher> sodium_hasher();

}  // namespace scanflow::bulk
