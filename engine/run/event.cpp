#include "engine/run/event.hpp"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <stdexcept>

namespace scanflow::run {
namespace {

// In the order of EventType.
constexpr std::array<std::string_view, 20> kTypes{
    "run_created",      "step_resolved",      "step_expanded",  "step_skipped",
    "step_cached",      "step_failed",        "step_cancelled", "attempt_started",
    "attempt_placed",   "attempt_stopping",   "attempt_ended",  "hedge_requested",
    "retry_scheduled",  "approval_requested", "approval_given", "approval_refused",
    "cancel_requested", "run_concluded",      "run_started",    "run_ended"};
static_assert(static_cast<std::size_t>(EventType::run_ended) + 1 == kTypes.size());

// In the order of RunStatus.
constexpr std::array<std::string_view, 5> kStatuses{"queued", "running", "succeeded", "failed",
                                                    "cancelled"};

bool has_status(const Event& event) {
  return event.type == EventType::run_ended ||
         (event.type == EventType::run_created && event.status != RunStatus::running);
}

template <class Enum, std::size_t size>
Enum parse(const std::array<std::string_view, size>& names, const std::string& text,
           std::string_view what) {
  for (std::size_t i = 0; i < size; ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  throw std::invalid_argument(fmt::format(
      "unknown {} '{}' in a recorded event: written by a newer version, or damaged", what, text));
}

/// Step identities are plain ASCII nearly always: only others go through the JSON library.
void append_string(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c < 0x20 || c == 0x7f || c == '"' || c == '\\') {
      out += json(text).dump(-1, ' ', false, json::error_handler_t::replace);
      return;
    }
  }
  out.append("\"").append(text).append("\"");
}

}  // namespace

std::string_view name(EventType type) { return kTypes.at(static_cast<std::size_t>(type)); }
std::string_view name(RunStatus status) { return kStatuses.at(static_cast<std::size_t>(status)); }

void append_text(const Event& event, std::string_view step_id, std::string& out) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, R"({{"type":"{}","time_us":{})", name(event.type), event.time_us);
  if (event.step != kNoStep) {
    out += R"(,"step":)";
    append_string(out, step_id);
  }
  if (event.attempt != 0) fmt::format_to(to, R"(,"attempt":{})", event.attempt);
  if (event.cause != Cause::none) {
    fmt::format_to(to, R"(,"cause":"{}")", pipeline::name(event.cause));
  }
  if (has_status(event)) {
    fmt::format_to(to, R"(,"status":"{}")", name(event.status));
  }
  if (event.wake_us != 0) fmt::format_to(to, R"(,"wake_us":{})", event.wake_us);
  if (event.data) {
    out += R"(,"data":)";
    out += event.data->dump(-1, ' ', false, json::error_handler_t::replace);
  }
  out += '}';
}

json to_json(const Event& event, std::string_view step_id) {
  json document = json::object();  // member by member: a list of pairs costs thrice as much
  document["type"] = name(event.type);
  document["time_us"] = event.time_us;
  if (event.step != kNoStep) document["step"] = step_id;
  if (event.attempt != 0) document["attempt"] = event.attempt;
  if (event.cause != Cause::none) document["cause"] = pipeline::name(event.cause);
  if (has_status(event)) document["status"] = name(event.status);
  if (event.wake_us != 0) document["wake_us"] = event.wake_us;
  if (event.data) document["data"] = *event.data;
  return document;
}

Event from_json(const json& document) {
  Event event;
  event.type = parse<EventType>(kTypes, document.at("type").get<std::string>(), "event type");
  event.time_us = document.at("time_us").get<std::int64_t>();
  event.attempt = document.value("attempt", std::uint32_t{0});
  event.wake_us = document.value("wake_us", std::int64_t{0});
  if (const auto cause = document.find("cause"); cause != document.end()) {
    const auto text = cause->get<std::string>();
    const auto known = pipeline::parse_cause(text);
    if (!known) {
      throw std::invalid_argument(fmt::format(
          "unknown cause '{}' in a recorded event: written by a newer version, or damaged", text));
    }
    event.cause = *known;
  }
  if (const auto status = document.find("status"); status != document.end()) {
    event.status = parse<RunStatus>(kStatuses, status->get<std::string>(), "run status");
  }
  if (const auto data = document.find("data"); data != document.end()) {
    event.data = std::make_shared<const json>(*data);
  }
  return event;
}

}  // namespace scanflow::run
