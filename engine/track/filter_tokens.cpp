#include "engine/track/filter_tokens.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace scanflow::track {
namespace {

using Kind = Token::Kind;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_in_name(char c) {
  return begins_name(c) || is_digit(c) || c == '.' || c == '-' || c == '/' || c == ':';
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Answer<std::vector<Token>> all() {
    std::vector<Token> tokens;
    for (;;) {
      while (at_ < text_.size() && is_space(text_[at_])) ++at_;
      auto token = next();
      if (!token) return tl::unexpected(token.error());
      tokens.push_back(std::move(*token));
      if (tokens.back().kind == Kind::end) return tokens;
    }
  }

 private:
  Answer<Token> next() {
    Token token;
    token.at = at_;
    if (at_ == text_.size()) return token;
    const char c = text_[at_];
    if (c == '\'' || c == '"' || c == '`') return quoted(std::move(token), c);
    if (c == '(' || c == ')' || c == ',') {
      token.kind = c == '(' ? Kind::open : c == ')' ? Kind::close : Kind::comma;
      ++at_;
      return token;
    }
    if (c == '=' || c == '<' || c == '>' || c == '!') return symbol(std::move(token));
    if (is_digit(c) || c == '-' || c == '+' || c == '.') return number(std::move(token));
    if (!begins_name(c)) return invalid(wrong(fmt::format("'{}' has no meaning here", c)));
    const std::size_t from = at_;
    while (at_ < text_.size() && is_in_name(text_[at_])) ++at_;
    token.kind = Kind::name;
    token.text = text_.substr(from, at_ - from);
    return token;
  }

  Answer<Token> quoted(Token token, char quote) {
    token.kind = quote == '\'' ? Kind::text : Kind::name;
    token.quoted = true;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == quote) {
        const bool twice = at_ + 1 < text_.size() && text_[at_ + 1] == quote;
        if (!twice) {
          ++at_;
          return token;
        }
        ++at_;
      }
      token.text += text_[at_];
    }
    at_ = token.at;
    return invalid(wrong(fmt::format("the quote {} is not closed", quote)));
  }

  Answer<Token> symbol(Token token) {
    token.kind = Kind::symbol;
    token.text = text_[at_++];
    if (at_ < text_.size() && (text_[at_] == '=' || (token.text == "<" && text_[at_] == '>')))
      token.text += text_[at_++];
    if (token.text == "==") token.text = "=";
    if (token.text == "<>") token.text = "!=";
    if (token.text == "!") {
      at_ = token.at;
      return invalid(wrong("expected !="));
    }
    return token;
  }

  Answer<Token> number(Token token) {
    token.kind = Kind::number;
    const std::size_t from = text_[at_] == '+' ? at_ + 1 : at_;
    const char* begin = text_.data() + from;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), token.number);
    const auto after = static_cast<std::size_t>(end - text_.data());
    if (error != std::errc() || (after < text_.size() && is_in_name(text_[after])))
      return invalid(wrong("this is no number"));
    at_ = after;
    return token;
  }

  std::string wrong(const std::string& why) const {
    return fmt::format("cannot read '{}' at character {}: {}", text_.substr(0, 200), at_ + 1, why);
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Answer<std::vector<Token>> tokens_of(std::string_view text) { return Reader(text).all(); }

bool equal_words(std::string_view one, std::string_view other) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace scanflow::track
