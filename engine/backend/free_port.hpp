// TCP ports of this machine.
#pragma once

#include <cstdint>

namespace scanflow::backend {

/// Nobody listens on it now, on no address. [any-thread]
bool is_free_port(std::uint16_t port);

}  // namespace scanflow::backend
