// prometheus: fires when a query to a Prometheus server crosses a limit.
#pragma once

#include <optional>
#include <scanflow/trigger.hpp>
#include <string>

#include "plugins/triggers/prometheus/fetch.hpp"
#include "plugins/triggers/signals/level.hpp"

namespace scanflow::triggers {

struct PrometheusConfig {
  std::string url, query, every = "15s", hold = "0s", timeout = "800ms", token_file, ca_file;
  std::optional<double> above, below, clear;
  template <class V>
  void fields(V& f) {
    f("url", url).required().doc("of the server: http://prometheus:9090, or what is before /api");
    f("query", query)
        .required()
        .min_length(1)
        .max_length(4096)
        .doc("PromQL, of a vector or a scalar; each series of it is looked at by itself");
    f("every", every).doc("how often it asks");
    f("above", above).doc("fires above this");
    f("below", below).doc("or below this");
    f("clear", clear)
        .doc("it fires again only after it was at or beyond this; without it the limit itself");
    f("for", hold).doc("fires only when it holds for so long");
    f("timeout", timeout).doc("of one question, 900ms at most");
    f("token_file", token_file).doc("holds a bearer token; it is read at each question");
    f("ca_file", ca_file).doc("PEM: the certificates that an https server is checked by");
  }
};

class PrometheusTrigger : public Trigger {
 public:
  using Config = PrometheusConfig;
  static Description describe();
  explicit PrometheusTrigger(Config config);
  /// A question that fails throws, and changes nothing: what held before holds on.
  WakeResult wake(const Wake& wake) override;

 private:
  HttpAnswer ask() const;

  const Config config_;
  Limit limit_;
  HttpGet request_;
  std::int64_t every_us_ = 0;
};

}  // namespace scanflow::triggers
