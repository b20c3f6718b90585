#include "plugins/steps/report/png.hpp"

#include <zlib.h>

#include <stdexcept>

namespace scanflow::report {
namespace {

std::string big_endian(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  const auto sum =
      crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(static_cast<std::uint32_t>(data.size())) + body +
         big_endian(static_cast<std::uint32_t>(sum));
}

std::string deflate_all(const std::string& raw) {
  uLongf size = compressBound(static_cast<uLong>(raw.size()));
  std::string out(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(out.data()), &size,
                reinterpret_cast<const Bytef*>(raw.data()), static_cast<uLong>(raw.size()),
                Z_BEST_COMPRESSION) != Z_OK) {
    throw std::runtime_error("zlib could not compress a picture");
  }
  out.resize(size);
  return out;
}

}  // namespace

std::string png_grey(std::span<const std::uint8_t> pixels, std::uint32_t width,
                     std::uint32_t height) {
  if (width == 0 || height == 0 || pixels.size() != std::size_t{width} * height) {
    throw std::invalid_argument("a picture of " + std::to_string(width) + "x" +
                                std::to_string(height) + " cannot have " +
                                std::to_string(pixels.size()) + " pixels");
  }
  std::string raw;
  raw.reserve(pixels.size() + height);
  for (std::uint32_t y = 0; y < height; ++y) {
    raw += '\0';  // filter of the row: none
    raw.append(reinterpret_cast<const char*>(pixels.data()) + std::size_t{y} * width, width);
  }
  const std::string header = big_endian(width) + big_endian(height) +
                             std::string{8, 0, 0, 0, 0};  // 8 bits, grey, deflate, filter 0
  return std::string("\x89PNG\r\n\x1a\n", 8) + chunk("IHDR", header) +
         chunk("IDAT", deflate_all(raw)) + chunk("IEND", "");
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += i + k > bytes.size() ? '=' : digits[group >> (18 - 6 * k) & 63];
    }
  }
  return out;
}

std::string png_data_uri(std::span<const std::uint8_t> pixels, std::uint32_t width,
                         std::uint32_t height) {
  return "data:image/png;base64," + base64(png_grey(pixels, width, height));
}

}  // namespace scanflow::report
