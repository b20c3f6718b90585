// The grammar of filter strings: what is read, and what is said of what is not.
#include "engine/track/filter.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "engine/track/search_sql.hpp"

namespace scanflow::track {
namespace {

using testing::HasSubstr;

const Searchable kRuns{"runs",
                       {{"run_id", "t.id"},
                        {"status", "t.status"},
                        {"start_time", "t.started_ms", Attribute::Type::number}},
                       {Entity::metric, Entity::parameter, Entity::tag, Entity::dataset}};
const Searchable kModels{"models", {{"name", "t.name"}}, {Entity::tag}};

std::string sql(const std::string& filter) {
  const auto parsed = parse_filter(filter, kRuns);
  if (!parsed) return parsed.error().message;
  const Sql where = where_of(*parsed, {"tags", "params", "metrics"});
  std::string all = where.text + " |";
  for (const store::Parameter& each : where.parameters)
    std::visit([&](const auto& value) { all += fmt::format(" {}", value); }, each);
  return all;
}

TEST(Filter, ComparesWhatItNames) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "1 |"},
      {"  \n", "1 |"},
      {"metrics.loss < 0.5",
       "EXISTS (SELECT 1 FROM metrics WHERE owner = t.key AND name = ? AND value < ?) | loss 0.5"},
      {"metric.`a b` >= -1e3",
       "EXISTS (SELECT 1 FROM metrics WHERE owner = t.key AND name = ? AND value >= ?) | a b "
       "-1000"},
      {"params.\"my-p\" != 'x'",
       "EXISTS (SELECT 1 FROM params WHERE owner = t.key AND key = ? AND value != ?) | my-p x"},
      {"parameter.lr = \"0.1\"",
       "EXISTS (SELECT 1 FROM params WHERE owner = t.key AND key = ? AND value = ?) | lr 0.1"},
      {"tags.mlflow.user LIKE 'a_%'",
       "EXISTS (SELECT 1 FROM tags WHERE owner = t.key AND key = ? AND value GLOB ?) | mlflow.user "
       "a?*"},
      {"tags.t like 'a[*?'",
       "EXISTS (SELECT 1 FROM tags WHERE owner = t.key AND key = ? AND value GLOB ?) | t "
       "a[[][*][?]"},
      {"tags.t ILIKE 'A%'",
       "EXISTS (SELECT 1 FROM tags WHERE owner = t.key AND key = ? AND value LIKE ?) | t A%"},
      {"tags.t = 'it''s'",
       "EXISTS (SELECT 1 FROM tags WHERE owner = t.key AND key = ? AND value = ?) | t it's"},
      {"tags.t IS NULL", "NOT EXISTS (SELECT 1 FROM tags WHERE owner = t.key AND key = ?) | t"},
      {"params.p IS NOT NULL", "EXISTS (SELECT 1 FROM params WHERE owner = t.key AND key = ?) | p"},
      {"status = 'FINISHED'", "t.status = ? | FINISHED"},
      {"attributes.start_time > 1664000000000", "t.started_ms > ? | 1664000000000"},
      {"attr.status <> 'FAILED'", "t.status != ? | FAILED"},
      {"run_id IN ('a', \"b\")", "t.id IN (?, ?) | a b"},
      {"run.run_id NOT IN ('a')", "t.id NOT IN (?) | a"},
      {"datasets.name = 'd'",
       "EXISTS (SELECT 1 FROM inputs AS i JOIN datasets AS d ON d.key = i.dataset WHERE i.owner = "
       "t.key AND d.name = ?) | d"},
      {"status='FINISHED' and metrics.m>1",
       "t.status = ? AND EXISTS (SELECT 1 FROM metrics WHERE owner = t.key AND name = ? AND value "
       "> ?) | FINISHED m 1"},
  };
  for (const auto& [filter, expected] : cases) EXPECT_EQ(sql(filter), expected) << filter;
}

