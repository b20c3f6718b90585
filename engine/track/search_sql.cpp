#include "engine/track/search_sql.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

namespace scanflow::track {
namespace {

const char* symbol_of(Operator what) {
  switch (what) {
    case Operator::equal:
      return "=";
    case Operator::different:
      return "!=";
    case Operator::less:
      return "<";
    case Operator::at_most:
      return "<=";
    case Operator::greater:
      return ">";
    case Operator::at_least:
      return ">=";
    case Operator::like:
      return "GLOB";  // SQLite's LIKE takes no notice of case
    case Operator::ilike:
      return "LIKE";
    case Operator::in:
      return "IN";
    case Operator::not_in:
      return "NOT IN";
    case Operator::is_null:
    case Operator::is_not_null:
      break;
  }
  return "";
}

/// LIKE's pattern as GLOB's.
std::string glob_of(const std::string& pattern) {
  std::string glob;
  for (const char c : pattern) {
    if (c == '%') {
      glob += '*';
    } else if (c == '_') {
      glob += '?';
    } else if (c == '*' || c == '?' || c == '[') {
      glob += {'[', c, ']'};
    } else {
      glob += c;
    }
  }
  return glob;
}

class Writer {
 public:
  explicit Writer(const KeyedTables& tables) : tables_(tables) {}

  std::string condition(const Comparison& one) {
    switch (one.subject.entity) {
      case Entity::attribute:
        return compare(one.subject.attribute->column, one);
      case Entity::metric:
        return keyed(tables_.metrics, "name", one);
      case Entity::parameter:
        return keyed(tables_.parameters, "key", one);
      case Entity::tag:
        return keyed(tables_.tags, "key", one);
      case Entity::dataset:
        break;
    }
    if (one.subject.key == "context") {
      return fmt::format(
          "EXISTS (SELECT 1 FROM inputs AS i JOIN input_tags AS c ON c.owner = i.key AND c.key = "
          "'mlflow.data.context' WHERE i.owner = t.key AND {})",
          compare("c.value", one));
    }
    return fmt::format(
        "EXISTS (SELECT 1 FROM inputs AS i JOIN datasets AS d ON d.key = i.dataset WHERE i.owner = "
        "t.key AND {})",
        compare("d." + one.subject.key, one));
  }

  /// "value IS NULL, value DESC" of what is selected by itself: SQLite reads each row's once.
  std::string order(const Order& one) {
    const char* direction = one.descending ? " DESC" : "";
    if (one.subject.entity == Entity::attribute) {
      const char* column = one.subject.attribute->column;
      return fmt::format("{0} IS NULL, {0}{1}", column, direction);
    }
    const bool metric = one.subject.entity == Entity::metric;
    const std::string& table = metric                                    ? tables_.metrics
                               : one.subject.entity == Entity::parameter ? tables_.parameters
                                                                         : tables_.tags;
    const auto select = [&](const char* what) {
      parameters.emplace_back(one.subject.key);
      return fmt::format("(SELECT {} FROM {} WHERE owner = t.key AND {} = ?)", what, table,
                         metric ? "name" : "key");
    };
    std::string text = select("1") + " IS NULL, ";
    if (metric) text += select("value") + " IS NULL, ";
    return text + select("value") + direction;
  }

  std::vector<store::Parameter> parameters;

 private:
  std::string keyed(const std::string& table, const char* name, const Comparison& one) {
    parameters.emplace_back(one.subject.key);
    const bool null = one.what == Operator::is_null || one.what == Operator::is_not_null;
    return fmt::format("{}EXISTS (SELECT 1 FROM {} WHERE owner = t.key AND {} = ?{})",
                       one.what == Operator::is_null ? "NOT " : "", table, name,
                       null ? "" : " AND " + compare("value", one));
  }

  std::string compare(const std::string& column, const Comparison& one) {
    if (one.what == Operator::in || one.what == Operator::not_in) {
      std::vector<std::string> marks(one.texts.size(), "?");
      for (const std::string& text : one.texts) parameters.emplace_back(text);
      return fmt::format("{} {} ({})", column, symbol_of(one.what), fmt::join(marks, ", "));
    }
    if (one.numeric) {
      parameters.emplace_back(one.number);
    } else {
      parameters.emplace_back(one.what == Operator::like ? glob_of(one.texts.front())
                                                         : one.texts.front());
    }
    return fmt::format("{} {} ?", column, symbol_of(one.what));
  }

  const KeyedTables& tables_;
};

constexpr std::string_view kToken = "page-";

}  // namespace

Sql where_of(const std::vector<Comparison>& filter, const KeyedTables& tables) {
  Writer writer(tables);
  std::vector<std::string> all;
  all.reserve(filter.size());
  for (const Comparison& each : filter) all.push_back(writer.condition(each));
  return {all.empty() ? "1" : fmt::format("{}", fmt::join(all, " AND ")),
          std::move(writer.parameters)};
}

Sql order_of(const std::vector<Order>& orders, const KeyedTables& tables, const std::string& last) {
  Writer writer(tables);
  std::vector<std::string> all;
  all.reserve(orders.size() + 1);
  for (const Order& each : orders) all.push_back(writer.order(each));
  all.push_back(last);
  return {fmt::format("{}", fmt::join(all, ", ")), std::move(writer.parameters)};
}

std::string token_of(std::uint64_t offset) { return fmt::format("{}{}", kToken, offset); }

Answer<std::uint64_t> offset_of(const std::string& token) {
  if (token.empty()) return 0;
  std::uint64_t offset = 0;
  const std::string_view text = token;
  if (text.substr(0, kToken.size()) == kToken) {
    const auto [end, error] =
        std::from_chars(text.data() + kToken.size(), text.data() + text.size(), offset);
    if (error == std::errc() && end == text.data() + text.size() &&
        offset <= std::uint64_t{1} << 60)
      return offset;
  }
  return invalid(
      fmt::format("page_token '{}' is none that this server has given: leave it out for the first "
                  "page",
                  token.substr(0, 100)));
}

}  // namespace scanflow::track
