#include "engine/track/calls.hpp"

#include <fmt/format.h>

namespace scanflow::track {

namespace {

constexpr std::size_t kMostPageBytes = 16u
                                       << 20;  // then a page is over, however many were asked for

}  // namespace

void refuse(Code code, std::string message) { throw Refused{{code, std::move(message)}}; }

Search search_of(const Fields& request, const Searchable& searchable, const KeyedTables& tables,
                 PageSize size, const std::string& last) {
  auto filter = parse_filter(request.text("filter"), searchable);
  if (!filter) throw Refused{std::move(filter.error())};
  std::vector<Order> orders;
  if (request.texts("order_by").size() > kMostOrders)
    request.wrong("order_by", fmt::format("has more than {} entries", kMostOrders));
  for (const std::string& text : request.texts("order_by")) {
    auto order = parse_order(text, searchable);
    if (!order) throw Refused{std::move(order.error())};
    orders.push_back(std::move(*order));
  }
  auto offset = offset_of(request.text("page_token"));
  if (!offset) throw Refused{std::move(offset.error())};
  return {where_of(*filter, tables), order_of(orders, tables, last),
          request.within("max_results", 1, size.most, size.otherwise), *offset};
}

json page_of(const Db& db, const Search& search, const Rows& rows, const char* name,
             const std::function<json(const store::Statement& row)>& make) {
  store::Statement statement = db.prepare(fmt::format(
      "SELECT {} FROM {} WHERE {} AND {} ORDER BY {} LIMIT {} OFFSET {}", rows.columns, rows.tables,
      rows.condition, search.where.text, search.order.text, search.most + 1, search.offset));
  std::vector<store::Parameter> parameters = search.where.parameters;
  parameters.insert(parameters.end(), search.order.parameters.begin(),
                    search.order.parameters.end());
  statement.bind_all(parameters);
  json found = json::array();
  json answer = json::object();
  std::size_t bytes = 0;
  while (db.next(statement)) {
    if (found.size() == static_cast<std::size_t>(search.most) || bytes > kMostPageBytes) {
      answer["next_page_token"] = token_of(search.offset + found.size());
      break;
    }
    found.push_back(make(statement));
    bytes += found.back().dump(-1, ' ', false, json::error_handler_t::replace).size();
  }
  answer[name] = std::move(found);
  return answer;
}

const char* lifecycle_of(const Fields& request, const char* name) {
  const std::string view = request.text(name, "ACTIVE_ONLY");  // or protobuf's numbers
  if (view == "ACTIVE_ONLY" || view == "1") return "t.deleted = 0";
  if (view == "DELETED_ONLY" || view == "2") return "t.deleted != 0";
  if (view == "ALL" || view == "3") return "1";
  request.wrong(name, fmt::format("is '{}', and must be ACTIVE_ONLY, DELETED_ONLY or ALL",
                                  view.substr(0, 50)));
}

json pairs_of(const Db& db, store::Statement& statement, std::int64_t owner) {
  json all = json::array();
  statement.bind(owner);
  while (db.next(statement)) {
    all.push_back(
        {{"key", statement.column<std::string>(0)}, {"value", statement.column<std::string>(1)}});
  }
  return all;
}

json pairs_of(const Db& db, const char* table, std::int64_t owner) {
  store::Statement statement =
      db.prepare(fmt::format("SELECT key, value FROM {} WHERE owner = ? ORDER BY key", table));
  return pairs_of(db, statement, owner);
}

void put_pair(const Db& db, const char* table, std::int64_t owner, const std::string& key,
              const std::string& value) {
  db.change(fmt::format("INSERT OR REPLACE INTO {} VALUES (?, ?, ?)", table).c_str(), owner, key,
            value);
}

bool remove_pair(const Db& db, const char* table, std::int64_t owner, const std::string& key) {
  return db.change(fmt::format("DELETE FROM {} WHERE owner = ? AND key = ?", table).c_str(), owner,
                   key) > 0;
}

}  // namespace scanflow::track
