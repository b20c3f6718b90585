#include "engine/pipeline/image_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "engine/pipeline/text.hpp"

namespace scanflow::pipeline {
namespace {

constexpr std::size_t kMostName = 255, kMostTag = 128, kLeastDigest = 32;

bool is_small(char c) { return (c >= 'a' && c <= 'z') || is_digit(c); }
bool is_word(char c) { return is_name_char(c); }

/// Small letters and digits; between them '.', '_', '__' or any number of '-'.
bool is_component(std::string_view text) {
  if (text.empty() || !is_small(text.front()) || !is_small(text.back())) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_small(text[i])) continue;
    const std::size_t end = std::find_if(text.begin() + i, text.end(), is_small) - text.begin();
    const std::string_view between = text.substr(i, end - i);
    const bool dashes = between.find_first_not_of('-') == std::string_view::npos;
    if (!dashes && between != "." && between != "_" && between != "__") return false;
    i = end;
  }
  return true;
}

bool is_registry(std::string_view text) {
  const std::size_t host = text.starts_with('[') ? text.find(']') + 1 : text.find(':');
  const std::string_view port = host < text.size() ? text.substr(host) : "";
  const std::string_view name = text.substr(0, host);
  const auto fits = [&](char c) {
    return is_name_char(c) || c == '.' || c == '-' ||
           (name.front() == '[' && (c == ':' || c == '[' || c == ']'));
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), fits) &&
         (port.empty() || (port.size() > 1 && std::all_of(port.begin() + 1, port.end(), is_digit)));
}

/// What comes before the first '/' is a registry where it looks like a host.
bool looks_like_a_host(std::string_view text) {
  return text == "localhost" || text.find_first_of(".:[") != std::string_view::npos;
}

bool is_digest(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view digits = text.substr(colon + 1);
  return digits.size() >= kLeastDigest &&
         digits.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= kMostTag && is_word(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_word(c) || c == '.' || c == '-'; });
}

/// Blanks as '-', small letters: what was probably meant.
std::string tidy(std::string_view path) {
  std::string out;
  for (const char c : path)
    out += c == ' ' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

bool is_path(std::string_view path) {
  for (;;) {
    const std::size_t slash = path.find('/');
    if (!is_component(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

Result<void> check_image_name(std::string_view name) {
  const auto wrong = [&](const std::string& why) {
    return fail(fmt::format("'{}' is no name of an image: {}", printable(name), why));
  };
  std::string_view rest = name;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    if (!is_digest(rest.substr(at + 1)))
      return wrong("behind '@' stands a digest, such as sha256: and 64 hexadecimal digits");
    rest = rest.substr(0, at);
  }
  const std::size_t slash = rest.rfind('/');
  const std::size_t colon = rest.find(':', slash == std::string_view::npos ? 0 : slash);
  std::string_view tag;
  if (colon != std::string_view::npos) {
    tag = rest.substr(colon);
    rest = rest.substr(0, colon);
    if (tag == ":") return wrong("its tag is empty; leave the ':' out, or give one");
    if (!is_tag(tag.substr(1)))
      return wrong("its tag has letters, digits, '_', '.' and '-', 128 at most");
  }
  std::string_view registry;
  if (const std::size_t first = rest.find('/');
      first != std::string_view::npos && looks_like_a_host(rest.substr(0, first))) {
    registry = rest.substr(0, first + 1);
    rest = rest.substr(first + 1);
    if (!is_registry(registry.substr(0, first))) return wrong("its registry is HOST or HOST:PORT");
  }
  if (registry.size() + rest.size() > kMostName) return wrong("255 characters at most");
  if (is_path(rest)) return {};
  const std::string meant = tidy(rest);
  return wrong(fmt::format(
      "small letters and digits, between them '.', '_', '-' and '/'{}",
      is_path(meant) ? fmt::format("; did you mean '{}{}{}'?", registry, meant, tag) : ""));
}

}  // namespace scanflow::pipeline
