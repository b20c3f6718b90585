#include "engine/http/range.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "sdk/base/whole_number.hpp"

namespace scanflow::http {

std::optional<Range> range_of(std::string_view header, std::uint64_t bytes) {
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return std::nullopt;
  header.remove_prefix(kUnit.size());
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view from = header.substr(0, dash), to = header.substr(dash + 1);
  const auto first = whole_number<std::uint64_t>(from), last = whole_number<std::uint64_t>(to);
  if (from.empty() && last) {
    const std::uint64_t most = std::min(*last, bytes);
    return Range{bytes - most, most};
  }
  if (!first || (!last && !to.empty()) || (last && *last < *first)) return std::nullopt;
  if (*first >= bytes) return Range{};
  const std::uint64_t end = last ? std::min(*last, bytes - 1) : bytes - 1;
  return Range{*first, end - *first + 1};
}

Response respond_with_file(const Request& request, std::shared_ptr<const OpenFile> file,
                           std::string content_type, const std::string& tag) {
  const std::uint64_t bytes = file->bytes();
  const std::string quoted = fmt::format("\"{}\"", tag);
  const std::string_view unless = request.header("If-Range");
  std::optional<Range> range;
  if (unless.empty() || unless == quoted) range = range_of(request.header("Range"), bytes);
  Response response;
  if (range && range->bytes == 0) {
    response = refuse(416, 2, fmt::format("the file has {} bytes, and none of that range", bytes));
    response.headers.emplace_back("Content-Range", fmt::format("bytes */{}", bytes));
    return response;
  }
  response.content_type = std::move(content_type);
  response.headers.emplace_back("Accept-Ranges", "bytes");
  response.headers.emplace_back("ETag", quoted);
  if (range) {
    response.status = 206;
    response.headers.emplace_back(
        "Content-Range",
        fmt::format("bytes {}-{}/{}", range->offset, range->offset + range->bytes - 1, bytes));
  }
  const Range part = range.value_or(Range{0, bytes});
  response.file = FilePart{std::move(file), part.offset, part.bytes};
  return response;
}

}  // namespace scanflow::http
