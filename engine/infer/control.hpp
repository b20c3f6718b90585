// What whoever supervises a service asks of it, on a socket of its own:
//   GET /status    its nodes, versions and counts, as JSON
//   GET /metrics   the same for Prometheus
//   PUT /traffic   {"node", "versions": [{"version", "weight", "shadow", "model"}]}: these from now on;
//                  what is not loaded yet is loaded first. Answered when those that are gone answer
//                  nothing any more; of several requests each after the one before.
#pragma once

#include <string>

#include "engine/http/message.hpp"
#include "engine/infer/document.hpp"
#include "engine/infer/service.hpp"
#include "engine/infer/stage.hpp"

namespace scanflow::infer {

class Control {
 public:
  Control(std::string id, Stage& stage) : id_(std::move(id)), stage_(stage) {}
  /// False where the path is none of these.
  bool handle(const http::Request& request, const http::Reply& reply);

 private:
  const std::string id_;  // of its document
  Stage& stage_;
};

json status_json(const ServiceStatus& status);
/// Prometheus's text format.
std::string metrics_text(const std::string& service, const ServiceStatus& status);

}  // namespace scanflow::infer
