#include "plugins/steps/resource/condition.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "engine/kube/fields.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::resource {

using nlohmann::json;

namespace {

constexpr std::string_view kHelp =
    "one is as '{.status.succeeded} >= 1', '{.status.phase} == Running', '{.status.podIP}' or "
    "'condition Ready'";

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string written(const json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                      text.back() == text.front();
  return std::string(quoted ? text.substr(1, text.size() - 2) : text);
}

/// Where the path ends: its brackets and quotes are closed.
std::size_t end_of_path(std::string_view text) {
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quote != '\0') {
      if (text[i] == quote) quote = '\0';
    } else if (text[i] == '"' || text[i] == '\'') {
      quote = text[i];
    } else if (text[i] == '}') {
      return i + 1;
    }
  }
  return text.size();
}

const json* condition_of(const json& object, const std::string& type) {
  const json& status = kube::part_of(object, "status");
  const auto conditions = status.find("conditions");
  if (conditions == status.end() || !conditions->is_array()) return nullptr;
  for (const json& each : *conditions) {
    if (kube::text_of(each, "type") == type) return &each;
  }
  return nullptr;
}

}  // namespace

Result<Condition> Condition::parse(const std::string& text) {
  const std::string said(stripped(text));
  std::string path_text, rest;
  std::string type;
  if (said.starts_with("condition ")) {
    rest = stripped(std::string_view(said).substr(10));
    const std::size_t end = std::min(rest.find_first_of(" =!<>"), rest.size());
    type = rest.substr(0, end);
    if (type.empty()) return fail(fmt::format("'{}' names no condition: {}", text, kHelp));
    rest = stripped(std::string_view(rest).substr(end));
    if (rest.empty()) rest = "== True";
    path_text = fmt::format("{{.status.conditions[?(@.type==\"{}\")].status}}", type);
  } else if (said.starts_with('{')) {
    const std::size_t end = end_of_path(said);
    path_text = said.substr(0, end);
    rest = stripped(std::string_view(said).substr(end));
  } else {
    return fail(fmt::format("'{}' is no condition: {}", text, kHelp));
  }
  auto path = kube::JsonPath::parse(path_text);
  if (!path) return tl::unexpected(path.error());
  Condition condition(said, std::move(*path));
  condition.type_ = type;
  if (rest.empty()) return condition;
  constexpr std::array<std::pair<std::string_view, Compare>, 6> kOperators{
      {{"==", Compare::equal},
       {"!=", Compare::unequal},
       {"<=", Compare::most},
       {">=", Compare::least},
       {"<", Compare::less},
       {">", Compare::more}}};
  for (const auto& [sign, compare] : kOperators) {
    if (!rest.starts_with(sign)) continue;
    condition.compare_ = compare;
    condition.value_ = unquoted(stripped(std::string_view(rest).substr(sign.size())));
    const bool order = compare != Compare::equal && compare != Compare::unequal;
    if (order && !number(condition.value_))
      return fail(fmt::format("'{}': {} compares with a number", text, sign));
    if (condition.value_.empty() && order) break;
    return condition;
  }
  return fail(
      fmt::format("'{}' is no condition: after {} comes ==, !=, <, <=, > or >= and a value; {}",
                  text, path_text, kHelp));
}

bool Condition::holds(const json& object) const {
  const json value = path_.find(object);
  if (compare_ == Compare::there) return !value.is_null();
  if (compare_ == Compare::equal || compare_ == Compare::unequal) {
    const bool same = !value.is_null() && written(value) == value_;
    return compare_ == Compare::equal ? same : !same;
  }
  const auto is = value.is_null() ? std::optional<double>(0) : number(written(value));
  const auto than = number(value_);
  if (!is || !than) return false;
  return compare_ == Compare::less   ? *is < *than
         : compare_ == Compare::most ? *is <= *than
         : compare_ == Compare::more ? *is > *than
                                     : *is >= *than;
}

std::string Condition::seen(const json& object) const {
  if (type_.empty()) {
    const json value = path_.find(object);
    return fmt::format("{} is {}", path_.text(), value.is_null() ? "not there" : written(value));
  }
  const json* condition = condition_of(object, type_);
  if (condition == nullptr) return fmt::format("there is no condition {} yet", type_);
  std::string text = fmt::format("{} is {}", type_, kube::text_of(*condition, "status"));
  for (const char* more : {"reason", "message"}) {
    if (const std::string said = kube::text_of(*condition, more); !said.empty())
      text += ": " + said;
  }
  return text;
}

}  // namespace scanflow::resource
