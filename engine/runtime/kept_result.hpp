// What an event keeps of how an attempt ended. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "engine/backend/backend.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::runtime {

using nlohmann::json;

/// Of each rank of a gang.
json ranks_data(const std::vector<backend::Member>& members);
/// Null where there is nothing to keep. `ranks`: null: it is no gang.
json result_data(const protocol::Result& result, json artifacts, json ranks);
/// Of one whose step another attempt has ended: its log and what it used.
json superseded_data(const protocol::Result& result);
/// Where the log lies, of what is kept of an attempt or a rank; nowhere: it has none.
protocol::LogRange log_of(const json& kept);

}  // namespace scanflow::runtime
