#include "engine/worker/secret_forms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "engine/worker/redactor.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::worker {
namespace {

using nlohmann::json;

// How base64 is wrapped: `base64` and MIME, PEM.
constexpr std::array<std::size_t, 2> kWraps = {76, 64};
constexpr std::size_t kGroup = 3;  // bytes that become four characters

/// Without padding.
std::string base64(std::string_view bytes) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (have += 8; have >= 6; have -= 6) result += kLetters[bits >> (have - 6) & 63];
  }
  if (have > 0) result += kLetters[bits << (6 - have) & 63];
  return result;
}

class Forms {
 public:
  void add(std::string text) {
    if (text.size() >= Patterns::kMinBytes) texts_.push_back(std::move(text));
  }

  void add_base64(std::string_view value) {
    for (std::size_t before = 0; before < kGroup; ++before) {
      // Characters that bytes before or behind the value have a part in say too little to look for.
      const std::string all = base64(std::string(before, '\0').append(value));
      const std::size_t first = (before * 8 + 5) / 6;
      const std::size_t whole = (before + value.size()) * 8 / 6;
      add_both(all.substr(first));  // nothing follows it
      add_both(all.substr(first, whole - first));
    }
    const std::string all = base64(value);
    for (const std::size_t width : kWraps) {
      for (std::size_t at = 0; all.size() > width && at < all.size(); at += width) {
        add(all.substr(at, width));
      }
    }
  }

  void add_escaped(std::string_view value) {
    for (const bool ascii : {false, true}) {  // the latter is what Python's json writes
      const std::string quoted = json(value).dump(-1, ' ', ascii, json::error_handler_t::replace);
      add(quoted.substr(1, quoted.size() - 2));
    }
    std::string url;
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') ||
                         std::string_view("-._~").find(c) != std::string_view::npos;
      plain ? static_cast<void>(url += c) : static_cast<void>(url += fmt::format("%{:02X}", byte));
    }
    add(std::move(url));
  }

  void add_hex(std::string_view value) {
    std::string lower, upper;
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      lower += fmt::format("{:02x}", byte);
      upper += fmt::format("{:02X}", byte);
    }
    add(std::move(lower));
    add(std::move(upper));
  }

  std::vector<std::string> take() {
    std::sort(texts_.begin(), texts_.end());
    texts_.erase(std::unique(texts_.begin(), texts_.end()), texts_.end());
    return std::move(texts_);
  }

 private:
  void add_both(std::string text) {
    std::string url_safe = text;
    std::replace(url_safe.begin(), url_safe.end(), '+', '-');
    std::replace(url_safe.begin(), url_safe.end(), '/', '_');
    add(std::move(url_safe));
    add(std::move(text));
  }

  std::vector<std::string> texts_;
};

}  // namespace

std::vector<std::string> forms_of(std::string_view value) {
  constexpr std::string_view kBlanks = " \t\r\n";
  if (stripped(value, kBlanks).size() < Patterns::kMinBytes) return {};
  Forms forms;
  // A value that was read from a file ends with a newline, which programs cut off.
  const std::string_view bare = value.substr(0, value.find_last_not_of("\r\n") + 1);
  for (const std::string_view text : {value, bare}) {
    forms.add(std::string(text));
    forms.add_base64(text);
    forms.add_escaped(text);
    forms.add_hex(text);
  }
  for (std::string_view rest = bare; bare.find('\n') != std::string_view::npos && !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    forms.add(std::string(stripped(rest.substr(0, end), kBlanks)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return forms.take();
}

}  // namespace scanflow::worker
