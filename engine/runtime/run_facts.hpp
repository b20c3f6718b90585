// What documents say of a run, and its rows do not.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "engine/store/store.hpp"

namespace scanflow::runtime {

using nlohmann::json;

/// Step -> the run that it has called; of several attempts the last one's.
using CalledRuns = std::map<std::string, std::string>;
/// Empty where that cannot be read.
CalledRuns called_runs(const store::Store& store, const std::string& run);

struct RunFacts {
  CalledRuns called;
  std::set<std::string> tolerated;  // names of steps with allow_failure
  /// Of each step that awaits a person's answer: {"message", "since_us", "until_us" (0: for ever),
  /// "default": "approve" or "reject" after that}.
  std::map<std::string, json> approvals;
  std::map<std::string, json> post_mortems;  // of steps that failed: how their last attempt ended
  std::map<std::string, json> ranks;  // of gangs: what became of each rank in the last attempt
  std::map<std::string, json>
      hedged;                        // of steps that had two attempts at once (hedged_attempts.hpp)
  std::map<std::string, json> pods;  // pod_document of each step's last attempt in a Pod
  std::int64_t now_us = 0;  // what goes on has lasted until then; 0: nobody goes on with it
};

/// Of an event attempt_placed: {"attempt", "backend", "name" (of the Pod), "node" (the machine; "": not known),
/// "kept" (from an earlier step), "use" (1: made for this attempt; 3: two had it before)}.
json pod_document(const json& event);

/// From the run's events, as far as its backend and steps make that necessary. `now_us` is the caller's to say.
RunFacts run_facts(const store::Store& store, const store::RunRow& run,
                   const std::vector<store::StepRow>& steps);

/// The document that `run -o json` and `runs show -o json` end with. Steps that call a pipeline have
/// `run`: the id of the run that they called last; failed ones that may fail `tolerated`: true; ones
/// that await an answer `approval`; those whose end a sidecar has seen `post_mortem`; gangs `ranks`; those
/// that were given to a Pod `pod`: pod_document; those that had two attempts at once `hedged`.
json result_document(const store::RunRow& run, const std::vector<store::StepRow>& steps,
                     const RunFacts& facts);

}  // namespace scanflow::runtime
