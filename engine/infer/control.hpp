// What whoever supervises a service asks of it, on a socket of its own:
//   GET /status    its nodes, versions and counts, as JSON
//   GET /metrics   the same for Prometheus
//   PUT /traffic   {"node", "versions": [{"version", "weight", "shadow", "model"}]}: these from now on;
//                  what is not loaded yet is loaded first. Answered when those that are gone answer
//                  nothing any more; of several requests each after the one before.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <string>

#include "engine/http/message.hpp"
#include "engine/infer/document.hpp"
#include "engine/infer/service.hpp"

namespace scanflow::infer {

class Control {
 public:
  Control(const ServiceDocument& document, Service& service)
      : document_(document), service_(service) {}
  /// False where the path is none of these.
  bool handle(const http::Request& request, const http::Reply& reply);
  /// Waits for what is being loaded; before its server ends.
  void finish() { loader_.join(); }

 private:
  http::Response set_traffic(const std::string& body);

  const ServiceDocument& document_;
  Service& service_;
  boost::asio::thread_pool loader_{1};
};

json status_json(const ServiceStatus& status);
/// Prometheus's text format.
std::string metrics_text(const std::string& service, const ServiceStatus& status);

}  // namespace scanflow::infer
