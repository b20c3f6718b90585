#include "plugins/triggers/prometheus/prometheus_trigger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "plugins/common/config_value.hpp"
#include "plugins/common/durations.hpp"
#include "plugins/triggers/prometheus/answer.hpp"
#include "plugins/triggers/prometheus/crossings.hpp"

namespace scanflow::triggers {
namespace {

void check_url(const std::string& url) {
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    throw Invalid("url: '" + url + "' is not like http://prometheus:9090");
  const std::string rest = url.substr(url.find("//") + 2);
  if (rest.empty() || rest.front() == '/' || rest.find_first_of("?# \t\r\n") != std::string::npos)
    throw Invalid("url: '" + url +
                  "' is not like http://prometheus:9090; the query has a field of its own");
  if (rest.substr(0, rest.find('/')).find('@') != std::string::npos)
    throw Invalid("url: it holds a name or a password; write a token_file");
}

}  // namespace

Description PrometheusTrigger::describe() {
  return {.id = "prometheus",
          .version = "1.0.0",
          .summary = "Fires when a query to a Prometheus server crosses a limit"};
}

PrometheusTrigger::PrometheusTrigger(Config config) : config_(std::move(config)) {
  check_url(config_.url);
  try {
    limit_ = limit_of(config_.above, config_.below, config_.clear);
  } catch (const std::invalid_argument& error) {
    throw Invalid(error.what());
  }
  limit_.for_us = config_value("for", [this] { return duration_us(config_.hold); });
  every_us_ = config_value("every", [this] { return duration_us(config_.every); });
  if (every_us_ < 100'000) throw Invalid("every: write 100ms or more");
  const std::int64_t timeout_us =
      config_value("timeout", [this] { return duration_us(config_.timeout); });
  if (timeout_us < 1000 || timeout_us > 900'000)
    throw Invalid("timeout: " + config_.timeout +
                  " is not between 1ms and 900ms: an agent waits a second");
  request_.timeout = std::chrono::milliseconds(timeout_us / 1000);
  std::string base = config_.url;
  while (base.ends_with('/')) base.pop_back();
  request_.url = fmt::format("{}/api/v1/query?query={}&timeout={}ms", base,
                             url_escaped(config_.query), request_.timeout.count());
  request_.ca_file = config_.ca_file;
}

HttpAnswer PrometheusTrigger::ask() const {
  HttpGet request = request_;
  if (!config_.token_file.empty()) request.token = read_token(config_.token_file);
  return http_get(request);
}

WakeResult PrometheusTrigger::wake(const Wake& wake) {
  if (wake.reason != WakeReason::time) return {.next_wake_us = wake.now_us};
  QueryAnswer answer;
  try {
    const HttpAnswer got = ask();
    answer = read_answer(got.status, got.body);
  } catch (const std::runtime_error& error) {
    throw Error(fmt::format("{}, query '{}': {}", config_.url, config_.query, error.what()));
  }
  Crossings crossings = Crossings::read(wake.state);
  WakeResult result;
  for (auto& evidence : crossings.take(limit_, answer.values, wake.now_us)) {
    evidence["query"] = config_.query;
    if (!answer.warnings.empty()) evidence["warnings"] = answer.warnings;
    if (crossings.without_room() > 0) evidence["without_room"] = crossings.without_room();
    result.fires.push_back(std::move(evidence));
  }
  if (std::string state = crossings.text(); state != wake.state) result.state = std::move(state);
  const std::int64_t next_us = wake.now_us + every_us_;
  result.next_wake_us = std::min(next_us, crossings.next_us(limit_).value_or(next_us));
  return result;
}

}  // namespace scanflow::triggers
