#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

#include "engine/track/run_rows.hpp"

namespace scanflow::track {
namespace {

constexpr std::int64_t kMostPoints = 25'000;  // of a page

/// A point of a history: where its next page begins.
struct Place {
  std::int64_t time_us = 0, step = 0;
  double value = 0;
  bool not_a_number = false;
  std::int64_t number = 0;
};

/// As JSON: shortest digits that give the same number.
std::string value_text(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : number_of(value).dump();
}

std::string token_of(const Place& place) {
  return fmt::format("after:{}:{}:{}:{}:{}", place.time_us, place.step, place.value,
                     place.not_a_number ? 1 : 0, place.number);
}

Place place_of(const Fields& request) {
  const std::string token = request.text("page_token");
  Place place;
  const char* at = token.data();
  const char* end = at + token.size();
  constexpr std::string_view kBegin = "after:";
  const auto read = [&](auto& value) {
    const auto result = std::from_chars(at, end, value);
    at = result.ptr;
    return result.ec == std::errc();
  };
  const auto colon = [&] { return at != end && *at++ == ':'; };
  int no_number = 0;
  const bool whole = token.starts_with(kBegin) && (at += kBegin.size(), read(place.time_us)) &&
                     colon() && read(place.step) && colon() && read(place.value) && colon() &&
                     read(no_number) && colon() && read(place.number) && at == end;
  if (!whole) request.wrong("page_token", "is none that this server has given");
  place.not_a_number = no_number != 0;
  return place;
}

}  // namespace

/// By time, then step, then value. Without max_results all of it, as clients of old ask for it.
std::string metric_history(const Session& session, const Fields& request) {
  const RunRow run = run_of(session, request);
  const std::string name = request.required("metric_key", kMostKey);
  const bool paged = request.has("max_results");
  const std::int64_t most = request.within("max_results", 1, kMostPoints, kMostPoints);
  std::string answer = R"({"metrics":[)";
  std::string token;
  const auto series = session.db.one<std::int64_t>(
      "SELECT key FROM series WHERE owner = ? AND name = ?", run.key, name);
  if (series) {
    const std::string key = json(name).dump(-1, ' ', false, json::error_handler_t::replace);
    const bool goes_on = !request.text("page_token").empty();
    store::Statement statement = session.db.prepare(fmt::format(
        "SELECT time_us, step, value, not_a_number, number FROM points WHERE series = ?1 {} ORDER "
        "BY "
        "time_us, step, value, not_a_number, number {}",
        goes_on ? "AND (time_us, step, value, not_a_number, number) > (?2, ?3, ?4, ?5, ?6)" : "",
        paged ? fmt::format("LIMIT {}", most + 1) : ""));
    if (goes_on) {
      const Place from = place_of(request);
      statement.bind(*series, from.time_us, from.step, from.value, from.not_a_number, from.number);
    } else {
      statement.bind(*series);
    }
    Place last;
    for (std::int64_t count = 0; session.db.next(statement); ++count) {
      if (paged && count == most) {
        token = fmt::format(R"(,"next_page_token":"{}")", token_of(last));
        break;
      }
      statement.read(last.time_us, last.step, last.value, last.not_a_number, last.number);
      const double value =
          last.not_a_number ? std::numeric_limits<double>::quiet_NaN() : last.value;
      fmt::format_to(std::back_inserter(answer),
                     R"({}{{"key":{},"value":{},"timestamp":{},"step":{}}})", count == 0 ? "" : ",",
                     key, value_text(value), last.time_us / 1000, last.step);
    }
  }
  return answer + "]" + token + "}";
}

}  // namespace scanflow::track
