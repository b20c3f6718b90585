// From a checked InferenceService to what its processes are started with.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "engine/infer/document.hpp"
#include "engine/pipeline/service_spec.hpp"
#include "engine/serve/front.hpp"
#include "engine/track/registered_models.hpp"
#include "sdk/base/result.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::serve {

using FindModel = std::function<Result<track::FoundModel>(const std::string& reference)>;

/// Without listen and admin. An error names file, line and node.
Result<infer::ServiceDocument> plan_service(const pipeline::ServiceSpec& spec,
                                            const loader::Catalog& catalog, const FindModel& find);
/// Of what answers while none of those is ready: the same, but for one model. Nothing where the service
/// has no such backup.
Result<std::optional<infer::ServiceDocument>> plan_backup(const pipeline::ServiceSpec& spec,
                                                          const loader::Catalog& catalog,
                                                          const FindModel& find);
/// Can all of it be a process of this machine?
Result<void> check_processes(const infer::ServiceDocument& document);
ServiceRules rules_of(const pipeline::ServiceSpec& spec);

}  // namespace scanflow::serve
