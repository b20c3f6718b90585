// Messages as bytes: msgpack [header, body], both arrays. Trailing elements are ignored, missing
// ones keep their default, so that fields can be added at the end of any struct.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "sdk/base/result.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::protocol {

/// The bounds of what is decoded; checked while reading, before anything is allocated for it.
inline constexpr std::size_t kMaxMessageBytes = 16u << 20;
inline constexpr std::size_t kMaxElements = 1u << 16;  // of one array or map
inline constexpr std::size_t kMaxDepth = 8;

/// The type number of a body: its index in Body.
template <class T>
std::uint32_t type_of() {
  return static_cast<std::uint32_t>(Body(T{}).index());
}

/// Appends the message's bytes. `header.type` is set from the body.
void encode(const Message& message, std::string& out);

/// Empty where the type is unknown to this version: a newer side may say more, and is ignored.
/// Errors: not msgpack, over a bound, a wrong type (which element), another major version.
scanflow::Result<std::optional<Message>> decode(std::string_view bytes);

/// Only the header: also of a message whose major version this side does not speak.
scanflow::Result<Header> decode_header(std::string_view bytes);

}  // namespace scanflow::protocol
