#include "sidecar/execute/steering.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sdk/base/signals.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::execute {
namespace {

using nlohmann::json;

Result<void> read_checkpoint(const json& said, Steering& steering) {
  steering.checkpoint_file = said.value("file", "");
  steering.checkpoint_program = said.value("program", Argv());
  const std::string signal = said.value("signal", "");
  if (signal.empty()) return {};
  const auto number = signal_named(signal);
  if (!number) return tl::unexpected(number.error());
  steering.checkpoint_signal = *number;
  return {};
}

}  // namespace

Result<Steering> parse_steering(std::string_view text) {
  Steering steering;
  const json said = json::parse(text, nullptr, false);
  if (!said.is_object()) return fail("the settings of the sidecar are no JSON object");
  try {
    steering.rules = said.value("rules", std::vector<std::string>());
    steering.hooks = said.value("hooks", std::map<std::string, Argv>());
    if (const auto checkpoint = said.find("checkpoint"); checkpoint != said.end()) {
      if (auto read = read_checkpoint(*checkpoint, steering); !read)
        return tl::unexpected(read.error());
    }
    if (const std::string liveness = said.value("liveness", ""); !liveness.empty()) {
      const auto us = parse_duration(liveness);
      if (!us) return tl::unexpected(us.error());
      steering.liveness_us = *us;
    }
  } catch (const json::exception& error) {
    return fail(fmt::format("the settings of the sidecar: {}", error.what()));
  }
  return steering;
}

}  // namespace scanflow::execute
