// Registered applications: read, held against what is applied, and shown. [any-thread]
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/pipeline/applications.hpp"
#include "engine/runtime/quotas.hpp"
#include "engine/runtime/registry.hpp"
#include "engine/store/store.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::runtime {

/// Of registered documents with their sources. In the namespaces of one that cannot be read any more
/// nothing may begin; that is told.
pipeline::Applications read_applications(const std::vector<store::Document>& documents,
                                         const std::function<void(const std::string&)>& log);
/// Those of the store (null: none). An error is one of the store.
Result<pipeline::Applications> find_applications(
    const store::Store* store, const std::function<void(const std::string&)>& log = nullptr);
/// The same, where none are known yet; what goes wrong is told, and nothing may begin then. Never null.
std::shared_ptr<const pipeline::Applications> registered_applications(
    const store::Store* store, const std::function<void(const std::string&)>& log);

/// Why the changes may not be made, by the applications that there would be then: two that claim
/// one namespace, a pipeline that names or calls what its team may not, one service too many. A
/// line for each reason.
Result<std::vector<std::string>> refused_changes(const store::Store* store,
                                                 const std::vector<Change>& changes);

/// What runs of a namespace have of its quota now.
struct Used {
  std::size_t runs = 0, queued = 0;
  InFlight in_flight;
  std::vector<json> waiting;  // {"run", "pipeline", "why"}
};
/// [{"namespace", "name", "version", "teams": [{"name", "namespace", "documents": {"Pipeline": N,
/// "InferenceService": N, "Agent": N}, "quota": [{"name", "used", "limit"}] (limit null: none),
/// "queued", "waiting": [{"run", "pipeline", "why"}], "secrets": [..] or null (any), "uses": [..]}]}]
Result<json> applications_document(const store::Store& store,
                                   const pipeline::Applications& applications,
                                   const std::map<std::string, Used>& used);

}  // namespace scanflow::runtime
