// What is said between an engine and the process that hosts its triggers and strategies: frames of CBOR over a socket, an
// answer to each question, in order.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "sdk/base/result.hpp"
#include "sdk/loader/control_instance.hpp"

namespace scanflow::loader {

inline constexpr std::size_t kMaxControlFrame = std::size_t{8} << 20;  // bytes

/// {"op": "load", "id", "kind", "library" (""), "plugin", "config"} -> {"watches"}: makes an instance; one of that id goes.
/// {"op": "drop", "id"} -> {}. {"op": "wake", "id", "why"} -> Woken. {"op": "decide", "id", "question"} -> Decided.
/// Each answer: {"answer"} or {"error"}, and "log": [[level, line]].
json to_json(const WakeUp& why);
WakeUp wake_up_from_json(const json& document);
json to_json(const Woken& woken);
Woken woken_from_json(const json& document);
json to_json(const Question& question);
Question question_from_json(const json& document);
json to_json(const Decided& decided);
Decided decided_from_json(const json& document);

/// One frame. An error: whoever is there is gone, or it is too long.
Result<void> write_frame(int fd, const json& message);
/// The next one; nothing: nobody is there any more. An error: not in time ("late"), or no frame. `patience` < 0: however
/// long it takes.
Result<std::optional<json>> read_frame(int fd, std::chrono::milliseconds patience);
/// Of read_frame.
inline constexpr const char* kLate = "late";

}  // namespace scanflow::loader
