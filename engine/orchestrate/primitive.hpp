// What can be asked of objects of a cluster, through its API server: the table of primitives, and how one is done.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/kube/client.hpp"
#include "engine/kube/recorder.hpp"
#include "engine/orchestrate/allow_list.hpp"
#include "engine/orchestrate/outcome.hpp"
#include "engine/orchestrate/target.hpp"

namespace scanflow::orchestrate {

class Session;

struct Primitive {
  std::string_view name;
  std::string_view summary;
  std::string_view schema;              // of its arguments; the subset of sdk/loader/schema.hpp
  std::vector<std::string_view> kinds;  // that it fits; none: any
  std::int64_t deadline_us;             // where none is given
  Outcome (*act)(Session& session);
  Result<void> (*check)(const json& arguments) = nullptr;  // what a schema cannot say
};
/// In the order in which people are shown them.
const std::vector<Primitive>& primitives();
/// Null where there is none of this name.
const Primitive* find_primitive(std::string_view name);
/// [{"name", "summary", "schema", "targets", "deadline_us"}].
json primitive_documents();

struct Request {
  Target target;
  std::string primitive;
  json arguments = json::object();
  std::int64_t deadline_us = 0;  // from its begin; 0: the primitive's own
  bool dry_run = false;          // the API server checks it, and nothing is changed
  AllowList allowed = {};        // what `patch` may change
  std::string by = {};           // who asks for it, for the Event; empty: nobody is named
};
/// With defaults filled in. An error says what is wrong, and what there is.
Result<Request> check_request(Request request);

/// Blocks until it has an outcome, and an Event on the target tells of it, unless it was a dry run (the evidence says
/// where that could not be written: "event"). `request`: of check_request(). `recorder`: writes the Event later; null: it
/// is written before this returns.
Outcome act(kube::Client& client, const Request& request, const std::stop_token& stop = {},
            kube::Recorder* recorder = nullptr);

}  // namespace scanflow::orchestrate
