#include "engine/pipeline/params.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/pipeline/expression.hpp"
#include "engine/pipeline/expression_lexer.hpp"
#include "engine/pipeline/map_reader.hpp"
#include "engine/pipeline/text.hpp"
#include "engine/pipeline/yaml_values.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::pipeline {
namespace {

std::string_view type_of(const json& value) {
  if (value.is_string()) return "string";
  if (value.is_number_integer()) return "int";
  if (value.is_number()) return "float";
  if (value.is_boolean()) return "bool";
  if (value.is_array()) return "list";
  if (value.is_object() && value.contains("artifact") && value.contains("sha256"))
    return "artifact";
  return value.is_object() ? "object" : "null";
}

std::string_view with_article(std::string_view type) {
  if (type == "int") return "a whole number";
  if (type == "float") return "a number";
  if (type == "bool") return "true or false";
  if (type == "list") return "a list ([a, b])";
  if (type == "object") return "an object ({a: 1})";
  if (type == "artifact") return "an artifact";
  return "text";
}

std::string number_text(double value) {
  return value == std::floor(value) && std::fabs(value) < 1e15
             ? fmt::format("{}", static_cast<std::int64_t>(value))
             : fmt::format("{}", value);
}

/// The value in the parameter's type, or nothing.
std::optional<json> coerce(const Param& param, const json& value) {
  if (type_of(value) == param.type) return value;
  if (param.type == "float" && value.is_number_integer()) return json(value.get<double>());
  return std::nullopt;
}

/// "" or why the value is out of range or not among the allowed ones.
std::string out_of_range(const Param& param, const json& value) {
  if (value.is_number()) {
    const auto number = value.get<double>();
    if (param.min && number < *param.min) {
      return fmt::format("{} is below the minimum {}", value.dump(), number_text(*param.min));
    }
    if (param.max && number > *param.max) {
      return fmt::format("{} is above the maximum {}", value.dump(), number_text(*param.max));
    }
  }
  if (param.one_of.empty()) return {};
  if (std::find(param.one_of.begin(), param.one_of.end(), value) != param.one_of.end()) return {};
  std::vector<std::string> names;
  for (const json& allowed : param.one_of) {
    names.push_back(allowed.is_string() ? allowed.get<std::string>() : allowed.dump());
  }
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  const std::string near = nearest(text, names);
  return fmt::format("'{}' is not one of {}{}", printable(text), join_or(names),
                     near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

/// Text of the command line, read by the parameter's type.
std::optional<json> from_text(const Param& param, const std::string& text) {
  if (param.type == "string") return json(text);
  const Source source("value", text);
  Problems problems(source);
  const YamlDocument document = parse_yaml(source, problems);
  if (!problems.empty() || document.roots.size() != 1) return std::nullopt;
  json value = to_json(*document.roots[0], problems);
  if (!problems.empty()) return std::nullopt;
  return coerce(param, value);
}

class ParamReader {
 public:
  ParamReader(const Node& key, const Node& node, Problems& problems)
      : key_(key), node_(node), problems_(problems) {}

  Param run() {
    param_.name = key_.text;
    param_.at = key_.at;
    if (!is_identifier(key_.text)) {
      problems_.add(key_, fmt::format("'{}' is not a parameter's name", printable(key_.text)))
          .hint = "letters, digits and '_', not beginning with a digit";
    }
    if (node_.is_map()) {
      long_form();
    } else {
      short_form();
    }
    return std::move(param_);
  }

 private:
  void short_form() {
    json value = to_json(node_, problems_);
    param_.type = std::string(type_of(value));
    if (value.is_null() && !node_.is_null()) {
      param_.type = "string";  // reported already
      return;
    }
    if (value.is_null()) {
      problems_
          .add(key_,
               fmt::format("the parameter '{}' has neither a type nor a default", param_.name))
          .hint = "write 'epochs: 3' or 'epochs: {type: int}'";
      param_.type = "string";
      return;
    }
    refuse_expression(node_, value);
    param_.default_value = std::move(value);
  }

  void long_form() {
    const MapReader map(node_, param_fields(), problems_);
    if (const Node* text = map.get("description")) param_.description = text->text;
    read_type(map);
    read_bound(map, "min", param_.min);
    read_bound(map, "max", param_.max);
    if (param_.min && param_.max && *param_.min > *param_.max) {
      problems_.add(*map.get("min"), fmt::format("min {} is above max {}", number_text(*param_.min),
                                                 number_text(*param_.max)));
    }
    read_enum(map);
    read_default(map);
  }

  void read_type(const MapReader& map) {
    const Node* type = map.get("type");
    if (type == nullptr) {
      if (const Node* value = map.get("default")) {
        param_.type = std::string(type_of(to_json(*value, problems_)));
        return;
      }
      if (!map.has("type")) {
        problems_.add(key_, fmt::format("the parameter '{}' has no type", param_.name)).hint =
            fmt::format("add type: {}", join_or(param_types()));
      }
      return;  // without a type nothing else is said about it
    }
    param_.type = type->text;
  }

  void read_bound(const MapReader& map, std::string_view field, std::optional<double>& bound) {
    const Node* node = map.get(field);
    if (node == nullptr) return;
    if (param_.type != "int" && param_.type != "float" && !param_.type.empty()) {
      problems_.add(*node, fmt::format("'{}' is for int and float; '{}' is a {}", field,
                                       param_.name, param_.type));
      return;
    }
    bound = number_of(*node);
  }

  void read_enum(const MapReader& map) {
    const Node* list = map.get("enum");
    if (list == nullptr || param_.type.empty()) return;
    for (const Node* item : list->items) {
      const auto value = coerce(param_, to_json(*item, problems_));
      if (value) {
        param_.one_of.push_back(*value);
      } else {
        wrong_type(*item);
      }
    }
  }

  void read_default(const MapReader& map) {
    const Node* node = map.get("default");
    if (node == nullptr || param_.type.empty()) return;
    if (param_.type == "artifact") {
      problems_.add(*node, "an artifact has no default").hint =
          "remove it: one is given by --input, or by a step of the calling pipeline";
      return;
    }
    const json raw = to_json(*node, problems_);
    refuse_expression(*node, raw);
    auto value = coerce(param_, raw);
    if (!value) return wrong_type(*node);
    const std::string problem = out_of_range(param_, *value);
    if (!problem.empty()) {
      problems_.add(*node, fmt::format("the default of '{}': {}", param_.name, problem));
    }
    param_.default_value = std::move(value);
  }

  void wrong_type(const Node& node) {
    Diagnostic& problem = problems_.add(
        node, fmt::format("'{}' is {}: {} is not {}", param_.name,
                          param_.type == "int" ? "an int" : fmt::format("a {}", param_.type),
                          describe_value(node), with_article(param_.type)));
    if (param_.type == "string" && node.is_scalar()) {
      problem.hint = fmt::format("put it into quotes: \"{}\"", printable(node.text));
    }
  }

  void refuse_expression(const Node& node, const json& value) {
    if (!is_dynamic(value)) return;
    problems_.add(node, fmt::format("the default of '{}' holds an expression", param_.name)).hint =
        "parameters are bound before anything is evaluated";
  }

  const Node& key_;
  const Node& node_;
  Problems& problems_;
  Param param_;
};

}  // namespace

std::vector<Param> read_params(const Node& params, Problems& problems) {
  std::vector<Param> out;
  for (std::size_t i = 0; i + 1 < params.items.size(); i += 2) {
    if (!params.items[i]->is_scalar()) continue;
    out.push_back(ParamReader(*params.items[i], *params.items[i + 1], problems).run());
  }
  return out;
}

Result<json> bind_value(const Param& param, const json& given) {
  if (param.type == "artifact" && given.is_string()) {
    return fail(
        fmt::format("parameter '{0}' is an artifact: give it by --input {0}=PATH, not by "
                    "-p",
                    param.name));
  }
  if (param.type != "artifact" && type_of(given) == "artifact") {
    return fail(fmt::format("parameter '{0}' is not an artifact: give it {1} by -p {0}=...",
                            param.name, with_article(param.type)));
  }
  auto value =
      given.is_string() ? from_text(param, given.get<std::string>()) : coerce(param, given);
  if (!value) {
    const std::string text = given.is_string() ? given.get<std::string>() : given.dump();
    return fail(fmt::format("parameter '{}': '{}' is not {}", param.name, printable(text),
                            with_article(param.type)));
  }
  const std::string problem = out_of_range(param, *value);
  if (!problem.empty()) return fail(fmt::format("parameter '{}': {}", param.name, problem));
  return *std::move(value);
}

Result<json> bind_params(const std::vector<Param>& params, const json& given) {
  std::vector<std::string> problems, names;
  json bound = json::object();
  for (const Param& param : params) {
    names.push_back(param.name);
    const auto found = given.find(param.name);
    if (found != given.end()) {
      auto value = bind_value(param, *found);
      if (value) {
        bound[param.name] = *std::move(value);
      } else {
        problems.push_back(std::move(value.error().message));
      }
    } else if (param.default_value) {
      bound[param.name] = *param.default_value;
    } else {
      problems.push_back(
          param.type == "artifact"
              ? fmt::format("parameter '{0}' has no value; give it a file or directory: --input "
                            "{0}=PATH",
                            param.name)
              : fmt::format("parameter '{0}' has no value; give it {1}: -p {0}=...", param.name,
                            with_article(param.type)));
    }
  }
  for (const auto& [name, value] : given.items()) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string near = nearest(name, names);
    problems.push_back(
        fmt::format("unknown parameter '{}'{}", printable(name),
                    !near.empty()   ? fmt::format("; did you mean '{}'?", near)
                    : names.empty() ? std::string("; the pipeline has none")
                                    : fmt::format("; the pipeline has {}", join_or(names, "and"))));
  }
  if (problems.empty()) return bound;
  if (problems.size() == 1) return fail(std::move(problems.front()));
  std::string text;
  for (const std::string& problem : problems)
    text += fmt::format("{}error: {}", text.empty() ? "" : "\n", problem);
  return fail(std::move(text));
}

}  // namespace scanflow::pipeline
