// The `pattern` of the schema subset: a sequence of character classes and literal characters, each
// with +, *, ? or {m,n}, anchored by ^ and $. No alternatives, groups or back-references, so that a
// match takes bounded time whatever the text.
#pragma once

#include <bitset>
#include <optional>
#include <string_view>
#include <vector>

namespace scanflow::loader {

class Pattern {
 public:
  /// Nothing where the text is outside the subset.
  static std::optional<Pattern> parse(std::string_view text);
  bool matches(std::string_view text) const;

 private:
  struct Atom {
    std::bitset<256> bytes;
    std::size_t least = 1;
    std::size_t most = 1;
  };
  std::vector<Atom> atoms_;
};

}  // namespace scanflow::loader
