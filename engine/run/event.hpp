// The events of a run: the truth, from which all state follows.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "engine/pipeline/spec.hpp"

namespace scanflow::run {

using nlohmann::json;
using pipeline::Cause;

inline constexpr std::uint32_t kNoStep = 0xffffffffu;

enum class EventType : std::uint8_t {
  run_created,     // data: {pipeline, namespace, file, source, params, axes, options}; kNoStep.
                   // status queued: it waits for run_started
  step_resolved,   // what its expressions gave: {with, env, inputs, cache_key}; only for steps that
                   // have any
  step_expanded,   // what its for_each gave: {items: [...]}, at least one
  step_skipped,    // its `when` was false, or its for_each gave nothing
  step_cached,     // data: {outputs, artifacts, from: run id}
  step_failed,     // without an attempt: its expressions failed; cause, data: {message}
  step_cancelled,  // never started; cause (upstream, cancelled), data: {message}
  attempt_started,   // committed before the launch
  attempt_placed,    // in a Pod; data: {backend, name, node, kept, use}, of which nothing follows
  attempt_stopping,  // a kill was decided; cause: timeout, cancelled, upstream or superseded
  attempt_ended,     // cause none: succeeded, data: {outputs, artifacts, ...}; else data: {message,
                     // exit_code, ...}
  hedge_requested,   // a second attempt beside this one is wanted; data: {by, reason}
  retry_scheduled,   // wake_us: when the next attempt may start, jitter included
  approval_requested,  // a person is asked; wake_us: when the default holds, 0 for never
  approval_given,      // data: {by, comment}
  approval_refused,    // data: {message, by, comment}
  cancel_requested,    // of the run; kNoStep. cause: cancelled (or none), timeout, or upstream: a
                       // step failed in a pipeline with fail_fast
  run_concluded,       // what its outputs are: {outputs, artifacts}; or cause, {message}; kNoStep
  run_started,         // the turn of a queued one has come; kNoStep
  run_ended,           // status; kNoStep
};
std::string_view name(EventType type);

enum class RunStatus : std::uint8_t { queued, running, succeeded, failed, cancelled };
std::string_view name(RunStatus status);

/// One fact. `data` is opaque to the state machine: it is kept, recorded, and shown.
struct Event {
  EventType type = EventType::run_created;
  Cause cause = Cause::none;
  RunStatus status = RunStatus::running;  // of run_created and run_ended
  std::uint32_t step = kNoStep;           // as Machine::planned counts them
  std::uint32_t attempt = 0;              // from 1
  std::int64_t time_us = 0;               // wall clock, since 1970 UTC
  std::int64_t wake_us = 0;               // of retry_scheduled and approval_requested
  std::shared_ptr<const json> data;       // may be null
};

/// One JSON object per event, the form in which it is stored and shown by `runs events`. Steps are
/// named by their identity.
json to_json(const Event& event, std::string_view step_id);
/// Appends the same as a line of text, without its end and without the detour over a document: what
/// the store takes. Bytes that are no UTF-8 become U+FFFD.
void append_text(const Event& event, std::string_view step_id, std::string& out);
/// The inverse of to_json; `step` is filled in by the caller from "step". Throws for
/// a type or cause that this version does not know, and for a document of another shape.
Event from_json(const json& document);

}  // namespace scanflow::run
