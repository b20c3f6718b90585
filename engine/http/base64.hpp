// RFC 4648, with padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace scanflow::http {

/// Of bytes, on one line.
std::string base64(std::string_view bytes);
/// Line breaks and spaces are passed over; nothing where it is malformed.
std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace scanflow::http
