// Places within objects, as kubectl writes them: "{.status.conditions[?(@.type=="Ready")].status}". Of JSONPath what
// names one value: names, ['names'], [indices] (from the end: below 0), and filters by equality, of whose matches the
// first counts. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::kube {

class JsonPath {
 public:
  /// An error says what is wrong with it, and where.
  static Result<JsonPath> parse(std::string_view text);

  /// Null where there is none.
  nlohmann::json find(const nlohmann::json& object) const;
  /// As it was written, in braces.
  const std::string& text() const { return text_; }

 private:
  struct Filter {
    std::vector<std::string> names;
    std::string value;
  };
  using Part = std::variant<std::string, std::int64_t, Filter>;
  friend class JsonPathReader;

  std::string text_;
  std::vector<Part> parts_;
};

}  // namespace scanflow::kube
