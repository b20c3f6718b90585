// How commands reach the tracker: in the state directory, by its engine where something is to be written, or at a server.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/cli/context.hpp"

namespace scanflow::cli {

/// A call of MLflow's REST API (engine/track/tracker.hpp); `path`: "model-versions/get".
struct TrackerCall {
  std::string method = "GET";
  std::string path;
  nlohmann::json request = nlohmann::json::object();  // of a GET: texts
};
api::Answer<nlohmann::json> ask_tracker(const Context& context, const TrackerCall& call);

}  // namespace scanflow::cli
