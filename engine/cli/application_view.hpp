// Applications in words. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace scanflow::cli {

/// Of applications_document's list: a row for each.
std::string applications_table(const nlohmann::json& applications, std::size_t width);
/// Of one of them: its teams, what their namespaces have now, what waits, what they may.
std::string application_text(const nlohmann::json& application, std::size_t width);

/// Of a "top" document: a line for each run that waits for a quota; or "".
std::string waiting_lines(const nlohmann::json& top);
/// "2 runs wait for a quota: mnist-train: it waits for ..."; or "".
std::string waiting_summary(const nlohmann::json& top);

}  // namespace scanflow::cli
