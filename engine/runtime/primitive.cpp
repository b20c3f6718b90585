#include "engine/runtime/primitive.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "sdk/base/nearest.hpp"
#include "sdk/base/text.hpp"
#include "sdk/base/units.hpp"
#include "sdk/loader/commands.hpp"
#include "sidecar/protocol/primitives.hpp"

namespace scanflow::runtime {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kLongestDeadline = kSecond * 3600 * 24;
constexpr std::size_t kMostEvidence = 64u << 10;
constexpr std::size_t kMostMessage = 4096;
/// A sidecar that is away may come back so soon.
constexpr std::int64_t kAway = kSecond * 10;
/// One that is attached, and says nothing of a command whose time is over.
constexpr std::int64_t kSilent = kSecond * 3600;
constexpr std::string_view kRule = "rule-";

json schema_of(const protocol::Primitive& primitive) { return json::parse(primitive.schema); }

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const protocol::Primitive& each : protocol::primitives()) all.emplace_back(each.name);
  return all;
}

/// Which of its arguments are durations: the table's schemas cannot say that.
Result<void> check_durations(const json& arguments, const json& schema) {
  for (const char* name : {"for", "grace"}) {
    if (!arguments.contains(name) || !schema.at("properties").contains(name)) continue;
    const auto duration = parse_duration(arguments.at(name).get_ref<const std::string&>());
    if (!duration) return fail(fmt::format("arguments/{}: {}", name, duration.error().message));
    if (*duration <= 0)
      return fail(fmt::format("arguments/{}: it must be above 0, such as 30s", name));
  }
  return {};
}

/// JSON text of an object, bounded.
std::string evidence_of(const std::string& text) {
  if (text.size() > kMostEvidence) {
    return json{{"note", fmt::format("{} bytes of evidence; at most {} are kept", text.size(),
                                     kMostEvidence)}}
        .dump();
  }
  const auto evidence = loader::parse_bounded(text);
  if (!evidence || !evidence->is_object() || evidence->empty()) return {};
  return evidence->dump(-1, ' ', false, json::error_handler_t::replace);
}

/// What a sidecar can do to any process.
bool by_signals(std::string_view name) {
  constexpr std::array<std::string_view, 6> kBySignals{"pause", "resume",    "throttle",
                                                       "drain", "terminate", "dump"};
  return std::find(kBySignals.begin(), kBySignals.end(), name) != kBySignals.end();
}

/// What the pipeline says how it is done.
bool is_declared(std::string_view name, const json& steering) {
  if (name == "checkpoint") return steering.contains("checkpoint");
  return name == "exec_hook" && !steering.value("hooks", json::object()).empty();
}

}  // namespace

Result<void> check_request_id(std::string_view id) {
  const bool good =
      id.size() <= 64 && !id.starts_with(kRule) && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-';
      });
  if (good) return {};
  return fail(
      "an id of a request has letters, digits and '-', at most 64, and does not begin with "
      "'rule-'");
}

json object_of(const std::string& text) {
  json value = json::parse(text, nullptr, false);
  return value.is_object() ? value : json::object();
}

PrimitiveRequest primitive_request_from_json(const json& document) {
  PrimitiveRequest request;
  request.id = document.value("id", "");
  request.run = document.at("run");
  request.step = document.at("step");
  request.primitive = document.at("primitive");
  request.arguments = document.value("arguments", json::object()).dump();
  request.deadline_us = document.value("deadline_us", std::int64_t{0});
  request.by = document.value("by", "");
  request.wait = document.value("wait", true);
  return request;
}

json to_json(const PrimitiveRequest& request) {
  return {{"id", request.id},
          {"run", request.run},
          {"step", request.step},
          {"primitive", request.primitive},
          {"arguments", json::parse(request.arguments)},
          {"deadline_us", request.deadline_us},
          {"by", request.by},
          {"wait", request.wait}};
}

Result<CheckedPrimitive> check_primitive(const PrimitiveRequest& request) {
  const protocol::Primitive* primitive = protocol::find_primitive(request.primitive);
  if (primitive == nullptr) {
    const std::string near = nearest(request.primitive, names());
    return fail(fmt::format("there is no primitive '{}'{}",
                            cut_utf8(valid_utf8(request.primitive), 100),
                            near.empty() ? fmt::format("; there are: {}", fmt::join(names(), ", "))
                                         : fmt::format("; did you mean '{}'?", near)));
  }
  if (const auto good = check_request_id(request.id); !good) return tl::unexpected(good.error());
  const json schema = schema_of(*primitive);
  auto arguments =
      loader::read_arguments({{"name", primitive->name}, {"schema", schema}}, request.arguments);
  if (!arguments)
    return fail(fmt::format("primitive {}: {}", primitive->name, arguments.error().message));
  if (const auto right = check_durations(*arguments, schema); !right)
    return fail(fmt::format("primitive {}: {}", primitive->name, right.error().message));
  if (request.deadline_us < 0 || request.deadline_us > kLongestDeadline)
    return fail("the deadline must be above 0, and at most 24h");
  return CheckedPrimitive{arguments->dump(-1, ' ', false, json::error_handler_t::replace),
                          request.deadline_us > 0 ? request.deadline_us : primitive->deadline_us};
}

