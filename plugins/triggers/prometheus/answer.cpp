#include "plugins/triggers/prometheus/answer.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>

namespace scanflow::triggers {
namespace {

using nlohmann::json;

constexpr std::size_t kMostSeries = 10'000;
constexpr std::size_t kMostText = 300;  // bytes of what is not understood

[[noreturn]] void refuse_answer(const std::string& why) { throw std::runtime_error(why); }

std::string begin_of(const std::string& body) {
  const std::string begin = body.substr(0, kMostText);
  // Error messages are UTF-8.
  return json(begin).dump(-1, ' ', false, json::error_handler_t::replace) +
         (begin.size() < body.size() ? "..." : "");
}

/// "1.5", "+Inf", "NaN": nothing.
std::optional<double> number_of(const std::string& text) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  if (text == "NaN") return std::nullopt;
  if (text == "+Inf") return kLargest;
  if (text == "-Inf") return -kLargest;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    refuse_answer("'" + text + "' is no number of Prometheus's");
  return value;
}

/// [1435781451.781, "1"]
void add_value(const json& labels, const json& pair, QueryAnswer& answer) {
  const auto value = number_of(pair.at(1).get_ref<const std::string&>());
  if (!value) {
    ++answer.nans;
    return;
  }
  answer.values.push_back(
      {labels, static_cast<std::int64_t>(std::llround(pair.at(0).get<double>() * 1e6)), *value});
}

void refuse_status(long http_status, const std::string& body) {
  const char* const fix = http_status == 401 || http_status == 403
                              ? "; is the token of token_file right?"
                          : http_status == 404 ? "; 'url' is what stands before /api/v1/query"
                          : http_status >= 300 && http_status < 400
                              ? "; redirections are not followed: write the url that it leads to"
                              : "";
  refuse_answer(fmt::format("HTTP status {}: {}{}", http_status, begin_of(body), fix));
}

}  // namespace

QueryAnswer read_answer(long http_status, const std::string& body) {
  const json document = json::parse(body, nullptr, false);
  const bool is_its = document.is_object() && document.contains("status");
  // A wrong query is status 400, with a document that says more.
  if (!is_its && http_status != 200) refuse_status(http_status, body);
  if (!is_its)
    refuse_answer("no answer of a Prometheus server, but " + begin_of(body) +
                  "; 'url' is what stands before /api/v1/query");
  try {
    if (document.at("status") != "success") {
      refuse_answer(fmt::format("{}: {}", document.value("errorType", "error"),
                                document.value("error", "the server says no more")));
    }
    QueryAnswer answer;
    for (const json& warning : document.value("warnings", json::array()))
      answer.warnings.push_back(warning.get<std::string>());
    const std::string type = document.at("data").at("resultType");
    const json& result = document.at("data").at("result");
    if (type == "scalar") {
      add_value(json::object(), result, answer);
    } else if (type == "vector") {
      if (result.size() > kMostSeries)
        refuse_answer(fmt::format("{} series; {} at most: aggregate them, as in sum by (job) (...)",
                                  result.size(), kMostSeries));
      for (const json& each : result) {
        if (!each.contains("value"))
          refuse_answer("native histograms; take a number of them: histogram_quantile(0.99, ...)");
        add_value(each.at("metric"), each.at("value"), answer);
      }
    } else {
      refuse_answer(fmt::format(
          "the query gives a {}; write one that gives a vector or a scalar: rate(name[5m])", type));
    }
    if (answer.values.empty() && answer.nans > 0)
      refuse_answer("NaN of all series (0/0?); add what it is then: ... or vector(0)");
    return answer;
  } catch (const json::exception& error) {
    refuse_answer(fmt::format("not as the API has it: {}, in {}", error.what(), begin_of(body)));
  }
}

}  // namespace scanflow::triggers
