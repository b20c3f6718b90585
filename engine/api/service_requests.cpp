// What the services that this server runs do.
#include <fmt/format.h>

#include "engine/api/api_impl.hpp"

namespace scanflow::api {
namespace {

tl::unexpected<Failure> no_service(const Segments& names) {
  return missing(fmt::format("there is no service '{}/{}'", names[0], names[1]));
}

}  // namespace

void Api::Impl::list_services(const Request&, const Segments&, const Reply& reply) {
  with_services(reply, [this, reply](const services::Services& hosted) {
    read(reply, [&hosted]() -> Answer<json> { return json{{"services", hosted.list()}}; });
  });
}

void Api::Impl::show_service(const Request&, const Segments& names, const Reply& reply) {
  with_services(reply, [this, reply, names](const services::Services& hosted) {
    read(reply, [&hosted, names]() -> Answer<json> {
      auto shown = hosted.show({names[0], names[1]});
      if (!shown) return no_service(names);
      return std::move(*shown);
    });
  });
}

void Api::Impl::service_logs(const Request&, const Segments& names, const Reply& reply) {
  with_services(reply, [this, reply, names](const services::Services& hosted) {
    read(reply, [&hosted, names]() -> Answer<json> {
      auto text = hosted.logs({names[0], names[1]});
      if (!text) return no_service(names);
      return json{{"text", std::move(*text)}};
    });
  });
}

}  // namespace scanflow::api
