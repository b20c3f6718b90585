// The applications that are registered here, and what their namespaces have of their quotas now.
#include "engine/api/api_impl.hpp"

namespace scanflow::api {

void Api::Impl::list_applications(const Request&, const Segments&, const Reply& reply) {
  ask(
      {{"op", "applications"}},
      [](const json& done) {
        return json{{"applications", done.at("applications")}};
      },
      reply);
}

}  // namespace scanflow::api
