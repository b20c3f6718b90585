#include "sdk/base/label_selector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace scanflow {
namespace {

/// Kubernetes' bounds.
constexpr std::size_t kMaxName = 63, kMaxPrefix = 253;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// What keys and values are made of, and the slash of a key.
bool is_of_word(char c) {
  return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.' || c == '/';
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName && is_letter_or_digit(text.front()) &&
         is_letter_or_digit(text.back()) && text.find('/') == std::string_view::npos;
}

bool is_prefix(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  return !text.empty() && text.size() <= kMaxPrefix && is_letter_or_digit(text.front()) &&
         is_letter_or_digit(text.back()) && std::all_of(text.begin(), text.end(), fits);
}

bool is_key(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return is_name(text);
  return is_prefix(text.substr(0, slash)) && is_name(text.substr(slash + 1));
}

}  // namespace

class LabelSelectorParser {
 public:
  explicit LabelSelectorParser(std::string_view text) : text_(text) {}

  Result<LabelSelector> parse() {
    LabelSelector selector;
    skip_blanks();
    if (at_ == text_.size()) return selector;
    do {
      auto read = requirement();
      if (!read) return tl::unexpected(read.error());
      selector.requirements_.push_back(std::move(*read));
    } while (take(','));
    if (at_ < text_.size()) return wrong(at_, here() + " where a comma or the end should be");
    return selector;
  }

 private:
  using Is = LabelSelector::Is;
  using Requirement = LabelSelector::Requirement;

  Result<Requirement> requirement() {
    Requirement read;
    const bool absent = take('!');
    auto name = key();
    if (!name) return tl::unexpected(name.error());
    read.key = std::move(*name);
    if (absent) {
      read.is = Is::absent;
      return read;
    }
    skip_blanks();
    if (at_ == text_.size() || text_[at_] == ',') return read;
    return condition(std::move(read));
  }

  /// What follows a key: an operator and its values.
  Result<Requirement> condition(Requirement read) {
    const std::size_t start = at_;
    if (const bool unequal = text_.substr(at_, 2) == "!="; unequal || text_[at_] == '=') {
      at_ += unequal || text_.substr(at_, 2) == "==" ? 2 : 1;
      read.is = unequal ? Is::not_among : Is::among;
      auto only = value();
      if (!only) return tl::unexpected(only.error());
      read.values.push_back(std::move(*only));
      return read;
    }
    const std::string_view name = word();
    if (name != "in" && name != "notin") {
      at_ = start;
      return wrong(start, here() +
                              " is no operator; there are =, ==, !=, in and notin, and a "
                              "comma stands between requirements");
    }
    read.is = name == "in" ? Is::among : Is::not_among;
    if (!take('(')) {
      return wrong(at_, fmt::format("{} where '(' should open the values, as in {} {} (x,y)",
                                    here(), read.key, name));
    }
    return set(std::move(read));
  }

  /// The values of `in` and `notin`, and what closes them.
  Result<Requirement> set(Requirement read) {
    if (take(')')) return wrong(at_ - 1, "there is no value between the parentheses");
    do {
      auto next = value();
      if (!next) return tl::unexpected(next.error());
      read.values.push_back(std::move(*next));
    } while (take(','));
    if (!take(')')) return wrong(at_, here() + " where a comma or ')' should be");
    return read;
  }

  Result<std::string> key() {
    skip_blanks();
    const std::size_t start = at_;
    const std::string_view name = word();
    if (name.empty()) return wrong(start, here() + " where the key of a label should be");
    if (is_key(name)) return std::string(name);
    return wrong(start, fmt::format("'{}' is no key: that is a name, or prefix/name, of at most "
                                    "{} letters, digits and -_. with a letter or digit at both "
                                    "ends",
                                    name, kMaxName));
  }

  /// May be empty.
  Result<std::string> value() {
    skip_blanks();
    const std::size_t start = at_;
    const std::string_view text = word();
    if (text.empty() || is_name(text)) return std::string(text);
    return wrong(start, fmt::format("'{}' is no value: those have at most {} letters, digits and "
                                    "-_. with a letter or digit at both ends",
                                    text, kMaxName));
  }

  std::string_view word() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_of_word(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }

  /// After blanks, this character.
  bool take(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  /// What stands here, for people.
  std::string here() {
    if (at_ == text_.size()) return "it ends";
    const std::size_t start = at_;
    const std::string_view next = word();
    at_ = start;
    return fmt::format("'{}'", next.empty() ? text_.substr(at_, 1) : next);
  }

  tl::unexpected<Error> wrong(std::size_t at, const std::string& what) const {
    return fail(fmt::format("label selector '{}', character {}: {}", text_, at + 1, what));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

Result<LabelSelector> LabelSelector::parse(std::string_view text) {
  return LabelSelectorParser(text).parse();
}

void LabelSelector::require(std::string key, Is is, std::vector<std::string> values) {
  requirements_.push_back({std::move(key), is, std::move(values)});
}

bool LabelSelector::matches(const Labels& labels) const {
  return matches([&](const std::string& key) -> std::optional<std::string_view> {
    const auto label = labels.find(key);
    if (label == labels.end()) return std::nullopt;
    return label->second;
  });
}

bool LabelSelector::matches(const Find& find) const {
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& required) {
    const std::optional<std::string_view> value = find(required.key);
    const auto among = [&] {
      return value && std::find(required.values.begin(), required.values.end(), *value) !=
                          required.values.end();
    };
    switch (required.is) {
      case Is::among:
        return among();
      case Is::not_among:
        return !among();
      case Is::present:
        return value.has_value();
      case Is::absent:
        return !value;
    }
    return false;
  });
}

}  // namespace scanflow
