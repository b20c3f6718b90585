// What is asked of a step while it runs, checked before anybody is told, and how it is shown. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "engine/store/rows.hpp"
#include "sdk/base/result.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::runtime {

using nlohmann::json;

struct PrimitiveRequest {
  std::string id;  // chosen by whoever asks, so that asking again is the same; empty: chosen here
  std::string run, step;  // of the run, or of one that it calls ("call/train")
  std::string primitive;
  std::string arguments = "{}";  // JSON object
  std::int64_t deadline_us = 0;  // from now; 0: the primitive's own
  std::string by;                // who
  bool wait = true;              // answered once it has an outcome; else once it is committed
};
/// Of an id that whoever asks has chosen; empty: none.
Result<void> check_request_id(std::string_view id);
/// {} where the text is none.
json object_of(const std::string& text);
/// Throws json::exception where it is malformed.
PrimitiveRequest primitive_request_from_json(const json& document);
json to_json(const PrimitiveRequest& request);

/// Arguments with defaults filled in, and a deadline. Errors say what is wrong, and what there is.
struct CheckedPrimitive {
  std::string arguments;
  std::int64_t deadline_us = 0;
};
Result<CheckedPrimitive> check_primitive(const PrimitiveRequest& request);

/// The table of primitives: [{"name", "summary", "schema", "deadline_us"}].
json primitive_documents();
/// {"id", "step", "attempt", "primitive", "arguments", "by", "issued_us", "deadline_us", "outcome" (null:
/// none yet), "message", "evidence", "started_us", "ended_us"}; `within`: "call/" of a called run.
json command_document(const store::CommandRow& row, const std::string& within = "");
/// Its outcome into the row. Bytes that are not UTF-8, and what is no JSON, are replaced.
void take_outcome(store::CommandRow& row, const protocol::Outcome& outcome);
/// A row of what nobody here has asked for: a rule of a sidecar has acted, while the engine was away.
store::CommandRow row_of_rule(const protocol::Outcome& outcome, const std::string& user,
                              const std::string& pod_uid);
/// Rules name what they do so.
bool is_of_rule(const std::string& id);

/// What one step lets one do to it now: [{"name", "summary", "schema", "by"}]. `by`: "step" (its own
/// command), "sidecar" (signals, or what the pipeline declares), or null: it would be UNSUPPORTED.
/// `own`: what the step offers; `steering`: its settings in the pipeline.
json offers_document(const std::string& own, const std::string& steering);

/// When a command without an outcome is given up, and what is said then. Whoever has it says what
/// became of it, as long as it is there.
struct Open {
  std::int64_t deadline_us = 0;  // wall clock, as all here
  bool attached = false;         // its sidecar is
  bool maybe_sent = false;
  std::int64_t away_us = 0;  // since when its sidecar is not attached
  std::int64_t over_us = 0;  // since when its attempt is over; 0: it runs
};
/// Empty: not yet. Else EXPIRED (nobody was told) or INDETERMINATE.
std::string given_up(const Open& command, std::int64_t now_us);

}  // namespace scanflow::runtime
