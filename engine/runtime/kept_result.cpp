#include "engine/runtime/kept_result.hpp"

#include <utility>

#include "sdk/base/text.hpp"
#include "sdk/loader/commands.hpp"

namespace scanflow::runtime {
namespace {

/// Of the sidecar that saw it end.
json post_mortem_of(const std::string& text) {
  auto document = loader::parse_bounded(text);
  if (!document) return {{"note", "it is not kept: " + document.error().message}};
  if (!document->is_object()) return {{"note", "it is not kept: not a JSON object"}};
  return std::move(*document);
}

json log_data(const protocol::LogRange& range) {
  json log = json::object();
  log["segment"] = range.segment;
  log["offset"] = range.offset;
  log["length"] = range.length;
  return log;
}

}  // namespace

json ranks_data(const std::vector<backend::Member>& members) {
  json ranks = json::array();
  for (const backend::Member& member : members) {
    const protocol::Result& result = member.result;
    json& rank = ranks.emplace_back(json::object());
    rank["rank"] = member.rank;
    rank["status"] = result.status;
    rank["seconds"] = static_cast<double>(result.ended_us - result.started_us) / 1e6;
    rank["cpu_us"] = result.cpu_us;
    rank["max_rss"] = result.max_rss;
    if (!member.pod.empty()) rank["pod"] = member.pod;
    if (!member.node.empty()) rank["node"] = member.node;
    if (!result.log.segment.empty()) rank["log"] = log_data(result.log);
    if (result.status == "succeeded") continue;
    rank["cause"] = result.cause;
    rank["message"] = valid_utf8(result.message);
  }
  return ranks;
}

json result_data(const protocol::Result& result, json artifacts, json ranks) {
  json data = json::object();
  if (result.outputs.size() > 2) data["outputs"] = json::parse(result.outputs, nullptr, false);
  if (!artifacts.empty()) data["artifacts"] = std::move(artifacts);
  if (!ranks.empty()) data["ranks"] = std::move(ranks);
  if (!result.log.segment.empty()) data["log"] = log_data(result.log);
  if (result.max_rss > 0) {
    json& usage = data["usage"];
    usage["cpu_us"] = result.cpu_us;
    usage["max_rss"] = result.max_rss;
  }
  if (result.status != "succeeded") {
    data["message"] = result.message;
    if (result.exit_code != 0) data["exit_code"] = result.exit_code;
    if (result.signal != 0) data["signal"] = result.signal;
    if (!result.post_mortem.empty()) data["post_mortem"] = post_mortem_of(result.post_mortem);
  }
  return data.empty() ? json(nullptr) : data;
}

json superseded_data(const protocol::Result& result) {
  protocol::Result told = result;
  told.outputs.clear();
  told.post_mortem.clear();
  told.status = "cancelled";
  told.message = "another attempt of the step was first";
  return result_data(told, json::object(), json());
}

protocol::LogRange log_of(const json& kept) {
  const auto found = kept.find("log");
  if (found == kept.end()) return {};
  return {found->at("segment"), found->at("offset"), found->at("length")};
}

}  // namespace scanflow::runtime
