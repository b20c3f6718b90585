#include "sdk/loader/pattern.hpp"

#include <cctype>
#include <charconv>
#include <limits>

namespace scanflow::loader {

namespace {

constexpr std::string_view kSpecial = ".()|[]{}^$+*?";

/// Reads from the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool empty() const { return text_.empty(); }
  char peek() const { return text_.empty() ? '\0' : text_.front(); }
  std::optional<unsigned char> next() {
    if (text_.empty()) return std::nullopt;
    const auto c = static_cast<unsigned char>(text_.front());
    text_.remove_prefix(1);
    return c;
  }
  bool accept(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::optional<std::size_t> number() {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc()) return std::nullopt;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return value;
  }

 private:
  std::string_view text_;
};

/// A literal character, or an escaped punctuation mark (never a class such as \d).
std::optional<unsigned char> literal(Reader& in, std::string_view special) {
  const auto c = in.next();
  if (!c || *c >= 0x80) return std::nullopt;
  if (*c != '\\') {
    return special.find(static_cast<char>(*c)) == std::string_view::npos ? c : std::nullopt;
  }
  const auto escaped = in.next();
  return escaped && std::ispunct(*escaped) != 0 ? escaped : std::nullopt;
}

/// After '[': up to and with ']'.
bool read_class(Reader& in, std::bitset<256>& bytes) {
  while (!in.empty() && in.peek() != ']') {
    const auto first = literal(in, "[^");
    if (!first) return false;
    auto last = first;
    if (in.peek() == '-') {
      in.next();
      if (in.peek() == ']') {
        bytes.set('-');
      } else {
        last = literal(in, "[^");
      }
    }
    if (!last || *last < *first) return false;
    for (unsigned c = *first; c <= *last; ++c) bytes.set(c);
  }
  return in.accept(']') && bytes.any();
}

}  // namespace

std::optional<Pattern> Pattern::parse(std::string_view text) {
  constexpr auto kNoLimit = std::numeric_limits<std::size_t>::max();
  if (text.size() < 2 || text.front() != '^' || text.back() != '$') return std::nullopt;
  Reader in(text.substr(1, text.size() - 2));
  Pattern pattern;
  while (!in.empty()) {
    Atom atom;
    if (in.accept('[')) {
      if (!read_class(in, atom.bytes)) return std::nullopt;
    } else {
      const auto c = literal(in, kSpecial);
      if (!c) return std::nullopt;
      atom.bytes.set(*c);
    }
    if (in.accept('+')) {
      atom.most = kNoLimit;
    } else if (in.accept('*')) {
      atom.least = 0;
      atom.most = kNoLimit;
    } else if (in.accept('?')) {
      atom.least = 0;
    } else if (in.accept('{')) {
      const auto least = in.number();
      if (!least) return std::nullopt;
      atom.least = atom.most = *least;
      if (in.accept(',')) atom.most = in.peek() == '}' ? kNoLimit : in.number().value_or(0);
      if (!in.accept('}') || atom.most < atom.least) return std::nullopt;
    }
    pattern.atoms_.push_back(atom);
  }
  return pattern;
}

bool Pattern::matches(std::string_view text) const {
  // reached[i]: the atoms so far can end just before text[i].
  std::vector<bool> reached(text.size() + 1);
  reached[0] = true;
  for (const auto& atom : atoms_) {
    std::vector<bool> next(text.size() + 1);
    for (std::size_t start = 0; start <= text.size(); ++start) {
      if (!reached[start]) continue;
      for (std::size_t count = 0; count <= atom.most; ++count) {
        if (count >= atom.least) next[start + count] = true;
        if (start + count == text.size()) break;
        if (!atom.bytes.test(static_cast<unsigned char>(text[start + count]))) break;
      }
    }
    reached = std::move(next);
  }
  return reached[text.size()];
}

}  // namespace scanflow::loader
