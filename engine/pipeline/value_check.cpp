#include "engine/pipeline/value_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "engine/pipeline/expression_lexer.hpp"
#include "engine/pipeline/formats.hpp"
#include "engine/pipeline/map_reader.hpp"
#include "engine/pipeline/text.hpp"
#include "engine/pipeline/yaml_values.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::pipeline {
namespace {

std::string describe_types(const Field& field, const Format* format) {
  std::vector<std::string_view> names;
  if (format != nullptr && !format->plain) {
    names.push_back(format->what);
  } else {
    if ((field.types & kText) != 0) names.emplace_back("text");
    if ((field.types & kInt) != 0) names.emplace_back("a whole number");
    if ((field.types & kNumber) != 0) names.emplace_back("a number");
    if ((field.types & kBool) != 0) names.emplace_back("true or false");
    if ((field.types & kScalar) != 0) names.emplace_back("a single value");
  }
  if ((field.types & kMap) != 0) names.emplace_back("a map");
  if ((field.types & kList) != 0) names.emplace_back("a list");
  return join_or(names);
}

bool fits(const Field& field, const Node& node) {
  if (node.is_null()) return (field.types & kNull) != 0;
  if ((field.types & kAny) == kAny) return true;
  if (node.is_map()) return (field.types & kMap) != 0;
  if (node.is_list()) return (field.types & kList) != 0;
  if ((field.types & kScalar) != 0) return true;
  const auto value = scalar_value(node);
  if (!value) return false;
  if (value->is_string()) return (field.types & kText) != 0;
  if (value->is_number_integer()) return (field.types & (kInt | kNumber)) != 0;
  if (value->is_number()) return (field.types & kNumber) != 0;
  return value->is_boolean() && (field.types & kBool) != 0;
}

bool is_empty(const Node& node) {
  return node.is_scalar() ? node.text.empty() : node.items.empty();
}

class ValueCheck {
 public:
  /// `element`: of the list that `field` holds.
  ValueCheck(const Field& field, std::string_view name, bool element, Problems& problems)
      : field_(field),
        format_(find_format(field.format)),
        name_(name),
        element_(element),
        problems_(problems) {}

  bool run(const Node& value) {
    if (!fits(field_, value)) return wrong_kind(value);
    if (field_.filled && is_empty(value)) {
      problems_.add(value, fmt::format("'{}' is empty", name_)).hint =
          fmt::format("give {}", field_.doc);
      return value.is_list();  // others may refer to it
    }
    if (!value.is_scalar()) return true;
    if (!field_.words.empty()) return check_word(value);
    if (format_ != nullptr && format_->constant && has_expression(value.text)) {
      problems_.add(value, fmt::format("'{}' cannot hold an expression", name_)).hint =
          "it is needed before anything is evaluated; write the value";
      return false;
    }
    if (format_ != nullptr && format_->parse != nullptr) return check_format(value);
    const auto number = scalar_value(value);
    return !number || !number->is_number() || check_range(value, number->get<double>());
  }

 private:
  bool wrong_kind(const Node& value) {
    Diagnostic& problem = problems_.add(
        value, fmt::format("{}'{}' must be {}, not {}", element_ ? "a value of " : "", name_,
                           describe_types(field_, format_), describe_value(value)));
    if (value.is_scalar() && value.plain && (field_.types & kText) != 0) {
      const std::string text = printable(value.text);
      problem.hint = field_.format == "expression"
                         ? fmt::format("write \"${{{{ {} }}}}\"", text)
                         : fmt::format("put it into quotes: \"{}\"", text);
    }
    return false;
  }

  bool check_word(const Node& value) {
    const auto& words = field_.words;
    if (std::find(words.begin(), words.end(), value.text) != words.end()) return true;
    const std::vector<std::string> names(words.begin(), words.end());
    const std::string near = nearest(value.text, names);
    problems_.add(value, fmt::format("'{}' is not a value of '{}'", printable(value.text), name_))
        .hint = near.empty() ? fmt::format("one of {}", join_or(names))
                             : fmt::format("did you mean '{}'?", near);
    return false;
  }

  bool check_format(const Node& value) {
    const auto parsed = format_->parse(value.text);
    if (parsed) return check_range(value, *parsed);
    const auto plain = scalar_value(value);
    if (plain && plain->is_number() && !format_->numbers) {
      problems_.add(value, fmt::format("'{}' has no unit", name_)).hint =
          fmt::format("write {0}s, {0}ms, {0}m, ...", value.text);
    } else {
      problems_.add(value, fmt::format("'{}': {}", name_, parsed.error().message));
    }
    return false;
  }

  bool check_range(const Node& value, double number) {
    const Range& range = field_.range;
    if (range.above && number <= range.least) {
      problems_.add(value, fmt::format("'{}' must be above {}", name_, range.least)).hint =
          std::string(range.hint);
    } else if (number < range.least) {
      problems_
          .add(value, fmt::format("'{}': {} is below the minimum {}", name_, value.text,
                                  print(range.least)))
          .hint = std::string(range.hint);
    } else if (range.below && number >= range.most) {
      problems_.add(value, fmt::format("'{}' must be below {}", name_, range.most)).hint =
          std::string(range.hint);
    } else if (number > range.most) {
      problems_.add(value, fmt::format("'{}': {} is above the maximum {}", name_, value.text,
                                       print(range.most)));
    } else {
      return true;
    }
    return false;
  }

  std::string print(double number) const {
    return format_ != nullptr && format_->print != nullptr ? format_->print(number)
                                                           : fmt::format("{}", number);
  }

  const Field& field_;
  const Format* format_;
  std::string_view name_;
  bool element_;
  Problems& problems_;
};

}  // namespace

bool check_value(const Field& field, const Node& value, Problems& problems) {
  if (!ValueCheck(field, field.name, false, problems).run(value)) return false;
  if (!value.is_list() || field.each == nullptr || field.each->table != nullptr) return true;
  ValueCheck each(*field.each, field.name, true, problems);
  for (const Node* element : value.items) each.run(*element);
  return true;
}

}  // namespace scanflow::pipeline
