// What is asked of an object of a cluster, checked before anybody is told, and how it is shown. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/orchestrate/primitive.hpp"
#include "engine/store/rows.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::runtime {

using nlohmann::json;

struct ActionRequest {
  std::string id;  // chosen by whoever asks, so that asking again is the same; empty: chosen here
  std::string object;      // "deployment/web"
  std::string name_space;  // empty: as the object's name says, or the engine's own
  std::string primitive;
  json arguments = json::object();
  std::int64_t deadline_us = 0;  // from its begin; 0: the primitive's own
  bool dry_run = false;
  std::string by;  // who
};
/// Throws json::exception where it is malformed.
ActionRequest action_request_from_json(const json& document);
json to_json(const ActionRequest& request);

/// All that can be known without the cluster.
struct CheckedAction {
  orchestrate::Written object;
  orchestrate::Request request;  // without its target
  std::string digest;            // of all of it: the same id again must have the same
};
/// Errors say what is wrong, and what there is.
Result<CheckedAction> check_action(const ActionRequest& request,
                                   const orchestrate::AllowList& allowed);

/// What is recorded before it is done, once its target is known. Of a Secret the arguments are not kept.
store::ActionRow row_of(const ActionRequest& request, const CheckedAction& checked,
                        std::int64_t now_us);
/// Its outcome into the row.
void take_outcome(store::ActionRow& row, const orchestrate::Outcome& outcome);
/// {"id", "target": {"api_version", "kind", "namespace", "name"}, "primitive", "arguments", "by", "dry_run",
/// "issued_us", "deadline_us", "outcome" (null: none yet), "message", "evidence", "started_us", "ended_us"}
json action_document(const store::ActionRow& row);

}  // namespace scanflow::runtime
