// The tokens of an expression, and where ${{ ... }} stands in a text. Lua compiles the expression
// later; this only needs to know strings from names, and that "}}" within a string ends nothing.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::pipeline {

enum class TokenKind { name, keyword, number, text, symbol, step_name };

struct Token {
  TokenKind kind = TokenKind::symbol;
  std::size_t offset = 0;  // in the lexed text
  std::string_view text;   // as written
  /// Of a text without escapes: what it says.
  std::optional<std::string_view> value;

  bool is(std::string_view symbol) const {
    return (kind == TokenKind::symbol || kind == TokenKind::keyword) && text == symbol;
  }
};

/// What is wrong with an expression; offsets into the text that was handed in.
struct ExpressionProblem {
  std::size_t offset = 0;
  std::size_t length = 1;
  std::string message;
  std::string hint;
};

struct Lexed {
  std::vector<Token> tokens;
  std::size_t end = 0;  // where the expression ends: at its "}}", or at the end of the text
  std::optional<ExpressionProblem> problem;
};

inline constexpr std::size_t kLongestExpression = 16 << 10;  // bytes
inline constexpr std::size_t kDeepestExpression = 100;       // brackets within brackets

/// Reads from `start`. `until_close`: up to a "}}" outside of strings and braces, which must come.
Lexed lex(std::string_view text, std::size_t start, bool until_close);

struct Piece {
  bool is_expression = false;
  std::string_view text;   // of an expression without ${{ and }}
  std::size_t offset = 0;  // of `text` in the whole
};

struct Template {
  std::vector<Piece> pieces;
  std::optional<ExpressionProblem> problem;
  /// Is it one expression and nothing else (but blanks)?
  const Piece* single() const;
};

/// Splits text into literal pieces and expressions. "$${{" stands for a literal "${{".
Template scan_template(std::string_view text);

inline bool has_expression(std::string_view text) {
  return text.find("${{") != std::string_view::npos;
}

}  // namespace scanflow::pipeline
