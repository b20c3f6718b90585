#include "engine/pipeline/expression_lexer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/pipeline/text.hpp"

namespace scanflow::pipeline {
namespace {

constexpr std::array<std::string_view, 22> kKeywords{
    "and",      "break",  "do",   "else", "elseif", "end",  "false", "for",
    "function", "goto",   "if",   "in",   "local",  "nil",  "not",   "or",
    "repeat",   "return", "then", "true", "until",  "while"};
/// Longer ones first.
constexpr std::array<std::string_view, 10> kLongSymbols{
    "...", "<<", ">>", "//", "==", "~=", "<=", ">=", "::", ".."};
constexpr std::string_view kSymbols = "+-*/%^#&|~<>=(){}[];:,.";

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class Lexer {
 public:
  Lexer(std::string_view text, std::size_t start, bool until_close)
      : text_(text), at_(start), start_(start), until_close_(until_close) {}

  Lexed run() {
    while (!out_.problem && !closed_) {
      while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
      if (at_ >= text_.size()) break;
      if (at_ - start_ > kLongestExpression) {
        fail(start_, 1,
             fmt::format("an expression has at most {} bytes; compute it in a step",
                         kLongestExpression));
        break;
      }
      next();
    }
    out_.end = at_;
    return std::move(out_);
  }

  bool closed() const { return closed_; }

 private:
  char peek(std::size_t ahead) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void fail(std::size_t offset, std::size_t length, std::string message, std::string hint = {}) {
    out_.problem = ExpressionProblem{offset, length, std::move(message), std::move(hint)};
  }

  Token& push(TokenKind kind, std::size_t end) {
    Token token;
    token.kind = kind;
    token.offset = at_;
    token.text = text_.substr(at_, end - at_);
    at_ = end;
    return out_.tokens.emplace_back(token);
  }

  void next() {
    const char c = text_[at_];
    const bool long_text = c == '[' && (peek(1) == '[' || peek(1) == '=') && long_bracket();
    if (long_text) return;
    if (is_name_start(c)) return name();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)) && !at_steps())) return number();
    if (c == '"' || c == '\'') return quoted();
    if (c == '-' && peek(1) == '-') {
      return fail(at_, 2, "'--' begins a comment in Lua: an expression has none",
                  "for minus a negative number put a space between");
    }
    symbol();
  }

  /// Is the last token but `back` the global `steps`?
  bool at_steps(std::size_t back = 0) const {
    const auto& tokens = out_.tokens;
    if (tokens.size() <= back) return false;
    const std::size_t i = tokens.size() - 1 - back;
    return tokens[i].kind == TokenKind::name && tokens[i].text == "steps" &&
           (i == 0 || !(tokens[i - 1].is(".") || tokens[i - 1].is(":")));
  }

  /// `steps.load-data`: a step's name may hold hyphens and begin with a digit.
  bool after_steps() const { return at_steps(1) && out_.tokens.back().is("."); }

  void step_name() {
    std::size_t end = at_;
    while (end < text_.size() && (is_name_char(text_[end]) || text_[end] == '-')) ++end;
    while (text_[end - 1] == '-') --end;
    push(TokenKind::step_name, end);
  }

  void name() {
    if (after_steps()) return step_name();
    std::size_t end = at_;
    while (end < text_.size() && is_name_char(text_[end])) ++end;
    const std::string_view word = text_.substr(at_, end - at_);
    const bool keyword = std::find(kKeywords.begin(), kKeywords.end(), word) != kKeywords.end();
    push(keyword ? TokenKind::keyword : TokenKind::name, end);
  }

  void number() {
    if (after_steps()) return step_name();
    std::size_t end = at_;
    const bool hex = text_[at_] == '0' && (peek(1) == 'x' || peek(1) == 'X');
    while (end < text_.size()) {
      const char c = text_[end];
      const bool sign = (c == '+' || c == '-') && end > at_ && exponent(text_[end - 1], hex);
      if (!is_name_char(c) && c != '.' && !sign) break;
      if (c == '.' && end + 1 < text_.size() && text_[end + 1] == '.') break;  // 1..2
      ++end;
    }
    push(TokenKind::number, end);
  }

  static bool exponent(char c, bool hex) {
    return hex ? c == 'p' || c == 'P' : c == 'e' || c == 'E';
  }

  void quoted() {
    const char quote = text_[at_];
    std::size_t end = at_ + 1;
    bool escapes = false;
    while (end < text_.size() && text_[end] != quote) {
      if (text_[end] == '\n') break;
      if (text_[end] == '\\') {
        escapes = true;
        ++end;
      }
      ++end;
    }
    if (end >= text_.size() || text_[end] != quote) {
      return fail(at_, 1, "a text in the expression is not closed",
                  fmt::format("add the closing {}", quote));
    }
    Token& token = push(TokenKind::text, end + 1);
    if (!escapes) token.value = token.text.substr(1, token.text.size() - 2);
  }

  /// [[text]] or [==[text]==]; false where it is just a bracket.
  bool long_bracket() {
    std::size_t level = 0;
    while (peek(1 + level) == '=') ++level;
    if (peek(1 + level) != '[') return false;
    const std::string close = "]" + std::string(level, '=') + "]";
    const std::size_t inside = at_ + level + 2;
    const std::size_t end = text_.find(close, inside);
    if (end == std::string_view::npos) {
      fail(at_, level + 2, "a text in the expression is not closed",
           fmt::format("add the closing {}", close));
      return true;
    }
    Token& token = push(TokenKind::text, end + close.size());
    if (text_[inside] != '\n') token.value = text_.substr(inside, end - inside);
    return true;
  }

  void symbol() {
    const std::string_view rest = text_.substr(at_);
    if (until_close_ && braces_ == 0 && rest.starts_with("}}")) {
      closed_ = true;
      return;
    }
    for (const std::string_view symbol : kLongSymbols) {
      if (rest.starts_with(symbol)) {
        push(TokenKind::symbol, at_ + symbol.size());
        return;
      }
    }
    if (kSymbols.find(rest[0]) == std::string_view::npos) {
      std::size_t length = 1;
      while (length < rest.size() && (static_cast<unsigned char>(rest[length]) & 0xC0) == 0x80) {
        ++length;
      }
      return fail(
          at_, 1,
          fmt::format("'{}' cannot stand in an expression", printable(rest.substr(0, length))),
          rest[0] == '!' ? "Lua says 'not' and '~='" : "");
    }
    if (!count_bracket(rest[0])) return;
    push(TokenKind::symbol, at_ + 1);
  }

  bool count_bracket(char c) {
    if (c == '(' || c == '[' || c == '{') ++depth_;
    if ((c == ')' || c == ']' || c == '}') && depth_ > 0) --depth_;
    if (c == '{') ++braces_;
    if (c == '}' && braces_ > 0) --braces_;
    if (depth_ <= kDeepestExpression) return true;
    fail(at_, 1, fmt::format("brackets nested deeper than {} levels", kDeepestExpression));
    return false;
  }

  std::string_view text_;
  std::size_t at_;
  std::size_t start_;
  bool until_close_;
  bool closed_ = false;
  std::size_t depth_ = 0, braces_ = 0;
  Lexed out_;
};

}  // namespace

