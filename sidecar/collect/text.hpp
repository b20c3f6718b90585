// Cutting the kernel's text into lines, words and numbers: views only, nothing is copied. Whatever
// is not what it should be is absent, never an exception.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace scanflow::collect {

/// Takes a line off the front, without its end; empty at the end of the text, too.
inline std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

/// Takes a word off the front; blanks and tabs divide.
inline std::string_view take_word(std::string_view& text) {
  const auto begin = text.find_first_not_of(" \t\n");
  if (begin == std::string_view::npos) return text = {};
  const auto end = text.find_first_of(" \t\n", begin);
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  return word;
}

/// The whole text is one number.
template <class T = std::uint64_t>
std::optional<T> number_of(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The number that is the next word.
template <class T = std::uint64_t>
std::optional<T> take_number(std::string_view& text) {
  return number_of<T>(take_word(text));
}

/// What follows `key` on the line that begins with it: "inactive_file 12", "VmSwap:   12 kB".
inline std::optional<std::string_view> value_after(std::string_view text, std::string_view key) {
  for (auto at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
    if (at > 0 && text[at - 1] != '\n') continue;
    const std::string_view rest = text.substr(at + key.size());
    if (rest.empty() || (rest.front() != ' ' && rest.front() != '\t')) continue;
    return rest.substr(0, rest.find('\n'));
  }
  return std::nullopt;
}

/// The number there.
template <class T = std::uint64_t>
std::optional<T> number_after(std::string_view text, std::string_view key) {
  auto rest = value_after(text, key);
  return rest ? take_number<T>(*rest) : std::nullopt;
}

}  // namespace scanflow::collect
