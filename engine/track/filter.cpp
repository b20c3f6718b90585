#include "engine/track/filter.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "engine/track/filter_tokens.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::track {
namespace {

using Kind = Token::Kind;

struct EntityName {
  Entity entity;
  const char* name;
};
constexpr std::array kEntities{
    EntityName{Entity::attribute, "attribute"},
    EntityName{Entity::attribute, "attributes"},
    EntityName{Entity::attribute, "attr"},
    EntityName{Entity::attribute, "run"},
    EntityName{Entity::metric, "metric"},
    EntityName{Entity::metric, "metrics"},
    EntityName{Entity::parameter, "param"},
    EntityName{Entity::parameter, "params"},
    EntityName{Entity::parameter, "parameter"},
    EntityName{Entity::parameter, "parameters"},
    EntityName{Entity::tag, "tag"},
    EntityName{Entity::tag, "tags"},
    EntityName{Entity::dataset, "dataset"},
    EntityName{Entity::dataset, "datasets"},
};

constexpr std::array kDatasetKeys{"name", "digest", "context"};

struct OperatorName {
  Operator what;
  const char* name;
};
constexpr std::array kOperators{
    OperatorName{Operator::equal, "="},         OperatorName{Operator::different, "!="},
    OperatorName{Operator::less, "<"},          OperatorName{Operator::at_most, "<="},
    OperatorName{Operator::greater, ">"},       OperatorName{Operator::at_least, ">="},
    OperatorName{Operator::like, "LIKE"},       OperatorName{Operator::ilike, "ILIKE"},
    OperatorName{Operator::in, "IN"},           OperatorName{Operator::not_in, "NOT IN"},
    OperatorName{Operator::is_null, "IS NULL"}, OperatorName{Operator::is_not_null, "IS NOT NULL"},
};

std::string name_of(Operator what) {
  for (const OperatorName& each : kOperators) {
    if (each.what == what) return each.name;
  }
  return {};
}

bool compares_sizes(Operator what) {
  return what == Operator::less || what == Operator::at_most || what == Operator::greater ||
         what == Operator::at_least;
}

class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens, const Searchable& searchable)
      : text_(text), tokens_(std::move(tokens)), searchable_(searchable) {}

  Answer<std::vector<Comparison>> filter() {
    std::vector<Comparison> all;
    if (now().kind == Kind::end) return all;
    for (;;) {
      auto one = comparison();
      if (!one) return tl::unexpected(one.error());
      all.push_back(std::move(*one));
      if (now().kind == Kind::end) return all;
      if (all.size() == kMostConditions)
        return wrong(fmt::format("there are at most {} conditions", kMostConditions));
      if (is_word("OR")) return wrong("there is no OR: conditions are joined by AND, so ask twice");
      if (!take_word("AND")) return wrong("expected AND, or the end");
    }
  }

  Answer<Order> order() {
    auto subject = this->subject();
    if (!subject) return tl::unexpected(subject.error());
    if (subject->entity == Entity::dataset) return wrong("datasets give no order");
    Order order{std::move(*subject), false};
    if (take_word("DESC")) {
      order.descending = true;
    } else {
      take_word("ASC");
    }
    if (now().kind != Kind::end) return wrong("expected ASC, DESC, or the end");
    return order;
  }

 private:
  const Token& now() const { return tokens_[at_]; }
  bool is_word(std::string_view word) const {
    return now().kind == Kind::name && !now().quoted && equal_words(now().text, word);
  }
  bool take_word(std::string_view word) {
    if (!is_word(word)) return false;
    ++at_;
    return true;
  }
  bool take(Kind kind) {
    if (now().kind != kind) return false;
    ++at_;
    return true;
  }

  tl::unexpected<Problem> wrong(const std::string& why) const {
    const std::string_view rest = text_.substr(std::min(now().at, text_.size()));
    return invalid(
        fmt::format("cannot read '{}' at character {}{}: {}", text_.substr(0, 200), now().at + 1,
                    rest.empty() ? " (its end)" : fmt::format(" ('{}')", rest.substr(0, 30)), why));
  }

  Answer<Comparison> comparison() {
    Comparison one;
    auto subject = this->subject();
    if (!subject) return tl::unexpected(subject.error());
    one.subject = std::move(*subject);
    auto what = this->what();
    if (!what) return tl::unexpected(what.error());
    one.what = *what;
    if (auto fits = check_operator(one); !fits) return tl::unexpected(fits.error());
    if (one.what == Operator::is_null || one.what == Operator::is_not_null) return one;
    const bool list = one.what == Operator::in || one.what == Operator::not_in;
    if (auto read = list ? values(one) : value(one); !read) return tl::unexpected(read.error());
    return one;
  }

  Answer<Subject> subject() {
    if (now().kind != Kind::name) {
      return wrong(fmt::format("expected what is compared, as {}{}",
                               searchable_.entities.empty() ? "" : "tags.team or ",
                               searchable_.attributes.front().name));
    }
    Subject subject;
    std::string first = tokens_[at_++].text;
    const bool quoted = tokens_[at_ - 1].quoted;
    std::string entity = first;
    std::string key;
    if (const auto dot = first.find('.'); !quoted && dot != std::string::npos) {
      entity = first.substr(0, dot);
      key = first.substr(dot + 1);
      if (key.empty()) {  // its key is quoted, and follows at once
        if (now().kind != Kind::name || !now().quoted)
          return wrong("expected a name after the dot");
        key = tokens_[at_++].text;
      }
    } else {
      entity = "attribute";
      key = std::move(first);
    }
    const auto known = std::find_if(kEntities.begin(), kEntities.end(),
                                    [&](const EntityName& each) { return each.name == entity; });
    if (known == kEntities.end() || !searchable_has(known->entity)) {
      --at_;
      return wrong(fmt::format("of {} there is no '{}', but {}", searchable_.what, entity,
                               fmt::join(entity_names(), ", ")));
    }
    subject.entity = known->entity;
    subject.key = std::move(key);
    if (auto there = find_key(subject); !there) {
      --at_;
      return tl::unexpected(wrong(there.error()));
    }
    return subject;
  }

  bool searchable_has(Entity entity) const {
    return entity == Entity::attribute ||
           std::find(searchable_.entities.begin(), searchable_.entities.end(), entity) !=
               searchable_.entities.end();
  }
  std::vector<std::string> entity_names() const {
    std::vector<std::string> names;
    for (const EntityName& each : kEntities) {
      const std::string name = each.name;
      if (searchable_has(each.entity) && name.back() == 's') names.push_back(name);
    }
    return names;
  }

  tl::expected<void, std::string> find_key(Subject& subject) const {
    if (subject.entity == Entity::dataset &&
        std::find(kDatasetKeys.begin(), kDatasetKeys.end(), subject.key) == kDatasetKeys.end()) {
      return tl::unexpected(fmt::format("of a dataset there is no '{}', but {}", subject.key,
                                        fmt::join(kDatasetKeys, ", ")));
    }
    if (subject.entity != Entity::attribute) return {};
    std::vector<std::string> names;
    for (const Attribute& each : searchable_.attributes) {
      if (each.name == subject.key) subject.attribute = &each;
      names.emplace_back(each.name);
    }
    if (subject.attribute != nullptr) return {};
    const std::string near = nearest(subject.key, names);
    return tl::unexpected(fmt::format(
        "{} have no attribute '{}'{}; there are {}", searchable_.what, subject.key,
        near.empty() ? "" : fmt::format("; did you mean {}?", near), fmt::join(names, ", ")));
  }

  Answer<Operator> what() {
    if (take_word("IS")) {
      const bool no = take_word("NOT");
      if (!take_word("NULL")) return wrong("expected NULL");
      return no ? Operator::is_not_null : Operator::is_null;
    }
    if (take_word("NOT")) {
      if (!take_word("IN")) return wrong("expected IN after NOT");
      return Operator::not_in;
    }
    for (const OperatorName& each : kOperators) {
      if (now().kind == Kind::symbol ? now().text == each.name : is_word(each.name)) {
        ++at_;
        return each.what;
      }
    }
    return wrong("expected one of = != < <= > >= LIKE ILIKE IN, NOT IN, IS NULL, IS NOT NULL");
  }

  static bool is_number(const Subject& subject) {
    return subject.entity == Entity::metric ||
           (subject.attribute != nullptr && subject.attribute->type == Attribute::Type::number);
  }

  Answer<void> check_operator(const Comparison& one) const {
    const bool number = is_number(one.subject);
    const bool null = one.what == Operator::is_null || one.what == Operator::is_not_null;
    const bool list = one.what == Operator::in || one.what == Operator::not_in;
    const bool keyed = one.subject.entity == Entity::tag || one.subject.entity == Entity::parameter;
    if (null && !keyed) return wrong("IS NULL is for tags and parameters");
    if (number && (list || one.what == Operator::like || one.what == Operator::ilike))
      return wrong(
          fmt::format("{} is for texts, and '{}' is a number", name_of(one.what), one.subject.key));
    if (!number && compares_sizes(one.what)) {
      return wrong(
          fmt::format("'{}' is a text: it is compared by =, !=, LIKE, ILIKE, IN, not by {}",
                      one.subject.key, name_of(one.what)));
    }
    if (list && keyed) return wrong("IN is for attributes and datasets");
    return {};
  }

  Answer<void> value(Comparison& one) {
    const Token& token = now();
    one.numeric = is_number(one.subject);
    if (!one.numeric) {
      if (token.kind != Kind::text && !(token.kind == Kind::name && token.quoted)) {
        return wrong(fmt::format("'{}' is compared with a text: write it in quotes, 'like this'",
                                 one.subject.key));
      }
      const bool pattern = one.what == Operator::like || one.what == Operator::ilike;
      if (pattern && token.text.size() > kMostPattern)
        return wrong(fmt::format("a pattern has at most {} bytes", kMostPattern));
      one.texts.push_back(token.text);
      ++at_;
      return {};
    }
    if (token.kind != Kind::number)
      return wrong(fmt::format("'{}' is compared with a number, without quotes", one.subject.key));
    one.number = token.number;
    ++at_;
    return {};
  }

  Answer<void> values(Comparison& one) {
    if (!take(Kind::open)) return wrong("expected a list, as ('a', 'b')");
    do {
      if (now().kind != Kind::text && !(now().kind == Kind::name && now().quoted))
        return wrong("expected a text in quotes");
      if (one.texts.size() == kMostOfList)
        return wrong(fmt::format("a list has at most {} texts", kMostOfList));
      one.texts.push_back(tokens_[at_++].text);
    } while (take(Kind::comma));
    if (!take(Kind::close)) return wrong("expected , or )");
    return {};
  }

  const std::string_view text_;
  const std::vector<Token> tokens_;
  const Searchable& searchable_;
  std::size_t at_ = 0;
};

Answer<Parser> parser_of(std::string_view text, const Searchable& searchable) {
  if (text.size() > kMostFilter) {
    return invalid(fmt::format("a filter has at most {} bytes, and this one has {}", kMostFilter,
                               text.size()));
  }
  auto tokens = tokens_of(text);
  if (!tokens) return tl::unexpected(tokens.error());
  return Parser(text, std::move(*tokens), searchable);
}

}  // namespace

Answer<std::vector<Comparison>> parse_filter(std::string_view text, const Searchable& searchable) {
  auto parser = parser_of(text, searchable);
  if (!parser) return tl::unexpected(parser.error());
  return parser->filter();
}

Answer<Order> parse_order(std::string_view text, const Searchable& searchable) {
  auto parser = parser_of(text, searchable);
  if (!parser) return tl::unexpected(parser.error());
  return parser->order();
}

}  // namespace scanflow::track
