#include "plugins/steps/model/request.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace scanflow::model {
namespace {

using nlohmann::json;

void require_object(const json& value, const char* field) {
  if (!value.is_object()) {
    throw std::invalid_argument(fmt::format("with.{} is {}: write an object, {}: {{name: value}}",
                                            field, value.type_name(), field));
  }
}

void require_metrics(const json& metrics) {
  require_object(metrics, "metrics");
  for (const auto& [name, value] : metrics.items()) {
    if (!value.is_number()) {
      throw std::invalid_argument(fmt::format(
          "with.metrics.{} is {}, not a number: {} (does the expression name an output that "
          "exists?)",
          name, value.type_name(), value.dump(-1, ' ', false, json::error_handler_t::replace)));
    }
  }
}

void require_tags(const json& tags) {
  require_object(tags, "tags");
  for (const auto& [name, value] : tags.items()) {
    if (value.is_structured() || value.is_null()) {
      throw std::invalid_argument(fmt::format(
          "with.tags.{} is {}: a tag is a string, a number or a boolean", name, value.type_name()));
    }
  }
}

}  // namespace

std::string name_problem(const std::string& name) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
  if (name.empty()) return "with.name is empty: give the model a name, such as mnist_cnn";
  if (name.size() > 128) return "with.name is longer than 128 characters: shorten it";
  if (const auto at = name.find_first_not_of(allowed); at != std::string::npos) {
    return fmt::format(
        "with.name '{}': the character at place {} is not one of a-z, 0-9, '_', '.', '-'", name,
        at + 1);
  }
  return {};
}

json make_request(const std::string& name, const json& metrics, const json& tags,
                  const json& card) {
  require_metrics(metrics);
  require_tags(tags);
  json merged = json::object();
  if (card.is_object() && card.contains("metrics") && card["metrics"].is_object()) {
    for (const auto& [key, value] : card["metrics"].items()) {
      if (value.is_number()) merged[key] = value;  // a card may say more than numbers
    }
  }
  merged.update(metrics);
  return {{"name", name}, {"input", "model"}, {"metrics", merged}, {"tags", tags}};
}

}  // namespace scanflow::model
