#include "engine/pipeline/matrix_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "engine/pipeline/expression_lexer.hpp"
#include "engine/pipeline/fields.hpp"
#include "engine/pipeline/text.hpp"
#include "engine/pipeline/yaml_values.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::pipeline {
namespace {

class MatrixReader {
 public:
  MatrixReader(Step& step, std::vector<ExpressionSite>& expressions, Problems& problems)
      : step_(step), expressions_(expressions), problems_(problems) {}

  void read(const Node& matrix) {
    const MapReader map(matrix, matrix_fields(), problems_);
    for (std::size_t i = 0; i + 1 < matrix.items.size(); i += 2) {
      const Node& key = *matrix.items[i];
      if (!key.is_scalar() || key.text == "include" || key.text == "exclude") continue;
      read_axis(key, *matrix.items[i + 1]);
    }
    read_combinations(map.get("include"), "include", step_.include);
    read_combinations(map.get("exclude"), "exclude", step_.exclude);
    check_combinations(matrix);
  }

 private:
  void read_axis(const Node& key, const Node& values) {
    Axis axis{key.text, json::array(), values.at};
    if (!is_identifier(key.text)) {
      problems_.add(key, fmt::format("'{}' is not an axis's name", printable(key.text))).hint =
          "letters, digits and '_', not beginning with a digit";
    }
    if (values.is_list()) {
      if (values.items.empty())
        problems_.add(values, fmt::format("the axis '{}' is empty", key.text));
      std::set<std::string_view> seen;
      for (const Node* value : values.items) read_axis_value(*value, axis, seen);
    } else if (values.is_scalar() && has_expression(values.text)) {
      axis.values = values.text;
      expressions_.push_back({&values, ExpressionSite::Role::matrix});
    } else {
      problems_
          .add(values, fmt::format("the axis '{}' must be a list or an expression that gives "
                                   "one, not {}",
                                   printable(key.text), describe_value(values)))
          .hint = values.is_scalar() ? fmt::format("write [{}]", printable(values.text)) : "";
    }
    step_.matrix.push_back(std::move(axis));
  }

  void read_axis_value(const Node& value, Axis& axis, std::set<std::string_view>& seen) {
    if (!value.is_scalar()) {
      problems_.add(value, fmt::format("a value of the axis '{}' must be text, a number or a bool, "
                                       "not {}",
                                       axis.name, describe_value(value)));
    } else if (has_expression(value.text)) {
      problems_.add(value, "an expression within the list of an axis").hint =
          "make the whole axis one expression that gives the list";
    } else {
      json literal = to_json(value, problems_);
      if (literal.is_null()) return;
      if (!seen.insert(value.text).second) {
        problems_
            .add(value,
                 fmt::format("the axis '{}' has '{}' twice", axis.name, printable(value.text)))
            .hint = "remove one: two instances would have one name";
      }
      axis.values.push_back(std::move(literal));
    }
  }

  void read_combinations(const Node* list, std::string_view field, std::vector<json>& out) {
    for (std::size_t i = 0; list != nullptr && i < list->items.size(); ++i) {
      const Node* item = list->items[i];
      if (!item->is_map() || item->items.empty()) {
        problems_
            .add(*item, fmt::format("a combination must be a map, not {}", describe_value(*item)))
            .hint = "{axis: value, ...}";
        continue;
      }
      find_no_expressions(*item, field);
      out.push_back(to_json(*item, problems_));
    }
  }

  void find_no_expressions(const Node& map, std::string_view field) {
    for (std::size_t i = 1; i < map.items.size(); i += 2) {
      const Node& value = *map.items[i];
      if (value.is_scalar() && !has_expression(value.text)) continue;
      problems_.add(
          value, fmt::format("a value in 'matrix.{}' must be text, a number or a bool, "
                             "not {}",
                             field, value.is_scalar() ? "an expression" : describe_value(value)));
    }
  }

  /// An excluded one names axes; an included one that is new names all of them (plan.cpp says so).
  void check_combinations(const Node& matrix) {
    if (step_.matrix.empty() && step_.include.empty()) {
      problems_.add(matrix, "'matrix' has no axes");
    } else if (step_.matrix.empty()) {
      problems_.add(matrix, "'matrix.include' adds to axes, and there are none").hint =
          "add an axis: name: [values]";
    }
    if (const Node* excluded = matrix.find("exclude")) check_excluded(*excluded);
  }

  void check_excluded(const Node& list) {
    std::vector<std::string> axes;
    for (const Axis& axis : step_.matrix) axes.push_back(axis.name);
    for (const Node* combination : list.items) {
      if (!combination->is_map()) continue;
      for (std::size_t i = 0; i + 1 < combination->items.size(); i += 2) {
        const Node& key = *combination->items[i];
        if (!key.is_scalar() || std::find(axes.begin(), axes.end(), key.text) != axes.end())
          continue;
        const std::string near = nearest(key.text, axes);
        Diagnostic& problem = problems_.add(
            key, fmt::format("'matrix.exclude' names the axis '{}', which is not there",
                             printable(key.text)));
        if (!near.empty()) {
          problem.hint = fmt::format("did you mean '{}'?", near);
        } else if (!axes.empty()) {
          problem.hint = fmt::format("the axes are {}", join_or(axes, "and"));
        }
      }
    }
  }

  Step& step_;
  std::vector<ExpressionSite>& expressions_;
  Problems& problems_;
};

}  // namespace

void read_matrix(const Node& matrix, Step& step, std::vector<ExpressionSite>& expressions,
                 Problems& problems) {
  MatrixReader(step, expressions, problems).read(matrix);
}

}  // namespace scanflow::pipeline
