#include "engine/infer/control.hpp"

#include <fmt/format.h>

#include "engine/infer/endpoints.hpp"

namespace scanflow::infer {

bool Control::handle(const http::Request& request, const http::Reply& reply) {
  if (request.path.size() != 1) return false;
  const std::string& what = request.path[0];
  const Service* const service = stage_.service();
  if (what == "traffic" && request.method == "PUT") {
    stage_.set_traffic(json::parse(request.body, nullptr, false), [reply](auto switched) {
      reply(switched ? http::respond(200, {{"loaded_us", switched->loaded_us},
                                           {"switched_us", switched->switched_us}})
                     : refusal(switched.error().status, switched.error().message));
    });
  } else if ((what != "status" && what != "metrics") || request.method != "GET") {
    return false;
  } else if (service == nullptr) {
    reply(refusal(503, "the service is not ready: its models are being loaded"));
  } else if (what == "status") {
    reply(http::respond(200, status_json(service->status())));
  } else {
    http::Response response;
    response.content_type = "text/plain; version=0.0.4";
    response.body = metrics_text(id_, service->status());
    reply(std::move(response));
  }
  return true;
}

}  // namespace scanflow::infer
