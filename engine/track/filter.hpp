// Filter strings and orders of MLflow's searches: metrics.loss < 0.1 AND tags."mlflow.user" LIKE 'a%'. Pure.
//
//   filter     = comparison { AND comparison }
//   comparison = subject operator value | subject [NOT] IN ( string {, string} ) | subject IS [NOT] NULL
//   subject    = [ entity . ] key            (without an entity: an attribute)
//   entity     = attribute | attr | run | metric | param | parameter | tag | dataset    (each also with s)
//   key        = letters, digits and _ . - / : or anything within "double quotes" or `backticks`
//   operator   = = != < <= > >= LIKE ILIKE
//   value      = number | 'text' | "text"    (a quote within is written twice)
//   order      = subject [ASC | DESC]
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/track/answer.hpp"

namespace scanflow::track {

enum class Entity { attribute, metric, parameter, tag, dataset };
enum class Operator {
  equal,
  different,
  less,
  at_most,
  greater,
  at_least,
  like,   // % any text, _ any character; case counts
  ilike,  // the same, whichever case
  in,
  not_in,
  is_null,
  is_not_null,
};

/// An attribute that can be searched for, and its column.
struct Attribute {
  const char* name;
  const char* column;
  enum class Type { text, number } type = Type::text;
};

/// What can be searched for, of one kind of thing.
struct Searchable {
  const char* what;  // "runs"
  std::vector<Attribute> attributes;
  std::vector<Entity> entities;  // beside attributes
};

struct Subject {
  Entity entity = Entity::attribute;
  std::string key;                       // of an attribute its name
  const Attribute* attribute = nullptr;  // of the Searchable, which outlives it
};

struct Comparison {
  Subject subject;
  Operator what = Operator::equal;
  std::vector<std::string> texts;  // one; of a list several
  double number = 0;               // of a metric, or a number's attribute
  bool numeric = false;
};

struct Order {
  Subject subject;
  bool descending = false;
};

/// Of more nothing is read: SQLite has limits of its own, and a search costs as much as it says.
constexpr std::size_t kMostFilter = 64 << 10;  // bytes
constexpr std::size_t kMostConditions = 100, kMostOfList = 1000, kMostPattern = 10'000;
constexpr std::size_t kMostOrders = 20;

/// All of them must hold; none where it is blank. A problem says what is wrong, where, and what would be
/// right.
Answer<std::vector<Comparison>> parse_filter(std::string_view text, const Searchable& searchable);
Answer<Order> parse_order(std::string_view text, const Searchable& searchable);

}  // namespace scanflow::track