Lexed lex(std::string_view text, std::size_t start, bool until_close) {
  Lexer lexer(text, start, until_close);
  Lexed out = lexer.run();
  if (!out.problem && until_close && !lexer.closed()) {
    out.problem = ExpressionProblem{start, 1, "'${{' without its '}}'", "close it with '}}'"};
  }
  return out;
}

const Piece* Template::single() const {
  const Piece* found = nullptr;
  for (const Piece& piece : pieces) {
    const bool blank = piece.text.find_first_not_of(" \t\r\n") == std::string_view::npos;
    if (!piece.is_expression && blank) continue;
    if (!piece.is_expression || found != nullptr) return nullptr;
    found = &piece;
  }
  return found;
}

Template scan_template(std::string_view text) {
  Template out;
  const auto literal = [&](std::size_t begin, std::size_t end) {
    if (end > begin) out.pieces.push_back({false, text.substr(begin, end - begin), begin});
  };
  std::size_t done = 0;
  std::size_t at = 0;
  while ((at = text.find("${{", at)) != std::string_view::npos) {
    if (at > done && text[at - 1] == '$') {
      literal(done, at - 1);
      done = at;
      at += 3;
      continue;
    }
    literal(done, at);
    const std::size_t begin = at + 3;
    Lexed lexed = lex(text, begin, true);
    if (lexed.problem) {
      if (lexed.problem->offset == begin && lexed.problem->message.starts_with("'${{'")) {
        lexed.problem->offset = at;
        lexed.problem->length = 3;
      }
      out.problem = std::move(lexed.problem);
      return out;
    }
    out.pieces.push_back({true, text.substr(begin, lexed.end - begin), begin});
    done = at = lexed.end + 2;
  }
  literal(done, text.size());
  return out;
}

}  // namespace scanflow::pipeline
