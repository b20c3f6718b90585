// Parts of a file, as RFC 9110 (14) has them: pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/http/message.hpp"

namespace scanflow::http {

struct Range {
  std::uint64_t offset = 0, bytes = 0;
  bool operator==(const Range&) const = default;
};

/// Of "bytes=a-b", "bytes=a-" or "bytes=-n". No range: all of it, as where it says several, or what we do not know. One
/// of 0 bytes: there is nothing of the file in it (416).
std::optional<Range> range_of(std::string_view header, std::uint64_t bytes);

/// A file, or the part that the request asks for. `tag`: what changes with its content; a request that has another one
/// (If-Range) gets all of it.
Response respond_with_file(const Request& request, std::shared_ptr<const OpenFile> file,
                           std::string content_type, const std::string& tag);

}  // namespace scanflow::http
