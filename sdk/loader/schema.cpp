#include "sdk/loader/schema.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sdk/base/nearest.hpp"
#include "sdk/loader/pattern.hpp"
#include "sdk/loader/schema_types.hpp"

namespace scanflow::loader {

namespace {

std::string shorten(const json& value) {
  auto text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

/// One key of a JSON pointer (RFC 6901).
std::string escape(std::string key) {
  for (std::size_t at = 0; (at = key.find_first_of("~/", at)) != std::string::npos; at += 2) {
    key.replace(at, 1, key[at] == '~' ? "~0" : "~1");
  }
  return key;
}

std::size_t characters(const std::string& utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

class Validator {
 public:
  explicit Validator(const std::function<bool(const json&)>& unknown) : unknown_(unknown) {}

  void check(const json& schema, json& value, const std::string& at) {
    if (unknown_ && unknown_(value)) return;
    if (!check_type(schema, value, at)) return;
    check_enum(schema, value, at);
    if (value.is_number()) check_number(schema, value, at);
    if (value.is_string()) check_string(schema, value.get_ref<const std::string&>(), at);
    if (value.is_array()) check_array(schema, value, at);
    if (value.is_object()) check_object(schema, value, at);
  }

  std::vector<SchemaProblem> take() { return std::move(problems_); }

 private:
  void problem(const std::string& at, std::string message) {
    problems_.push_back({at, std::move(message)});
  }

  bool check_type(const json& schema, const json& value, const std::string& at) {
    const auto type = schema.find("type");
    if (type == schema.end()) return true;
    const auto types = type->is_array() ? *type : json::array({*type});
    const bool fits = std::any_of(types.begin(), types.end(), [&](const json& name) {
      return has_type(value, name.get_ref<const std::string&>());
    });
    if (fits) return true;
    std::string expected;
    for (const auto& name : types) {
      if (!expected.empty()) expected += " or ";
      expected += with_article(name.get_ref<const std::string&>());
    }
    problem(at, fmt::format("expected {}, got {}", expected, shorten(value)));
    return false;
  }

  void check_enum(const json& schema, const json& value, const std::string& at) {
    const auto allowed = schema.find("enum");
    if (allowed == schema.end()) return;
    if (std::find(allowed->begin(), allowed->end(), value) != allowed->end()) return;
    std::string list;
    std::vector<std::string> names;
    for (const auto& one : *allowed) {
      list += (list.empty() ? "" : ", ") + shorten(one);
      if (one.is_string()) names.push_back(one.get<std::string>());
    }
    auto message = fmt::format("{} is not one of {}", shorten(value), list);
    if (value.is_string()) {
      const auto near = nearest(value.get_ref<const std::string&>(), names);
      if (!near.empty()) message += fmt::format("; did you mean '{}'?", near);
    }
    problem(at, std::move(message));
  }

  void check_number(const json& schema, const json& value, const std::string& at) {
    if (const auto bound = schema.find("minimum"); bound != schema.end() && value < *bound) {
      problem(at, fmt::format("{} is below the minimum {}", shorten(value), shorten(*bound)));
    }
    if (const auto bound = schema.find("maximum"); bound != schema.end() && value > *bound) {
      problem(at, fmt::format("{} is above the maximum {}", shorten(value), shorten(*bound)));
    }
    const auto bound = schema.find("exclusiveMinimum");
    if (bound != schema.end() && value <= *bound) {
      problem(at, fmt::format("{} is not above {}", shorten(value), shorten(*bound)));
    }
  }

  void check_string(const json& schema, const std::string& value, const std::string& at) {
    const auto length = characters(value);
    if (const auto least = schema.find("minLength"); least != schema.end() && length < *least) {
      problem(at, fmt::format("{} is shorter than {} characters", shorten(value), least->dump()));
    }
    if (const auto most = schema.find("maxLength"); most != schema.end() && length > *most) {
      problem(at, fmt::format("{} is longer than {} characters", shorten(value), most->dump()));
    }
    const auto text = schema.find("pattern");
    if (text == schema.end()) return;
    const auto pattern = Pattern::parse(text->get_ref<const std::string&>());
    if (pattern && !pattern->matches(value)) {
      problem(at, fmt::format("{} does not match {}", shorten(value), text->get<std::string>()));
    }
  }

  void check_array(const json& schema, json& value, const std::string& at) {
    const auto size = value.size();
    if (const auto least = schema.find("minItems"); least != schema.end() && size < *least) {
      problem(at, fmt::format("has {} items, fewer than {}", size, least->dump()));
    }
    if (const auto most = schema.find("maxItems"); most != schema.end() && size > *most) {
      problem(at, fmt::format("has {} items, more than {}", size, most->dump()));
    }
    const auto items = schema.find("items");
    if (items == schema.end()) return;
    for (std::size_t i = 0; i < size; ++i) check(*items, value[i], fmt::format("{}/{}", at, i));
  }

  void check_object(const json& schema, json& value, const std::string& at) {
    static const json kNone = json::object();
    const auto found = schema.find("properties");
    const json& properties = found == schema.end() ? kNone : *found;
    for (const auto& [name, property] : properties.items()) {
      if (!value.contains(name) && property.contains("default")) value[name] = property["default"];
      if (value.contains(name)) check(property, value[name], at + "/" + escape(name));
    }
    check_additional(schema, properties, value, at);
    if (const auto required = schema.find("required"); required != schema.end()) {
      for (const auto& name : *required) check_required(properties, value, name, at);
    }
  }

  void check_additional(const json& schema, const json& properties, json& value,
                        const std::string& at) {
    const auto found = schema.find("additionalProperties");
    const json additional = found != schema.end() ? *found : json(!schema.contains("properties"));
    if (additional == true) return;
    std::vector<std::string> names;
    for (const auto& [name, property] : properties.items()) names.push_back(name);
    for (auto& [key, member] : value.items()) {
      if (properties.contains(key)) continue;
      if (additional.is_object()) {
        check(additional, member, at + "/" + escape(key));
        continue;
      }
      auto message = fmt::format("unknown field '{}'", key);
      const auto near = nearest(key, names);
      if (!near.empty()) message += fmt::format("; did you mean '{}'?", near);
      problem(at + "/" + escape(key), std::move(message));
    }
  }

  void check_required(const json& properties, const json& value, const std::string& name,
                      const std::string& at) {
    if (value.contains(name)) return;
    auto message = fmt::format("missing field '{}'", name);
    const auto property = properties.find(name);
    if (property != properties.end() && property->contains("description")) {
      message += fmt::format(" ({})", (*property)["description"].get<std::string>());
    }
    problem(at, std::move(message));
  }

  const std::function<bool(const json&)>& unknown_;
  std::vector<SchemaProblem> problems_;
};

}  // namespace

std::vector<SchemaProblem> validate(const json& schema, json& value,
                                    const std::function<bool(const json&)>& unknown) {
  Validator validator(unknown);
  validator.check(schema, value, "");
  return validator.take();
}

}  // namespace scanflow::loader
