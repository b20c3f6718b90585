#pragma once

#include <string>
#include <string_view>

namespace scanflow::webhook {

/// Of bytes, with padding, on one line (RFC 4648).
std::string base64(std::string_view bytes);

}  // namespace scanflow::webhook
