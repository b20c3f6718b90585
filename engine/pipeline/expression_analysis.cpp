#include "engine/pipeline/expression_analysis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "engine/pipeline/metric_query.hpp"
#include "engine/pipeline/text.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::pipeline {
namespace {

constexpr std::array<std::string_view, 10> kRoots{"params", "steps",   "matrix", "item", "run",
                                                  "env",    "metrics", "event",  "see",  "runs"};
/// Of pipelines.md, for later versions.
constexpr std::array<std::string_view, 1> kLater{"models"};
/// Of Lua, left out on purpose.
constexpr std::array<std::string_view, 20> kRefused{
    "io",      "os",     "load",   "loadfile", "loadstring",     "dofile",       "require",
    "package", "debug",  "print",  "pcall",    "xpcall",         "setmetatable", "getmetatable",
    "rawget",  "rawset", "rawlen", "rawequal", "collectgarbage", "coroutine"};

template <class List>
bool contains(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

class Analyzer {
 public:
  Analyzer(std::string_view text, const std::function<bool(const std::string&)>& step_exists,
           const std::function<std::string(const std::string&)>& nearest_step)
      : text_(text), step_exists_(step_exists), nearest_step_(nearest_step) {}

  Analysis run() {
    Lexed lexed = lex(text_, 0, false);
    if (lexed.problem) {
      out_.problems.push_back(*std::move(lexed.problem));
      return std::move(out_);
    }
    tokens_ = std::move(lexed.tokens);
    if (tokens_.empty()) {
      problem(0, 1, "an empty expression", "say what to compute, or remove it");
      return std::move(out_);
    }
    declare_locals();
    for (std::size_t i = 0; i < tokens_.size(); ++i) visit(i);
    out_.lua += text_.substr(copied_);
    return std::move(out_);
  }

 private:
  void problem(std::size_t offset, std::size_t length, std::string message, std::string hint = {}) {
    out_.problems.push_back({offset, length, std::move(message), std::move(hint)});
  }
  void problem(const Token& token, std::string message, std::string hint = {}) {
    problem(token.offset, token.text.size(), std::move(message), std::move(hint));
  }

  bool symbol_at(std::size_t i, std::string_view symbol) const {
    return i < tokens_.size() && tokens_[i].is(symbol);
  }
  bool name_at(std::size_t i) const {
    return i < tokens_.size() && tokens_[i].kind == TokenKind::name;
  }

  /// Locals of functions within the expression, wherever they are declared: an approximation on
  /// the lenient side; the sandbox answers for unknown globals at run time too.
  void declare_locals() {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      std::size_t next = i + 1;
      if (symbol_at(i, "function")) {
        while (next < tokens_.size() && !tokens_[next].is("(")) ++next;
        declare_list(next + 1);
      } else if (symbol_at(i, "for")) {
        declare_list(next);
      } else if (symbol_at(i, "local")) {
        declare_list(symbol_at(next, "function") ? next + 1 : next);
      }
    }
  }

  void declare_list(std::size_t i) {
    while (name_at(i)) {
      locals_.insert(tokens_[i].text);
      ++i;
      if (symbol_at(i, "<")) i += 3;  // <const>
      if (!symbol_at(i, ",")) return;
      ++i;
    }
  }

  void visit(std::size_t i) {
    const Token& token = tokens_[i];
    if (token.is("{") || token.is("(") || token.is("[")) brackets_.push_back(token.text[0]);
    if ((token.is("}") || token.is(")") || token.is("]")) && !brackets_.empty()) {
      brackets_.pop_back();
    }
    if (token.is("goto")) problem(token, "an expression has no goto");
    if (token.kind != TokenKind::name || is_field(i) || is_table_key(i)) return;
    if (locals_.count(token.text) > 0) return;
    check_global(i);
  }

  bool is_field(std::size_t i) const {
    return i > 0 && (tokens_[i - 1].is(".") || tokens_[i - 1].is(":"));
  }

  /// {name = value}
  bool is_table_key(std::size_t i) const {
    return !brackets_.empty() && brackets_.back() == '{' && symbol_at(i + 1, "=") && i > 0 &&
           (tokens_[i - 1].is("{") || tokens_[i - 1].is(",") || tokens_[i - 1].is(";"));
  }

  void check_global(std::size_t i) {
    const Token& token = tokens_[i];
    if (!contains(global_names(), token.text)) return unknown(i);
    if (symbol_at(i + 1, "=")) {
      return problem(token, fmt::format("an expression cannot assign to '{}'", token.text),
                     "'==' compares");
    }
    if (contains(kRoots, token.text)) reference(i);
  }

  void unknown(std::size_t i) {
    const Token& token = tokens_[i];
    const std::string name(token.text);
    if (contains(kLater, name)) {
      return problem(token,
                     fmt::format("'{}' is known but not available in this version yet", name));
    }
    if (contains(kRefused, name)) {
      return problem(token, fmt::format("'{}' is not available in an expression", name),
                     "do it in a step");
    }
    if (hyphenated(i)) {
      return problem(token, fmt::format("unknown name '{}'", name),
                     fmt::format("only step names are read with hyphens; write {}['{}-{}']",
                                 i > 3 ? "..." : "x", tokens_[i - 2].text, name));
    }
    const std::string near = nearest(name, global_names());
    problem(token, fmt::format("unknown name '{}'", name),
            near.empty()
                ? "in scope: params, steps, matrix, item, run, env, metrics, and functions of Lua"
                : fmt::format("did you mean '{}'?", near));
  }

  /// a.b-c without blanks: meant as one name?
  bool hyphenated(std::size_t i) const {
    if (i < 3 || !tokens_[i - 1].is("-") || tokens_[i - 2].kind != TokenKind::name) return false;
    const Token& before = tokens_[i - 2];
    return is_field(i - 2) && before.offset + before.text.size() == tokens_[i - 1].offset &&
           tokens_[i - 1].offset + 1 == tokens_[i].offset;
  }

  void reference(std::size_t i) {
    Use use;
    use.root = std::string(tokens_[i].text);
    use.offset = tokens_[i].offset;
    std::size_t next = i + 1;
    while (take_accessor(next, use)) {
    }
    const Token& last = tokens_[next - 1];
    use.length = last.offset + last.text.size() - use.offset;
    if (use.root == "steps" && !check_step(i, use)) return;
    if (use.root == "metrics") check_metrics(i, use);
    if (use.root == "runs") check_runs(i, use);
    if (use.root == "steps") take_helper(i, next, use);
    out_.references.push_back(std::move(use));
  }

  bool take_accessor(std::size_t& next, Use& use) const {
    if (symbol_at(next, ".") && next + 1 < tokens_.size()) {
      const Token& field = tokens_[next + 1];
      if (field.kind != TokenKind::name && field.kind != TokenKind::step_name) return false;
      use.path.push_back({std::string(field.text), true, field.offset, field.text.size()});
      next += 2;
      return true;
    }
    if (!symbol_at(next, "[") || next + 2 >= tokens_.size()) return false;
    const Token& key = tokens_[next + 1];
    if (!symbol_at(next + 2, "]")) {
      // Something computed: what follows it is not followed.
      if (use.path.empty() || use.path.back().named) {
        use.path.push_back({std::string(), false, key.offset, key.text.size()});
      }
      return false;
    }
    const bool named = key.kind == TokenKind::text && key.value.has_value();
    use.path.push_back(
        {named ? std::string(*key.value) : std::string(), named, key.offset, key.text.size()});
    next += 3;
    return true;
  }

  /// The literal path of best, worst and collect, if `i` is their first argument.
  void take_helper(std::size_t i, std::size_t next, Use& use) const {
    if (i < 2 || !tokens_[i - 1].is("(") || tokens_[i - 2].kind != TokenKind::name) return;
    const std::string_view helper = tokens_[i - 2].text;
    if (helper != "best" && helper != "worst" && helper != "collect") return;
    if (!symbol_at(next, ",") || !symbol_at(next + 2, ")")) return;
    const Token& literal = tokens_[next + 1];
    if (literal.kind != TokenKind::text || !literal.value) return;
    std::string_view path = *literal.value;
    std::size_t offset = literal.offset + (literal.text.size() - path.size()) / 2;
    while (!path.empty()) {
      const std::size_t end = std::min(path.find('.'), path.size());
      use.helper_path.push_back({std::string(path.substr(0, end)), true, offset, end});
      const std::size_t step = std::min(end + 1, path.size());
      path.remove_prefix(step);
      offset += step;
    }
    if (helper == "collect") return;
    Use after;
    std::size_t rest = next + 3;
    while (take_accessor(rest, after)) {
    }
    use.result_path = std::move(after.path);
  }

  void check_metrics(std::size_t i, const Use& use) {
    if (use.path.size() != 1 || !use.path[0].named) {
      return problem(
          tokens_[i], "'metrics' needs a function",
          fmt::format("metrics.last(\"NAME\"); there are {}", join_or(metric_functions(), "and")));
    }
    const Accessor& function = use.path[0];
    if (contains(metric_functions(), function.name)) return;
    const std::string near = nearest(function.name, metric_functions());
    problem(function.offset, function.length,
            fmt::format("there is no function 'metrics.{}'", function.name),
            near.empty() ? fmt::format("there are {}", join_or(metric_functions(), "and"))
                         : fmt::format("did you mean '{}'?", near));
  }

  void check_runs(std::size_t i, const Use& use) {
    if (use.path.size() == 1 && use.path[0].named && use.path[0].name == "running") return;
    problem(tokens_[i], "'runs' needs a function", "runs.running() or runs.running(\"PIPELINE\")");
  }

  bool check_step(std::size_t i, const Use& use) {
    if (use.path.empty() || !use.path[0].named) {
      problem(tokens_[i], "'steps' needs the name of a step", "steps.NAME or steps['NAME']");
      return false;
    }
    const Accessor& step = use.path[0];
    if (!step_exists_(step.name)) {
      const std::string near = nearest_step_ ? nearest_step_(step.name) : std::string();
      problem(step.offset, step.length, fmt::format("unknown step '{}'", step.name),
              near.empty() ? "" : fmt::format("did you mean '{}'?", near));
      return false;
    }
    if (symbol_at(i + 1, ".")) {
      const std::size_t dot = tokens_[i + 1].offset;
      out_.lua += text_.substr(copied_, dot - copied_);
      out_.lua += fmt::format("[\"{}\"]", step.name);
      copied_ = step.offset + step.length;
    }
    return true;
  }

  std::string_view text_;
  const std::function<bool(const std::string&)>& step_exists_;
  const std::function<std::string(const std::string&)>& nearest_step_;
  std::vector<Token> tokens_;
  std::set<std::string_view> locals_;
  std::vector<char> brackets_;
  std::size_t copied_ = 0;
  Analysis out_;
};

}  // namespace

const std::vector<std::string>& global_names() {
  static const std::vector<std::string> kNames{
      "params",   "steps",      "matrix",   "item",     "run",     "env",    "null",
      "best",     "worst",      "collect",  "sum",      "len",     "json",   "find",
      "contains", "startswith", "endswith", "split",    "replace", "trim",   "math",
      "string",   "table",      "tostring", "tonumber", "type",    "ipairs", "pairs",
      "select",   "metrics",    "event",    "see",      "runs"};
  return kNames;
}

Analysis analyze(std::string_view expression,
                 const std::function<bool(const std::string&)>& step_exists,
                 const std::function<std::string(const std::string&)>& nearest_step) {
  return Analyzer(expression, step_exists, nearest_step).run();
}

}  // namespace scanflow::pipeline