TEST(Filter, SaysWhatIsWrongWhereAndWhatWouldBeRight) {
  const std::pair<const char*, const char*> cases[] = {
      {"metrics.loss < 'x'",
       "at character 16 (''x''): 'loss' is compared with a number, without quotes"},
      {"metrics.loss LIKE 'x'", "LIKE is for texts, and 'loss' is a number"},
      {"params.lr = 0.1",
       "at character 13 ('0.1'): 'lr' is compared with a text: write it in quotes, 'like this'"},
      {"params.lr > '1'", "'lr' is a text: it is compared by =, !=, LIKE, ILIKE, IN, not by >"},
      {"metric.a = 1 OR metric.b = 2", "at character 14 ('OR metric.b = 2'): there is no OR"},
      {"metric.a = 1,", "expected AND, or the end"},
      {"metric.a = 1 AND", "at character 17 (its end): expected what is compared"},
      {"statu = 'x'", "runs have no attribute 'statu'; did you mean status?"},
      {"metrics. = 1", "expected a name after the dot"},
      {"metrcs.a = 1",
       "of runs there is no 'metrcs', but attributes, metrics, params, parameters, tags, datasets"},
      {"dataset.size = 'x'", "of a dataset there is no 'size', but name, digest, context"},
      {"tags.a = 'x", "at character 10: the quote ' is not closed"},
      {"status", "expected one of = !="},
      {"status !", "expected !="},
      {"status = FINISHED", "write it in quotes"},
      {"status NOT 'x'", "expected IN after NOT"},
      {"status IN 'x'", "expected a list, as ('a', 'b')"},
      {"status IN ('x'", "expected , or )"},
      {"status IN ()", "expected a text in quotes"},
      {"tags.a IN ('x')", "IN is for attributes and datasets"},
      {"status IS NULL", "IS NULL is for tags and parameters"},
      {"start_time > 12abc", "this is no number"},
      {"start_time > 'x'", "is compared with a number"},
      {"status = 'x' ; DROP TABLE runs", "';' has no meaning here"},
      {"1 = 1", "expected what is compared, as tags.team or run_id"},
  };
  for (const auto& [filter, expected] : cases) {
    const auto parsed = parse_filter(filter, kRuns);
    ASSERT_FALSE(parsed) << filter;
    EXPECT_EQ(parsed.error().code, Code::invalid);
    EXPECT_THAT(parsed.error().message, HasSubstr(expected)) << filter;
  }
  EXPECT_THAT(parse_filter("metrics.a > 1", kModels).error().message,
              HasSubstr("of models there is no 'metrics', but attributes, tags"));
  EXPECT_THAT(parse_filter(std::string(kMostFilter + 1, ' '), kRuns).error().message,
              HasSubstr("a filter has at most 65536 bytes"));
}

TEST(Filter, OrdersAreReadToo) {
  const auto order = [](const std::string& text) {
    const auto parsed = parse_order(text, kRuns);
    if (!parsed) return parsed.error().message;
    return order_of({*parsed}, {"tags", "params", "metrics"}, "t.id").text;
  };
  EXPECT_EQ(order("start_time"), "t.started_ms IS NULL, t.started_ms, t.id");
  EXPECT_EQ(order("attributes.start_time DESC"), "t.started_ms IS NULL, t.started_ms DESC, t.id");
  EXPECT_THAT(order("metrics.`a b` asc"),
              HasSubstr("FROM metrics WHERE owner = t.key AND name = ?"));
  EXPECT_THAT(order("tags.x ASCENDING"), HasSubstr("expected ASC, DESC, or the end"));
  EXPECT_THAT(order("datasets.name"), HasSubstr("datasets give no order"));
  EXPECT_THAT(order(""), HasSubstr("expected what is compared"));
}

TEST(Filter, TokensOfPagesAreItsOwn) {
  EXPECT_EQ(offset_of(""), 0u);
  EXPECT_EQ(offset_of(token_of(1234)), 1234u);
  for (const char* wrong :
       {"12", "page-", "page-x", "page-1x", "page--1", "page-99999999999999999999"})
    EXPECT_FALSE(offset_of(wrong)) << wrong;
}

}  // namespace
}  // namespace scanflow::track
