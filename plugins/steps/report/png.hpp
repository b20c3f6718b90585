// A grey picture as a data URI, so that a page needs no file beside it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace scanflow::report {

/// PNG (8-bit grey, no interlace) of width * height values, row by row; 0 is black. Throws
/// std::invalid_argument where the sizes do not fit.
std::string png_grey(std::span<const std::uint8_t> pixels, std::uint32_t width,
                     std::uint32_t height);

std::string base64(std::string_view bytes);

/// "data:image/png;base64,..."
std::string png_data_uri(std::span<const std::uint8_t> pixels, std::uint32_t width,
                         std::uint32_t height);

}  // namespace scanflow::report
