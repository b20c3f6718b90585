#include "engine/control/tracked_decisions.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "engine/store/execute.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::control {
namespace {

using store::change;

constexpr std::size_t kMostTracked =
    6'000;  // bytes of a parameter, as MLflow's clients expect them

struct Ending {
  std::string_view state, status;
};
constexpr std::array kEndings{Ending{"done", "FINISHED"},   Ending{"recommended", "FINISHED"},
                              Ending{"failed", "FAILED"},   Ending{"refused", "FAILED"},
                              Ending{"rejected", "KILLED"}, Ending{"abandoned", "KILLED"}};

std::string tracked_id(const std::string& decision) {
  std::string id = decision;
  std::erase(id, '-');
  return id;
}

std::map<std::string, std::string> parameters_of(const Decision& decision) {
  std::map<std::string, std::string> parameters = {
      {"rule", decision.rule}, {"mode", decision.mode}, {"state", decision.state}};
  std::string primitives;
  for (const DecidedAction& each : decision.actions)
    primitives += (primitives.empty() ? "" : ", ") + each.primitive;
  parameters["primitives"] = primitives;
  if (!decision.reason.empty()) parameters["reason"] = decision.reason;
  if (!decision.by.empty()) parameters["by"] = decision.by;
  const auto text = [](const json& document) {
    return std::string(
        cut_utf8(document.dump(-1, ' ', false, json::error_handler_t::replace), kMostTracked));
  };
  parameters["evidence"] = text(decision.evidence);
  if (!decision.actions.empty()) parameters["args"] = text(decision.actions[0].args);
  return parameters;
}

}  // namespace

Result<void> track_decision(const store::Connection& connection, const Decision& decision) {
  const auto ending = std::find_if(kEndings.begin(), kEndings.end(), [&](const Ending& each) {
    return each.state == decision.state;
  });
  if (decision.ended_us == 0 || ending == kEndings.end()) return {};
  const std::string experiment = "agents/" + decision.agent, id = tracked_id(decision.id);
  const std::int64_t begun_ms = decision.time_us / 1000;
  const auto made = change(connection,
                           "INSERT OR IGNORE INTO experiments (name, artifact_location, "
                           "created_ms, updated_ms) VALUES (?1, '', ?2, ?2)",
                           experiment, begun_ms);
  if (!made) return tl::unexpected(made.error());
  const auto added =
      change(connection,
             "INSERT OR IGNORE INTO tracked_runs (id, experiment, name, user, status, started_ms, "
             "ended_ms, artifact_uri) SELECT ?2, key, ?3, ?4, ?5, ?6, ?7, 'mlflow-artifacts:/' || "
             "key || '/' || ?2 || '/artifacts' FROM experiments WHERE name = ?1",
             experiment, id, decision.rule, decision.by, std::string(ending->status), begun_ms,
             decision.ended_us / 1000);
  if (!added) return tl::unexpected(added.error());
  if (*added == 0) return {};
  for (const auto& [name, value] : parameters_of(decision)) {
    const auto written = change(connection,
                                "INSERT OR IGNORE INTO tracked_params SELECT key, ?2, ?3 FROM "
                                "tracked_runs WHERE id = ?1",
                                id, name, value);
    if (!written) return tl::unexpected(written.error());
  }
  const auto tagged = change(connection,
                             "INSERT OR IGNORE INTO tracked_tags SELECT key, 'scanflow.decision', "
                             "?2 FROM tracked_runs WHERE id = ?1 UNION ALL SELECT key, "
                             "'mlflow.runName', ?3 FROM tracked_runs WHERE id = ?1",
                             id, decision.id, decision.rule);
  if (!tagged) return tl::unexpected(tagged.error());
  return {};
}

Result<void> forget_tracked(const store::Connection& connection, std::int64_t most) {
  const std::string runs =
      "(SELECT t.key FROM decisions AS d JOIN tracked_runs AS t ON t.id = replace(d.id, '-', '') "
      "WHERE d.ended_us > 0 AND d.seq <= (SELECT max(seq) FROM decisions) - ?1)";
  for (const char* const what :
       {"DELETE FROM tracked_params WHERE owner IN ", "DELETE FROM tracked_tags WHERE owner IN ",
        "DELETE FROM tracked_runs WHERE key IN "}) {
    const auto gone = change(connection, (what + runs).c_str(), most);
    if (!gone) return tl::unexpected(gone.error());
  }
  return {};
}

}  // namespace scanflow::control
