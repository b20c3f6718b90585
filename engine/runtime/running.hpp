// What runs now, step by step as written, and how long others of its kind took: for rules that look for slow ones. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/runtime/active_run.hpp"

namespace scanflow::runtime {

using nlohmann::json;

/// Of each step as written that has an attempt in flight:
///   {"run", "namespace", "pipeline", "step", "total" (its instances), "ended" (that succeeded), "hedges" (second
///   attempts so far, those that wait for room too), "hedgeable" (false: none can begin), "seconds" (of the ended ones,
///   shortest first; of more than 101 as many, evenly spread), "former": [] (kept for who knows of former runs),
///   "running": [{"step", "attempt", "seconds", "hedged" (it has a second attempt, or waits for one)}]}
/// longest first, at most 200. `hedgeable`: by index of the step.
json running_steps(const ActiveRun& run, const std::vector<bool>& hedgeable, std::int64_t now_us);

/// Values that stand for all, in order, the smallest and the largest among them: at most 101.
std::vector<double> quantiles_of(std::vector<double> values);

/// Does [NAMESPACE/]NAME mean that pipeline? Empty: it means every one.
bool names_pipeline(const std::string& wanted, const std::string& name_space,
                    const std::string& name);

}  // namespace scanflow::runtime