json primitive_documents() {
  json list = json::array();
  for (const protocol::Primitive& each : protocol::primitives()) {
    list.push_back({{"name", each.name},
                    {"summary", each.summary},
                    {"schema", schema_of(each)},
                    {"deadline_us", each.deadline_us}});
  }
  return list;
}

json command_document(const store::CommandRow& row, const std::string& within) {
  return {{"id", row.id},
          {"step", within + row.step},
          {"attempt", row.attempt},
          {"primitive", row.primitive},
          {"arguments", object_of(row.arguments)},
          {"by", row.by},
          {"issued_us", row.issued_us},
          {"deadline_us", row.deadline_us},
          {"outcome", row.outcome.empty() ? json() : json(row.outcome)},
          {"message", row.message},
          {"evidence", object_of(row.evidence)},
          {"started_us", row.started_us},
          {"ended_us", row.ended_us}};
}

void take_outcome(store::CommandRow& row, const protocol::Outcome& outcome) {
  constexpr std::array<std::string_view, 6> kOutcomes{"DONE",       "FAILED",  "UNSUPPORTED",
                                                      "SUPERSEDED", "EXPIRED", "INDETERMINATE"};
  const bool known =
      std::find(kOutcomes.begin(), kOutcomes.end(), outcome.outcome) != kOutcomes.end();
  row.outcome = known ? outcome.outcome : "INDETERMINATE";
  row.message = cut_utf8(valid_utf8(outcome.message), kMostMessage);
  if (!known) row.message += " (its sidecar said what this engine does not know)";
  row.evidence = evidence_of(outcome.evidence);
  row.started_us = outcome.started_us;
  row.ended_us = outcome.ended_us;
}

bool is_of_rule(const std::string& id) { return id.starts_with(kRule); }

store::CommandRow row_of_rule(const protocol::Outcome& outcome, const std::string& user,
                              const std::string& pod_uid) {
  store::CommandRow row;
  row.id = valid_utf8(outcome.id);
  row.run = outcome.target.run;
  row.step = outcome.target.step;
  row.attempt = outcome.target.attempt;
  row.primitive = valid_utf8(outcome.primitive);
  row.arguments = "{}";
  row.by = "rule";
  row.issued_us = outcome.started_us > 0 ? outcome.started_us : outcome.ended_us;
  row.deadline_us = row.issued_us;
  row.user = user;
  row.pod_uid = pod_uid;
  take_outcome(row, outcome);
  return row;
}

json offers_document(const std::string& own, const std::string& steering) {
  const auto parsed = loader::parse_commands(own);
  const json commands = parsed ? *parsed : json::array();
  const json settings = object_of(steering);
  json list = json::array();
  for (const protocol::Primitive& each : protocol::primitives()) {
    const json* command = loader::find_command(commands, each.name);
    json by;
    if (command != nullptr) {
      by = "step";
    } else if (by_signals(each.name) || is_declared(each.name, settings)) {
      by = "sidecar";
    }
    const bool says =
        command != nullptr && !command->at("summary").get_ref<const std::string&>().empty();
    list.push_back({{"name", each.name},
                    {"summary", says ? command->at("summary") : json(each.summary)},
                    {"schema", schema_of(each)},
                    {"by", std::move(by)}});
  }
  return list;
}

std::string given_up(const Open& command, std::int64_t now_us) {
  const auto past = [now_us](std::int64_t since_us, std::int64_t patience_us) {
    return now_us - since_us >= patience_us;
  };
  const bool late = now_us >= command.deadline_us;
  if (command.attached) return past(command.deadline_us, kSilent) ? "INDETERMINATE" : "";
  const bool gone = past(command.away_us, kAway);
  const bool over = command.over_us > 0 && past(command.over_us, kAway);
  if (!gone || (!late && !over)) return "";
  return command.maybe_sent ? "INDETERMINATE" : "EXPIRED";
}

}  // namespace scanflow::runtime
