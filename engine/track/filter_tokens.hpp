// The words of a filter string. Private to engine/track.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/track/answer.hpp"

namespace scanflow::track {

struct Token {
  enum class Kind { name, text, number, symbol, open, close, comma, end };
  Kind kind = Kind::end;
  std::string text;     // without its quotes
  bool quoted = false;  // of a name: "like this" or `this`, which may be a text, too
  double number = 0;
  std::size_t at = 0;  // of its first byte
};

/// The last one is `end`.
Answer<std::vector<Token>> tokens_of(std::string_view text);

/// Whichever case: of ASCII.
bool equal_words(std::string_view one, std::string_view other);

}  // namespace scanflow::track
